// What snapshots of event-sourced aggregates promise, as one suite: they change nothing but the speed of a load.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  EventSourcedAggregates,
  Snapshots,
  type CommandContext,
  type EventStore,
  type SnapshotPolicy,
} from '@groundwork/application';
import { streamId, type TenantId } from '@groundwork/domain';
import fc from 'fast-check';
import { z } from 'zod';
import { newEvent, newId, newTenant } from '../new-event.ts';
import { counter, type CounterEvent, type CounterState } from './aggregate-store-contract.ts';

export interface SnapshotsUnderTest {
  /** A log whose types include those of `counter`. */
  readonly events: EventStore;
  close(): Promise<void>;
}

const POLICY: SnapshotPolicy<CounterState> = {
  schemaVersion: 1,
  everyEvents: 5,
  schema: z.strictObject({ count: z.int() }),
};
const ID = 'c-1';

/** Runs the contract of snapshots over the event store that `make` sets up. */
export function describeSnapshotsOfAggregates(name: string, make: () => Promise<SnapshotsUnderTest>): void {
  describe(name, () => {
    let store: SnapshotsUnderTest;
    beforeAll(async () => {
      store = await make();
    });
    afterAll(() => store?.close());

    describePolicy(() => store.events);
    describeLoading(() => store.events);
    describeSchemaVersions(() => store.events);
  });
}

function describePolicy(events: () => EventStore): void {
  it('S1-48 are taken by the append that reaches or passes every n-th event, and by no other', async () => {
    const [counters, tenant] = [countersOver(events()), newTenant()];
    const kept: (number | undefined)[] = [];
    for (const [expected, count] of [
      [0, 4],
      [4, 1],
      [5, 4],
      [9, 3],
      [12, 13],
      [25, 1],
    ] as const) {
      await add(counters, tenant, expected, count);
      kept.push((await snapshotOf(events(), tenant))?.streamVersion);
    }
    expect(kept).toEqual([undefined, 5, 5, 12, 25, 25]);
  });

  it('S1-48 of commands that race are one, which belongs to the events that won', async () => {
    const tenant = newTenant();
    const raced = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => add(countersOver(events()), tenant, 0, 5, n + 1)),
    );
    const won = raced.findIndex(({ status }) => status === 'fulfilled');
    expect(raced.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await snapshotOf(events(), tenant)).toMatchObject({
      streamVersion: 5,
      stateText: JSON.stringify({ count: 5 * (won + 1) }),
    });
    expect(await countersOver(events()).load(tenant, ID)).toEqual({
      state: { count: 5 * (won + 1) },
      streamVersion: 5,
    });
  });

  it('keep what the events say, whatever a caller says about the state', async () => {
    const [counters, tenant] = [countersOver(events()), newTenant()];
    const lie = { expected: 0, events: Array.from({ length: 5 }, () => increased(1)), state: { count: 1_000 } };
    await counters.save(tenant, ID, lie, newContext(tenant));
    expect(await counters.load(tenant, ID)).toEqual({ state: { count: 5 }, streamVersion: 5 });
  });

  it('are not taken without a policy', async () => {
    const [counters, tenant] = [countersOver(events(), 'none'), newTenant()];
    await add(counters, tenant, 0, 40);
    expect(await snapshotOf(events(), tenant)).toBeUndefined();
  });
}

function describeLoading(events: () => EventStore): void {
  it('S1-08, S1-10, S4-10 spare a load the events before them: only later ones are read', async () => {
    const [counted, tenant] = [countingReads(events()), newTenant()];
    await add(countersOver(events()), tenant, 0, 1_000);
    await add(countersOver(events()), tenant, 1_000, 3);
    expect(await countersOver(counted).load(tenant, ID)).toEqual({ state: { count: 1_003 }, streamVersion: 1_003 });
    expect(counted.read).toBe(3);
    expect(await countersOver(counted, 'none').load(tenant, ID)).toMatchObject({ state: { count: 1_003 } });
    expect(counted.read).toBe(3 + 1_003);
  });

  it('S1-07, S1-08, S1-10, S4-10 give the state of a full replay, whatever was saved when and under which policy', async () => {
    const save = fc.record({
      by: fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 12 }),
      everyEvents: fc.integer({ min: 1, max: 7 }),
      schemaVersion: fc.constantFrom(1, 2, 3),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(save, { maxLength: 8 }), fc.constantFrom(1, 2, 3), async (saves, readVersion) => {
        const tenant = newTenant();
        let streamVersion = 0;
        for (const { by, everyEvents, schemaVersion } of saves) {
          const counters = countersOver(events(), { ...shapedAs(schemaVersion), everyEvents });
          const change = { expected: streamVersion, events: by.map(increased), state: { count: NaN } };
          ({ streamVersion } = await counters.save(tenant, ID, change, newContext(tenant)));
        }
        const replayed = await countersOver(events(), 'none').load(tenant, ID);
        expect(replayed).toEqual({ state: { count: saves.flatMap(({ by }) => by).reduce(sum, 0) }, streamVersion });
        expect(await countersOver(events(), shapedAs(readVersion)).load(tenant, ID)).toEqual(replayed);
      }),
      { numRuns: 40 },
    );
  });
}

function describeSchemaVersions(events: () => EventStore): void {
  /** A counter of five events whose snapshot says this, under this schema version. */
  async function keptAs(stateText: string, schemaVersion = 1): Promise<TenantId> {
    const tenant = newTenant();
    await add(countersOver(events()), tenant, 0, 4);
    await events().append({
      tenant,
      stream: streamId(counter.streamType, ID),
      expected: 4,
      events: [newEvent('CounterIncreased', { by: 1 })],
      snapshot: { schemaVersion, stateText },
    });
    return tenant;
  }
  const loadedOf = async (tenant: TenantId, policy: SnapshotPolicy<CounterState>) =>
    (await countersOver(events(), policy).load(tenant, ID)).state;

  it('S1-07, S1-10, S4-10 of an older schema version are upcast, hop by hop, before the model sees them', async () => {
    // The state is not what the events say, so that the test sees where it comes from.
    const tenant = await keptAs('{"total":70}');
    const renamed = (state: unknown) => ({ count: (state as { total: number }).total });
    const increasedByOne = (state: unknown) => ({ count: (state as CounterState).count + 1 });
    const policy = { ...POLICY, schemaVersion: 3, upcasters: { 1: renamed, 2: increasedByOne } };
    expect(await loadedOf(tenant, policy)).toEqual({ count: 71 });
  });

  it('S1-07, S1-10, S4-10 of an older schema version are rebuilt from events where no upcaster is given, and replaced', async () => {
    const tenant = await keptAs('{"count":70}');
    const policy = { ...POLICY, schemaVersion: 2 };
    expect(await loadedOf(tenant, policy)).toEqual({ count: 5 });
    await add(countersOver(events(), policy), tenant, 5, 5);
    expect(await snapshotOf(events(), tenant)).toMatchObject({ schemaVersion: 2, stateText: '{"count":10}' });
  });

  it.each([
    { what: 'of a schema version to come', stateText: '{"count":70}', schemaVersion: 2 },
    { what: 'that is no JSON', stateText: '{"count":', schemaVersion: 1 },
    { what: 'that does not fit its schema', stateText: '{"count":"70"}', schemaVersion: 1 },
    { what: 'with fields that nobody knows', stateText: '{"count":70,"more":1}', schemaVersion: 1 },
  ])('S1-07, S1-10, S4-10 $what change nothing but the speed', async ({ stateText, schemaVersion }) => {
    expect(await loadedOf(await keptAs(stateText, schemaVersion), POLICY)).toEqual({ count: 5 });
  });

  it('change nothing but the speed when an upcaster fails', async () => {
    const fails = (): unknown => {
      throw new Error('This upcaster fails.');
    };
    const policy = { ...POLICY, schemaVersion: 2, upcasters: { 1: fails } };
    expect(await loadedOf(await keptAs('{"count":70}'), policy)).toEqual({ count: 5 });
  });
}

/** The counter's state is the same in every schema version of the suite, and older ones are upcast to today's. */
const shapedAs = (schemaVersion: number): SnapshotPolicy<CounterState> => ({
  ...POLICY,
  schemaVersion,
  upcasters: Object.fromEntries(
    Array.from({ length: schemaVersion - 1 }, (_, index) => [index + 1, (state: unknown) => state]),
  ),
});

const sum = (total: number, by: number): number => total + by;
const increased = (by: number): CounterEvent => ({ type: 'CounterIncreased', data: { by } });

const countersOver = (events: EventStore, policy: SnapshotPolicy<CounterState> | 'none' = POLICY) => {
  const snapshots = policy === 'none' ? undefined : new Snapshots(policy);
  return new EventSourcedAggregates(events, counter.streamType, { ...counter, snapshots });
};

/** Saves `count` more events at once, each of which adds `by`. */
const add = (
  counters: EventSourcedAggregates<CounterState, CounterEvent>,
  tenant: TenantId,
  expected: number,
  count: number,
  by = 1,
) =>
  counters.save(
    tenant,
    ID,
    { expected, events: Array.from({ length: count }, () => increased(by)), state: { count: 0 } },
    newContext(tenant),
  );

const snapshotOf = async (events: EventStore, tenant: TenantId) =>
  (await events.readFromSnapshot(tenant, streamId(counter.streamType, ID), { from: 1, to: 100 })).snapshot;

/** The same store, counting the events that it hands out. */
function countingReads(store: EventStore): EventStore & { readonly read: number } {
  let read = 0;
  async function* counted<T>(events: AsyncIterable<T>): AsyncIterable<T> {
    for await (const event of events) {
      read++;
      yield event;
    }
  }
  return {
    append: (append) => store.append(append),
    readStream: (...of) => counted(store.readStream(...of)),
    readFromSnapshot: async (...of) => {
      const { snapshot, later } = await store.readFromSnapshot(...of);
      return { snapshot, later: counted(later) };
    },
    query: (...of) => store.query(...of),
    get read() {
      return read;
    },
  };
}

const newContext = (tenant: TenantId): CommandContext => ({
  commandId: newId(),
  tenant,
  actor: { subject: 'ada', permissions: [] },
  correlationId: 'correlation-1',
  now: new Date('2026-01-01T00:00:00.000Z'),
});
