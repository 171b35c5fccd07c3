// PostgreSQL itself keeps tenants apart: policies on every table, rights on nothing else, no leak through the pool.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newEvent, newStream, newTenant } from '@groundwork/testing';
import { loginsUnderTest, type LoginsUnderTest } from './logins-under-test.ts';
import { postgresUnderTest, type PostgresUnderTest, type Stores } from './postgres-under-test.ts';
import { setupSql, type Logins } from './roles.ts';

const ROLES = ['groundwork_app', 'groundwork_worker'];
// What belongs to the whole installation, not to a tenant.
const WITHOUT_TENANT = [
  'groundwork.data_migration',
  'groundwork.migration',
  'groundwork.projection',
  'groundwork.projection_slice',
  'groundwork.projection_worker',
  'groundwork.rebuild',
];

let postgres: PostgresUnderTest;
let stores: Stores;
let administrator: PostgresUnderTest['administrator'];
let logins: Logins;
let made: LoginsUnderTest;
beforeAll(async () => {
  postgres = await postgresUnderTest();
  stores = postgres.stores([{ type: 'NoteWritten', schemaVersion: 1 }]);
  ({ administrator } = postgres);
  made = await loginsUnderTest(postgres);
  logins = made.names;
});
afterAll(async () => {
  await made.drop();
  await postgres.close();
});

const names = async (sql: string): Promise<string[]> =>
  (await administrator.query<{ name: string }>(sql)).rows.map((row) => row.name);

describe('the catalogue', () => {
  it('forces row-level security on every table of a tenant, and every table is one but the named few', async () => {
    const tables = await administrator.query<{ name: string; forced: boolean; has_tenant: boolean; policies: number }>(`
      select c.oid::regclass::text as name, c.relrowsecurity and c.relforcerowsecurity as forced,
             exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and a.attnotnull) as has_tenant,
             (select count(*)::int from pg_policy p where p.polrelid = c.oid) as policies
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`);
    expect(tables.rows.length).toBeGreaterThan(WITHOUT_TENANT.length);
    for (const table of tables.rows) {
      if (WITHOUT_TENANT.includes(table.name)) continue;
      expect(table).toEqual({ ...table, forced: true, has_tenant: true });
      expect(table.policies).toBeGreaterThan(0);
    }
  });

  it('gives the application roles neither ownership nor a way around the policies', async () => {
    const { rows } = await administrator.query<{ rolname: string; free: boolean; owns: number }>(
      `
      select r.rolname, r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb as free,
             (select count(*)::int from pg_class c where c.relowner = r.oid) as owns
        from pg_roles r where r.rolname = any ($1)`,
      [ROLES],
    );
    expect(rows.map(({ rolname }) => rolname).sort()).toEqual(ROLES);
    for (const role of rows) expect(role).toMatchObject({ free: false, owns: 0 });
  });

  it('has no view that looks with its owner’s eyes, and no materialized view', async () => {
    expect(await names(`select oid::regclass::text as name from pg_class where relkind = 'm'`)).toEqual([]);
    expect(
      await names(`
        select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind = 'v' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
           and not coalesce('security_invoker=true' = any (c.reloptions), false)`),
    ).toEqual([]);
  });

  it('fixes the search path of every function that runs with its owner’s rights, and lets not everybody run it', async () => {
    expect(
      await names(`
        select p.oid::regprocedure::text as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where p.prosecdef and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
           and (not coalesce(p.proconfig::text ~ 'search_path=([a-z]+, )?pg_catalog, pg_temp', false)
                or has_function_privilege('public', p.oid, 'execute'))`),
    ).toEqual([]);
  });

  it('lets the application write the log through its functions only', async () => {
    for (const table of ['groundwork.event', 'groundwork.stream', 'groundwork.snapshot']) {
      for (const role of ROLES) {
        const { rows } = await administrator.query<{ may: boolean }>(
          `select has_table_privilege($1, $2, 'insert, update, delete, truncate') as may`,
          [role, table],
        );
        expect(rows[0]).toEqual({ may: false });
      }
    }
    for (const login of [logins.api, logins.worker]) {
      for (const sql of [
        `insert into groundwork.stream (tenant, type, id) values ('t', 's', 'x')`,
        `update groundwork.event set data = '{}'`,
        'delete from groundwork.event',
        'truncate groundwork.event',
      ]) {
        await expect(as(login, sql)).rejects.toMatchObject({ code: '42501' });
      }
    }
  });
});

describe('the logins that gw db setup makes', () => {
  it('may become no more than their own role: not the owner, and the api not the worker', async () => {
    expect(await rolesOf(logins.api)).toEqual(['groundwork_app']);
    expect(await rolesOf(logins.worker)).toEqual(['groundwork_app', 'groundwork_worker']);
    expect(await rolesOf(logins.migration)).toEqual(['groundwork_owner']);
    for (const login of [logins.api, logins.worker]) {
      for (const sql of [
        'set role groundwork_owner; delete from groundwork.event',
        'alter table groundwork.event disable row level security',
        'drop table groundwork.event',
        'create table groundwork.mine ()',
      ]) {
        await expect(as(login, sql)).rejects.toMatchObject({ code: '42501' });
      }
    }
    await expect(as(logins.api, 'set role groundwork_worker')).rejects.toMatchObject({ code: '42501' });
  });

  it('let the api read one tenant at a time, and the log of all tenants only the worker', async () => {
    const [mine, theirs] = [newTenant(), newTenant()];
    for (const tenant of [mine, theirs]) {
      const events = [newEvent('NoteWritten', {})];
      await stores.events.append({ tenant, stream: newStream(), expected: 'no-stream', events });
    }
    const tenants = 'select distinct tenant from groundwork.event';
    expect(await as(logins.api, tenants)).toEqual([]);
    expect(await as(logins.api, `set groundwork.tenant = '${mine}'; ${tenants}`)).toEqual([{ tenant: mine }]);
    const log = `
      select distinct split_part(event, E'\\x1f', 2) as tenant
        from groundwork.read_log_page(0, 1000, 1000, array['NoteWritten'], array[0], 1, 1000000)`;
    await expect(as(logins.api, log)).rejects.toMatchObject({ code: '42501' });
    expect(await as(logins.worker, log)).toEqual(expect.arrayContaining([{ tenant: mine }, { tenant: theirs }]));
  });

  it('lose what an earlier version gave them', async () => {
    const { api, worker } = logins;
    await administrator.query(`grant groundwork_owner, groundwork_app, groundwork_worker to ${api}, ${worker}`);
    await administrator.query(setupSql(await databaseName(), logins));
    expect(await rolesOf(api)).toEqual(['groundwork_app']);
    expect(await rolesOf(worker)).toEqual(['groundwork_app', 'groundwork_worker']);
  });

  it('may be one for api and worker, which is then not the owner either', async () => {
    await administrator.query(setupSql(await databaseName(), { ...logins, api: logins.worker }));
    expect(await rolesOf(logins.worker)).toEqual(['groundwork_app', 'groundwork_worker']);
  });
});

describe('a tenant', () => {
  it('sees nothing of another, in no table, whatever it asks for', async () => {
    const [mine, theirs, stream] = [newTenant(), newTenant(), newStream()];
    for (const tenant of [mine, theirs]) {
      await stores.events.append({
        tenant,
        stream,
        expected: 'no-stream',
        events: [newEvent('NoteWritten', { tenant })],
      });
    }
    const seen = await stores.app.transaction(mine, ({ query }) =>
      query<{ tenant: string }>({
        name: 'all',
        text: 'select tenant from groundwork.event union select tenant from groundwork.stream',
      }),
    );
    expect(seen).toEqual([{ tenant: mine }]);
    const asked = await stores.app.transaction(mine, ({ query }) =>
      query({
        name: 'their stream',
        text: 'select * from groundwork.read_stream($1, $2, $3, 1, 100, null, null, 100, 1000000)',
        values: [theirs, stream.type, stream.id],
      }),
    );
    expect(asked).toEqual([]);
  });

  it('does not leak through a pooled connection after errors, time-outs and rollbacks', async () => {
    const database = postgres.connect('groundwork_app', { poolSizeMax: 2 });
    const tenant = newTenant();
    await stores.events.append({
      tenant,
      stream: newStream(),
      expected: 'no-stream',
      events: [newEvent('NoteWritten', {})],
    });
    const all = { name: 'count', text: 'select count(*)::int as count from groundwork.event' };
    const failures = [
      () => database.transaction(tenant, ({ query }) => query({ name: 'fails', text: 'select 1 / 0' })),
      () => database.transaction(tenant, async () => Promise.reject(new Error('the caller gave up'))),
      () =>
        database.transaction(tenant, ({ query }) =>
          query({ name: 'late', text: `set local statement_timeout = 20; select pg_sleep(1)` }),
        ),
      () =>
        database.transaction(tenant, ({ query }) =>
          query({ name: 'killed', text: 'select pg_terminate_backend(pg_backend_pid())' }),
        ),
      () => database.withEntities(tenant, (manager) => manager.query('select 1 / 0')),
    ];
    for (const failure of failures) {
      await expect(failure()).rejects.toBeDefined();
      expect(await database.query(all)).toEqual([{ count: 0 }]);
      expect(await database.transaction(tenant, ({ query }) => query(all))).toEqual([{ count: 1 }]);
      expect(await database.query(all)).toEqual([{ count: 0 }]);
    }
  });
});

const databaseName = async (): Promise<string> => (await names('select current_database() as name'))[0]!;

const as = (login: string, sql: string): Promise<unknown[]> => made.as(login, sql);

/** Every role that the login may become. */
async function rolesOf(login: string): Promise<string[]> {
  return names(`
    select rolname as name from pg_roles
     where pg_has_role('${login}', oid, 'member') and rolname <> '${login}' order by 1`);
}
