// Each fault of row-level security is planted, is found by its name, and is gone after what the linter proposes.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ROOM_TABLE } from '../drift/rooms-under-test.ts';
import { postgresUnderTest, type PostgresUnderTest } from '../postgres/postgres-under-test.ts';
import { lintPolicies } from './lint-policies.ts';
import { insistsOnTenant } from './tenant-condition.ts';

const OWN = "tenant = nullif(current_setting('groundwork.tenant', true), '')";

let postgres: PostgresUnderTest;
beforeAll(async () => {
  postgres = await postgresUnderTest();
});
afterAll(() => postgres.close());
beforeEach(() => run(ROOM_TABLE));
afterEach(() => run('drop schema plans cascade'));

const run = (...statements: readonly string[]) => postgres.administrator.query(statements.join(';\n'));
/** What is found, as `kind: table policy, detail`. */
const found = async (): Promise<readonly string[]> =>
  (await lintPolicies(postgres.url)).map(
    ({ kind, table, policy, detail }) => `${kind}: ${table} ${policy ?? '-'}, ${detail}`,
  );

describe('S1-65 gw db policies', () => {
  it('finds nothing in the tables of the product', async () => {
    expect(await found()).toEqual([]);
  });

  it('tells of the live table alone what its build and its former table copy', async () => {
    await run(
      'drop policy own_tenant on plans.room; create schema groundwork_rebuild_1',
      'create table groundwork_rebuild_1.room (like plans.room including all)',
    );
    expect(await found()).toEqual(['policy-missing: plans.room -, select for groundwork_app']);
    await run('drop schema groundwork_rebuild_1 cascade');
  });

  it.each([
    [
      'a missing policy',
      'drop policy own_tenant on plans.room',
      ['policy-missing: plans.room -, select for groundwork_app'],
    ],
    [
      'missing policies for what a program writes',
      'drop policy own_tenant_writes on plans.room',
      ['policy-missing: plans.room -, delete, insert, update for groundwork_worker'],
    ],
    [
      'a missing policy of the owner, whose exports would leave rows out',
      'drop policy owner_all on plans.room',
      ['policy-missing: plans.room -, all for groundwork_owner'],
    ],
    [
      'a table that nothing protects',
      `create table plans.desk (tenant text not null, id text); alter table plans.desk owner to groundwork_owner;
       create policy owner_all on plans.desk to groundwork_owner using (true) with check (true)`,
      ['row-security-off: plans.desk -, enable and force it'],
    ],
    [
      'row-level security that spares the owner',
      'alter table plans.room no force row level security',
      ['row-security-off: plans.room -, enable and force it'],
    ],
    [
      'a policy without a tenant',
      'alter policy own_tenant on plans.room using (true)',
      ['tenant-condition-missing: plans.room own_tenant, true'],
    ],
    [
      'a policy whose tenant is one of two ways in',
      `alter policy own_tenant on plans.room using (${OWN} or label = 'open')`,
      [expect.stringMatching(/^tenant-condition-missing: plans.room own_tenant, .* OR /)],
    ],
    [
      'a policy that lets a program write for other tenants',
      'alter policy own_tenant_writes on plans.room with check (true)',
      [expect.stringContaining('tenant-condition-missing: plans.room own_tenant_writes')],
    ],
    [
      'a policy for everybody',
      'create policy all_rooms on plans.room for select to public using (seats > 0)',
      ['tenant-condition-missing: plans.room all_rooms, (seats > 0)'],
    ],
    [
      'a policy on a table without a tenant',
      `create table plans.floor (id text); alter table plans.floor owner to groundwork_owner;
       create policy own_tenant on plans.floor to groundwork_app using (id = 'a')`,
      ['wrong-table: plans.floor own_tenant, the table has no tenant'],
    ],
    [
      'a policy that asks another table',
      `create policy by_client on plans.room for select to groundwork_app
         using (exists (select from clients.client c where c.${OWN}))`,
      ['wrong-table: plans.room by_client, it asks clients.client'],
    ],
    [
      'a policy that is there twice',
      `create policy own_tenant_too on plans.room for select to groundwork_app using (${OWN})`,
      ['duplicate: plans.room own_tenant_too, it says what own_tenant says'],
    ],
    [
      'a policy for what its role may not do',
      `create policy own_tenant_deletes on plans.room for delete to groundwork_app using (${OWN})`,
      ['unused: plans.room own_tenant_deletes, delete for groundwork_app'],
    ],
  ])(
    'finds %s, and nothing else; what it proposes does away with it, and can be taken back',
    async (_, sql, faults) => {
      await run(sql);
      expect(await found()).toEqual(faults);
      const proposed = await lintPolicies(postgres.url);
      await run(...proposed.flatMap(({ up }) => up));
      expect(await found()).toEqual([]);
      await run(...proposed.toReversed().flatMap(({ down }) => down));
      expect(await found()).toEqual(faults);
    },
  );
});

describe('the condition of a policy insists on the tenant', () => {
  const PRINTED = "(tenant = NULLIF(current_setting('groundwork.tenant'::text, true), ''::text))";
  it.each([
    [PRINTED, true],
    [`(${PRINTED} AND (seats > 0))`, true],
    [`((seats > 0) AND (${PRINTED} AND (label = ') OR ('::text)))`, true],
    [`(${PRINTED} OR (seats > 0))`, false],
    [`((${PRINTED} OR (seats > 0)) AND (seats > 0))`, false],
    [`(NOT ${PRINTED})`, false],
    ["(tenant = current_setting('groundwork.tenant'::text, true))", false],
    [`(label = '${PRINTED.replaceAll("'", "''")}'::text)`, false],
    ['true', false],
    [null, false],
  ])('%s: %s', (expression, insists) => {
    expect(insistsOnTenant(expression)).toBe(insists);
  });
});
