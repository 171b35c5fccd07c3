// The message bus on Kafka: one topic for all messages, a consumer group for each queue, commits after the work.
import { Unavailable, type BusMessage, type DeadLetter, type UnpublishedMessage } from '@groundwork/application';
import type { Admin, ISocketFactory, KafkaMessage } from 'kafkajs';
import type { Broker, Consumer, DeadLetterFate, Delivery, Queue, QueueCounts } from '../broker.ts';
import { passMisconfigured } from '../driver.ts';
import { KafkaConnections } from './kafka-connection.ts';
import { KafkaConsumer } from './kafka-consumer.ts';
import { deadLetterFrom, deadRecordOf, KafkaNames, recordOf } from './kafka-form.ts';

export interface KafkaBusSettings {
  readonly brokers: readonly string[];
  /** What topics and groups begin with. */
  readonly prefix: string;
  /** After this long without a sign of life a consumer's partitions go to others. Default 30 000. */
  readonly sessionTimeoutMs?: number;
  /** Makes the sockets; for tests that cut them. */
  readonly socketFactory?: ISocketFactory;
}

const SESSION_TIMEOUT_MS = 30_000;
const ALL_REPLICAS = -1;
/** What a committed offset says of a partition that has none. */
const NONE = '-1';

const JOINS_MAX = 5;

export class KafkaBroker implements Broker {
  readonly #names: KafkaNames;
  readonly #connections: KafkaConnections;
  readonly #consumers = new Set<KafkaConsumer>();

  constructor({ prefix, sessionTimeoutMs = SESSION_TIMEOUT_MS, ...address }: KafkaBusSettings) {
    this.#names = new KafkaNames(prefix);
    this.#connections = new KafkaConnections({ ...address, sessionTimeoutMs });
  }

  /** The topic keeps what nobody reads, so nothing is unroutable. */
  async publish(messages: readonly BusMessage[]): Promise<readonly UnpublishedMessage[]> {
    try {
      const { producer } = await this.#connections.current();
      await producer.send({ topic: this.#names.messages, messages: messages.map(recordOf), acks: ALL_REPLICAS });
      return [];
    } catch (error) {
      passMisconfigured(error);
      // Kafka answers for a whole batch of a partition; which of them it has is not known.
      return messages.map(({ id: messageId }) => ({ messageId, reason: (error as Error).message }));
    }
  }

  /** A group begins to exist with its first committed offsets. */
  async createQueue(queue: Queue): Promise<void> {
    if (await this.#isKnown(queue.name)) return;
    const consumer = await this.#join(queue, 1, (delivery) => void delivery.giveBack());
    await consumer.close();
  }

  async consume(queue: Queue, heldMax: number, deliver: (delivery: Delivery) => void): Promise<Consumer> {
    return this.#join(queue, heldMax, deliver);
  }

  /** Messages of other topics between those of the queue count, too: Kafka does not know what its readers skip. */
  async counts(name: string): Promise<QueueCounts | undefined> {
    if (!(await this.#isKnown(name))) return undefined;
    const { group, messages, again, dead } = this.#groupOf(name);
    const [waiting, returning, deadLetters, consumers] = await Promise.all([
      this.#connections.ask((admin) => behind(admin, group, messages)),
      this.#connections.ask((admin) => behind(admin, group, again)),
      this.#connections.ask((admin) => behind(admin, dead, dead)),
      this.#connections
        .ask((admin) => admin.describeGroups([group]))
        .then(
          ({ groups }) => groups[0]?.members.length,
          () => undefined,
        ),
    ]);
    return { waiting: waiting + returning, consumers, deadLetters };
  }

  async purge(name: string): Promise<void> {
    await this.#administer(async (admin) => {
      for (const topic of [this.#names.messages, this.#names.again(name)]) {
        const ends = await admin.fetchTopicOffsets(topic);
        const partitions = ends.map(({ partition, high: offset }) => ({ partition, offset }));
        await admin.setOffsets({ groupId: this.#names.group(name), topic, partitions });
      }
    });
  }

  async deleteQueue(name: string): Promise<void> {
    await this.#administer(async (admin) => {
      await admin.deleteGroups([this.#names.group(name), this.#names.dead(name)]);
      await admin.deleteTopics({ topics: [this.#names.dead(name), this.#names.again(name)] });
    });
  }

  async deadLetters(name: string, limit: number): Promise<readonly DeadLetter[]> {
    const letters: DeadLetter[] = [];
    await this.#readDead(name, async (found) => void letters.push(...found.map(deadLetterFrom)), false);
    return letters.slice(0, limit);
  }

  /** Records cannot be taken out of the middle: what stays is written again, and the group moves behind all of it. */
  async settleDeadLetters(name: string, fate: DeadLetterFate, ids: ReadonlySet<string> | undefined): Promise<number> {
    const { producer } = await this.#connections.current();
    let count = 0;
    const settle = async (found: readonly KafkaMessage[]): Promise<void> => {
      const letters = found.map(deadLetterFrom);
      const chosen = letters.filter(({ message }) => ids?.has(message.id) ?? true);
      const staying = letters.filter((letter) => !chosen.includes(letter)).map(deadRecordOf);
      const again = fate === 'redrive' ? chosen.map(({ message }) => recordOf(message)) : [];
      for (const [topic, messages] of [
        [this.#names.dead(name), staying],
        [this.#names.again(name), again],
      ] as const) {
        if (messages.length > 0) await producer.send({ topic, messages: [...messages], acks: ALL_REPLICAS });
      }
      count += chosen.length;
    };
    await this.#readDead(name, settle, true);
    return count;
  }

  async ping(): Promise<void> {
    await this.#connections.ask((admin) => admin.fetchTopicMetadata({ topics: [this.#names.messages] }));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
    await this.#connections.close();
  }

  /** While others come and go, a coordinator may refuse the handshake of one that joins: it joins anew. */
  async #join(queue: Queue, heldMax: number, deliver: (delivery: Delivery) => void): Promise<KafkaConsumer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#joinOnce(queue, heldMax, deliver);
      } catch (error) {
        if (attempt >= JOINS_MAX || (error as Error).name !== 'KafkaJSProtocolError') throw error;
      }
    }
  }

  async #joinOnce(queue: Queue, heldMax: number, deliver: (delivery: Delivery) => void): Promise<KafkaConsumer> {
    const groupId = this.#names.group(queue.name);
    const topics = queue.isTransient ? [this.#names.messages] : [this.#names.messages, this.#names.again(queue.name)];
    const startsAt = new Map<string, Map<number, string>>();
    for (const topic of topics) {
      startsAt.set(topic, await this.#connections.ask((admin) => uncommittedEnds(admin, groupId, topic)));
    }
    const consumer: KafkaConsumer = new KafkaConsumer({
      member: await this.#connections.consumer(groupId),
      pattern: queue.topic,
      topics,
      heldMax,
      startsAt,
      deliver,
      storeDead: (message, reason, attempts) => this.#storeDead(queue, message, reason, attempts),
      onClose: () => this.#consumers.delete(consumer),
    });
    this.#consumers.add(consumer);
    try {
      await consumer.start();
    } catch (error) {
      await consumer.close();
      throw error;
    }
    return consumer;
  }

  async #isKnown(name: string): Promise<boolean> {
    const { group: groupId, messages } = this.#groupOf(name);
    return this.#connections.ask(async (admin) => {
      await admin.fetchTopicMetadata({ topics: [messages] });
      const [found] = await admin.fetchOffsets({ groupId, topics: [messages] });
      return found?.partitions.some(({ offset }) => offset !== NONE) ?? false;
    });
  }

  #groupOf(name: string) {
    const { messages } = this.#names;
    const [group, dead, again] = [this.#names.group(name), this.#names.dead(name), this.#names.again(name)];
    return { group, messages, dead, again };
  }

  async #storeDead({ name, isTransient }: Queue, message: BusMessage, reason: string, attempts: number): Promise<void> {
    if (isTransient) return;
    const { producer } = await this.#connections.current();
    const record = deadRecordOf({ message, reason, attempts, at: new Date() });
    await producer.send({ topic: this.#names.dead(name), messages: [record], acks: ALL_REPLICAS });
  }

  /** Every record from where the group of the dead letters stands to the present end, partition by partition. */
  async #readDead(
    name: string,
    work: (found: readonly KafkaMessage[]) => Promise<void>,
    isFinal: boolean,
  ): Promise<void> {
    const topic = this.#names.dead(name);
    const left = await this.#connections.ask((admin) => uncommitted(admin, topic, topic));
    if (left.size === 0) return;
    const over = Promise.withResolvers<void>();
    const member = await this.#connections.consumer(topic);
    member.on(member.events.CRASH, ({ payload }) => over.reject(payload.error));
    try {
      await member.connect();
      await member.subscribe({ topics: [topic], fromBeginning: true });
      await member.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: async ({ batch: { partition, messages }, resolveOffset }) => {
          const end = left.get(partition);
          const found = messages.filter(({ offset }) => end !== undefined && BigInt(offset) < end);
          if (found.length === 0) return;
          await work(found);
          const last = found.at(-1)!.offset;
          resolveOffset(last);
          const next = BigInt(last) + 1n;
          if (isFinal) await member.commitOffsets([{ topic, partition, offset: String(next) }]);
          if (next === end) left.delete(partition);
          if (left.size === 0) over.resolve();
        },
      });
      await over.promise;
    } finally {
      await member.disconnect();
    }
  }

  async #administer(work: (admin: Admin) => Promise<void>): Promise<void> {
    try {
      await this.#connections.ask(work);
    } catch (cause) {
      throw new Unavailable(
        'messaging.refused-by-kafka',
        `Kafka has not changed the group: ${(cause as Error).message}`,
        "Stop the group's consumers first, and see that the cluster allows it.",
        1,
        { cause },
      );
    }
  }
}

/** The present ends of the partitions of which the group has committed nothing. */
async function uncommittedEnds(admin: Admin, groupId: string, topic: string): Promise<Map<number, string>> {
  const all = await standings(admin, groupId, topic);
  return new Map(all.filter(({ at }) => at === undefined).map(({ partition, high }) => [partition, String(high)]));
}

/** The present ends of the partitions that the group has not committed as a whole. */
async function uncommitted(admin: Admin, groupId: string, topic: string): Promise<Map<number, bigint>> {
  const all = await standings(admin, groupId, topic);
  return new Map(all.filter(({ at, low, high }) => (at ?? low) < high).map(({ partition, high }) => [partition, high]));
}

/** How many records the group has not committed. */
async function behind(admin: Admin, groupId: string, topic: string): Promise<number> {
  const all = await standings(admin, groupId, topic);
  return all.reduce((sum, { at, low, high }) => sum + Number(high - (at ?? low)), 0);
}

interface Standing {
  readonly partition: number;
  readonly low: bigint;
  readonly high: bigint;
  /** What the group has committed. */
  readonly at: bigint | undefined;
}

async function standings(admin: Admin, groupId: string, topic: string): Promise<readonly Standing[]> {
  await admin.fetchTopicMetadata({ topics: [topic] });
  const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const committed = new Map(found!.partitions.map(({ partition, offset }) => [partition, offset]));
  const ends = await admin.fetchTopicOffsets(topic);
  return ends.map(({ partition, low, high }) => {
    const at = committed.get(partition) ?? NONE;
    return { partition, low: BigInt(low), high: BigInt(high), at: at === NONE ? undefined : BigInt(at) };
  });
}
