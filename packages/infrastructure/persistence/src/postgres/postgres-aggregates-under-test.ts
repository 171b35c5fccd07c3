// Both families of aggregates over PostgreSQL, under the contract of aggregate stores.
import { EventSourcedAggregates, EventTypes } from '@groundwork/application';
import { MemoryLogger, counter, describeAggregateStore, describeSnapshotsOfAggregates } from '@groundwork/testing';
import { PostgresEventStore } from './postgres-event-store.ts';
import { PostgresStateAggregates } from './postgres-state-aggregates.ts';
import type { PostgresUnderTest } from './postgres-under-test.ts';
import { Signals } from './signals.ts';

const types = new EventTypes(counter.eventTypes);

/** Runs the contracts on the databases that `open` gives. */
export function describePostgresAggregates(open: () => Promise<PostgresUnderTest>): void {
  const openLog = async () => {
    const postgres = await open();
    const app = postgres.connect('groundwork_app');
    const signals = new Signals(app, postgres.url, new MemoryLogger());
    const close = async (): Promise<void> => {
      await signals.close();
      await postgres.close();
    };
    return { app, signals, events: new PostgresEventStore(app, types, signals), close };
  };

  describeAggregateStore('EventSourcedAggregates in PostgreSQL', async () => {
    const { events, close } = await openLog();
    const aggregates = new EventSourcedAggregates(events, counter.streamType, counter);
    return { aggregates, events, keepsStates: false, close };
  });

  describeAggregateStore('PostgresStateAggregates', async () => {
    const { app, signals, events, close } = await openLog();
    const aggregate = { type: counter.streamType, initialState: counter.initialState };
    const aggregates = new PostgresStateAggregates(app, types, signals, aggregate);
    return { aggregates, events, keepsStates: true, close };
  });

  describeSnapshotsOfAggregates('Snapshots in PostgreSQL', openLog);
}
