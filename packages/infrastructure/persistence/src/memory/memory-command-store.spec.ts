// The command store in memory keeps the contract of command stores, and commands run on it.
import { SystemClock, describeCommandStore, describeRunningCommands } from '@groundwork/testing';
import { MemoryCommandStore } from './memory-command-store.ts';

const make = async () => {
  const store = new MemoryCommandStore(new SystemClock());
  return { commands: store, queue: store, close: async () => undefined };
};

describeCommandStore('MemoryCommandStore', make);
describeRunningCommands('MemoryCommandStore', make);
