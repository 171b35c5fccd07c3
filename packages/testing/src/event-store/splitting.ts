// The part of the contract about events that a later program reads as several: counted as one, read as many.
import { describe, expect, it } from '@jest/globals';
import { loadStream, Snapshots, type EventSourcedModel, type LoggedEvent } from '@groundwork/application';
import type { DomainEvent, StreamId, TenantId } from '@groundwork/domain';
import { z } from 'zod';
import { collected, newEvent, newStream, newTenant } from '../new-event.ts';
import type { EventStoreUnderTest, StoreAccess } from './event-store-contract.ts';
import { allTypes, typesThatSplit } from './types.ts';

const fact = (n: number, ...amended: readonly string[]) => newEvent('FactKept', { n, amended });

export function describeSplitting(store: StoreAccess): void {
  describe('events that are read as several', () => {
    describePaths(store);
    describeCounting(store);
    describeStates(store);
  });
}

function describePaths(store: StoreAccess): void {
  it('S0-07, S2-28 reads one event of schema 1 as several of today on every path; the stored row is unchanged', async () => {
    const { tenant, stream, position, later } = await written(store, fact(7, 'ada', 'bob'));
    const { later: behindSnapshot } = await later.events.readFromSnapshot(tenant, stream, { from: 1, to: 1 });
    const paths = [
      await collected(later.events.readStream(tenant, stream)),
      await collected(behindSnapshot),
      await later.events.query(tenant, { after: 0n, limit: 10 }),
      (await later.log.read({ after: position - 1n, limit: 1, types: allTypes })).events,
      await later.log.readStreamRange({ tenant, ...stream }, 0n, position, 10),
    ];
    for (const [event, ...others] of paths) {
      expect(others).toEqual([]);
      const { id } = event!;
      expect(event).toMatchObject({ type: 'FactKept', schemaVersion: 1, dataText: '{"n":7,"amended":["ada","bob"]}' });
      const place = { id, position, streamVersion: 1, tenant, stream };
      expect(event!.parts).toMatchObject([
        { ...place, part: 0, type: 'FactKept', schemaVersion: 2, data: { kept: 7 } },
        { ...place, part: 1, type: 'FactAmended', schemaVersion: 2, data: { by: 'ada', isNew: true } },
        { ...place, part: 2, type: 'FactAmended', schemaVersion: 2, data: { by: 'bob', isNew: true } },
      ]);
      expect(event!.partsOf(['FactAmended']).map(({ part }) => part)).toEqual([1, 2]);
    }
    const [unchanged] = await collected(store().events.readStream(tenant, stream));
    expect(unchanged).toMatchObject({
      schemaVersion: 1,
      parts: [{ part: 0, data: { n: 7, amended: ['ada', 'bob'] } }],
    });
  });

  it('finds an event by any type that it is read as, where the whole log is read', async () => {
    const { position, later } = await written(store, fact(1, 'ada'));
    const read = { after: position - 1n, limit: 10 };
    const { events } = await later.log.read({ ...read, types: ['FactAmended'] });
    expect(events.map((event) => event.position)).toEqual([position]);
    expect((await later.log.read({ ...read, types: ['NoteWritten'] })).events).toEqual([]);
    expect((await store().log.read({ ...read, types: ['FactAmended'] })).events).toEqual([]);
    expect(await later.signal.oldestAfter(position - 1n, ['FactAmended'])).toEqual(events[0]!.recordedAt);
    const { tenant } = events[0]!;
    expect((await later.signal.backlogOf(tenant, 0n, ['FactAmended'])).oldestAt).toEqual(events[0]!.recordedAt);
  });
}

function describeCounting(store: StoreAccess): void {
  it('counts what was recorded: limits, pages and versions go by events, never by their parts', async () => {
    const { tenant, stream, position, later } = await written(
      store,
      fact(1, 'a', 'b'),
      fact(2),
      fact(3, 'c', 'd', 'e'),
    );
    const first = position - 2n;
    const versions = (events: readonly LoggedEvent[]) => events.map(({ streamVersion }) => streamVersion);
    expect(versions(await later.events.query(tenant, { after: 0n, limit: 2 }))).toEqual([1, 2]);
    expect(versions(await collected(later.events.readStream(tenant, stream, { limit: 2 })))).toEqual([1, 2]);
    expect(versions(await later.log.readStreamRange({ tenant, ...stream }, 0n, position, 2))).toEqual([1, 2]);
    const page = await later.log.read({ after: first - 1n, limit: 2, types: allTypes });
    expect([versions(page.events), page.readTo]).toEqual([[1, 2], first + 1n]);
    expect(page.events.flatMap(({ parts }) => parts).map(({ streamVersion, part }) => [streamVersion, part])).toEqual([
      [1, 0],
      [1, 1],
      [1, 2],
      [2, 0],
    ]);
    expect((await later.signal.backlogOf(tenant, 0n, allTypes)).events).toBe(3);
  });

  it('knows an event again that is repeated by the program that reads it as several', async () => {
    const event = fact(1, 'ada');
    const { tenant, stream, position, later } = await written(store, event);
    const repeated = await later.events.append({ tenant, stream, expected: 0, events: [event] });
    expect(repeated).toEqual({ streamVersion: 1, position, repeated: true });
    const [only, ...others] = await collected(later.events.readStream(tenant, stream));
    expect([only!.schemaVersion, only!.parts.length, others]).toEqual([1, 2, []]);
  });
}

type Fact = DomainEvent<string, { readonly kept?: number; readonly by?: string }>;
const model: EventSourcedModel<readonly string[], Fact> = {
  initialState: [],
  evolve: (state, { type, data }) => [...state, `${type} ${data.kept ?? data.by}`],
  snapshots: new Snapshots({ schemaVersion: 1, everyEvents: 2, schema: z.array(z.string()) }),
};

function describeStates(store: StoreAccess): void {
  it('S0-07 folds all parts into a state, also behind a snapshot, and gives the version of the stream', async () => {
    const { tenant, stream, position, later } = await written(store, fact(1, 'a'), fact(2, 'b'));
    const whole = ['FactKept 1', 'FactAmended a', 'FactKept 2', 'FactAmended b'];
    expect(await loadStream(later.events, tenant, stream, model)).toEqual({
      state: whole,
      streamVersion: 2,
      position,
      isWhole: true,
    });
    const snapshot = { schemaVersion: 1, stateText: JSON.stringify([...whole, 'kept']) };
    await store().events.append({ tenant, stream, expected: 2, events: [fact(3)], snapshot });
    const last = await store().events.append({ tenant, stream, expected: 3, events: [fact(4, 'c', 'd')] });
    expect(await loadStream(later.events, tenant, stream, model)).toEqual({
      state: [...whole, 'kept', 'FactKept 4', 'FactAmended c', 'FactAmended d'],
      streamVersion: 4,
      position: last.position,
      isWhole: false,
    });
  });
}

interface Written {
  readonly tenant: TenantId;
  readonly stream: StreamId;
  /** Of the last event. */
  readonly position: bigint;
  /** The same log for the program that splits. */
  readonly later: EventStoreUnderTest;
}

async function written(store: StoreAccess, ...events: ReturnType<typeof newEvent>[]): Promise<Written> {
  const [tenant, stream] = [newTenant(), newStream()];
  const { position } = await store().events.append({ tenant, stream, expected: 0, events });
  return { tenant, stream, position, later: await store.open(typesThatSplit) };
}
