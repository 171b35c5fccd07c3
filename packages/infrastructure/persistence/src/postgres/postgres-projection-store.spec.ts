// The projection store in PostgreSQL keeps the contract of projection stores, and the runner runs on it.
import { EventTypes, ProjectionRunner, type Projection } from '@groundwork/application';
import {
  describeProjectionRunner,
  describeProjectionStore,
  MemoryLogger,
  newEvent,
  newStream,
  newTenant,
  SeededIds,
  SystemClock,
  MemoryMetrics,
  type MakeProjectionStore,
} from '@groundwork/testing';
import { expect, it } from '@jest/globals';
import { PostgresCommandStore } from './postgres-command-store.ts';
import { PostgresDeadLetters } from './postgres-dead-letters.ts';
import { PostgresEventLog } from './postgres-event-log.ts';
import { PostgresEventStore } from './postgres-event-store.ts';
import { PostgresLogSignal } from './postgres-log-signal.ts';
import { PostgresProjectionStore } from './postgres-projection-store.ts';
import { postgresUnderTest } from './postgres-under-test.ts';
import { Signals } from './signals.ts';

const TABLE = `
  create schema contract authorization groundwork_owner;
  set role groundwork_owner;
  create table contract.note (
    tenant text not null, id text not null, text text, count integer, size integer, stream_version bigint,
    primary key (tenant, id)
  );
  alter table contract.note enable row level security, force row level security;
  create policy own_tenant on contract.note to groundwork_app
    using (tenant = nullif(current_setting('groundwork.tenant', true), ''))
    with check (tenant = nullif(current_setting('groundwork.tenant', true), ''));
  grant usage on schema contract to groundwork_app;
  grant select on contract.note to groundwork_app;
  grant insert, update, delete on contract.note to groundwork_worker;
`;

const make: MakeProjectionStore = async (_projection, types) => {
  const postgres = await postgresUnderTest();
  await postgres.administrator.query(TABLE);
  const worker = postgres.connect('groundwork_worker');
  const signals = new Signals(worker, postgres.url, new MemoryLogger());
  return {
    events: new PostgresEventStore(worker, types, signals),
    log: new PostgresEventLog(worker, types),
    signal: new PostgresLogSignal(worker, signals),
    store: new PostgresProjectionStore(worker, signals),
    commands: new PostgresCommandStore(worker, signals),
    deadLetters: new PostgresDeadLetters(worker),
    close: async () => {
      await signals.close();
      await postgres.close();
    },
  };
};

describeProjectionStore('PostgresProjectionStore', make);
describeProjectionRunner('PostgresProjectionStore', make);

it('parks the stream of an event whose follow-up PostgreSQL refuses, and goes on with the others', async () => {
  const poison: Projection = {
    name: 'contract.note-list',
    schemaVersion: 1,
    table: { schema: 'contract', name: 'note', columns: { id: 'text', text: 'text' }, key: 'id' },
    eventTypes: ['NoteWritten'],
    keyOf: (event) => event.stream.id,
    apply: (_row, event) => ({ id: event.stream.id, text: 'seen' }),
    followUps: {
      permissions: [],
      of: ({ data }) => {
        const { key } = data as { key: string };
        return [{ type: 'notes.announce', payload: {}, orderKeys: [key === 'poison' ? '\u0000' : key] }];
      },
    },
  };
  const ports = await make(poison, new EventTypes([{ type: 'NoteWritten', schemaVersion: 1 }]));
  const [tenant, refused] = [newTenant(), newStream()];
  for (const [stream, key] of [
    [newStream(), 'a'],
    [refused, 'poison'],
    [newStream(), 'b'],
  ] as const) {
    await ports.events.append({ tenant, stream, expected: 0, events: [newEvent('NoteWritten', { key })] });
  }
  const [clock, logger, metrics] = [new SystemClock(), new MemoryLogger(), new MemoryMetrics()];
  const runner = new ProjectionRunner(
    poison,
    { ...ports, clock, logger, metrics, ids: new SeededIds() },
    { owner: 'worker-1', slices: 1, retryDelayMs: 1 },
  );
  await runner.runOnce();
  expect(await ports.deadLetters.list(tenant, { limit: 10 })).toMatchObject([
    { stream: { id: refused.id }, error: { code: 'projection.row-refused' } },
  ]);
  expect((await ports.commands.list(tenant, { limit: 10 })).map(({ orderKeys }) => orderKeys)).toEqual([['b'], ['a']]);
  await ports.close();
});
