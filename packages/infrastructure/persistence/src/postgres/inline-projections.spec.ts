// Rows are stored with the append in PostgreSQL, with the rights of the api, and with states and rows of TypeORM too.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { inlineProjection } from '@groundwork/application';
import {
  describeInlineProjections,
  MemoryLogger,
  newEvent,
  newId,
  newStream,
  newTenant,
  noteList,
  noteTypes,
} from '@groundwork/testing';
import { InlineProjections } from './inline-rows.ts';
import { PostgresEventStore } from './postgres-event-store.ts';
import { postgresProjectionsUnderTest, type PostgresProjectionsUnderTest } from './postgres-projections-under-test.ts';
import { PostgresStateAggregates } from './postgres-state-aggregates.ts';
import { PostgresTenantDatabase } from './postgres-tenant-database.ts';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';
import { Signals } from './signals.ts';

describeInlineProjections('PostgresEventStore', postgresProjectionsUnderTest);

const inlineList = inlineProjection(noteList);
const GRANT = 'grant insert, update, delete on contract.note to groundwork_app';
let postgres: PostgresUnderTest;
let ports: PostgresProjectionsUnderTest;
let api: ConstructorParameters<typeof PostgresEventStore>[0];
let signals: Signals;
const inline = new InlineProjections([inlineList], noteTypes);

beforeAll(async () => {
  postgres = await postgresUnderTest();
  ports = await postgresProjectionsUnderTest(inlineList, noteTypes, {}, async () => postgres);
  api = postgres.connect('groundwork_app');
  signals = new Signals(api, undefined, new MemoryLogger());
});
afterAll(() => ports.close());

const textOf = async (tenant: string, id: string): Promise<unknown> =>
  (await ports.readModels.find(inlineList, tenant, id))?.['text'];

it('stores nothing while the api may not write the table, and says which right is missing', async () => {
  const events = new PostgresEventStore(api, noteTypes, signals, undefined, inline);
  const [tenant, stream] = [newTenant(), newStream()];
  const append = { tenant, stream, expected: 0, events: [newEvent('NoteWritten', { text: 'one' })] } as const;
  await expect(events.append(append)).rejects.toMatchObject({ code: 'projection.inline-not-permitted' });
  await ports.administrator.query(GRANT);
  expect(await events.append(append)).toMatchObject({ streamVersion: 1, repeated: false });
  expect(await textOf(tenant, stream.id)).toBe('one');
});

it('stores them with the state of an aggregate, and with rows of TypeORM', async () => {
  await ports.administrator.query(GRANT);
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
  const events = [newEvent('NoteWritten', { text: 'beside' })];
  await database.appendWith({ tenant, stream, expected: 'any', events }, async () => undefined);
  expect(await textOf(tenant, stream.id)).toBe('beside');
});
