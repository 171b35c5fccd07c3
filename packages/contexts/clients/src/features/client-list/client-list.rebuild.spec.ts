import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newTenant } from '@groundwork/testing';
import { afterAll, afterEach, beforeEach, expect, it } from '@jest/globals';
import { clientDatabaseUnderTest, type ClientDatabase } from '../../adapters/client-database-under-test.ts';
import { relayed, sample, SAMPLE_ID } from '../../change-events-under-test.ts';
import { clientsUnderTest, type ClientsUnderTest } from '../../clients-under-test.ts';
import { CLIENT_MAPPING } from '../../model/client-mapping.ts';

const folder = mkdtempSync(join(tmpdir(), 'clients-'));
let database: ClientDatabase;
let clients: ClientsUnderTest;
beforeEach(async () => {
  database = await clientDatabaseUnderTest();
  clients = await clientsUnderTest({ databaseUrl: database.url });
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  await clients.close();
  await database.close();
});

const list = async () => (await clients.call('GET /v1/clients')).body as { items: readonly Record<string, unknown>[] };
/** Over every column of every row of all tenants. */
const checksum = (): Promise<{ rows: number; sum: string }> =>
  database.as('groundwork_owner').withEntities('none', async (manager) => {
    const [found] = await manager.query<{ rows: number; sum: string }[]>(
      `select count(*)::int as rows, md5(string_agg(client::text, e'\\n' order by tenant, aggregate_id)) as sum
         from clients.client`,
    );
    return found!;
  });

it('S0-12 S0-14 the list has one row for each client with its last values, and a rebuild gives the identical table', async () => {
  await clients.post(sample('account-create.eventbridge'));
  await clients.post(sample('account-update.pubsub'));
  await clients.post(relayed({ kind: 'UPDATE', ids: ['0015f00002J9YYE'], fields: { Name: 'Early' } }));
  await clients.post(
    relayed({ kind: 'CREATE', ids: ['0015f00002J9YYE'], transactionKey: 'late', fields: { Name: 'x', Industry: 'y' } }),
  );
  await clients.post(sample('account-create.pubsub'), { tenant: newTenant() });
  const before = await checksum();
  expect(before.rows).toBe(3);
  expect((await list()).items).toMatchObject([
    { id: '0015f00002J9YYEAA3', name: 'Early', industry: 'y', awaitingBackfill: false, streamVersion: 2 },
    { id: SAMPLE_ID, name: 'Nordlicht Verlag GmbH', status: 'Paused', priority: 'High', streamVersion: 2 },
  ]);
  await database.as('groundwork_owner').withEntities('none', (manager) => manager.query('delete from clients.client'));
  expect(await checksum()).toEqual({ rows: 0, sum: null });
  await clients.rebuild();
  expect(await checksum()).toEqual(before);
});

it('S0-31 a client is inserted once and updated after, in each tenant on its own', async () => {
  const other = newTenant();
  await clients.post(sample('account-create.eventbridge'));
  await clients.post(sample('account-create.pubsub'), { tenant: other });
  await clients.post(sample('account-update.pubsub'));
  const listed = async (tenant?: typeof other) =>
    ((await clients.call('GET /v1/clients', tenant === undefined ? {} : { tenant })).body as { items: unknown[] })
      .items;
  expect(await listed()).toMatchObject([{ id: SAMPLE_ID, status: 'Paused', streamVersion: 2 }]);
  expect(await listed(other)).toMatchObject([{ id: SAMPLE_ID, status: 'Active', streamVersion: 1 }]);
});

it('times at the ends of the years that are kept come back as they were', async () => {
  const [CreatedDate, LastModifiedDate] = ['0001-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z'];
  await clients.post(relayed({ kind: 'CREATE', fields: { CreatedDate, LastModifiedDate } }));
  await clients.post(relayed({ kind: 'UPDATE', transactionKey: 'second', fields: { Name: 'Old' } }));
  expect((await list()).items).toMatchObject([
    { name: 'Old', createdAt: CreatedDate, lastModifiedAt: LastModifiedDate },
  ]);
});

it('S0-74 a corrected mapping and a rebuild give right values from the events that were stored before', async () => {
  await clients.post(relayed({ kind: 'CREATE', fields: { Name: 'Acme', Status__c: 'Active' } }));
  expect((await list()).items).toMatchObject([{ name: 'Acme', status: null, mappingVersion: 1 }]);
  await clients.close();

  const mappingFile = join(folder, 'mapping.json');
  const columns = CLIENT_MAPPING.columns.map((mapped) =>
    mapped.column === 'status' ? { column: 'status', from: ['Status__c'] } : mapped,
  );
  writeFileSync(mappingFile, JSON.stringify({ version: 2, columns }));
  clients = await clientsUnderTest({ databaseUrl: database.url, mappingFile });
  await clients.settle();
  await clients.rebuild();
  expect((await list()).items).toMatchObject([{ name: 'Acme', status: 'Active', mappingVersion: 2 }]);
});

it('S1-67 a repair makes a table that was lost as the migration does, with the rows that it had', async () => {
  await clients.post(sample('account-create.eventbridge'));
  await clients.post(sample('account-create.pubsub'), { tenant: newTenant() });
  const [rows, shape] = [await checksum(), await database.shape()];
  expect(shape).toContainEqual(expect.objectContaining({ kind: 'index', name: 'client_listed' }));
  await database.as('groundwork_owner').withEntities('none', (manager) => manager.query('drop table clients.client'));
  await clients.rebuild({ isShadow: false, isRepair: true });
  expect(await checksum()).toEqual(rows);
  expect(await database.shape()).toEqual(shape);
  expect((await list()).items).toHaveLength(1);
});
