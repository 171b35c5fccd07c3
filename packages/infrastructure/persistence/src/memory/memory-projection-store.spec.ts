// The projection store in memory keeps the contract of projection stores, and the runner runs on it.
import {
  SystemClock,
  VmTimeLimit,
  describeInlineProjections,
  describeProjectionRunner,
  describeProjectionStore,
  type EventStoreUnderTest,
  type MakeProjectionStore,
} from '@groundwork/testing';
import { MemoryCommandStore } from './memory-command-store.ts';
import { MemoryEventStore, MemoryLog } from './memory-event-store.ts';
import { MemoryInlineRows } from './memory-inline-rows.ts';
import { MemoryProjectionStore } from './memory-projection-store.ts';
import { MemoryRebuilds } from './memory-rebuilds.ts';

const make: MakeProjectionStore = async (projection, types) => {
  const clock = new SystemClock();
  const log = new MemoryLog();
  const open = (known: typeof types): EventStoreUnderTest => {
    const events = new MemoryEventStore(known, clock, log);
    return { events, log: events, signal: events };
  };
  const commands = new MemoryCommandStore(clock);
  const store = new MemoryProjectionStore(clock, commands);
  const events = new MemoryEventStore(types, clock, log, new MemoryInlineRows([projection], store, new VmTimeLimit()));
  const ofLog = { events, log: events, signal: events, open, commands };
  const ofReadModels = { store, rebuilds: new MemoryRebuilds(clock, store), deadLetters: store, readModels: store };
  return { ...ofLog, ...ofReadModels, close: async () => undefined };
};

describeProjectionStore('MemoryProjectionStore', make);
describeProjectionRunner('MemoryProjectionStore', make);
describeInlineProjections('MemoryProjectionStore', make);
