// What a pump does with any table, channel and handler: batches, backpressure, retries.
import { eventually, FixedClock, MemoryLogger, MemoryMetrics, SystemClock } from '@groundwork/testing';
import { describe, expect, it } from '@jest/globals';
import { pause } from '../pause.ts';
import type { ChangeNotifications } from '../ports/change-notifications.ts';
import { PumpBatch } from './pump-batch.ts';
import { Pump, type Pumped, type PumpSettings } from './pump.ts';

const LONG_MS = 60_000;

/** Rows that somebody adds, and the notifications about them. */
class Rows implements ChangeNotifications {
  readonly all: number[] = [];
  #read = 0;
  #added = new AbortController();
  looks = 0;

  /** Adds rows; `notifications` says how often everybody is told. */
  add(count: number, notifications = 1): void {
    for (let n = 0; n < count; n++) this.all.push(this.all.length);
    for (let n = 0; n < notifications; n++) {
      this.#added.abort();
      this.#added = new AbortController();
    }
  }

  async next(limit: number): Promise<readonly number[]> {
    this.looks++;
    const found = this.all.slice(this.#read, this.#read + limit);
    this.#read += found.length;
    return found;
  }

  wait(_channel: string, timeoutMs: number, stop: AbortSignal): Promise<void> {
    return pause(timeoutMs, AbortSignal.any([this.#added.signal, stop]));
  }
}

interface Running {
  readonly rows: Rows;
  readonly metrics: MemoryMetrics;
  readonly logger: MemoryLogger;
  readonly batches: (readonly number[])[];
  stop(): Promise<void>;
}

function pumping(
  handle: Pumped<number>['handle'] = async () => undefined,
  settings: Partial<PumpSettings> = {},
  rows = new Rows(),
): Running {
  const [metrics, logger, stop] = [new MemoryMetrics(), new MemoryLogger(), new AbortController()];
  const batches: (readonly number[])[] = [];
  const source = { table: 'shop.order', next: (limit: number) => rows.next(limit) };
  const pump = new Pump<number>(
    {
      name: 'shop.orders',
      source,
      channel: 'log',
      handle: async (batch) => {
        await handle(batch);
        batches.push([...batch]);
      },
    },
    { notifications: rows, clock: new SystemClock(), logger, metrics },
    { pollIntervalMs: LONG_MS, retryDelayMs: 1, retryDelayMaxMs: 10, ...settings },
  );
  const ended = pump.run(stop.signal);
  return { rows, metrics, logger, batches, stop: () => (stop.abort(), ended) };
}

describe('a pump', () => {
  it('S1-23 brings the rows of any table to any handler, each once and in order, as soon as it is told', async () => {
    const { rows, batches, stop } = pumping();
    for (const count of [1, 250, 3]) {
      rows.add(count);
      await eventually(() => batches.flat().length === rows.all.length);
    }
    expect(batches.flat()).toEqual(rows.all);
    await stop();
  });

  it('hears of what is added while it looks or works', async () => {
    const rows = new Rows();
    const { batches, stop } = pumping(async ([first]) => (first === 0 ? rows.add(1) : undefined), {}, rows);
    rows.add(1);
    await eventually(() => batches.flat().length === 2);
    await stop();
  });

  it('finds what nobody tells of when it looks again by itself', async () => {
    const { rows, batches, stop } = pumping(undefined, { pollIntervalMs: 20 });
    await eventually(() => rows.looks > 0);
    rows.add(2, 0);
    await eventually(() => batches.flat().length === 2);
    await stop();
  });

  it('S1-26 is told 10,000 times while its handler takes 100 ms for each batch: it holds one batch, and loses none', async () => {
    const [batchSizeMax, before] = [250, process.memoryUsage.rss()];
    let [held, looksAtWork, atWork] = [0, 0, 0];
    const rows = new Rows();
    const { batches, metrics, stop } = pumping(
      async (batch) => {
        expect(++atWork).toBe(1);
        const looks = rows.looks;
        await pause(100);
        looksAtWork += rows.looks - looks;
        held = Math.max(held, batch.length, metrics.value('groundwork_pump_held', { pump: 'shop.orders' }));
        atWork--;
      },
      { batchSizeMax },
      rows,
    );
    for (let n = 0; n < 10_000; n++) {
      rows.add(1);
      if (n % 100 === 0) await pause(1);
    }
    await eventually(() => batches.flat().length === rows.all.length, 30_000);
    expect(batches.flat()).toEqual(rows.all);
    expect([held, looksAtWork]).toEqual([batchSizeMax, 0]);
    expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(100);
    await stop();
  }, 40_000);

  it('S1-27 gives a batch that its handler does not take again, as it was, until it is taken; later rows wait', async () => {
    const seen: (readonly number[])[] = [];
    const rows = new Rows();
    rows.add(5);
    const { batches, logger, metrics, stop } = pumping(
      async (batch) => {
        seen.push([...batch]);
        if (seen.length > 4) return;
        rows.add(1);
        if (seen.length < 4) throw new Error('not now');
      },
      { batchSizeMax: 10 },
      rows,
    );
    await eventually(() => batches.length >= 2);
    expect(seen.slice(0, 4)).toEqual(Array(4).fill([0, 1, 2, 3, 4]));
    expect(batches.flat().slice(0, 9)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(metrics.value('groundwork_pump_failures_total', { pump: 'shop.orders' })).toBe(3);
    expect(logger.lines[0]).toMatchObject({
      level: 'warn',
      fields: { pump: 'shop.orders', table: 'shop.order', held: 5 },
    });
    await stop();
  });

  it('goes on where it was when the table can be read again', async () => {
    const rows = new Rows();
    rows.add(3);
    let isAway = true;
    const next = rows.next.bind(rows);
    rows.next = (limit) => (isAway ? Promise.reject(new Error('away')) : next(limit));
    const { batches, metrics, stop } = pumping(undefined, {}, rows);
    await eventually(() => metrics.value('groundwork_pump_failures_total', { pump: 'shop.orders' }) > 2);
    isAway = false;
    await eventually(() => batches.flat().length === 3);
    await stop();
  });

  it('keeps what it holds when it is stopped, and begins with it', async () => {
    const rows = new Rows();
    const pumped = {
      name: 'shop.orders',
      channel: 'log' as const,
      source: { table: 'shop.order', next: rows.next.bind(rows) },
    };
    const taken: number[] = [];
    let mayTake = false;
    const handle = async (batch: readonly number[]): Promise<void> => {
      if (!mayTake) throw new Error('not now');
      taken.push(...batch);
    };
    const ports = {
      notifications: rows,
      clock: new SystemClock(),
      logger: new MemoryLogger(),
      metrics: new MemoryMetrics(),
    };
    const pump = new Pump<number>({ ...pumped, handle }, ports, { retryDelayMs: 1 });
    rows.add(3);
    const [first, second] = [new AbortController(), new AbortController()];
    const running = pump.run(first.signal);
    await eventually(() => ports.logger.lines.length > 0);
    first.abort();
    await running;
    mayTake = true;
    rows.add(1);
    const again = pump.run(second.signal);
    await eventually(() => taken.length === 4);
    expect(taken).toEqual([0, 1, 2, 3]);
    second.abort();
    await again;
  });
});

describe('the batch of a pump', () => {
  it('S1-25 is due when it is full, or when its first item has waited long enough, and takes no more than it may', () => {
    const [clock, batch] = [new FixedClock(), new PumpBatch<number>({ sizeMax: 3, waitMs: 200 })];
    const dueInMs = (): number | undefined => batch.dueInMs(clock.now().getTime());
    const add = (...items: number[]): void => batch.add(items, clock.now().getTime());
    expect([dueInMs(), batch.room]).toEqual([undefined, 3]);
    add(1);
    expect(dueInMs()).toBe(200);
    clock.move(150);
    add(2);
    expect([dueInMs(), batch.room]).toEqual([50, 1]);
    clock.move(50);
    expect(dueInMs()).toBe(0);
    batch.clear();
    expect(dueInMs()).toBeUndefined();
    add(3, 4, 5);
    expect([dueInMs(), batch.room, batch.items]).toEqual([0, 0, [3, 4, 5]]);
  });
});
