// How much waits to be run, and for how long.
import type { Clock } from '../ports/clock.ts';
import type { CommandQueue } from '../ports/command-store.ts';
import type { Gauge, Metrics } from '../ports/metrics.ts';

export class BacklogReport {
  readonly #queue: CommandQueue;
  readonly #clock: Clock;
  readonly #open: Gauge;
  readonly #oldestSeconds: Gauge;

  constructor(queue: CommandQueue, clock: Clock, metrics: Metrics) {
    this.#queue = queue;
    this.#clock = clock;
    this.#open = metrics.gauge('groundwork_commands_open', 'Commands that are accepted and not done.');
    this.#oldestSeconds = metrics.gauge(
      'groundwork_commands_oldest_seconds',
      'Age of the oldest command that is not done, 0 when all are.',
    );
  }

  async publish(): Promise<void> {
    const { open, oldestAcceptedAt } = await this.#queue.backlog();
    const nowMs = this.#clock.now().getTime();
    this.#open.set(open);
    this.#oldestSeconds.set(Math.max(0, nowMs - (oldestAcceptedAt?.getTime() ?? nowMs)) / 1000);
  }
}
