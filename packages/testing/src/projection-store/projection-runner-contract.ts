// What the projection runner does on every adapter of its ports.
import { afterEach, beforeEach, describe } from '@jest/globals';
import { describeExplaining } from './explaining.ts';
import { describeFollowingSetWise } from './following-set-wise.ts';
import { describeFollowing } from './following-the-log.ts';
import { describeFollowingUp } from './following-up.ts';
import { describeHanging } from './hanging.ts';
import { describeLostOwners } from './lost-owners.ts';
import { describeParking } from './parking.ts';
import { noteList, noteTypes, type MakeProjectionStore, type ProjectionStoreUnderTest } from './projection-fixture.ts';
import { describeRebuilding } from './rebuilding.ts';
import { describeRebuildingAStream } from './rebuilding-a-stream.ts';
import { describeRelaying } from './relaying.ts';
import { describeSeveralWorkers } from './several-workers.ts';
import { describeSplittingProjections } from './splitting.ts';
import { describeTransientFaults } from './transient-faults.ts';

/** Runs projections on the ports that `make` sets up; each test gets an empty log and an empty table. */
export function describeProjectionRunner(name: string, make: MakeProjectionStore): void {
  describe(`ProjectionRunner on ${name}`, () => {
    let ports: ProjectionStoreUnderTest;
    beforeEach(async () => {
      ports = await make(noteList, noteTypes);
    });
    afterEach(() => ports.close());

    describeFollowing(() => ports);
    describeExplaining(() => ports);
    describeFollowingSetWise(() => ports);
    describeFollowingUp(() => ports);
    describeHanging(() => ports);
    describeLostOwners(() => ports);
    describeParking(() => ports);
    describeTransientFaults(() => ports);
    describeRebuilding(() => ports);
    describeRebuildingAStream(() => ports);
    describeRelaying(() => ports);
    describeSeveralWorkers(() => ports);
    describeSplittingProjections(() => ports);
  });
}
