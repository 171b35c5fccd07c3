// Keeps the subscribers of the contexts on the message bus for as long as the worker runs.
import {
  pause,
  type Clock,
  type Logger,
  type MessageBus,
  type MessageSubscriber,
  type RunningSubscription,
} from '@groundwork/application';
import type { WorkerLoop } from './worker-loop.ts';

export interface MessageSubscriptionsPorts {
  readonly bus: MessageBus;
  readonly clock: Clock;
  readonly logger: Logger;
}

const INTERVAL_MS = 1_000;

/** A broker that is away is no crash: it is asked again until it is there. Ends when all that was begun has ended. */
export class MessageSubscriptions implements WorkerLoop {
  readonly name = 'messages';
  readonly #ports: MessageSubscriptionsPorts;
  readonly #subscribers: readonly MessageSubscriber[];
  readonly #running = new Map<MessageSubscriber, RunningSubscription>();
  #lastBeatAt: Date | undefined;

  constructor(ports: MessageSubscriptionsPorts, subscribers: readonly MessageSubscriber[]) {
    [this.#ports, this.#subscribers] = [ports, subscribers];
  }

  get lastBeatAt(): Date | undefined {
    return this.#lastBeatAt;
  }

  async run(stop: AbortSignal): Promise<void> {
    try {
      while (!stop.aborted) {
        this.#lastBeatAt = this.#ports.clock.now();
        await Promise.all(this.#subscribers.map((subscriber) => this.#subscribe(subscriber)));
        await pause(INTERVAL_MS, stop);
      }
    } finally {
      await Promise.all([...this.#running.values()].map((subscription) => subscription.stop()));
      this.#running.clear();
    }
  }

  async #subscribe(subscriber: MessageSubscriber): Promise<void> {
    if (this.#running.has(subscriber)) return;
    const { group, topic } = subscriber;
    try {
      this.#running.set(subscriber, await this.#ports.bus.subscribe(subscriber));
      this.#ports.logger.info('Messages are taken.', { group, topic });
    } catch (error) {
      this.#ports.logger.warn('Messages cannot be taken yet.', { group, topic, error });
    }
  }
}
