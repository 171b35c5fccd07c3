// Brings what is added to a table to a handler, at once and in batches.
import { pause } from '../pause.ts';
import type { ChangeChannel, ChangeNotifications } from '../ports/change-notifications.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Counter, Gauge, Metrics } from '../ports/metrics.ts';
import { exponential } from '../resilience/retry-delay.ts';
import { PumpBatch } from './pump-batch.ts';

/** Where the items come from. It remembers how far it has been read: each item comes once. */
export interface PumpSource<Item> {
  /** Names the source in logs: `groundwork.event`. */
  readonly table: string;
  /** The next items in their order, `limit` at most; none when there are none now. */
  next(limit: number): Promise<readonly Item[]>;
}

export interface Pumped<Item> {
  readonly name: string;
  readonly source: PumpSource<Item>;
  readonly channel: ChangeChannel;
  /** When its promise rejects, the same batch comes again. */
  handle(batch: readonly Item[]): Promise<void>;
}

export interface PumpPorts {
  readonly notifications: ChangeNotifications;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface PumpSettings {
  /** How many items the handler gets at once, and how many the pump holds at most. */
  readonly batchSizeMax: number;
  /** How long the first item of a batch waits for company. */
  readonly batchWaitMs: number;
  /** How long the pump waits at most before it looks again: what nobody tells of is found then. */
  readonly pollIntervalMs: number;
  /** Before a failed batch, or a failed look, is tried again; doubled for each failure in a row. */
  readonly retryDelayMs: number;
  readonly retryDelayMaxMs: number;
}

export const PUMP_DEFAULTS: PumpSettings = {
  batchSizeMax: 100,
  batchWaitMs: 0,
  // Events that were committed past this program are announced by nobody, and heard of within a second all the same.
  pollIntervalMs: 500,
  retryDelayMs: 100,
  retryDelayMaxMs: 5_000,
};

/**
 * Reads when it is told that there is more, and every `pollIntervalMs` anyway. The table is the queue: while the
 * handler is at work nothing is read, so that a slow one costs time and no memory, and no notification can be lost
 * because none is needed. A batch is never dropped: it comes again until it is taken, and later items wait.
 */
export class Pump<Item> {
  readonly #pumped: Pumped<Item>;
  readonly #ports: PumpPorts;
  readonly #settings: PumpSettings;
  readonly #batch: PumpBatch<Item>;
  readonly #held: Gauge;
  readonly #handled: Counter;
  readonly #failures: Counter;
  #failuresInRow = 0;
  #lastBeatAt: Date | undefined;

  constructor(pumped: Pumped<Item>, ports: PumpPorts, settings: Partial<PumpSettings> = {}) {
    this.#pumped = pumped;
    this.#ports = ports;
    this.#settings = { ...PUMP_DEFAULTS, ...settings };
    this.#batch = new PumpBatch({ sizeMax: this.#settings.batchSizeMax, waitMs: this.#settings.batchWaitMs });
    const { metrics } = ports;
    this.#held = metrics.gauge('groundwork_pump_held', 'Items that a pump holds in memory.', ['pump']);
    this.#handled = metrics.counter('groundwork_pump_handled_total', 'Items that a handler has taken.', ['pump']);
    this.#failures = metrics.counter('groundwork_pump_failures_total', 'Looks and batches tried again.', ['pump']);
  }

  get lastBeatAt(): Date | undefined {
    return this.#lastBeatAt;
  }

  /** Pumps until `stop` is aborted; what is held then comes first when it runs again. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        await this.#step(stop);
        this.#failuresInRow = 0;
      } catch (error) {
        await this.#failed(error, stop);
      }
    }
  }

  /** Reads what there is, then hands over the batch, or waits for the rest of it. */
  async #step(stop: AbortSignal): Promise<void> {
    this.#lastBeatAt = this.#ports.clock.now();
    const over = new AbortController();
    try {
      // Begun before the look, so that what is added behind the look ends it.
      const change = this.#change(AbortSignal.any([stop, over.signal]));
      // A batch that was not taken comes again as it is.
      if (this.#failuresInRow === 0 || this.#batch.items.length === 0) await this.#read();
      const dueInMs = this.#batch.dueInMs(this.#nowMs());
      if (dueInMs === 0) await this.#handOver();
      else await Promise.race(dueInMs === undefined ? [change] : [change, pause(dueInMs, over.signal)]);
    } finally {
      over.abort();
    }
  }

  #change(stop: AbortSignal): Promise<void> {
    return this.#ports.notifications.wait(this.#pumped.channel, this.#settings.pollIntervalMs, stop);
  }

  async #read(): Promise<void> {
    const { room } = this.#batch;
    if (room === 0) return;
    const found = await this.#pumped.source.next(room);
    if (found.length > 0) this.#batch.add(found, this.#nowMs());
    this.#held.set(this.#batch.items.length, { pump: this.#pumped.name });
  }

  async #handOver(): Promise<void> {
    const { items } = this.#batch;
    await this.#pumped.handle(items);
    this.#batch.clear();
    this.#handled.add(items.length, { pump: this.#pumped.name });
    this.#held.set(0, { pump: this.#pumped.name });
  }

  async #failed(error: unknown, stop: AbortSignal): Promise<void> {
    const { name, source } = this.#pumped;
    const { retryDelayMs, retryDelayMaxMs } = this.#settings;
    const delayMs = exponential({ initialMs: retryDelayMs, maxMs: retryDelayMaxMs })(++this.#failuresInRow);
    this.#failures.add(1, { pump: name });
    const held = this.#batch.items.length;
    this.#ports.logger.warn('A pump tries again.', { pump: name, table: source.table, held, delayMs, error });
    await pause(delayMs, stop);
  }

  #nowMs(): number {
    return this.#ports.clock.now().getTime();
  }
}
