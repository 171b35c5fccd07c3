// What the numbers say about one projection, measured against the true end of the log.
import type { LoggedEvent } from '../events/event.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogSignal } from '../ports/event-log.ts';
import type { Counter, Gauge, Histogram, Metrics } from '../ports/metrics.ts';
import type { ProjectionStore } from '../ports/projection-store.ts';
import { reachedPosition } from './ahead-of-log.ts';
import type { Projection } from './projection.ts';

/** What a runner tells of its work. */
export interface SubscriptionReport {
  retried(): void;
  /** Events that have taken effect for the first time. */
  applied(events: readonly LoggedEvent[]): void;
  publish(): Promise<void>;
}

export class ProjectionReport implements SubscriptionReport {
  readonly #projection: Projection;
  readonly #ports: { readonly store: ProjectionStore; readonly signal: LogSignal; readonly clock: Clock };
  readonly #labels: { readonly projection: string };
  readonly #position: Gauge;
  readonly #lagEvents: Gauge;
  readonly #lagSeconds: Gauge;
  readonly #deadLetters: Gauge;
  readonly #latency: Histogram;
  readonly #retries: Counter;

  constructor(
    projection: Projection,
    ports: {
      readonly store: ProjectionStore;
      readonly signal: LogSignal;
      readonly clock: Clock;
      readonly metrics: Metrics;
    },
  ) {
    const names = ['projection'];
    const { metrics } = ports;
    this.#projection = projection;
    this.#ports = ports;
    this.#labels = { projection: projection.name };
    this.#position = metrics.gauge('groundwork_projection_position', 'Position that all slices have reached.', names);
    this.#lagEvents = metrics.gauge(
      'groundwork_projection_lag_events',
      'Events of the log behind that position.',
      names,
    );
    this.#lagSeconds = metrics.gauge(
      'groundwork_projection_lag_seconds',
      'Age of the oldest event of its types that not all slices have passed.',
      names,
    );
    this.#deadLetters = metrics.gauge('groundwork_dead_letters', 'Streams parked behind a poison event.', names);
    this.#latency = metrics.histogram('groundwork_projection_latency_seconds', 'From recorded to projected.', names);
    this.#retries = metrics.counter(
      'groundwork_projection_retries_total',
      'Attempts that failed and were repeated.',
      names,
    );
  }

  retried(): void {
    this.#retries.add(1, this.#labels);
  }

  applied(events: readonly LoggedEvent[]): void {
    const nowMs = this.#ports.clock.now().getTime();
    for (const { recordedAt } of events) {
      this.#latency.observe(Math.max(0, nowMs - recordedAt.getTime()) / 1000, this.#labels);
    }
  }

  async publish(): Promise<void> {
    const [progress] = await this.#ports.store.progress(this.#projection.name);
    if (progress === undefined) return;
    const { position: head } = await this.#ports.signal.head();
    const slowest = reachedPosition(progress);
    this.#position.set(Number(slowest), this.#labels);
    this.#lagEvents.set(Number(head - slowest), this.#labels);
    this.#lagSeconds.set(await lagSecondsOf(this.#projection, slowest, this.#ports), this.#labels);
    this.#deadLetters.set(progress.parked, this.#labels);
  }
}

/** The age of the oldest event that is still to take effect, behind the position that all slices have reached. */
export async function lagSecondsOf(
  { eventTypes }: Pick<Projection, 'eventTypes'>,
  reached: bigint,
  { signal, clock }: { readonly signal: LogSignal; readonly clock: Clock },
): Promise<number> {
  return ageInSeconds(await signal.oldestAfter(reached, eventTypes), clock);
}

/** How old what happened then is now; nothing is 0 seconds old. */
export const ageInSeconds = (at: Date | undefined, clock: Clock): number =>
  at === undefined ? 0 : Math.max(0, clock.now().getTime() - at.getTime()) / 1000;
