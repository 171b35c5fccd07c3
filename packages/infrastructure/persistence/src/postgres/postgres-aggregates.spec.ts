// Both families of aggregates keep the contract of aggregate stores over PostgreSQL.
import { EventSourcedAggregates, EventTypes } from '@groundwork/application';
import { MemoryLogger, counter, describeAggregateStore, describeSnapshotsOfAggregates } from '@groundwork/testing';
import { PostgresEventStore } from './postgres-event-store.ts';
import { PostgresStateAggregates } from './postgres-state-aggregates.ts';
import { postgresUnderTest } from './postgres-under-test.ts';
import { Signals } from './signals.ts';

const types = new EventTypes(counter.eventTypes);

async function openLog() {
  const postgres = await postgresUnderTest();
  const app = postgres.connect('groundwork_app');
  const signals = new Signals(app, postgres.url, new MemoryLogger());
  const close = async (): Promise<void> => {
    await signals.close();
    await postgres.close();
  };
  return { app, signals, events: new PostgresEventStore(app, types, signals), close };
}

describeAggregateStore('EventSourcedAggregates in PostgreSQL', async () => {
  const { events, close } = await openLog();
  return {
    aggregates: new EventSourcedAggregates(events, counter.streamType, counter),
    events,
    keepsStates: false,
    close,
  };
});

describeAggregateStore('PostgresStateAggregates', async () => {
  const { app, signals, events, close } = await openLog();
  const aggregate = { type: counter.streamType, initialState: counter.initialState };
  return { aggregates: new PostgresStateAggregates(app, types, signals, aggregate), events, keepsStates: true, close };
});

describeSnapshotsOfAggregates('Snapshots in PostgreSQL', openLog);
