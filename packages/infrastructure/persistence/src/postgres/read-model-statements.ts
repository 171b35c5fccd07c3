// The statements that load and store rows of any read model, set-wise.
import { ExactJson, type ColumnType, type ReadModelTable, type Row } from '@groundwork/application';
import type { Statement } from './database.ts';

const SQL_TYPES: Readonly<Record<ColumnType, string>> = {
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
  const types = Object.entries(table.columns).map(([name, type]) => `${quoted(name)} ${SQL_TYPES[type]}`);
  const updates = columns
    .filter((column) => column !== quoted(table.key))
    .map((column) => `${column} = excluded.${column}`);
  return {
    name: `store ${nameOf(table)}`,
    text: `insert into ${nameOf(table)} (tenant, ${columns.join(', ')})
           select $1, ${columns.join(', ')} from jsonb_to_recordset($2::jsonb) as row(${types.join(', ')})
           on conflict (tenant, ${quoted(table.key)}) do update set ${updates.join(', ')}`,
    values: [tenant, rowsJson],
  };
}

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

/** A row with values that JSON can carry. */
export function storableRow(table: ReadModelTable, row: Row): Row {
  const stored: Record<string, unknown> = {};
  for (const [name, type] of Object.entries(table.columns)) {
    const value = row[name] ?? null;
    if (value !== null && type === 'bigint') stored[name] = String(value);
    else if (value instanceof ExactJson) stored[name] = value.text;
    else stored[name] = value;
  }
  return stored;
}

const nameOf = (table: ReadModelTable): string => `${quoted(table.schema)}.${quoted(table.name)}`;
const columnsOf = (table: ReadModelTable): string[] => Object.keys(table.columns).map(quoted);
const quoted = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;
