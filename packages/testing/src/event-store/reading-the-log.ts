// The part of the contract about the whole log, over all tenants.
import { describe, expect, it } from '@jest/globals';
import type { LogRead, LoggedEvent } from '@groundwork/application';
import type { TenantId } from '@groundwork/domain';
import { newEvent, newStream, newTenant } from '../new-event.ts';
import type { StoreAccess } from './event-store-contract.ts';
import { allTypes } from './types.ts';

export function describeReadingTheLog(store: StoreAccess): void {
  describe('the log', () => {
    describePositions(store);
    describeSlices(store);
    describeSignals(store);
  });
}

const fact = (n: number) => newEvent('FactKept', { n });

async function write(store: StoreAccess, streamCount: number, eventsPerStream = 1): Promise<void> {
  await Promise.all(
    Array.from({ length: streamCount }, async () => {
      const events = Array.from({ length: eventsPerStream }, (_, n) => fact(n));
      await store().events.append({ tenant: newTenant(), stream: newStream(), expected: 0, events });
    }),
  );
}

async function readAll(store: StoreAccess, read: Partial<LogRead> = {}): Promise<LoggedEvent[]> {
  const seen: LoggedEvent[] = [];
  let after = read.after ?? 0n;
  for (;;) {
    const page = await store().log.read({ limit: 100, types: allTypes, ...read, after });
    seen.push(...page.events);
    if (page.readTo === after) return seen;
    expect(page.readTo).toBeGreaterThan(after);
    after = page.readTo;
  }
}

function describePositions(store: StoreAccess): void {
  it('has one numbering from 1 without gaps over all tenants and streams, up to the head', async () => {
    await write(store, 20, 3);
    const positions = (await readAll(store)).map((event) => event.position);
    expect(positions).toEqual(positions.map((_, index) => BigInt(index + 1)));
    const head = await store().log.head();
    expect(head.position).toBe(positions.at(-1));
    expect(head.recordedAt).toBeInstanceOf(Date);
  });

  it('leaves no gap behind conflicts and refusals', async () => {
    const before = (await store().log.head()).position;
    const [tenant, stream] = [newTenant(), newStream()];
    const refused = store().events.append({ tenant, stream, expected: 'stream-exists', events: [fact(1)] });
    await expect(refused).rejects.toMatchObject({ code: 'event-store.version-conflict' });
    const { position } = await store().events.append({ tenant, stream, expected: 0, events: [fact(1)] });
    expect(position).toBe(before + 1n);
  });

  it('reads on to the head when the last events are of other types', async () => {
    const before = (await store().log.head()).position;
    const amended = newEvent('FactAmended', {});
    await store().events.append({
      tenant: newTenant(),
      stream: newStream(),
      expected: 0,
      events: [amended, fact(1), fact(2)],
    });
    const page = await store().log.read({ after: before, limit: 10, types: ['FactAmended'] });
    expect(page.events.map((event) => event.id)).toEqual([amended.id]);
    expect(page.readTo).toBe((await store().log.head()).position);
  });

  it('reads up to a position and no further, so that pages side by side have no event in common', async () => {
    const before = (await store().log.head()).position;
    await write(store, 1, 10);
    const read = (after: bigint, upTo: bigint) => store().log.read({ after, upTo, limit: 8, types: allTypes });
    const positionsOf = async (page: ReturnType<typeof read>) =>
      (await page).events.map(({ position }) => Number(position - before));
    expect(await positionsOf(read(before, before + 4n))).toEqual([1, 2, 3, 4]);
    expect(await positionsOf(read(before + 4n, before + 8n))).toEqual([5, 6, 7, 8]);
    expect(await read(before, before + 4n)).toMatchObject({ readTo: before + 4n, isLast: false });
    expect(await read(before + 8n, before + 16n)).toMatchObject({ readTo: before + 10n, isLast: true });
    expect(await read(before + 4n, before + 4n)).toMatchObject({ events: [], readTo: before + 4n });
  });

  it('shows a reader that remembers one number everything once, in order, while 32 writers append', async () => {
    const start = (await store().log.head()).position;
    let isDone = false;
    const writers = Promise.all(
      Array.from({ length: 32 }, async () => {
        const [tenant, stream] = [newTenant(), newStream()];
        for (let n = 0; n < 10; n++) await store().events.append({ tenant, stream, expected: n, events: [fact(n)] });
      }),
    ).then(() => (isDone = true));
    const seen: LoggedEvent[] = [];
    for (let after = start, wasDone = false; ; wasDone = isDone) {
      const page = await store().log.read({ after, limit: 20, types: allTypes });
      seen.push(...page.events);
      if (wasDone && page.readTo === after) break;
      after = page.readTo;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writers;

    expect(seen.map((event) => event.position)).toEqual(seen.map((_, index) => start + BigInt(index + 1)));
    expect(seen).toHaveLength(320);
    const versions = Map.groupBy(seen, (event) => event.stream.id);
    for (const events of versions.values()) {
      expect(events.map((event) => event.streamVersion)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }
  });
}

function describeSlices(store: StoreAccess): void {
  it('divides the streams among the slices: each event in exactly one, a stream always in the same', async () => {
    const after = (await store().log.head()).position;
    await write(store, 40, 2);
    const slices = 4;
    const bySlice = await Promise.all(
      Array.from({ length: slices }, (_, slice) => readAll(store, { after, slices: { of: [slice], count: slices } })),
    );
    const ids = bySlice.flat().map((event) => event.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(80);
    const streamsOf = bySlice.map((events) => new Set(events.map((event) => event.stream.id)));
    expect(streamsOf.reduce((sum, streams) => sum + streams.size, 0)).toBe(40);
    expect(streamsOf.filter((streams) => streams.size > 0).length).toBeGreaterThan(1);
  });

  it('reads several slices at once, in one order, and tells which event is of which', async () => {
    const after = (await store().log.head()).position;
    await write(store, 40, 2);
    const of = [0, 2, 3];
    const read = { after, limit: 1_000, types: allTypes };
    const together = await store().log.read({ ...read, slices: { of, count: 4 } });
    expect(together.readTo).toBe((await store().log.head()).position);
    const apart = await Promise.all(
      of.map((slice) => store().log.read({ ...read, slices: { of: [slice], count: 4 } })),
    );
    const idsOf = (events: readonly LoggedEvent[] = []): readonly string[] => events.map(({ id }) => id);
    expect(of.map((slice) => idsOf(together.bySlice?.get(slice)))).toEqual(apart.map(({ events }) => idsOf(events)));
    const inOrder = apart.flatMap(({ events }) => events).sort((a, b) => Number(a.position - b.position));
    expect(idsOf(together.events)).toEqual(idsOf(inOrder));
  });

  it('reads a range of one stream by position', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    for (let n = 0; n < 5; n++) {
      await store().events.append({ tenant, stream, expected: n, events: [fact(n)] });
      await write(store, 1);
    }
    const all = await store().log.readStreamRange({ tenant, ...stream }, 0n, 2n ** 62n, 100);
    const [, second, , fourth] = all;
    const range = await store().log.readStreamRange({ tenant, ...stream }, second!.position, fourth!.position, 100);
    expect(range.map((event) => event.streamVersion)).toEqual([3, 4]);
    const limited = await store().log.readStreamRange({ tenant, ...stream }, 0n, 2n ** 62n, 2);
    expect(limited.map((event) => event.streamVersion)).toEqual([1, 2]);
  });
}

function describeSignals(store: StoreAccess): void {
  it('tells when the first event of some types behind a position was recorded, over all tenants', async () => {
    const { position: start } = await store().log.head();
    const { events, signal } = store();
    expect(await signal.oldestAfter(start, ['FactAmended'])).toBeUndefined();
    await write(store, 30);
    for (let n = 0; n < 2; n++) {
      const amended = [newEvent('FactAmended', {})];
      await events.append({ tenant: newTenant(), stream: newStream(), expected: 0, events: amended });
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const { events: written } = await store().log.read({ after: start, limit: 1_000, types: allTypes });
    const recordedAt = (position: bigint): Date => written.find((event) => event.position === position)!.recordedAt;
    expect(await signal.oldestAfter(start, ['FactAmended'])).toEqual(recordedAt(start + 31n));
    expect(await signal.oldestAfter(start + 31n, ['FactAmended'])).toEqual(recordedAt(start + 32n));
    expect(await signal.oldestAfter(start + 32n, ['FactAmended'])).toBeUndefined();
    expect(await signal.oldestAfter(start, allTypes)).toEqual(recordedAt(start + 1n));
    expect(await signal.oldestAfter(start, [])).toBeUndefined();
  });

  it('counts what one tenant has behind a position, and when the first of some types came', async () => {
    const { events, signal } = store();
    const { position: start } = await signal.head();
    const [mine, theirs] = [newTenant(), newTenant()];
    const append = async (tenant: TenantId, type: string): Promise<bigint> => {
      const written = [newEvent(type, {})];
      return (await events.append({ tenant, stream: newStream(), expected: 0, events: written })).position;
    };
    await append(theirs, 'FactAmended');
    const first = await append(mine, 'FactKept');
    const amended = await append(mine, 'FactAmended');

    const [, { recordedAt }] = (await events.query(mine, { after: 0n, limit: 10 })) as [unknown, LoggedEvent];
    expect(await signal.backlogOf(mine, start, ['FactAmended'])).toEqual({ events: 2, oldestAt: recordedAt });
    expect(await signal.backlogOf(mine, first, ['FactKept'])).toEqual({ events: 1, oldestAt: undefined });
    expect(await signal.backlogOf(mine, amended, allTypes)).toEqual({ events: 0, oldestAt: undefined });
    expect(await signal.backlogOf(newTenant(), 0n, allTypes)).toEqual({ events: 0, oldestAt: undefined });
  });

  it('ends a wait when the log grows, when the time is over, and when told to stop', async () => {
    const signal = store().signal;
    const stop = new AbortController();
    const stopped = signal.waitForGrowth(60_000, stop.signal);
    stop.abort();
    await stopped;
    await signal.waitForGrowth(1);

    // A signal may be missed, so the log grows until one arrives.
    let isWaiting = true;
    const grown = signal.waitForGrowth(60_000).then(() => (isWaiting = false));
    while (isWaiting) {
      await write(store, 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await grown;
    expect((await signal.head()).position).toBe((await store().log.head()).position);
  });
}
