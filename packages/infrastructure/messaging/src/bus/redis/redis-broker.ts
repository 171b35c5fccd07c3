// The message bus on Redis Streams: a stream for each queue, filled by one script that knows who wants what.
import type { BusMessage, DeadLetter, Logger, UnpublishedMessage } from '@groundwork/application';
import type { Broker, Consumer, DeadLetterFate, Delivery, Queue, QueueCounts } from '../broker.ts';
import { passMisconfigured } from '../driver.ts';
import { PARTITIONS } from '../partition.ts';
import { queueDiffers } from '../queue-differs.ts';
import { RedisConnection } from './redis-connection.ts';
import { RedisConsumer } from './redis-consumer.ts';
import { deadLetterFrom, fieldsOf, luaPattern } from './redis-form.ts';

export interface RedisBusSettings {
  readonly url: string;
  /** What all keys begin with. */
  readonly prefix: string;
  /** After this long without a sign of life a consumer's messages are handed to another. Default 30 000. */
  readonly idleMs?: number;
  /** When a part of a queue holds so many, publishing is refused: nothing unread is ever trimmed. Default 1 000 000. */
  readonly lengthMax?: number;
  readonly logger?: Logger;
}

const IDLE_MS = 30_000;
const LENGTH_MAX = 1_000_000;
const BATCH_MAX = 200;
const BATCH_BYTES_MAX = 1024 * 1024;

export class RedisBroker implements Broker {
  readonly #redis: RedisConnection;
  readonly #deadKey: (name: string) => string;
  readonly #idleMs: number;
  readonly #lengthMax: number;
  readonly #logger: Logger | undefined;
  readonly #consumers = new Map<RedisConsumer, string>();

  constructor({ url, prefix, idleMs = IDLE_MS, lengthMax = LENGTH_MAX, logger }: RedisBusSettings) {
    // One hash slot: the scripts touch several keys.
    const tag = `{${prefix}}:bus`;
    [this.#idleMs, this.#lengthMax, this.#logger] = [idleMs, lengthMax, logger];
    this.#deadKey = (name) => `${tag}:queue:${name}:dead`;
    this.#redis = new RedisConnection(url, tag, (queue) => {
      for (const [consumer, name] of this.#consumers) if (name === queue) consumer.wake();
    });
  }

  async publish(messages: readonly BusMessage[], isMandatory: boolean): Promise<readonly UnpublishedMessage[]> {
    const failed: UnpublishedMessage[] = [];
    let broken: string | undefined;
    for (const batch of batchesOf(messages)) {
      const settings = [isMandatory ? '1' : '0', String(this.#lengthMax)];
      const verdicts = await (broken === undefined
        ? this.#redis.run('gwPublish', ...settings, ...batch.flatMap(fieldsOf)).then(
            (answer) => (answer as Buffer[]).map(String),
            (error: Error) => {
              passMisconfigured(error);
              return (broken = error.message);
            },
          )
        : broken);
      batch.forEach(({ id: messageId }, index) => {
        const reason = typeof verdicts === 'string' ? verdicts : verdicts[index]!;
        if (reason !== '') failed.push({ messageId, reason });
      });
    }
    return failed;
  }

  async createQueue(queue: Queue): Promise<void> {
    const definition = JSON.stringify({
      topic: queue.topic,
      match: luaPattern(queue.topic),
      ordered: queue.isOrdered,
      transient: queue.isTransient,
      partitions: queue.isOrdered ? PARTITIONS : 1,
    });
    const leaseMs = queue.isTransient ? String(2 * this.#idleMs) : '0';
    const found = await this.#redis.run('gwCreate', queue.name, definition, leaseMs);
    if (String(found) !== definition) throw queueDiffers(queue);
  }

  async consume(queue: Queue, heldMax: number, deliver: (delivery: Delivery) => void): Promise<Consumer> {
    await this.createQueue(queue);
    const consumer: RedisConsumer = new RedisConsumer(
      this.#redis,
      { queue, heldMax, idleMs: this.#idleMs },
      deliver,
      () => this.#consumers.delete(consumer),
      async () => {
        await this.createQueue(queue);
        this.#logger?.warn('Redis had lost a queue, and what waited in it; it was made again.', { queue: queue.name });
      },
    );
    this.#consumers.set(consumer, queue.name);
    consumer.wake();
    return consumer;
  }

  async counts(name: string): Promise<QueueCounts | undefined> {
    const counts = (await this.#redis.run('gwCounts', name)) as [number, number, number] | null;
    return counts === null ? undefined : { waiting: counts[0], consumers: counts[1], deadLetters: counts[2] };
  }

  async purge(name: string): Promise<void> {
    await this.#redis.run('gwPurge', name);
  }

  async deleteQueue(name: string): Promise<void> {
    await this.#redis.run('gwRemove', name);
  }

  async deadLetters(name: string, limit: number): Promise<readonly DeadLetter[]> {
    const entries = await this.#redis.use((redis) => redis.xrangeBuffer(this.#deadKey(name), '-', '+', 'COUNT', limit));
    return entries.map(([, fields]) => deadLetterFrom(fields));
  }

  async settleDeadLetters(name: string, fate: DeadLetterFate, ids: ReadonlySet<string> | undefined): Promise<number> {
    return (await this.#redis.run('gwSettleDead', name, fate, ids ? '1' : '0', ...(ids ?? []))) as number;
  }

  async ping(): Promise<void> {
    await this.#redis.use((redis) => redis.ping());
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers.keys()].map((consumer) => consumer.close()));
    await this.#redis.close();
  }
}

function* batchesOf(messages: readonly BusMessage[]): Generator<readonly BusMessage[]> {
  let [batch, bytes] = [[] as BusMessage[], 0];
  for (const message of messages) {
    if (batch.length === BATCH_MAX || (bytes > 0 && bytes + message.body.byteLength > BATCH_BYTES_MAX)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(message);
    bytes += message.body.byteLength;
  }
  if (batch.length > 0) yield batch;
}
