// The event store in memory keeps the contract of event stores.
import { SystemClock, describeEventStore } from '@groundwork/testing';
import { MemoryEventStore, MemoryLog } from './memory-event-store.ts';

describeEventStore('S1-09, S4-10 MemoryEventStore', async () => {
  const log = new MemoryLog();
  return {
    open: async (types) => {
      const store = new MemoryEventStore(types, new SystemClock(), log);
      return { events: store, log: store, signal: store };
    },
    close: async () => undefined,
  };
});
