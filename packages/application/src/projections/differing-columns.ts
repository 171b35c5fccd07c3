// Which columns of two rows differ, whatever form an adapter gives their values.
import { ExactJson } from '../exact-json.ts';
import type { ColumnType, Row } from './projection.ts';

/**
 * The columns whose values differ, in the order of `columns`. A row that is missing and a column that is missing are
 * null in all of them: a new row differs in the columns it fills.
 */
export const differingColumns = (
  columns: Readonly<Record<string, ColumnType>>,
  one: Row | undefined,
  other: Row | undefined,
): readonly string[] =>
  Object.entries(columns).flatMap(([name, type]) =>
    comparable(type, one?.[name]) === comparable(type, other?.[name]) ? [] : [name],
  );

/** Equal for equal values: a bigint may come as its digits, a time as text, the members of JSON in any order. */
function comparable(type: ColumnType, value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (type === 'timestamp') return new Date(value as string).toISOString();
  if (type === 'bigint' || type === 'integer') return String(value);
  if (value instanceof ExactJson) return value.text;
  return JSON.stringify(withSortedKeys(JSON.parse(JSON.stringify(value, bigintAsText) ?? 'null')));
}

const bigintAsText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

function withSortedKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withSortedKeys);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, member]) => [key, withSortedKeys(member)]));
}
