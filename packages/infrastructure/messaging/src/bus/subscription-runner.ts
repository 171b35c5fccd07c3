// One subscription: every delivery gets its attempts, those of one key one after the other, and all end well on stop.
import {
  MessageRejected,
  pause,
  type ConsumerLimits,
  type Logger,
  type MessageHandler,
  type RunningSubscription,
} from '@groundwork/application';
import type { Broker, Consumer, Delivery, Queue } from './broker.ts';
import type { BusMeters, HandledOutcome } from './bus-meters.ts';

const RETRY_DELAY_MAX_MS = 30_000;
/** Consumers that stop give back what no handler has seen, and brokers count that, too: only far more is a death. */
const RETURNS_MAX = 10;

export const CONSUMER_DEFAULTS: Required<ConsumerLimits> = {
  concurrencyMax: 10,
  attemptsMax: 10,
  retryDelayMs: 200,
  handlerTimeLimitMs: 30_000,
};

export interface SubscriptionParts {
  readonly queue: Queue;
  readonly handle: MessageHandler;
  readonly limits: Required<ConsumerLimits>;
  readonly logger: Logger;
  readonly meters: BusMeters;
}

export class SubscriptionRunner implements RunningSubscription {
  readonly #parts: SubscriptionParts;
  readonly #stopping = new AbortController();
  /** The last work of each key that is in hand. */
  readonly #lanes = new Map<string, Promise<void>>();
  readonly #inHand = new Set<Promise<void>>();
  #consumer: Consumer | undefined;
  #stopped: Promise<void> | undefined;

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
  }

  async start(broker: Broker): Promise<void> {
    const { queue, limits } = this.#parts;
    this.#consumer = await broker.consume(queue, limits.concurrencyMax, (delivery) => this.#take(delivery));
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    await this.#consumer?.stop();
    while (this.#inHand.size > 0) await Promise.all(this.#inHand);
    await this.#consumer?.close();
  }

  #take(delivery: Delivery): void {
    const { queue, meters } = this.#parts;
    const key = queue.isOrdered ? delivery.message.key : undefined;
    const before = key === undefined ? undefined : this.#lanes.get(key);
    const work = (async () => {
      await before;
      await this.#workOn(delivery);
    })();
    if (key !== undefined) this.#lanes.set(key, work);
    this.#inHand.add(work);
    meters.held(queue, this.#inHand.size);
    void work.then(() => {
      this.#inHand.delete(work);
      if (key !== undefined && this.#lanes.get(key) === work) this.#lanes.delete(key);
      meters.held(queue, this.#inHand.size);
    });
  }

  /** Never rejects. */
  async #workOn(delivery: Delivery): Promise<void> {
    const { queue, meters, logger } = this.#parts;
    const startedAtMs = performance.now();
    let outcome: HandledOutcome = 'returned';
    try {
      outcome = await this.#attempts(delivery);
    } catch (error) {
      // Only the broker can be the cause: it will hand the message over again.
      logger.warn('A message could not be settled; it comes again.', { queue: queue.name, error });
    }
    meters.handled(queue, outcome, (performance.now() - startedAtMs) / 1_000);
  }

  async #attempts(delivery: Delivery): Promise<HandledOutcome> {
    const { attemptsMax, retryDelayMs } = this.#parts.limits;
    let delayMs = retryDelayMs;
    for (let attempt = delivery.redeliveries + 1; ; attempt++) {
      if (delivery.isLost) return 'returned';
      if (this.#stopping.signal.aborted) return this.#giveBack(delivery);
      if (attempt > attemptsMax + RETURNS_MAX) {
        return this.#deadLetter(delivery, 'Its consumers ended before they had settled it.', attempt - 1);
      }
      const failure = await this.#attempt(delivery, attempt);
      if (failure === undefined) {
        await delivery.acknowledge();
        return 'acknowledged';
      }
      if (attempt >= attemptsMax || failure.error instanceof MessageRejected) {
        return this.#deadLetter(delivery, reasonOf(failure.error), attempt);
      }
      await pause(delayMs, this.#stopping.signal);
      delayMs = Math.min(2 * delayMs, RETRY_DELAY_MAX_MS);
    }
  }

  async #attempt({ message }: Delivery, attempt: number): Promise<{ readonly error: unknown } | undefined> {
    const { handle, limits, queue, logger } = this.#parts;
    const { handlerTimeLimitMs: limitMs } = limits;
    const limit = new AbortController();
    const over = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      over.reject(new Error(`It took longer than ${limitMs} ms.`));
      limit.abort();
    }, limitMs);
    try {
      await Promise.race([(async () => handle(message, { attempt, signal: limit.signal }))(), over.promise]);
      return undefined;
    } catch (error) {
      logger.warn('A message could not be handled.', {
        queue: queue.name,
        topic: message.topic,
        messageId: message.id,
        attempt,
        error,
      });
      return { error };
    } finally {
      clearTimeout(timer);
    }
  }

  async #deadLetter(delivery: Delivery, reason: string, attempts: number): Promise<HandledOutcome> {
    const { queue, logger } = this.#parts;
    await delivery.deadLetter(reason, attempts);
    const { id: messageId, topic } = delivery.message;
    logger.error('A message became a dead letter.', { queue: queue.name, topic, messageId, attempts, reason });
    return 'dead-lettered';
  }

  async #giveBack(delivery: Delivery): Promise<HandledOutcome> {
    await delivery.giveBack();
    return 'returned';
  }
}

const REASON_LENGTH_MAX = 500;

const reasonOf = (error: unknown): string =>
  (error instanceof Error ? `${error.name}: ${error.message}` : String(error))
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .slice(0, REASON_LENGTH_MAX)
    .toWellFormed()
    .trim();
