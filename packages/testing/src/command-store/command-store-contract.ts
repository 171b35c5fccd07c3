// What every command store promises, as one suite: an adapter's spec is one call.
import { afterEach, beforeEach, describe } from '@jest/globals';
import type { CommandQueue, CommandStore } from '@groundwork/application';
import { describeAccepting } from './accepting.ts';
import { describeClaiming } from './claiming.ts';

export interface CommandStoreUnderTest {
  readonly commands: CommandStore;
  readonly queue: CommandQueue;
  close(): Promise<void>;
}

/** Runs the contract of CommandStore and CommandQueue; `make` gives each test a store without commands. */
export function describeCommandStore(name: string, make: () => Promise<CommandStoreUnderTest>): void {
  describe(name, () => {
    let store: CommandStoreUnderTest;
    beforeEach(async () => {
      store = await make();
    });
    afterEach(() => store.close());

    describeAccepting(() => store);
    describeClaiming(() => store);
  });
}
