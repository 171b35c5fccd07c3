// Two tenants, and every table that there is: what is added later is looked at, too.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newEvent, newStream, newTenant } from '@groundwork/testing';
import { codeOf } from './database-errors.ts';
import type { Database, DatabaseRole } from './database.ts';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';
import { tenantTables, type TenantTable } from './tenant-tables-under-test.ts';

const NOT_PERMITTED = '42501';
const ROLES = ['groundwork_app', 'groundwork_worker'] as const;
// The worker follows the log of all tenants, with snapshots and archive, and finds the streams that it has parked.
const SEEN_WHOLE_BY_WORKER = [
  'groundwork.event',
  'groundwork.stream',
  'groundwork.recorded_event',
  'groundwork.parked_stream',
  'groundwork.snapshot',
  'groundwork.archive',
  'groundwork.archived_stream',
];

let postgres: PostgresUnderTest;
let tables: readonly TenantTable[];
let connections: Record<(typeof ROLES)[number], Database>;
const [mine, theirs] = [newTenant(), newTenant()];

beforeAll(async () => {
  postgres = await postgresUnderTest();
  tables = await tenantTables(postgres);
  for (const table of tables.filter(({ isView }) => !isView)) {
    await postgres.administrator.query(`${table.insertRow(mine, 1_001)}; ${table.insertRow(theirs, 1_002)}`);
  }
  connections = {
    groundwork_app: postgres.connect('groundwork_app'),
    groundwork_worker: postgres.connect('groundwork_worker'),
  };
});
afterAll(() => postgres.close());

let questionCount = 0;

/** The first column of the rows, `not permitted` where the role has no right to ask; nothing is kept. */
async function asked(role: DatabaseRole, tenant: string | undefined, sql: string): Promise<unknown> {
  const nothingKept = new Error('nothing is kept');
  let answer: unknown;
  try {
    await connections[role as (typeof ROLES)[number]].transaction(tenant, async ({ query }) => {
      const rows = await query<Record<string, unknown>>({ name: `asked ${questionCount++}`, text: sql });
      answer = rows.map((row) => Object.values(row)[0]);
      throw nothingKept;
    });
  } catch (error) {
    if (error !== nothingKept) answer = codeOf(error) === NOT_PERMITTED ? 'not permitted' : error;
  }
  return answer;
}

const isSeenWhole = (role: DatabaseRole, table: TenantTable): boolean =>
  role === 'groundwork_worker' && SEEN_WHOLE_BY_WORKER.includes(table.name);

describe.each(ROLES)('S1-05, S4-10 as %s', (role) => {
  it('a tenant sees its own rows and 0 of another’s, in every table and view', async () => {
    for (const table of tables.filter((each) => !isSeenWhole(role, each))) {
      const seen = await asked(role, mine, `select distinct tenant from ${table.name}`);
      if (seen !== 'not permitted') expect([table.name, seen]).toEqual([table.name, [mine]]);
    }
  });

  it('who names no tenant sees no row, in every table and view', async () => {
    for (const table of tables.filter((each) => !isSeenWhole(role, each))) {
      const seen = await asked(role, undefined, `select distinct tenant from ${table.name}`);
      if (seen !== 'not permitted') expect([table.name, seen]).toEqual([table.name, []]);
    }
  });

  it('nobody writes a row for another tenant or for none, nor touches one, in any table', async () => {
    for (const table of tables.filter(({ isView }) => !isView)) {
      for (const [tenant, owner] of [
        [mine, theirs],
        [undefined, mine],
      ] as const) {
        const inserted = await asked(role, tenant, table.insertRow(owner, 1_003));
        expect([table.name, inserted]).toEqual([table.name, 'not permitted']);
        for (const change of [`update ${table.name} set tenant = tenant`, `delete from ${table.name}`]) {
          const changed = await asked(role, tenant, `${change} where tenant = '${owner}' returning tenant`);
          if (changed !== 'not permitted') expect([change, changed]).toEqual([change, []]);
        }
      }
    }
  });
});

it('S1-05, S4-10 what the walk over all tables looks at has rows: the log, commands, read models and dead letters among them', async () => {
  expect(tables.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'clients.client',
      'groundwork.command',
      'groundwork.event',
      'groundwork.parked_stream',
      'groundwork.recorded_event',
      'groundwork.stream',
    ]),
  );
  for (const { name } of tables) {
    const { rows } = await postgres.administrator.query(`select distinct tenant from ${name} order by 1`);
    expect([name, rows.map(({ tenant }) => tenant as string)]).toEqual([name, [mine, theirs].sort()]);
  }
});

it('S1-05, S4-10 the same id in two tenants is two streams', async () => {
  const { events } = postgres.stores([{ type: 'NoteWritten', schemaVersion: 1 }]);
  const [first, second, stream] = [newTenant(), newTenant(), newStream()];
  for (const tenant of [first, second]) {
    const appended = await events.append({
      tenant,
      stream,
      expected: 'no-stream',
      events: [newEvent('NoteWritten', {})],
    });
    expect(appended.streamVersion).toBe(1);
  }
});

// Their text tells how many streams are parked for which error, and why a rebuild is refused: nothing of a tenant.
const TELLS_NOTHING_OF_TENANTS = [
  'groundwork.begin_rebuild(text,text,integer,text[],text[],boolean)',
  'groundwork.begin_indexed_repair(text,text,integer,jsonb)',
  'groundwork.parked_codes(text)',
  'groundwork.roll_back_rebuild(integer)',
];

it('a function that runs with its owner’s rights tells the api numbers and times, or asks for the tenant', async () => {
  const { rows } = await postgres.administrator.query<{ name: string }>(`
    select p.oid::regprocedure::text as name
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where p.prosecdef and n.nspname !~ '^pg_' and has_function_privilege('groundwork_app', p.oid, 'execute')
       and p.prosrc !~ 'current_setting\\(''groundwork\\.tenant'''
       and exists (
         select from unnest(coalesce(p.proallargtypes, array[p.prorettype]),
                            coalesce(p.proargmodes, array['o'::"char"])) as given (type, mode)
          where mode in ('o', 'b', 't')
            and format_type(type, null) !~ '^(smallint|integer|bigint|boolean|timestamp with time zone|void)(\\[\\])?$')`);
  expect(rows.map(({ name }) => name).filter((name) => !TELLS_NOTHING_OF_TENANTS.includes(name))).toEqual([]);
});
