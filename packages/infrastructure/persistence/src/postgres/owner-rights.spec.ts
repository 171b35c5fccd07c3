// What api and worker say to a function that runs with its owner's rights is never run as SQL.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ROOM_TABLE } from '../drift/rooms-under-test.ts';
import { loginsUnderTest, type LoginsUnderTest } from './logins-under-test.ts';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';

const EXPLOIT = 'alter table groundwork.event no force row level security, disable row level security';
/** Ends the statement that a text would be part of, and begins the next one. */
const ended = (text: string): string => `${text}; ${EXPLOIT}; --`;
const REGISTER = `
  insert into groundwork.projection (name, schema_version, read_model, state)
    values ('plans.room-list', 1, 'plans.room', 'running');
  insert into groundwork.projection_slice (projection, slice, slices) values ('plans.room-list', 0, 1)`;

let postgres: PostgresUnderTest;
let logins: LoginsUnderTest;
beforeAll(async () => {
  postgres = await postgresUnderTest();
  logins = await loginsUnderTest(postgres);
  for (const sql of [ROOM_TABLE, REGISTER]) await postgres.administrator.query(sql);
});
afterEach(async () => {
  await postgres.administrator.query(`
    alter table groundwork.event enable row level security, force row level security;
    select groundwork.drop_rebuild(rebuild_id) from groundwork.rebuild`);
});
afterAll(async () => {
  await logins.drop();
  await postgres.close();
});

const asked = async <R>(sql: string): Promise<R[]> => (await postgres.administrator.query(sql)).rows as R[];
const begin = (name: string, type: string, table = 'plans.room'): string => `
  select groundwork.begin_rebuild('plans.room-list', '${table}', 1, array[$sql$${name}$sql$], array[$sql$${type}$sql$], true)`;
const text = { type: 'text', definition: 'text', details: null };
const columns = ['tenant', 'id'].map((name) => ({ name, ...text }));
// The rest of it is in order: what was done would be undone with an error behind it.
const repair = (form: object, name = 'begin_indexed_repair'): string => {
  const shape = { columns, key: ['tenant', 'id'], keyName: null, uniques: [], indexes: [], ...form };
  return `select groundwork.${name}('plans.room-list', 'plans.room', 1, $sql$${JSON.stringify(shape)}$sql$)`;
};
const column = (form: object, name = 'begin_indexed_repair'): string =>
  repair({ columns: [...columns, { name: 'extra', ...text, ...form }] }, name);
const index = (definition: unknown): string => repair({ indexes: [{ name: 'extra', definition }] });
const compare = (name: string, key: string, names: string): string => `
  ${begin('extra', 'text')};
  select groundwork.${name}((select max(rebuild_id) from groundwork.rebuild), $sql$${key}$sql$, array[$sql$${names}$sql$], 1)`;

const ATTACKS: readonly (readonly [what: string, sql: string])[] = [
  ['a column of a rebuild', begin(ended('extra text'), 'text')],
  ['a type of a rebuild', begin('extra', ended('text'))],
  ['the type that a column of a rebuild becomes', begin('label', ended('integer'))],
  ['a table to rebuild', begin('extra', 'text', ended('plans.room'))],
  ['a column of a repair', column({ name: ended('extra text') })],
  ['a type of a repair', column({ type: ended('text') })],
  ['the definition of a column', column({ definition: ended('text') })],
  ['a collation', column({ details: { collation: ended('"C"'), isNotNull: false } })],
  ['a precision', column({ type: 'timestamptz', definition: ended('timestamptz(3)') })],
  ['a key', repair({ key: ['tenant', ended('id)')] })],
  ['the name of a key', repair({ keyName: ended('k primary key (tenant, id)'), key: ['id', 'tenant'] })],
  ['a unique constraint', repair({ uniques: [{ name: ended('extra unique (id)'), columns: ['id'] }] })],
  ['a column of a unique constraint', repair({ uniques: [{ name: 'extra', columns: [ended('id)')] }] })],
  ['the name of an index', repair({ indexes: [{ name: ended('extra on plans.room (id)'), definition: '(id)' }] })],
  ['the text of an index', index(ended('(id)'))],
  ['the method of an index', index({ method: ended('btree (id)'), columns: ['id'] })],
  ['a column of an index', index({ method: 'btree', columns: [ended('id)')] })],
  ['what an index includes', index({ method: 'btree', columns: ['id'], include: [ended('id)')] })],
  [
    'the condition of an index',
    index({ method: 'btree', columns: ['id'], where: { column: 'id', is: ended('null') } }),
  ],
  [
    'the column of a condition',
    index({ method: 'btree', columns: ['id'], where: { column: ended('id is null'), is: 'null' } }),
  ],
  ['a repair as earlier programs begin it', column({ definition: ended('text') }, 'begin_repair')],
  ['the key of a comparison', compare('compare_rebuild', ended('id'), 'id')],
  ['a column of a comparison', compare('compare_rebuild', 'id', ended('id'))],
  ['the key of a repair’s comparison', compare('compare_repair', ended('id'), 'id')],
  ['a column of a repair’s comparison', compare('compare_repair', 'id', ended('id'))],
];

describe.each(['api', 'worker'] as const)('the login of the %s', (login) => {
  it.each(ATTACKS)('becomes not the owner by %s', async (_what, sql) => {
    await logins.as(logins.names[login], sql).catch(() => undefined);
    const protection = `select relrowsecurity and relforcerowsecurity as forced from pg_class where oid = 'groundwork.event'::regclass`;
    expect(await asked(protection)).toEqual([{ forced: true }]);
  });
});

it('the owner copies no table, and takes no type, that somebody else has made with functions of his own', async () => {
  const { worker } = logins.names;
  const own = `
    insert into groundwork.projection (name, schema_version, read_model, state)
      values ('own', 1, 'pg_temp.own', 'running') on conflict do nothing;
    create temp table own (tenant text, id text);
    create function pg_temp.exploit() returns boolean language sql as 'select true';
    alter table own enable row level security;
    create policy everybody on own using (pg_temp.exploit());
    create domain pg_temp.extra as text check (pg_temp.exploit());`;
  const copied = `${own} select groundwork.begin_rebuild('own', 'pg_temp.own', 1, '{}', '{}', true)`;
  const typed = `${own} ${begin('extra', 'pg_temp.extra')}`;
  for (const sql of [copied, typed]) await expect(logins.as(worker, sql)).rejects.toMatchObject({ code: '42501' });
});

it('those are all functions with their owner’s rights that take a text and make statements', async () => {
  const names = await asked<{ name: string }>(`
    with recursive making (id, name) as (
      select p.oid, p.proname from pg_proc p where p.pronamespace = 'groundwork'::regnamespace and p.prosrc ~ '\\mexecute\\M'
      union
      select p.oid, p.proname from pg_proc p join making m on p.prosrc ~ ('\\m' || m.name || '\\(')
       where p.pronamespace = 'groundwork'::regnamespace
    )
    select m.name from making m join pg_proc p on p.oid = m.id
     where p.prosecdef and has_function_privilege('groundwork_worker', p.oid, 'execute')
       and exists (select from unnest(p.proargtypes) given where format_type(given, null) ~ '^(text|jsonb?)(\\[\\])?$')
     order by m.name`);
  expect(names.map(({ name }) => name)).toEqual([
    'begin_indexed_repair',
    'begin_rebuild',
    'compare_rebuild',
    'compare_repair',
  ]);
});
