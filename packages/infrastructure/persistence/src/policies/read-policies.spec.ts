// What a projection declares about end users, as an end user of PostgreSQL sees it.
import { EventTypes, ProjectionRunner, type Projection, type ReadPolicy, type Row } from '@groundwork/application';
import { parseTenantId, streamId } from '@groundwork/domain';
import {
  MemoryLogger,
  MemoryMetrics,
  MemoryTracer,
  newEvent,
  rebuilt,
  SeededIds,
  SystemClock,
  VmTimeLimit,
} from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  postgresProjectionsUnderTest,
  type PostgresProjectionsUnderTest,
} from '../postgres/postgres-projections-under-test.ts';
import { lintPolicies } from './lint-policies.ts';

const deskList: Projection = {
  name: 'plans.desk-list',
  schemaVersion: 1,
  table: {
    schema: 'plans',
    name: 'desk',
    columns: { id: 'text', owner: 'text', note: 'text', is_open: 'boolean' },
    key: 'id',
  },
  eventTypes: ['DeskSet'],
  keyOf: (event) => event.stream.id,
  apply: (_row, event) => ({ ...(event.data as Row), id: event.stream.id }),
  readPolicy: { scope: { userColumn: 'owner' }, where: { is_open: true }, redactedColumns: ['note'] },
};
const { readPolicy: _, ...undeclared } = deskList;
const shownToAll: Projection = { ...undeclared, readPolicy: { scope: 'tenant' } };

let ports: PostgresProjectionsUnderTest;
beforeEach(async () => {
  ports = await postgresProjectionsUnderTest(deskList, new EventTypes([{ type: 'DeskSet', schemaVersion: 1 }]));
  await run(DESK_TABLE);
  await set('acme', 'a', { owner: 'ann', note: 'secret', is_open: true });
  await set('acme', 'b', { owner: 'bob', note: 'secret', is_open: true });
  await set('acme', 'c', { owner: 'ann', note: 'secret', is_open: false });
  await set('zeta', 'd', { owner: 'ann', note: 'secret', is_open: true });
  const [clock, ids, timeLimit] = [new SystemClock(), new SeededIds(), new VmTimeLimit()];
  const [logger, metrics, tracer] = [new MemoryLogger(), new MemoryMetrics(), new MemoryTracer()];
  const runner = new ProjectionRunner(
    deskList,
    { ...ports, clock, ids, timeLimit, logger, metrics, tracer },
    { owner: 'w' },
  );
  await runner.runOnce();
});
afterEach(() => ports.close());

const run = (...statements: readonly string[]) => ports.administrator.query(statements.join(';\n'));
const set = (tenant: string, id: string, data: Row) =>
  ports.events.append({
    tenant: parseTenantId(tenant),
    stream: streamId('desk', id),
    expected: 'any',
    events: [newEvent('DeskSet', data)],
  });
const faults = async (projection = deskList) =>
  (await lintPolicies(ports.url, [projection])).map(({ kind, detail }) => `${kind}: ${detail}`);
const applied = async (projection = deskList) =>
  run(...(await lintPolicies(ports.url, [projection])).flatMap(({ up }) => up));

/** What PostgreSQL gives an end user. */
async function asUser<R>(tenant: string, user: string, sql = 'select * from plans.desk_for_users'): Promise<R[]> {
  await run('begin', 'set local role groundwork_reader');
  try {
    await ports.administrator.query(
      `select set_config('groundwork.tenant', $1, true), set_config('groundwork.user', $2, true)`,
      [tenant, user],
    );
    return (await ports.administrator.query(sql)).rows as R[];
  } finally {
    await run('rollback');
  }
}

describe('S1-64 the read policy of a projection', () => {
  it('shows end users their own rows, none of others or of other tenants, and null for what is redacted', async () => {
    expect(await faults()).toEqual(['read-policy-missing: plans.desk-list declares one']);
    await expect(asUser('acme', 'ann')).rejects.toMatchObject({ code: '42501' });
    await applied();
    expect(await faults()).toEqual([]);

    expect(await asUser('acme', 'ann')).toEqual([{ id: 'a', owner: 'ann', note: null, is_open: true }]);
    expect(await asUser('acme', 'bob')).toEqual([{ id: 'b', owner: 'bob', note: null, is_open: true }]);
    expect(await asUser('zeta', 'ann')).toEqual([{ id: 'd', owner: 'ann', note: null, is_open: true }]);
    for (const [tenant, user] of [
      ['acme', 'eve'],
      ['zeta', 'bob'],
      ['', 'ann'],
      ['acme', ''],
    ]) {
      expect(await asUser(tenant!, user!)).toEqual([]);
    }
  });

  it('holds on the table itself, too: the same rows, and no way to a redacted column', async () => {
    await applied();
    expect(await asUser('acme', 'ann', 'select id, owner from plans.desk')).toEqual([{ id: 'a', owner: 'ann' }]);
    for (const sql of [
      'select note from plans.desk',
      `select id from plans.desk where note = 'secret'`,
      'select * from plans.desk',
      `update plans.desk set owner = 'ann'`,
      'delete from plans.desk',
    ]) {
      await expect(asUser('acme', 'ann', sql)).rejects.toMatchObject({ code: '42501' });
    }
  });

  it('is dissolved into the query, so that it costs no more than the table', async () => {
    await applied();
    const plan = await asUser('acme', 'ann', `explain select * from plans.desk_for_users where id = 'a'`);
    expect(JSON.stringify(plan)).toMatch(/(Index|Seq|Bitmap Heap) Scan (using \w+ )?on desk/);
  });

  it('may show all rows of the tenant with all columns', async () => {
    await applied(shownToAll);
    expect(await faults(shownToAll)).toEqual([]);
    expect(await asUser('acme', 'eve', 'select id, note from plans.desk_for_users order by id')).toEqual(
      ['a', 'b', 'c'].map((id) => ({ id, note: 'secret' })),
    );
  });

  it.each([
    ['lets more rows through', 'alter policy end_users on plans.desk using (true)', 'condition'],
    ['lets a redacted column be read', 'grant select (note) on plans.desk to groundwork_reader', 'columns'],
    [
      'shows a redacted column',
      `create or replace function plans.desk_for_users() returns table (id text, owner text, note text, is_open boolean)
         language sql stable as $$ select id, owner, note, is_open from plans.desk $$`,
      'what is shown',
    ],
  ])(
    'is found when what is stored %s, and is as declared behind what the linter proposes',
    async (_what, sql, part) => {
      await applied();
      await run(sql);
      expect(await faults()).toContain(`read-policy-differs: ${part}`);
      await run(
        ...(await lintPolicies(ports.url, [deskList])).flatMap(({ up, kind }) =>
          kind === 'read-policy-differs' ? up : [],
        ),
      );
      expect(await faults()).toEqual([]);
    },
  );

  it.each([
    ['end users', 'for select to groundwork_reader using (true)'],
    ['everybody', 'using (true)'],
    ['a program and end users', 'for select to groundwork_app, groundwork_reader using (true)'],
  ])(
    'is found when another policy for %s lets more rows through, which is taken from end users',
    async (_who, text) => {
      await applied();
      await run(`create policy wide on plans.desk ${text}`);
      expect(await asUser('acme', 'eve', 'select id from plans.desk')).not.toEqual([]);
      expect(await faults()).toContain('read-policy-differs: policy wide beside it');
      const fault = (await lintPolicies(ports.url, [deskList])).find(({ kind }) => kind === 'read-policy-differs');
      await run(...fault!.up);
      expect(await faults()).not.toContainEqual(expect.stringContaining('read-policy-differs'));
      expect(await asUser('acme', 'eve', 'select id from plans.desk')).toEqual([]);
    },
  );

  it.each([
    ['end users', 'for select to groundwork_reader using (true)'],
    ['everybody', 'using (true)'],
    ['a program and end users', 'for select to groundwork_app, groundwork_reader using (true)'],
  ])('is not opened wider by its first creation, when a policy for %s is there before it', async (_who, text) => {
    await run(`create policy wide on plans.desk ${text}`);
    expect(await faults()).toContain('read-policy-missing: plans.desk-list declares one, policy wide beside it');
    await applied();
    expect(await asUser('acme', 'eve', 'select id from plans.desk')).toEqual([]);
    expect(await asUser('acme', 'ann', 'select id from plans.desk')).toEqual([{ id: 'a' }]);
    expect(await faults()).not.toContainEqual(expect.stringContaining('read-policy'));
  });

  it('lets policies be that are for programs, for writing, or that only narrow', async () => {
    await applied();
    await run(
      'create policy wide_writes on plans.desk for update to groundwork_reader using (true)',
      'create policy narrow on plans.desk as restrictive for select to groundwork_reader using (is_open)',
    );
    expect(await faults()).not.toContainEqual(expect.stringContaining('read-policy-differs'));
  });

  it('is recognised as it was stored, whatever it compares', async () => {
    const columns = { ...deskList.table.columns, seats: 'bigint' } as const;
    const comparing = (where: ReadPolicy['where'] & object): Projection => ({
      ...deskList,
      table: { ...deskList.table, columns },
      readPolicy: { scope: 'tenant', where },
    });
    for (const where of [
      { note: `it's (odd) \\ AND "so"` },
      { note: '' },
      { is_open: false },
      ...[0, -1, 2_147_483_647, 2_147_483_648, Number.MIN_SAFE_INTEGER].map((seats) => ({ seats })),
      { seats: 4, note: 'a  b', is_open: true },
    ]) {
      await applied(comparing(where));
      expect(await faults(comparing(where))).toEqual([]);
      expect(await faults(comparing({ ...where, note: 'a b' }))).toEqual(['read-policy-differs: condition']);
    }
  });

  it('is found when no projection declares it any more, and is taken back', async () => {
    await applied();
    expect(await faults(undeclared)).toEqual(['read-policy-undeclared: plans.desk-list declares none']);
    await applied(undeclared);
    expect(await faults(undeclared)).toEqual([]);
    await expect(asUser('acme', 'ann', 'select id from plans.desk')).rejects.toMatchObject({ code: '42501' });
  });

  it('holds on after a rebuild, for the rows of the new table', async () => {
    await applied();
    await run(`update plans.desk set owner = 'eve'`);
    expect(await asUser('acme', 'ann')).toEqual([]);
    await ports.store.releaseAll('w');
    await rebuilt(ports, deskList);
    expect(await asUser('acme', 'ann')).toEqual([{ id: 'a', owner: 'ann', note: null, is_open: true }]);
    expect(await faults()).toEqual([]);
  });

  it('is refused where it names what is not there, compares what cannot be equal, or hides the key', async () => {
    for (const readPolicy of [
      { scope: { userColumn: 'nobody' } },
      { scope: { userColumn: 'is_open' } },
      { scope: 'tenant', where: { is_open: 'yes' } },
      { scope: 'tenant', where: { colour: 'red' } },
      { scope: 'tenant', redactedColumns: ['id'] },
    ] as const) {
      await expect(faults({ ...deskList, readPolicy })).rejects.toMatchObject({
        code: 'projection.read-policy-impossible',
      });
    }
  });
});

const DESK_TABLE = `
  create schema plans authorization groundwork_owner;
  set role groundwork_owner;
  grant usage on schema plans to groundwork_app, groundwork_worker;
  create table plans.desk (tenant text not null, id text, owner text, note text, is_open boolean, seats bigint,
    primary key (tenant, id));
  alter table plans.desk enable row level security, force row level security;
  create policy owner_all on plans.desk to groundwork_owner using (true) with check (true);
  create policy own_tenant on plans.desk for select to groundwork_app
    using (tenant = nullif(current_setting('groundwork.tenant', true), ''));
  create policy own_tenant_writes on plans.desk to groundwork_worker
    using (tenant = nullif(current_setting('groundwork.tenant', true), ''))
    with check (tenant = nullif(current_setting('groundwork.tenant', true), ''));
  grant select on plans.desk to groundwork_app;
  grant select, insert, update, delete on plans.desk to groundwork_worker;
  reset role;
`;
