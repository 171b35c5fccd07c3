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
import type { PostgresUnderTest } from './postgres-under-test.ts';

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

  /** One database for all tests, emptied for each: copies would take most of the time. */
  const emptied = async (): Promise<PostgresUnderTest> => {
    await shared.administrator.query(EMPTY);
    return { ...shared, close: () => shared.disconnect() };
  };
  const commandStore = async (): Promise<CommandStoreUnderTest> => {
    const postgres = await emptied();
    const { commands, queue } = postgres.stores([]);
    return { commands, queue, close: () => postgres.close() };
  };
  describeCommandStore('PostgresCommandStore', commandStore);
  describeRunningCommands('PostgresCommandStore', commandStore);

  const projections = (projection: Projection, types: EventTypes) =>
    postgresProjectionsUnderTest(projection, types, {}, emptied);
  describeProjectionStore('PostgresProjectionStore', projections);
  describeProjectionRunner('PostgresProjectionStore', projections);
  describeInlineProjections('PostgresEventStore', projections);

  describePostgresAggregates(emptied);
});

// The few rows are deleted sooner than tables are truncated, which makes each of them anew with its indexes.
const EMPTY = `
  set session_replication_role = replica;
  do $$ declare made text;
  begin
    for made in select nspname from pg_namespace where nspname ~ '^(contract|groundwork_rebuild)' loop
      execute format('drop schema %I cascade', made);
    end loop;
    for made in select oid::regclass from pg_class
                 where relnamespace = 'groundwork'::regnamespace and relkind = 'r' and relname <> 'migration' loop
      execute format('delete from %s', made);
    end loop;
  end $$;
  set session_replication_role = origin`;
