// Takes messages of one queue from Redis, keeps them while they are worked on, and settles them.
import { randomUUID } from 'node:crypto';
import type { BusMessage } from '@groundwork/application';
import type { Consumer, Delivery, Queue } from '../broker.ts';
import type { RedisConnection } from './redis-connection.ts';
import { messageFrom } from './redis-form.ts';

interface Held {
  readonly part: string;
  readonly entry: string;
  isLost: boolean;
}

const POLL_INTERVAL_MAX_MS = 1_000;
/** A consumer counts as one until it has been silent for so many times the idle time. */
const LIVES = 2;

export class RedisConsumer implements Consumer {
  readonly #redis: RedisConnection;
  readonly #queue: Queue;
  readonly #heldMax: number;
  readonly #idleMs: number;
  readonly #deliver: (delivery: Delivery) => void;
  readonly #onClose: () => void;
  readonly #restore: () => Promise<void>;
  readonly #id = randomUUID();
  readonly #held = new Set<Held>();
  readonly #timers: readonly NodeJS.Timeout[];
  #isStopped = false;
  #isAsked = false;
  #taking: Promise<void> | undefined;
  #first = 0;

  constructor(
    redis: RedisConnection,
    { queue, heldMax, idleMs }: { readonly queue: Queue; readonly heldMax: number; readonly idleMs: number },
    deliver: (delivery: Delivery) => void,
    onClose: () => void,
    /** Makes the queue again, which the server has lost. */
    restore: () => Promise<void>,
  ) {
    [this.#redis, this.#queue, this.#heldMax, this.#idleMs] = [redis, queue, heldMax, idleMs];
    [this.#deliver, this.#onClose, this.#restore] = [deliver, onClose, restore];
    // Being woken only shortens a wait.
    const poll = setInterval(() => this.wake(), Math.min(POLL_INTERVAL_MAX_MS, Math.ceil(idleMs / 2)));
    const keep = setInterval(() => void this.#keep(), Math.ceil(idleMs / 3));
    this.#timers = [poll, keep];
  }

  /** There may be something to take. */
  wake(): void {
    this.#isAsked = true;
    this.#taking ??= this.#takeAll().finally(() => (this.#taking = undefined));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#taking;
  }

  async close(): Promise<void> {
    await this.stop();
    for (const timer of this.#timers) clearInterval(timer);
    this.#onClose();
    await Promise.all([...this.#held].map((held) => this.#settle(held, 'back')));
    await this.#redis
      .run('gwLeave', this.#queue.name, this.#id, this.#queue.isTransient ? '1' : '0')
      .catch(() => undefined);
  }

  async #takeAll(): Promise<void> {
    while (this.#isAsked && !this.#isStopped) {
      this.#isAsked = false;
      // Also with full hands: the sign of life.
      const free = this.#heldMax - this.#held.size;
      try {
        const taken = await this.#take(free);
        if (taken > 0 && this.#held.size < this.#heldMax) this.#isAsked = true;
      } catch {
        return; // The next interval looks again.
      }
    }
  }

  async #take(free: number): Promise<number> {
    const lifeMs = String(LIVES * this.#idleMs);
    const args = [this.#queue.name, this.#id, String(free), String(this.#idleMs), String(this.#first++), lifeMs];
    const taken = (await this.#redis.run('gwTake', ...args)) as [number, Buffer, number, Buffer[]][] | null;
    if (taken === null) {
      await this.#restore();
      return 0;
    }
    for (const [part, entry, redeliveries, fields] of taken) {
      const held = { part: String(part), entry: entry.toString(), isLost: false };
      this.#held.add(held);
      this.#deliver(this.#delivery(held, messageFrom(fields), redeliveries));
    }
    return taken.length;
  }

  #delivery(held: Held, message: BusMessage, redeliveries: number): Delivery {
    const settle = (what: string, ...more: string[]): Promise<void> => this.#settle(held, what, ...more);
    return {
      message,
      redeliveries,
      get isLost() {
        return held.isLost;
      },
      acknowledge: () => settle('ack'),
      giveBack: () => settle('back'),
      deadLetter: (reason, attempts) => settle('dead', reason, String(attempts), new Date().toISOString()),
    };
  }

  /** What cannot be said is found idle later, and handed over again. */
  async #settle(held: Held, what: string, ...more: string[]): Promise<void> {
    this.#held.delete(held);
    const { part, entry } = held;
    await this.#redis.run('gwSettle', this.#queue.name, this.#id, part, entry, what, ...more).catch(() => undefined);
    this.wake();
  }

  async #keep(): Promise<void> {
    for (const held of this.#held) {
      try {
        const { part, entry } = held;
        const kept = await this.#redis.run('gwSettle', this.#queue.name, this.#id, part, entry, 'keep');
        if (kept === 0) held.isLost = true;
      } catch {
        return; // Whether it is still ours shows when the connection is back.
      }
    }
  }
}
