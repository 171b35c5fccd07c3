// Every table and view with a tenant, found in the catalogue, and a row for each, whatever its columns.
import type { PostgresUnderTest } from './postgres-under-test.ts';

export interface TenantTable {
  /** With its schema, as SQL writes it. */
  readonly name: string;
  readonly isView: boolean;
  /** An INSERT of a row whose numbers and texts are made of `number`: rows of one number belong together. */
  insertRow(tenant: string, number: number): string;
}

/**
 * The tables of the whole product. Constraints that tie a row to others, or its values to a list, are dropped: what is
 * asked here is who sees a row, and any row will do.
 */
export async function tenantTables({ administrator }: PostgresUnderTest): Promise<readonly TenantTable[]> {
  const { rows } = await administrator.query<{ name: string; is_view: boolean; columns: Column[] }>(TABLES);
  const { rows: ties } = await administrator.query<{ sql: string }>(TIES);
  for (const { sql } of ties) await administrator.query(sql);
  return rows.map(({ name, is_view: isView, columns }) => ({
    name,
    isView,
    insertRow: (tenant, number) => insertion(name, columns, tenant, number),
  }));
}

interface Column {
  readonly name: string;
  readonly type: string;
}

const TABLES = `
  select c.oid::regclass::text as name, c.relkind = 'v' as is_view,
         (select json_agg(json_build_object('name', quote_ident(a.attname), 'type', format_type(a.atttypid, null))
                          order by a.attnum)
            from pg_attribute a
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attnotnull)
           as columns
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant' and not t.attisdropped
   where c.relkind in ('r', 'p', 'v') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   order by 1`;

const TIES = `
  select format('alter table %s drop constraint %I cascade', k.conrelid::regclass, k.conname) as sql
    from pg_constraint k join pg_attribute t on t.attrelid = k.conrelid and t.attname = 'tenant'
   where k.contype in ('c', 'f') and k.conparentid = 0`;

function insertion(table: string, columns: readonly Column[], tenant: string, number: number): string {
  const values = columns.map(({ name, type }) => (name === 'tenant' ? `'${tenant}'` : valueOf(table, type, number)));
  const names = columns.map(({ name }) => name);
  return `insert into ${table} (${names.join(', ')}) overriding system value values (${values.join(', ')})`;
}

function valueOf(table: string, type: string, number: number): string {
  const value = VALUES[type];
  if (value === undefined) throw new Error(`Say in VALUES what a column of type ${type} may hold (${table}).`);
  return value(number);
}

// Texts are JSON, because some are read as such.
const VALUES: Readonly<Record<string, (number: number) => string>> = {
  text: (number) => `'{"row":${number}}'`,
  'text[]': (number) => `array['row ${number}']`,
  uuid: () => 'gen_random_uuid()',
  smallint: String,
  integer: String,
  bigint: String,
  'bigint[]': (number) => `'{${number}}'`,
  'double precision': String,
  numeric: String,
  boolean: () => 'false',
  date: () => 'current_date',
  'timestamp with time zone': () => 'clock_timestamp()',
  json: () => `'{}'`,
  jsonb: () => `'{}'`,
  bytea: () => `'\\x00'`,
};
