// What every aggregate store promises, as one suite: an adapter's spec is one call.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  VersionConflict,
  type AggregateStore,
  type CommandContext,
  type EventStore,
  type EventTypeDefinition,
} from '@groundwork/application';
import { AggregateRoot, streamId, type DomainEvent } from '@groundwork/domain';
import { collected, dataOf, newId, newTenant } from '../new-event.ts';

export interface CounterState {
  readonly count: number;
}
export type CounterEvent = DomainEvent<'CounterIncreased', { readonly by: number }>;

/** The counter of the suite: what is 0 at first grows with each event. */
export const counter = {
  streamType: 'counter',
  eventTypes: [{ type: 'CounterIncreased', schemaVersion: 1 }] satisfies EventTypeDefinition[],
  initialState: { count: 0 } as CounterState,
  evolve: ({ count }: CounterState, { data }: CounterEvent): CounterState => ({ count: count + data.by }),
};

export interface AggregateStoreUnderTest {
  readonly aggregates: AggregateStore<CounterState, CounterEvent>;
  readonly events: EventStore;
  /** False when the state is a replay: what a save says about it is not looked at. */
  readonly keepsStates: boolean;
  close(): Promise<void>;
}

/** Runs the contract of AggregateStore; `make` sets up a store for `counter` and the log its events go to. */
export function describeAggregateStore(name: string, make: () => Promise<AggregateStoreUnderTest>): void {
  describe(name, () => {
    let store: AggregateStoreUnderTest;
    beforeEach(async () => {
      store = await make();
    });
    afterEach(() => store.close());

    describeSaving(() => store);
    describeConflicts(() => store);
  });
}

/** The counter as a model that changes its own state. */
class Counter extends AggregateRoot<CounterState, CounterEvent> {
  #state: CounterState;
  constructor(state: CounterState) {
    super();
    this.#state = state;
  }
  get state(): CounterState {
    return this.#state;
  }
  increase(by: number): void {
    this.#state = { count: this.#state.count + by };
    this.record(increased(by));
  }
}

const increased = (by: number): CounterEvent => ({ type: 'CounterIncreased', data: { by } });
const change = (expected: number, from: number, ...by: number[]) => ({
  expected,
  events: by.map(increased),
  state: { count: by.reduce((sum, one) => sum + one, from) },
});

function newContext(): CommandContext {
  return {
    commandId: newId(),
    tenant: newTenant(),
    actor: { subject: 'ada', permissions: [] },
    correlationId: 'correlation-1',
    now: new Date('2026-01-01T00:00:00.000Z'),
  };
}

function describeSaving(store: () => AggregateStoreUnderTest): void {
  it('loads the initial state at version 0 of an aggregate that does not exist yet', async () => {
    const loaded = await store().aggregates.load(newTenant(), 'c-1');
    expect(loaded).toEqual({ state: { count: 0 }, streamVersion: 0 });
  });

  it('loads what was saved, and has announced it in the same step', async () => {
    const [{ aggregates, events }, tenant, context] = [store(), newTenant(), newContext()];
    const saved = await aggregates.save(tenant, 'c-1', change(0, 0, 2, 3), context);
    expect(saved).toMatchObject({ streamVersion: 2, repeated: false });
    expect(await aggregates.load(tenant, 'c-1')).toEqual({ state: { count: 5 }, streamVersion: 2 });
    const stored = await collected(events.readStream(tenant, streamId(counter.streamType, 'c-1')));
    expect(stored.map((event) => [event.type, dataOf(event), event.metadata.causationId])).toEqual([
      ['CounterIncreased', { by: 2 }, context.commandId],
      ['CounterIncreased', { by: 3 }, context.commandId],
    ]);
  });

  it('S2-16 announces nothing again when what was loaded is saved', async () => {
    const [{ aggregates, events }, tenant] = [store(), newTenant()];
    const made = new Counter({ count: 0 });
    made.increase(2);
    await aggregates.save(tenant, 'c-1', { expected: 0, events: made.takeEvents(), state: made.state }, newContext());
    const { state, streamVersion } = await aggregates.load(tenant, 'c-1');
    const loaded = new Counter(state);
    const change = { expected: streamVersion, events: loaded.takeEvents(), state: loaded.state };
    expect(change).toEqual({ expected: 1, events: [], state: { count: 2 } });
    expect(await aggregates.save(tenant, 'c-1', change, newContext())).toMatchObject({ streamVersion: 1 });
    expect(await collected(events.readStream(tenant, streamId(counter.streamType, 'c-1')))).toHaveLength(1);
  });

  it('keeps aggregates and tenants apart', async () => {
    const [{ aggregates }, tenant, other] = [store(), newTenant(), newTenant()];
    await aggregates.save(tenant, 'c-1', change(0, 0, 1), newContext());
    expect((await aggregates.load(tenant, 'c-2')).streamVersion).toBe(0);
    expect((await aggregates.load(other, 'c-1')).streamVersion).toBe(0);
  });

  it('answers a repeated command with its first result', async () => {
    const [{ aggregates }, tenant, context] = [store(), newTenant(), newContext()];
    const first = await aggregates.save(tenant, 'c-1', change(0, 0, 2), context);
    await aggregates.save(tenant, 'c-1', change(1, 2, 5), newContext());
    expect(await aggregates.save(tenant, 'c-1', change(0, 0, 2), context)).toEqual({ ...first, repeated: true });
    expect(await aggregates.load(tenant, 'c-1')).toEqual({ state: { count: 7 }, streamVersion: 2 });
  });
}

function describeConflicts(store: () => AggregateStoreUnderTest): void {
  it('stores neither state nor events when the aggregate is at another version', async () => {
    const [{ aggregates, events }, tenant] = [store(), newTenant()];
    await aggregates.save(tenant, 'c-1', change(0, 0, 1), newContext());
    const late = aggregates.save(tenant, 'c-1', change(0, 0, 10), newContext());
    await expect(late).rejects.toBeInstanceOf(VersionConflict);
    expect(await aggregates.load(tenant, 'c-1')).toEqual({ state: { count: 1 }, streamVersion: 1 });
    expect(await collected(events.readStream(tenant, streamId(counter.streamType, 'c-1')))).toHaveLength(1);
  });

  it('stores nothing when there is nothing to tell, and still refuses another version', async () => {
    const [{ aggregates, events }, tenant] = [store(), newTenant()];
    await aggregates.save(tenant, 'c-1', change(0, 0, 1), newContext());
    const nothing = { streamVersion: 1, position: 0n, repeated: false };
    expect(await aggregates.save(tenant, 'c-1', change(1, 1), newContext())).toEqual(nothing);
    for (const [id, expected] of [
      ['c-1', 5],
      ['c-2', 5],
    ] as const) {
      const late = aggregates.save(tenant, id, change(expected, id === 'c-1' ? 1 : 0), newContext());
      await expect(late).rejects.toBeInstanceOf(VersionConflict);
    }
    expect(await collected(events.readStream(tenant, streamId(counter.streamType, 'c-1')))).toHaveLength(1);
  });

  it('refuses a state that changed without an event, where states are kept', async () => {
    const [{ aggregates, keepsStates }, tenant] = [store(), newTenant()];
    await aggregates.save(tenant, 'c-1', change(0, 0, 1), newContext());
    const silent = aggregates.save(tenant, 'c-1', change(1, 7), newContext());
    if (keepsStates) await expect(silent).rejects.toMatchObject({ code: 'aggregate.unannounced-change' });
    else await silent;
    expect(await aggregates.load(tenant, 'c-1')).toEqual({ state: { count: 1 }, streamVersion: 1 });
  });

  it('lets one of 20 simultaneous saves win', async () => {
    const [{ aggregates }, tenant] = [store(), newTenant()];
    const saves = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => aggregates.save(tenant, 'c-1', change(0, 0, index + 1), newContext())),
    );
    const winner = saves.findIndex(({ status }) => status === 'fulfilled');
    expect(saves.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await aggregates.load(tenant, 'c-1')).toEqual({ state: { count: winner + 1 }, streamVersion: 1 });
  });
}
