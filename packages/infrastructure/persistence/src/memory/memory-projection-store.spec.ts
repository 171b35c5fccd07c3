// The projection store in memory keeps the contract of projection stores, and the runner runs on it.
import {
  SystemClock,
  describeProjectionRunner,
  describeProjectionStore,
  type MakeProjectionStore,
} from '@groundwork/testing';
import { MemoryCommandStore } from './memory-command-store.ts';
import { MemoryEventStore } from './memory-event-store.ts';
import { MemoryProjectionStore } from './memory-projection-store.ts';
import { MemoryRebuilds } from './memory-rebuilds.ts';

const make: MakeProjectionStore = async (_projection, types) => {
  const clock = new SystemClock();
  const events = new MemoryEventStore(types, clock);
  const commands = new MemoryCommandStore(clock);
  const store = new MemoryProjectionStore(clock, commands);
  const ofLog = { events, log: events, signal: events, commands };
  const ofReadModels = { store, rebuilds: new MemoryRebuilds(clock, store), deadLetters: store, readModels: store };
  return { ...ofLog, ...ofReadModels, close: async () => undefined };
};

describeProjectionStore('MemoryProjectionStore', make);
describeProjectionRunner('MemoryProjectionStore', make);
