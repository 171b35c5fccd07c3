// What happens to commands on every adapter of the command store: run at once, or by the worker.
import { afterEach, beforeEach, describe } from '@jest/globals';
import type { CommandStoreUnderTest } from './command-store-contract.ts';
import { describeConsuming } from './consuming.ts';
import { describeExecuting } from './executing.ts';
import { describeGivingUp } from './giving-up.ts';
import { describeHolding } from './holding.ts';
import { describeRetrying } from './retrying.ts';

/** Runs commands on the store that `make` sets up; each test gets one without commands. */
export function describeRunningCommands(name: string, make: () => Promise<CommandStoreUnderTest>): void {
  describe(`running commands on ${name}`, () => {
    let store: CommandStoreUnderTest;
    beforeEach(async () => {
      store = await make();
    });
    afterEach(() => store.close());

    describeConsuming(() => store);
    describeGivingUp(() => store);
    describeHolding(() => store);
    describeRetrying(() => store);
    describeExecuting(() => store);
  });
}
