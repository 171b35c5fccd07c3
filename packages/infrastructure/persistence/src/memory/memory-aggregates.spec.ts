// Both families of aggregates keep the contract of aggregate stores over the log in memory.
import { EventSourcedAggregates, EventTypes } from '@groundwork/application';
import { SystemClock, counter, describeAggregateStore, describeSnapshotsOfAggregates } from '@groundwork/testing';
import { MemoryEventStore } from './memory-event-store.ts';
import { MemoryStateAggregates } from './memory-state-aggregates.ts';

const newLog = (): MemoryEventStore => new MemoryEventStore(new EventTypes(counter.eventTypes), new SystemClock());

describeAggregateStore('EventSourcedAggregates in memory', async () => {
  const events = newLog();
  return {
    aggregates: new EventSourcedAggregates(events, counter.streamType, counter),
    events,
    keepsStates: false,
    close: async () => undefined,
  };
});

describeAggregateStore('MemoryStateAggregates', async () => {
  const events = newLog();
  const aggregates = new MemoryStateAggregates(events, counter.streamType, counter.initialState);
  return { aggregates, events, keepsStates: true, close: async () => undefined };
});

describeSnapshotsOfAggregates('Snapshots in memory', async () => ({ events: newLog(), close: async () => undefined }));
