// Read models and their projections in PostgreSQL, for the specs of this folder.
import type { EventTypes, Projection } from '@groundwork/application';
import {
  MemoryLogger,
  VmTimeLimit,
  type EventStoreUnderTest,
  type ProjectionStoreUnderTest,
} from '@groundwork/testing';
import { Archive } from '../archive/archive.ts';
import type { DatabaseOptions } from './database.ts';
import { InlineProjections } from './inline-rows.ts';
import { PostgresCommandStore } from './postgres-command-store.ts';
import { PostgresDeadLetters } from './postgres-dead-letters.ts';
import { PostgresEventLog } from './postgres-event-log.ts';
import { PostgresEventStore } from './postgres-event-store.ts';
import { PostgresLogSignal } from './postgres-log-signal.ts';
import { PostgresProjectionStore } from './postgres-projection-store.ts';
import { PostgresReadModels } from './postgres-read-models.ts';
import { PostgresRebuilds } from './postgres-rebuilds.ts';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';
import { Signals } from './signals.ts';

export interface PostgresProjectionsUnderTest extends ProjectionStoreUnderTest {
  readonly url: string;
  readonly administrator: PostgresUnderTest['administrator'];
}

/** The stores as one worker holds them, with the table of the contract's `noteList`. */
export const postgresProjectionsUnderTest = async (
  projection: Projection,
  types: EventTypes,
  options: Partial<DatabaseOptions> = {},
  begin: () => Promise<PostgresUnderTest> = postgresUnderTest,
  archiveFolder?: string,
): Promise<PostgresProjectionsUnderTest> => {
  const postgres = await begin();
  await postgres.administrator.query(TABLE);
  const worker = postgres.connect('groundwork_worker', options);
  const archive = new Archive(worker, archiveFolder);
  const signals = new Signals(worker, postgres.url, new MemoryLogger());
  const open = (known: EventTypes): EventStoreUnderTest => ({
    events: new PostgresEventStore(worker, known, signals, archive),
    log: new PostgresEventLog(worker, known, archive),
    signal: new PostgresLogSignal(worker, known, signals),
  });
  return {
    url: postgres.url,
    administrator: postgres.administrator,
    ...open(types),
    events: new PostgresEventStore(
      worker,
      types,
      signals,
      archive,
      new InlineProjections([projection], types, new VmTimeLimit()),
    ),
    open,
    store: new PostgresProjectionStore(worker, signals),
    rebuilds: new PostgresRebuilds(worker),
    commands: new PostgresCommandStore(worker, signals),
    deadLetters: new PostgresDeadLetters(worker),
    readModels: new PostgresReadModels(worker),
    close: async () => {
      await signals.close();
      await postgres.close();
    },
  };
};

const TABLE = `
  create schema contract authorization groundwork_owner;
  set role groundwork_owner;
  create table contract.note (
    tenant text not null, id text not null, text text, count integer, size integer, stream_version bigint,
    primary key (tenant, id)
  );
  alter table contract.note enable row level security, force row level security;
  create policy owner_all on contract.note to groundwork_owner using (true) with check (true);
  create policy own_tenant on contract.note for select to groundwork_app
    using (tenant = nullif(current_setting('groundwork.tenant', true), ''));
  create policy own_tenant_writes on contract.note to groundwork_worker
    using (tenant = nullif(current_setting('groundwork.tenant', true), ''))
    with check (tenant = nullif(current_setting('groundwork.tenant', true), ''));
  grant usage on schema contract to groundwork_app;
  grant select on contract.note to groundwork_app;
  grant insert, update, delete on contract.note to groundwork_worker;
  reset role;
`;
