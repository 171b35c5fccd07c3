// The projection store in memory keeps the contract of projection stores, and the runner runs on it.
import {
  SystemClock,
  describeProjectionRunner,
  describeProjectionStore,
  type EventStoreUnderTest,
  type MakeProjectionStore,
} from '@groundwork/testing';
import { MemoryCommandStore } from './memory-command-store.ts';
import { MemoryEventStore, MemoryLog } from './memory-event-store.ts';
import { MemoryProjectionStore } from './memory-projection-store.ts';
import { MemoryRebuilds } from './memory-rebuilds.ts';

const make: MakeProjectionStore = async (_projection, types) => {
  const clock = new SystemClock();
  const log = new MemoryLog();
  const open = (known: typeof types): EventStoreUnderTest => {
    const events = new MemoryEventStore(known, clock, log);
    return { events, log: events, signal: events };
  };
  const commands = new MemoryCommandStore(clock);
  const store = new MemoryProjectionStore(clock, commands);
  const ofLog = { ...open(types), open, commands };
  const ofReadModels = { store, rebuilds: new MemoryRebuilds(clock, store), deadLetters: store, readModels: store };
  return { ...ofLog, ...ofReadModels, close: async () => undefined };
};

describeProjectionStore('MemoryProjectionStore', make);
describeProjectionRunner('MemoryProjectionStore', make);
