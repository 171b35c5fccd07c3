// A log of chosen density, whose pages end where they are told to, read by several hands at once.
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { LoggedEvent } from '../events/event.ts';
import type { EventLog, LogPage, LogRead } from '../ports/event-log.ts';
import { pagesAhead } from './pages-ahead.ts';

const WINDOW_MAX = 40;

/** Every `spacing`th position matches; a page holds at most `weightMax` events, as one of heavy events would. */
class GrowingLog implements EventLog {
  readonly reads: LogRead[] = [];
  underWay = 0;
  underWayMax = 0;
  #headPosition: number;
  readonly #spacing: number;
  readonly #weightMax: number;
  readonly #growth: number;

  constructor(head: number, spacing: number, weightMax: number, growth: number) {
    this.#headPosition = head;
    this.#spacing = spacing;
    this.#weightMax = weightMax;
    this.#growth = growth;
  }

  get matching(): readonly number[] {
    return Array.from({ length: this.#headPosition }, (_, at) => at + 1).filter((at) => at % this.#spacing === 0);
  }

  async read(read: LogRead): Promise<LogPage> {
    this.reads.push(read);
    this.underWayMax = Math.max(this.underWayMax, ++this.underWay);
    await new Promise((resolve) => setImmediate(resolve));
    this.underWay--;
    const head = this.#headPosition;
    this.#headPosition += this.#growth > 0 && this.reads.length < 10 ? this.#growth : 0;
    const after = Number(read.after);
    const windowEnd = Math.min(after + WINDOW_MAX, Number(read.upTo ?? Infinity));
    const end = Math.min(windowEnd, head);
    const countMax = Math.min(read.limit, this.#weightMax);
    const found = this.matching.filter((position) => position > after && position <= end).slice(0, countMax);
    const isCut = found.length === countMax;
    const readTo = isCut ? found.at(-1)! : Math.max(end, after);
    const events = found.map((position) => ({ position: BigInt(position) }) as LoggedEvent);
    return { events, readTo: BigInt(readTo), isLast: !isCut && end >= head };
  }

  readStreamRange = (): never => unused();
  head = (): never => unused();
}

const unused = (): never => {
  throw new Error('Nobody asks for this.');
};

async function readAll(log: EventLog, limit: number): Promise<readonly number[]> {
  const positions: number[] = [];
  for await (const { events } of pagesAhead(log, { after: 0n, limit, types: ['T'] })) {
    positions.push(...events.map(({ position }) => Number(position)));
  }
  return positions;
}

describe('pages that are read ahead', () => {
  it('hold every event once, in order, however dense and heavy they are, also while the log grows', async () => {
    const natural = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
    await fc.assert(
      fc.asyncProperty(
        fc.record({ head: natural(300), spacing: natural(7), weightMax: natural(12), growth: fc.nat(20) }),
        natural(12),
        async ({ head, spacing, weightMax, growth }, limit) => {
          const log = new GrowingLog(head, spacing, weightMax, growth);
          const read = await readAll(log, limit);
          expect(read).toEqual(log.matching.slice(0, read.length));
          expect(read.length).toBeGreaterThanOrEqual(Math.floor(head / spacing));
        },
      ),
    );
  });

  it('are asked for two at a time, and only behind the end for nothing where every position matches', async () => {
    const log = new GrowingLog(100, 1, Infinity, 0);
    expect(await readAll(log, 10)).toEqual(log.matching);
    expect(log.underWayMax).toBe(2);
    expect(log.reads).toHaveLength(12);
  });

  it('are asked for one at a time where weight cuts them', async () => {
    const log = new GrowingLog(100, 1, 3, 0);
    expect(await readAll(log, 10)).toEqual(log.matching);
    expect(log.underWayMax).toBe(1);
  });

  it('are read no further than the next one for whoever takes a page and leaves', async () => {
    const log = new GrowingLog(100, 1, Infinity, 0);
    for await (const _ of pagesAhead(log, { after: 0n, limit: 10, types: ['T'] })) break;
    expect(log.reads).toHaveLength(2);
  });

  it('end at the last page with one read, where the log is followed', async () => {
    const log = new GrowingLog(5, 1, Infinity, 0);
    expect(await readAll(log, 10)).toEqual(log.matching);
    expect(log.reads).toHaveLength(1);
  });

  it('throw the fault of a page when it is asked for, and none that was not', async () => {
    const log = new GrowingLog(100, 1, Infinity, 0);
    const read = log.read.bind(log);
    log.read = (asked) => (asked.after >= 20n ? Promise.reject(new Error('gone')) : read(asked));
    const seen: number[] = [];
    await expect(async () => {
      for await (const { events } of pagesAhead(log, { after: 0n, limit: 10, types: [] })) seen.push(events.length);
    }).rejects.toThrow('gone');
    expect(seen).toEqual([10, 10]);
  });
});
