// What the numbers say about one relay.
import type { Clock } from '../ports/clock.ts';
import type { LogSignal } from '../ports/event-log.ts';
import type { Counter, Gauge, Histogram, Metrics } from '../ports/metrics.ts';
import type { ProjectionStore } from '../ports/projection-store.ts';
import type { LoggedEvent } from '../events/event.ts';
import { reachedPosition } from '../projections/ahead-of-log.ts';
import { ageInSeconds, lagSecondsOf, type SubscriptionReport } from '../projections/projection-report.ts';
import type { Relay } from './relay.ts';

export class RelayReport implements SubscriptionReport {
  readonly #relay: Relay;
  readonly #ports: { readonly store: ProjectionStore; readonly signal: LogSignal; readonly clock: Clock };
  readonly #pending: Gauge;
  readonly #oldest: Gauge;
  readonly #deadLetters: Gauge;
  readonly #latency: Histogram;
  readonly #retries: Counter;

  constructor(
    relay: Relay,
    ports: {
      readonly store: ProjectionStore;
      readonly signal: LogSignal;
      readonly clock: Clock;
      readonly metrics: Metrics;
    },
  ) {
    const { metrics } = ports;
    this.#relay = relay;
    this.#ports = ports;
    this.#pending = metrics.gauge('groundwork_relay_pending', 'Events of the log that are still to be passed.', [
      'relay',
    ]);
    this.#oldest = metrics.gauge(
      'groundwork_relay_oldest_seconds',
      'Age of the oldest event of its types that is not sent yet.',
      ['relay'],
    );
    this.#deadLetters = metrics.gauge('groundwork_dead_letters', 'Streams parked behind a poison event.', [
      'projection',
    ]);
    this.#latency = metrics.histogram('groundwork_relay_latency_seconds', 'From recorded to confirmed.', ['relay']);
    this.#retries = metrics.counter('groundwork_relay_retries_total', 'Attempts that failed and were repeated.', [
      'relay',
    ]);
  }

  retried(): void {
    this.#retries.add(1, { relay: this.#relay.name });
  }

  applied(events: readonly LoggedEvent[]): void {
    for (const { recordedAt } of events) {
      this.#latency.observe(ageInSeconds(recordedAt, this.#ports.clock), { relay: this.#relay.name });
    }
  }

  async publish(): Promise<void> {
    const { name } = this.#relay;
    const [progress] = await this.#ports.store.progress(name);
    if (progress === undefined) return;
    const { position: head } = await this.#ports.signal.head();
    const slowest = reachedPosition(progress);
    this.#pending.set(Math.max(0, Number(head - slowest)), { relay: name });
    this.#oldest.set(await lagSecondsOf(this.#relay, slowest, this.#ports), { relay: name });
    this.#deadLetters.set(progress.parked, { projection: name });
  }
}
