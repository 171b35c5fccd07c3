// The statements that load and store rows of any read model, set-wise.
import {
  ExactJson,
  InvalidInput,
  VERSION_COLUMN,
  type ColumnMerge,
  type ColumnType,
  type Projection,
  type ReadModelTable,
  type Row,
  type Slice,
} from '@groundwork/application';
import type { Statement } from './database.ts';

export const SQL_TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  'text[]': 'text[]',
  integer: 'integer',
  bigint: 'bigint',
  boolean: 'boolean',
  timestamp: 'timestamptz',
  json: 'jsonb',
  'exact-json': 'text',
};

export const loadStatement = (table: ReadModelTable, tenant: string, keys: readonly string[]): Statement => ({
  name: `load ${nameOf(table)}`,
  text: `select ${columnsOf(table).join(', ')} from ${nameOf(table)} where tenant = $1 and ${quoted(table.key)} = any ($2)`,
  values: [tenant, keys],
});

/** One upsert for a JSON array of rows; each value is cast by its column's type. */
export function storeStatement(table: ReadModelTable, tenant: string, rowsJson: string): Statement {
  const columns = columnsOf(table);
  return {
    name: `store ${nameOf(table)}`,
    text: `insert into ${nameOf(table)} as stored (tenant, ${columns.join(', ')})
           select $1, ${columns.join(', ')} from jsonb_to_recordset($2::jsonb) as row(${typedColumnsOf(table)})
           on conflict (tenant, ${quoted(table.key)}) do update set ${updatesOf(table)} ${onlyNewer(table, '<=')}`,
    values: [tenant, rowsJson],
  };
}

/**
 * Checkpoint and rows of any number of tenants in one statement, which tells whether the checkpoint was as expected.
 * Each row enters its tenant as it is stored: the policies judge every row by the tenant that is set at that moment,
 * and would refuse it if that were another one. It does not wait for the disk: what a crash takes back, it takes back
 * as a whole, and the log, which did wait, gives it again.
 */
export function upsertStatement({ table, merge }: Projection, slice: Slice, to: bigint, rowsJson: string): Statement {
  const columns = columnsOf(table);
  const values = columns.map((column) => `row.${column}`);
  return {
    name: `upsert ${slice.projection}`,
    text: `with moved as (
             update groundwork.projection_slice set position = $4, updated_at = clock_timestamp()
              where projection = $1 and slice = $2 and position = $3 and epoch = $5
                and ($6::text = '[]' or not exists (select from groundwork.parked_stream where projection = $1 and slice = $2))
             returning set_config('synchronous_commit', 'off', true)
           ), stored as (
             insert into ${nameOf(table)} as stored (tenant, ${columns.join(', ')})
             select set_config('groundwork.tenant', row.tenant, true), ${values.join(', ')}
               from moved, jsonb_to_recordset($6::jsonb) as row(tenant text, ${typedColumnsOf(table)})
             on conflict (tenant, ${quoted(table.key)}) do update set ${updatesOf(table, merge)} ${onlyNewer(table, '<')}
           )
           select exists (select from moved) as moved,
                  exists (select from groundwork.parked_stream where projection = $1 and slice = $2) as parked`,
    values: [slice.projection, slice.slice, String(slice.position), String(to), slice.epoch, rowsJson],
  };
}

const MERGED: Readonly<Record<ColumnMerge, (column: string) => string>> = {
  add: (column) => `coalesce(stored.${column}, 0) + coalesce(excluded.${column}, 0)`,
  first: (column) => `coalesce(stored.${column}, excluded.${column})`,
};

const updatesOf = (table: ReadModelTable, merge: Projection['merge'] = {}): string =>
  Object.keys(table.columns)
    .filter((name) => name !== table.key)
    .map((name) => {
      const [column, how] = [quoted(name), merge[name]];
      return `${column} = ${how === undefined ? `excluded.${column}` : MERGED[how](column)}`;
    })
    .join(', ');

/** What another worker has written since can only be newer; it is never taken back. */
const onlyNewer = (table: ReadModelTable, than: '<' | '<='): string =>
  VERSION_COLUMN in table.columns
    ? `where stored.${VERSION_COLUMN} is null or stored.${VERSION_COLUMN} ${than} excluded.${VERSION_COLUMN}`
    : '';

// jsonb ends at 256 MB, and V8 at 512 MB of text.
const CHUNK_BYTES_MAX = 16 * 1024 * 1024;

/** The rows as JSON arrays of bearable size. */
export function* jsonChunks(rows: readonly Row[]): Generator<string> {
  let texts: string[] = [];
  let length = 0;
  for (const row of rows) {
    const text = JSON.stringify(row);
    if (texts.length > 0 && length + text.length > CHUNK_BYTES_MAX) {
      yield `[${texts.join(',')}]`;
      [texts, length] = [[], 0];
    }
    texts.push(text);
    length += text.length;
  }
  if (texts.length > 0) yield `[${texts.join(',')}]`;
}

export const removeStatement = (table: ReadModelTable, tenant: string, keys: readonly string[]): Statement => ({
  name: `remove ${nameOf(table)}`,
  text: `delete from ${nameOf(table)} where tenant = $1 and ${quoted(table.key)} = any ($2)`,
  values: [tenant, keys],
});

/** A row as the projection knows it: big integers as bigint, exact JSON as ExactJson. */
export function rowOf(table: ReadModelTable, stored: Row): Row {
  const row: Record<string, unknown> = {};
  for (const [name, type] of Object.entries(table.columns)) {
    const value = stored[name];
    if (value === null || value === undefined) row[name] = null;
    else if (type === 'bigint') row[name] = BigInt(value as string);
    else if (type === 'exact-json') row[name] = new ExactJson(value as string);
    else row[name] = value;
  }
  return row;
}

/**
 * A row with values that JSON can carry, and its tenant where that is given. Throws InvalidInput
 * `projection.row-refused` for a column that is not declared.
 */
export function storableRow(table: ReadModelTable, row: Row, tenant?: string): Row {
  for (const name in row) if (!(name in table.columns)) throw undeclared(table, name);
  const stored: Record<string, unknown> = { tenant };
  for (const name in table.columns) {
    const value = row[name] ?? null;
    if (typeof value === 'bigint') stored[name] = String(value);
    else if (value instanceof ExactJson) stored[name] = value.text;
    else stored[name] = value;
  }
  return stored;
}

const undeclared = (table: ReadModelTable, name: string): InvalidInput =>
  new InvalidInput(
    'projection.row-refused',
    `A row of ${table.schema}.${table.name} has a column "${name}" that is not declared.`,
    'Declare the column, or leave it out of the row, then retry the parked stream.',
  );

/** Names and types of the columns, as a record has them in SQL. */
export const typedColumnsOf = (table: ReadModelTable): string =>
  Object.entries(table.columns)
    .map(([name, type]) => `${quoted(name)} ${SQL_TYPES[type]}`)
    .join(', ');
/** The table's name, ready to stand in a statement. */
export const nameOf = (table: ReadModelTable): string => `${quoted(table.schema)}.${quoted(table.name)}`;
const columnsOf = (table: ReadModelTable): string[] => Object.keys(table.columns).map(quoted);
export const quoted = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;
