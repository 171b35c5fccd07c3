// Rows are stored with the append in PostgreSQL, with the rights of the api, and with states and rows of TypeORM too.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inlineProjection, type Append, type Projection } from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import {
  describeInlineProjections,
  eventually,
  MemoryLogger,
  newEvent,
  newId,
  newStream,
  newTenant,
  noteList,
  noteTypes,
  VmTimeLimit,
} from '@groundwork/testing';
import { appendBatch } from './append-statement.ts';
import { InlineProjections } from './inline-rows.ts';
import { PostgresEventStore, prepareAppend } from './postgres-event-store.ts';
import { postgresProjectionsUnderTest, type PostgresProjectionsUnderTest } from './postgres-projections-under-test.ts';
import { PostgresStateAggregates } from './postgres-state-aggregates.ts';
import { PostgresTenantDatabase } from './postgres-tenant-database.ts';
import { emptied, postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';
import { Signals } from './signals.ts';

let shared: PostgresUnderTest;
beforeAll(async () => {
  shared = await postgresUnderTest();
});
afterAll(() => shared.close());
describeInlineProjections('PostgresEventStore', (projection, types) =>
  postgresProjectionsUnderTest(projection, types, {}, () => emptied(shared)),
);

const inlineList = inlineProjection(noteList);
const GRANT = 'grant insert, update on contract.note to groundwork_app';
const OWN = `(tenant = nullif(current_setting('groundwork.tenant', true), ''))`;
const PERMIT = `${GRANT};
  drop policy if exists own_tenant_inserts on contract.note;
  drop policy if exists own_tenant_updates on contract.note;
  create policy own_tenant_inserts on contract.note for insert to groundwork_app with check ${OWN};
  create policy own_tenant_updates on contract.note for update to groundwork_app using ${OWN}`;
const LOG_LOCK = 7091720340;
const inlineOf = (projection: Projection): InlineProjections =>
  new InlineProjections([projection], noteTypes, new VmTimeLimit());

let postgres: PostgresUnderTest;
let ports: PostgresProjectionsUnderTest;
let api: ConstructorParameters<typeof PostgresEventStore>[0];
let signals: Signals;
const inline = inlineOf(inlineList);

beforeAll(async () => {
  postgres = await postgresUnderTest();
  ports = await postgresProjectionsUnderTest(inlineList, noteTypes, {}, async () => postgres);
  await ports.store.register(inlineList, 2);
  api = postgres.connect('groundwork_app');
  signals = new Signals(api, undefined, new MemoryLogger());
});
afterAll(() => ports.close());

const textOf = async (tenant: string, id: string): Promise<unknown> =>
  (await ports.readModels.find(inlineList, tenant, id))?.['text'];

const written = (tenant: TenantId, stream: StreamId, text: string, expected: Append['expected'] = 'any'): Append => ({
  tenant,
  stream,
  expected,
  events: [newEvent('NoteWritten', { text })],
});

/** Somebody waits for a lock of this type. */
const waiting = (locktype: 'relation' | 'advisory', count = 1): Promise<boolean> =>
  eventually(async () => {
    const { rows } = await postgres.administrator.query<{ count: number }>(
      `select count(*)::int from pg_locks where locktype = $1 and not granted
          and database = (select oid from pg_database where datname = current_database())`,
      [locktype],
    );
    return rows[0]!.count >= count;
  });

it('stores nothing while the api may not write the table, and says so until grant and policies are there', async () => {
  const events = new PostgresEventStore(api, noteTypes, signals, undefined, inline);
  const [tenant, stream] = [newTenant(), newStream()];
  const append = written(tenant, stream, 'one', 0);
  const refused = { code: 'projection.inline-not-permitted' };
  await expect(events.append(append)).rejects.toMatchObject(refused);
  await ports.administrator.query(GRANT);
  await expect(events.append(append)).rejects.toMatchObject(refused);
  await ports.administrator.query(PERMIT);
  expect(await events.append(append)).toMatchObject({ streamVersion: 1, repeated: false });
  expect(await textOf(tenant, stream.id)).toBe('one');
});

it('stores them with the state of an aggregate, and with rows of TypeORM', async () => {
  await ports.administrator.query(PERMIT);
  const tenant = newTenant();
  const aggregates = new PostgresStateAggregates(api, noteTypes, signals, { type: 'note', initialState: {} }, inline);
  const change = {
    expected: 0,
    events: [{ type: 'NoteWritten', data: { text: 'kept' } }],
    state: { text: 'kept' },
  } as const;
  const actor = { subject: 'ada', permissions: [] };
  const context = { commandId: newId(), tenant, actor, correlationId: newId(), now: new Date() };
  await aggregates.save(tenant, 'n-1', change, context);
  expect(await textOf(tenant, 'n-1')).toBe('kept');
  expect(await aggregates.load(tenant, 'n-1')).toEqual({ state: { text: 'kept' }, streamVersion: 1 });

  const [database, stream] = [new PostgresTenantDatabase(api, noteTypes, signals, inline), newStream()];
  await database.appendWith(written(tenant, stream, 'beside'), async () => undefined);
  expect(await textOf(tenant, stream.id)).toBe('beside');
});

describe('An append that stores rows', () => {
  beforeAll(() => ports.administrator.query(PERMIT));

  it('is stored without them while a column that the program declares is yet to come with a rebuild', async () => {
    const { table } = inlineList;
    const later = {
      ...inlineList,
      schemaVersion: 2,
      table: { ...table, columns: { ...table.columns, color: 'text' } },
    };
    const events = new PostgresEventStore(api, noteTypes, signals, undefined, inlineOf(later as Projection));
    const [tenant, stream] = [newTenant(), newStream()];
    expect(await events.append(written(tenant, stream, 'one'))).toMatchObject({ streamVersion: 1 });
    expect(await textOf(tenant, stream.id)).toBeUndefined();
  });

  it('that meets a switch waits for it, and leaves the table of the later program alone', async () => {
    const { administrator } = ports;
    const events = new PostgresEventStore(api, noteTypes, signals, undefined, inline);
    const [tenant, stream] = [newTenant(), newStream()];
    const stored = (version: number): string =>
      `update groundwork.projection set schema_version = ${version} where name = '${inlineList.name}'`;
    await administrator.query(`begin; lock table contract.note in access exclusive mode; ${stored(2)}`);
    const appended = events.append(written(tenant, stream, 'one'));
    await waiting('relation');
    await administrator.query('commit');
    await appended;
    expect(await textOf(tenant, stream.id)).toBeUndefined();
    await administrator.query(stored(1));
  });

  it('is stored without them while an empty table stands in for a lost one, which the api may not read', async () => {
    const { administrator } = ports;
    const events = new PostgresEventStore(api, noteTypes, signals, undefined, inline);
    const [tenant, stream] = [newTenant(), newStream()];
    await administrator.query('revoke all on contract.note from groundwork_app');
    expect(await events.append(written(tenant, stream, 'one'))).toMatchObject({ streamVersion: 1 });
    await administrator.query(`grant select on contract.note to groundwork_app; ${GRANT}`);
    expect(await textOf(tenant, stream.id)).toBeUndefined();
    await events.append(written(tenant, stream, 'two'));
    expect(await textOf(tenant, stream.id)).toBe('two');
  });

  it('says which table is missing', async () => {
    const lost = { ...inlineList, table: { ...inlineList.table, name: 'lost' } };
    const events = new PostgresEventStore(api, noteTypes, signals, undefined, inlineOf(lost));
    const refused = events.append(written(newTenant(), newStream(), 'one'));
    await expect(refused).rejects.toMatchObject({ code: 'projection.table-missing' });
  });

  it('holds the lock of the log for no more than a second when its process stands still', async () => {
    const prepared = prepareAppend(written(newTenant(), newStream(), 'one'), noteTypes);
    const bounds: unknown[] = [];
    await inline.append(api, prepared, async (query, { append, checkIds }) => {
      bounds.push(...(await query({ name: 'bound', text: 'show idle_in_transaction_session_timeout' })));
      return (await appendBatch(query, [append], checkIds)).verdicts[0]!;
    });
    expect(bounds).toEqual([{ idle_in_transaction_session_timeout: '1s' }]);
  });

  it('holds no connection while it waits for others of its stream', async () => {
    const few = postgres.connect('groundwork_app', { poolSizeMax: 3, connectTimeoutMs: 1_000 });
    const events = new PostgresEventStore(few, noteTypes, signals, undefined, inline);
    const [tenant, stream] = [newTenant(), newStream()];
    const { streamKey } = prepareAppend(written(tenant, stream, 'one'), noteTypes);
    await ports.administrator.query('begin');
    await ports.administrator.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [streamKey]);
    const appends = Array.from({ length: 10 }, () => events.append(written(tenant, stream, 'again')));
    await waiting('advisory');
    expect(await few.query({ name: 'one', text: 'select 1 as one' })).toEqual([{ one: 1 }]);
    await ports.administrator.query('commit');
    const versions = (await Promise.all(appends)).map(({ streamVersion }) => streamVersion);
    expect(versions).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('with rows of TypeORM is told to be repeated when others are faster, if it names no version', async () => {
    const database = new PostgresTenantDatabase(api, noteTypes, signals, inline);
    const plain = new PostgresEventStore(api, noteTypes, signals);
    const [tenant, stream] = [newTenant(), newStream()];
    await database.appendWith(written(tenant, stream, 'one'), async () => undefined);
    await ports.administrator.query(`begin; select pg_advisory_xact_lock(${LOG_LOCK})`);
    const faster = plain.append(written(tenant, stream, 'faster', 1));
    await waiting('advisory');
    const slower = database.appendWith(written(tenant, stream, 'slower'), async () => undefined);
    const refused = expect(slower).rejects.toMatchObject({ code: 'event-store.stream-busy' });
    await waiting('advisory', 2);
    await ports.administrator.query('commit');
    await Promise.all([faster, refused]);
    expect(await database.appendWith(written(tenant, stream, 'slower'), async () => undefined)).toMatchObject({
      streamVersion: 3,
    });
    expect(await textOf(tenant, stream.id)).toBe('slower');
  });
});
