// What every projection store promises, as one suite: an adapter's spec is one call.
import { afterEach, beforeEach, describe } from '@jest/globals';
import { describeDeadLetters } from './dead-letters.ts';
import { describeAdvancing } from './advancing.ts';
import { describeSlices } from './slices.ts';
import { describeUpserting } from './upserting.ts';
import { noteList, noteTypes, type MakeProjectionStore, type ProjectionStoreUnderTest } from './projection-fixture.ts';

/** Runs the contract of ProjectionStore and DeadLetters; `make` gives each test an empty log and an empty table. */
export function describeProjectionStore(name: string, make: MakeProjectionStore): void {
  describe(name, () => {
    let ports: ProjectionStoreUnderTest;
    beforeEach(async () => {
      ports = await make(noteList, noteTypes);
    });
    afterEach(() => ports.close());

    describeSlices(() => ports);
    describeAdvancing(() => ports);
    describeUpserting(() => ports);
    describeDeadLetters(() => ports);
  });
}
