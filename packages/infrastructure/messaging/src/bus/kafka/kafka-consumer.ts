// One member of a consumer group: each partition one message after the other, committed after it was settled.
import { topicMatches } from '@groundwork/application';
import type { Consumer as GroupConsumer, EachBatchPayload, KafkaMessage, TopicPartitionOffset } from 'kafkajs';
import type { Consumer, Delivery } from '../broker.ts';
import { messageFrom, topicOf } from './kafka-form.ts';

type StartsAt = ReadonlyMap<string, ReadonlyMap<number, string>>;

export interface KafkaConsumerParts {
  readonly member: GroupConsumer;
  readonly pattern: string;
  readonly topics: readonly string[];
  readonly heldMax: number;
  /** By topic and partition: where a group that has committed nothing begins. */
  readonly startsAt: StartsAt;
  readonly deliver: (delivery: Delivery) => void;
  readonly storeDead: (message: Delivery['message'], reason: string, attempts: number) => Promise<void>;
  readonly onClose: () => void;
}

type Verdict = 'settled' | 'returned';

const COMMIT_INTERVAL_MS = 500;
const HEARTBEAT_INTERVAL_MS = 500;

export class KafkaConsumer implements Consumer {
  readonly #parts: KafkaConsumerParts;
  readonly #waiting: (() => void)[] = [];
  #startsAt: StartsAt;
  #hands: number;
  #isStopped = false;

  constructor(parts: KafkaConsumerParts) {
    this.#parts = parts;
    [this.#startsAt, this.#hands] = [parts.startsAt, parts.heldMax];
  }

  /** Resolves when the group has given it its partitions: what is published from then on arrives. */
  async start(): Promise<void> {
    const { member, topics, heldMax } = this.#parts;
    const first = Promise.withResolvers<readonly TopicPartitionOffset[]>();
    member.on(member.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      const beginnings = this.#beginnings(memberAssignment);
      for (const beginning of beginnings) member.seek(beginning);
      first.resolve(beginnings);
      // Only while it runs: the first time it does not yet.
      member.commitOffsets(beginnings).catch(() => undefined);
    });
    member.on(member.events.CRASH, ({ payload }) => first.reject(payload.error));
    await member.connect();
    await member.subscribe({ topics: [...topics], fromBeginning: true });
    await member.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: heldMax,
      eachBatch: (batch) => this.#workOn(batch),
    });
    // From here on the group knows where it stands, whoever of it works next.
    await member.commitOffsets([...(await first.promise)]);
  }

  /** Where it begins with the partitions of which the group has committed nothing; not after a rebalance. */
  #beginnings(assigned: Readonly<Record<string, readonly number[]>>): TopicPartitionOffset[] {
    const startsAt = this.#startsAt;
    this.#startsAt = new Map();
    return Object.entries(assigned).flatMap(([topic, partitions]) =>
      partitions.flatMap((partition) => {
        const offset = startsAt.get(topic)?.get(partition);
        return offset === undefined ? [] : [{ topic, partition, offset }];
      }),
    );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async close(): Promise<void> {
    await this.stop();
    this.#parts.onClose();
    await this.#parts.member.disconnect().catch(() => undefined);
  }

  async #workOn(payload: EachBatchPayload): Promise<void> {
    const { batch, resolveOffset, isRunning, isStale } = payload;
    let [done, committedAtMs] = [undefined as string | undefined, performance.now()];
    const commit = async (): Promise<void> => {
      if (done === undefined) return;
      const offset = String(BigInt(done) + 1n);
      await this.#parts.member.commitOffsets([{ topic: batch.topic, partition: batch.partition, offset }]);
      [done, committedAtMs] = [undefined, performance.now()];
    };
    try {
      for (const record of batch.messages) {
        if (this.#isStopped || !isRunning() || isStale()) break;
        if (topicMatches(this.#parts.pattern, topicOf(record))) {
          if ((await this.#handOver(record, payload)) === 'returned') break;
        }
        resolveOffset(record.offset);
        done = record.offset;
        if (performance.now() - committedAtMs >= COMMIT_INTERVAL_MS) await commit();
      }
    } finally {
      await commit();
    }
  }

  /** A rebalance waits until the message is settled: nobody else begins with its partition before. */
  async #handOver(record: KafkaMessage, { heartbeat, isRunning, isStale }: EachBatchPayload): Promise<Verdict> {
    while (this.#hands === 0 && !this.#isStopped) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      await heartbeat();
    }
    if (this.#isStopped) return 'returned';
    this.#hands--;
    const verdict = Promise.withResolvers<Verdict>();
    let rebalance: { readonly error: unknown } | undefined;
    const beat = setInterval(() => {
      heartbeat().catch((error: unknown) => (rebalance ??= { error }));
    }, HEARTBEAT_INTERVAL_MS);
    try {
      this.#parts.deliver(this.#delivery(record, verdict.resolve, () => !isRunning() || isStale()));
      const found = await verdict.promise;
      if (rebalance !== undefined && found === 'returned') throw rebalance.error;
      return found;
    } finally {
      clearInterval(beat);
      this.#hands++;
      this.#waiting.shift()?.();
    }
  }

  #delivery(record: KafkaMessage, settle: (verdict: Verdict) => void, isLost: () => boolean): Delivery {
    const message = messageFrom(record);
    return {
      message,
      // Kafka does not count.
      redeliveries: 0,
      get isLost() {
        const lost = isLost();
        if (lost) settle('returned');
        return lost;
      },
      acknowledge: async () => settle('settled'),
      giveBack: async () => settle('returned'),
      deadLetter: (reason, attempts) =>
        this.#parts.storeDead(message, reason, attempts).then(
          () => settle('settled'),
          () => settle('returned'),
        ),
    };
  }
}
