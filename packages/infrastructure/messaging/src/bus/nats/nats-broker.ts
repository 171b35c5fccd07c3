// The message bus on NATS JetStream: one stream for all messages, and durable pull consumers for each queue.
import type { BusMessage, DeadLetter, Logger, UnpublishedMessage } from '@groundwork/application';
import type { ConsumerInfo, StoredMsg } from '@nats-io/jetstream';
import type { Subscription as NatsSubscription } from '@nats-io/transport-node';
import type { Broker, Consumer, DeadLetterFate, Delivery, Queue, QueueCounts } from '../broker.ts';
import { passMisconfigured } from '../driver.ts';
import { partitionOf } from '../partition.ts';
import { queueDiffers } from '../queue-differs.ts';
import { isCorrelated } from '../requests.ts';
import { NatsConnections, type NatsLink } from './nats-connection.ts';
import { NatsConsumer } from './nats-consumer.ts';
import { deadLetterFrom, fillDeadHeaders, fillHeaders, NatsNames } from './nats-form.ts';

export interface NatsBusSettings {
  readonly url: string;
  /** Names the streams; subjects begin with it. Letters, digits and -. */
  readonly prefix: string;
  /** After this long without a sign of life a consumer's messages are handed to another. Default 30 000. */
  readonly ackWaitMs?: number;
  /** How long messages are kept, read or not. Default seven days. */
  readonly keptMs?: number;
  readonly logger?: Logger;
}

const ACK_WAIT_MS = 30_000;
const KEPT_MS = 7 * 24 * 60 * 60 * 1_000;
const NANOS_PER_MS = 1_000_000;
const BATCH_MAX = 500;
const PRESENCE_WAIT_MS = 300;

export class NatsBroker implements Broker {
  readonly #names: NatsNames;
  readonly #connections: NatsConnections;
  readonly #ackWaitMs: number;
  readonly #logger: Logger | undefined;
  readonly #consumers = new Set<NatsConsumer>();

  constructor({ url, prefix, ackWaitMs = ACK_WAIT_MS, keptMs = KEPT_MS, logger }: NatsBusSettings) {
    this.#names = new NatsNames(prefix);
    this.#connections = new NatsConnections(url, this.#names, keptMs);
    [this.#ackWaitMs, this.#logger] = [ackWaitMs, logger];
  }

  /** The stream keeps what no queue takes, so nothing is unroutable. */
  async publish(messages: readonly BusMessage[]): Promise<readonly UnpublishedMessage[]> {
    const failed: UnpublishedMessage[] = [];
    for (let from = 0; from < messages.length; from += BATCH_MAX) {
      const sent = messages.slice(from, from + BATCH_MAX).map(async (message) => {
        try {
          const { js, transport } = await this.#connections.current();
          const headers = fillHeaders(transport.headers(), message);
          // A request may be asked again under its own id; everything else is known to the server by it for a while.
          const known = isCorrelated(message) ? {} : { msgID: message.id };
          const subject = this.#names.subject(message.topic, partitionOf(message));
          await js.publish(subject, message.body, { headers, ...known });
        } catch (error) {
          passMisconfigured(error);
          failed.push({ messageId: message.id, reason: (error as Error).message });
        }
      });
      await Promise.all(sent);
    }
    return failed;
  }

  async createQueue(queue: Queue): Promise<void> {
    const link = await this.#connections.current();
    const { jetstream, manager } = link;
    const other = this.#names.consumers(queue.name, !queue.isOrdered)[0]!;
    if ((await consumerInfo(link, this.#names.stream, other.name)) !== undefined) throw queueDiffers(queue);
    const startingAt = await this.#next(link);
    const common = { ack_policy: jetstream.AckPolicy.Explicit, ack_wait: this.#ackWaitMs * NANOS_PER_MS };
    const outstanding = queue.isOrdered ? { max_ack_pending: 1 } : {};
    await Promise.all(
      this.#names.consumers(queue.name, queue.isOrdered).map(async ({ name, partition }) => {
        const filter_subject = this.#names.subject(queue.topic, partition);
        const found = await consumerInfo(link, this.#names.stream, name);
        if (found !== undefined) {
          if (found.config.filter_subject !== filter_subject) throw queueDiffers(queue);
          return;
        }
        await manager.consumers.add(this.#names.stream, {
          ...(queue.isTransient
            ? { name, inactive_threshold: 2 * this.#ackWaitMs * NANOS_PER_MS, mem_storage: true }
            : { durable_name: name }),
          deliver_policy: jetstream.DeliverPolicy.StartSequence,
          opt_start_seq: startingAt,
          filter_subject,
          ...common,
          ...outstanding,
        });
      }),
    );
    if (queue.isTransient) return;
    const durable_name = this.#names.againConsumer(queue.name);
    const filter_subject = this.#names.again(queue.name);
    await manager.consumers.add(this.#names.againStream, { durable_name, filter_subject, ...common, ...outstanding });
  }

  async consume(queue: Queue, heldMax: number, deliver: (delivery: Delivery) => void): Promise<Consumer> {
    await this.createQueue(queue);
    const { connection } = await this.#connections.current();
    const { stream, againStream } = this.#names;
    const pulls = queue.isOrdered ? 1 : heldMax;
    const sources = this.#names.consumers(queue.name, queue.isOrdered).map(({ name }) => ({ stream, name, pulls }));
    if (!queue.isTransient)
      sources.push({ stream: againStream, name: this.#names.againConsumer(queue.name), pulls: 1 });
    const presence: NatsSubscription = connection.subscribe(this.#names.presence(queue.name), {
      callback: (_error, message) => void message.respond(),
    });
    const consumer: NatsConsumer = new NatsConsumer({
      connections: this.#connections,
      sources,
      heldMax,
      ackWaitMs: this.#ackWaitMs,
      deliver,
      storeDead: (message, reason, attempts) => this.#storeDead(queue, message, reason, attempts),
      logger: this.#logger,
      restore: () => (queue.isTransient ? this.createQueue(queue) : Promise.resolve()),
      onClose: async () => {
        presence.unsubscribe();
        this.#consumers.delete(consumer);
        if (queue.isTransient) await this.#remove(queue.name).catch(() => undefined);
      },
    });
    this.#consumers.add(consumer);
    return consumer;
  }

  async counts(name: string): Promise<QueueCounts | undefined> {
    const link = await this.#connections.current();
    const found = await this.#found(link, name);
    if (found.length === 0) return undefined;
    const again = await consumerInfo(link, this.#names.againStream, this.#names.againConsumer(name));
    const waiting = [...found, ...(again ? [again] : [])].reduce((sum, { num_pending }) => sum + num_pending, 0);
    const subject = this.#names.dead(name);
    const { state } = await link.manager.streams.info(this.#names.deadStream, { subjects_filter: subject });
    return { waiting, consumers: await this.#present(link, name), deadLetters: state.subjects?.[subject] ?? 0 };
  }

  /** The server cannot skip messages of a consumer: it is made again behind them. */
  async purge(name: string): Promise<void> {
    const link = await this.#connections.current();
    const { stream, againStream } = this.#names;
    const opt_start_seq = await this.#next(link);
    for (const { config } of await this.#found(link, name)) {
      await link.manager.consumers.delete(stream, config.durable_name!);
      const deliver_policy = link.jetstream.DeliverPolicy.StartSequence;
      await link.manager.consumers.add(stream, { ...config, deliver_policy, opt_start_seq });
    }
    await link.manager.streams.purge(againStream, { filter: this.#names.again(name) });
  }

  async deleteQueue(name: string): Promise<void> {
    const { manager } = await this.#connections.current();
    await this.#remove(name);
    await manager.consumers.delete(this.#names.againStream, this.#names.againConsumer(name)).catch(() => undefined);
    await manager.streams.purge(this.#names.againStream, { filter: this.#names.again(name) });
    await manager.streams.purge(this.#names.deadStream, { filter: this.#names.dead(name) });
  }

  async deadLetters(name: string, limit: number): Promise<readonly DeadLetter[]> {
    const letters: DeadLetter[] = [];
    for await (const { header, data } of this.#dead(name)) {
      letters.push(deadLetterFrom(header, data));
      if (letters.length === limit) break;
    }
    return letters;
  }

  async settleDeadLetters(name: string, fate: DeadLetterFate, ids: ReadonlySet<string> | undefined): Promise<number> {
    const { js, manager, transport } = await this.#connections.current();
    let count = 0;
    for await (const { header, data, seq } of this.#dead(name)) {
      const { message } = deadLetterFrom(header, data);
      if (ids?.has(message.id) === false) continue;
      if (fate === 'redrive') {
        await js.publish(this.#names.again(name), message.body, { headers: fillHeaders(transport.headers(), message) });
      }
      await manager.streams.deleteMessage(this.#names.deadStream, seq);
      count++;
    }
    return count;
  }

  async ping(): Promise<void> {
    const { manager } = await this.#connections.current();
    await manager.getAccountInfo();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
    await this.#connections.close();
  }

  async #storeDead({ name, isTransient }: Queue, message: BusMessage, reason: string, attempts: number): Promise<void> {
    if (isTransient) return;
    const { js, transport } = await this.#connections.current();
    const headers = fillDeadHeaders(transport.headers(), message, reason, attempts);
    await js.publish(this.#names.dead(name), message.body, { headers });
  }

  /** Where the next message will stand. */
  async #next({ manager }: NatsLink): Promise<number> {
    return (await manager.streams.info(this.#names.stream)).state.last_seq + 1;
  }

  /** The consumers of a queue, ordered or not; none when there is no such queue. */
  async #found(link: NatsLink, name: string): Promise<readonly ConsumerInfo[]> {
    const infos = async (isOrdered: boolean): Promise<readonly (ConsumerInfo | undefined)[]> =>
      Promise.all(
        this.#names.consumers(name, isOrdered).map((one) => consumerInfo(link, this.#names.stream, one.name)),
      );
    return [...(await infos(false)), ...(await infos(true))].filter((info) => info !== undefined);
  }

  async #remove(name: string): Promise<void> {
    const link = await this.#connections.current();
    for (const info of await this.#found(link, name))
      await link.manager.consumers.delete(this.#names.stream, info.name);
  }

  async #present({ connection }: NatsLink, name: string): Promise<number> {
    let count = 0;
    try {
      const options = { strategy: 'timer', maxWait: PRESENCE_WAIT_MS } as const;
      for await (const _one of await connection.requestMany(this.#names.presence(name), '', options)) count++;
    } catch {
      return count; // Nobody is there to answer.
    }
    return count;
  }

  async *#dead(name: string): AsyncGenerator<StoredMsg> {
    const { manager } = await this.#connections.current();
    for (let seq = 1; ; seq++) {
      const query = { seq, next_by_subj: this.#names.dead(name) };
      const found = await manager.streams.getMessage(this.#names.deadStream, query);
      if (found === null) return;
      yield found;
      ({ seq } = found);
    }
  }
}

async function consumerInfo(link: NatsLink, stream: string, name: string): Promise<ConsumerInfo | undefined> {
  try {
    return await link.manager.consumers.info(stream, name);
  } catch (error) {
    if (error instanceof link.jetstream.JetStreamApiError && error.status === 404) return undefined;
    throw error;
  }
}
