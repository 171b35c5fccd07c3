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
    const consumer = await this.#join(queue, 1, () => undefined);
    await consumer.close();
  }

  async consume(queue: Queue, heldMax: number, deliver: (delivery: Delivery) => void): Promise<Consumer> {
    return this.#join(queue, heldMax, deliver);
  }

  /** Messages of other topics between those of the queue count, too: Kafka does not know what its readers skip. */
  async counts(name: string): Promise<QueueCounts | undefined> {
    if (!(await this.#isKnown(name))) return undefined;
    const { admin } = await this.#connections.current();
    const [waiting, again, deadLetters] = await Promise.all([
      behind(admin, this.#names.group(name), this.#names.messages),
      behind(admin, this.#names.group(name), this.#names.again(name)),
      behind(admin, this.#names.dead(name), this.#names.dead(name)),
    ]);
    const consumers = await admin.describeGroups([this.#names.group(name)]).then(
      ({ groups }) => groups[0]?.members.length,
      () => undefined,
    );
    return { waiting: waiting + again, consumers, deadLetters };
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
    const { admin } = await this.#connections.current();
    await admin.fetchTopicMetadata({ topics: [this.#names.messages] });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
    await this.#connections.close();
  }

  async #join(queue: Queue, heldMax: number, deliver: (delivery: Delivery) => void): Promise<KafkaConsumer> {
    const { admin } = await this.#connections.current();
    const groupId = this.#names.group(queue.name);
    const topics = queue.isTransient ? [this.#names.messages] : [this.#names.messages, this.#names.again(queue.name)];
    const startsAt = new Map<string, Map<number, string>>();
    for (const topic of topics) startsAt.set(topic, await uncommittedEnds(admin, groupId, topic));
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
    const { admin } = await this.#connections.current();
    await admin.fetchTopicMetadata({ topics: [this.#names.messages] });
    const [found] = await admin.fetchOffsets({ groupId: this.#names.group(name), topics: [this.#names.messages] });
    return found?.partitions.some(({ offset }) => offset !== NONE) ?? false;
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
    const { admin } = await this.#connections.current();
    const topic = this.#names.dead(name);
    const ends = new Map<number, bigint>();
    if ((await behind(admin, topic, topic)) === 0) return;
    for (const { partition, high } of await admin.fetchTopicOffsets(topic)) ends.set(partition, BigInt(high));
    const left = new Set([...ends].filter(([, end]) => end > 0n).map(([partition]) => partition));
    const over = Promise.withResolvers<void>();
    const member = await this.#connections.consumer(topic);
    try {
      await member.connect();
      await member.subscribe({ topics: [topic], fromBeginning: true });
      const [committed] = await admin.fetchOffsets({ groupId: topic, topics: [topic] });
      for (const { partition, offset } of committed!.partitions) {
        if (offset !== NONE && BigInt(offset) >= ends.get(partition)!) left.delete(partition);
      }
      await member.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: async ({ batch: { partition, messages }, resolveOffset }) => {
          const end = ends.get(partition)!;
          const found = messages.filter(({ offset }) => BigInt(offset) < end);
          if (found.length === 0) return;
          await work(found);
          const last = found.at(-1)!.offset;
          resolveOffset(last);
          const next = BigInt(last) + 1n;
          if (isFinal) await member.commitOffsets([{ topic, partition, offset: String(next) }]);
          if (next >= end) left.delete(partition);
          if (left.size === 0) over.resolve();
        },
      });
      member.on(member.events.CRASH, ({ payload }) => over.reject(payload.error));
      await over.promise;
    } finally {
      await member.disconnect();
    }
  }

  async #administer(work: (admin: Admin) => Promise<void>): Promise<void> {
    const { admin } = await this.#connections.current();
    try {
      await work(admin);
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
  await admin.fetchTopicMetadata({ topics: [topic] });
  const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const without = new Set(found!.partitions.filter(({ offset }) => offset === NONE).map(({ partition }) => partition));
  const ends = await admin.fetchTopicOffsets(topic);
  return new Map(
    ends.filter(({ partition }) => without.has(partition)).map(({ partition, high }) => [partition, high]),
  );
}

/** How many records the group has not committed. */
async function behind(admin: Admin, groupId: string, topic: string): Promise<number> {
  await admin.fetchTopicMetadata({ topics: [topic] });
  const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const committed = new Map(found!.partitions.map(({ partition, offset }) => [partition, offset]));
  const ends = await admin.fetchTopicOffsets(topic);
  return ends.reduce((sum, { partition, high, low }) => {
    const at = committed.get(partition) ?? NONE;
    return sum + Number(BigInt(high) - BigInt(at === NONE ? low : at));
  }, 0);
}
