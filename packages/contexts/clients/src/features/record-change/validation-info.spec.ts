// What was checked about a change event can be asked of the database.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { clientDatabaseUnderTest, type ClientDatabase } from '../../adapters/client-database-under-test.ts';
import { relayed, SAMPLE_ID, SAMPLE_TENANT } from '../../change-events-under-test.ts';
import { clientsUnderTest, type ClientsUnderTest } from '../../clients-under-test.ts';

const UNKNOWN_ID = '0015f00002J9YYEAA3';
const CAMPAIGN_ID = '7015f000000AbCdAAK';

let database: ClientDatabase;
let clients: ClientsUnderTest;
beforeAll(async () => {
  database = await clientDatabaseUnderTest();
  clients = await clientsUnderTest({ databaseUrl: database.url });
});
afterAll(async () => {
  await clients.close();
  await database.close();
});

/** The records whose events fulfil a condition on `validation_info`, as the tenant's own role sees them. */
const recordsWith = (condition: string): Promise<readonly string[]> =>
  database.as('groundwork_app').withEntities(SAMPLE_TENANT, async (manager) => {
    const rows = await manager.query<{ aggregate_id: string }[]>(
      `select aggregate_id from groundwork.recorded_event where ${condition} order by position`,
    );
    return rows.map((row) => row.aggregate_id);
  });

it('S0-10 which rules ran, their outcomes, the mapping version and the mark for backfill can be queried in SQL', async () => {
  await clients.post(relayed({ kind: 'CREATE', fields: { Name: 'Acme' } }));
  await clients.post(relayed({ kind: 'UPDATE', ids: [UNKNOWN_ID], fields: { Name: 'Early' } }));
  await clients.post(relayed({ kind: 'CREATE', entity: 'Campaign', ids: [CAMPAIGN_ID], fields: { Name: 'Spring' } }));

  const all = [SAMPLE_ID, UNKNOWN_ID, `Campaign:${CAMPAIGN_ID}`];
  const outcome = (rule: string, found: string): string =>
    `validation_info @> '{"rules":[{"rule":"${rule}","outcome":"${found}"}]}'`;
  expect(await recordsWith(outcome('envelope-readable', 'passed'))).toEqual(all);
  expect(await recordsWith(outcome('entity-registered', 'passed'))).toEqual([SAMPLE_ID, UNKNOWN_ID]);
  expect(await recordsWith(outcome('entity-registered', 'noted'))).toEqual([`Campaign:${CAMPAIGN_ID}`]);
  expect(await recordsWith(outcome('record-complete', 'noted'))).toEqual([UNKNOWN_ID]);
  expect(await recordsWith(`validation_info->>'backfill' = 'marked'`)).toEqual([UNKNOWN_ID]);
  expect(await recordsWith(`(validation_info->>'mappingVersion')::int = 1`)).toEqual(all);
  expect(await recordsWith(`(validation_info->>'mappingVersion')::int = 2`)).toEqual([]);
});
