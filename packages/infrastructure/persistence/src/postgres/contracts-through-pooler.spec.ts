// Commands, projections and aggregates keep their contracts through a PgBouncer in transaction mode.
import { afterAll, beforeAll, describe } from '@jest/globals';
import type { EventTypes, Projection } from '@groundwork/application';
import {
  describeCommandStore,
  describeInlineProjections,
  describeProjectionRunner,
  describeProjectionStore,
  describeRunningCommands,
  type CommandStoreUnderTest,
} from '@groundwork/testing';
import { hasPgBouncer, startPgBouncer, type PgBouncer } from './pooled-postgres-under-test.ts';
import { describePostgresAggregates } from './postgres-aggregates-under-test.ts';
import { postgresProjectionsUnderTest } from './postgres-projections-under-test.ts';
import { emptied, type PostgresUnderTest } from './postgres-under-test.ts';

// Needs PgBouncer, a package of the operating system.
(hasPgBouncer ? describe : describe.skip)('through PgBouncer', () => {
  let bouncer: PgBouncer;
  let shared: PostgresUnderTest;
  beforeAll(async () => {
    bouncer = await startPgBouncer();
    shared = await bouncer.database();
  });
  afterAll(async () => {
    await shared.close();
    await bouncer.close();
  });

  const empty = (): Promise<PostgresUnderTest> => emptied(shared);
  const commandStore = async (): Promise<CommandStoreUnderTest> => {
    const postgres = await empty();
    const { commands, queue } = postgres.stores([]);
    return { commands, queue, close: () => postgres.close() };
  };
  describeCommandStore('PostgresCommandStore', commandStore);
  describeRunningCommands('PostgresCommandStore', commandStore);

  const projections = (projection: Projection, types: EventTypes) =>
    postgresProjectionsUnderTest(projection, types, {}, empty);
  describeProjectionStore('PostgresProjectionStore', projections);
  describeProjectionRunner('PostgresProjectionStore', projections);
  describeInlineProjections('PostgresEventStore', projections);

  describePostgresAggregates(empty);
});
