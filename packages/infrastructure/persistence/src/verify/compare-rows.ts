// Rows that should be there against the rows that are, as PostgreSQL sees the values of both.
import type { ReadModelTable, Row } from '@groundwork/application';
import pg from 'pg';
import { nameOf, quoted, storableRow, typedColumnsOf } from '../postgres/read-model-statements.ts';

export interface Difference {
  readonly key: string;
  /** The columns that differ, or that the row is missing, or should not be there. */
  readonly difference: string;
}

/** A query for the `Difference`s between `expected` and what is stored of the tenant under `keys`. */
export function compareRows(
  table: ReadModelTable,
  tenant: string,
  expected: readonly Row[],
  keys: readonly string[],
): { readonly text: string; readonly values: readonly unknown[] } {
  const key = quoted(table.key);
  const differing = Object.keys(table.columns)
    .filter((name) => name !== table.key)
    .map((name) => `case when e.${quoted(name)} is distinct from s.${quoted(name)} then ${pg.escapeLiteral(name)} end`);
  return {
    text: `
      select key, difference
        from (select coalesce(e.${key}::text, s.${key}::text) as key,
                     case when s.${key} is null then 'is missing'
                          when e.${key} is null then 'should not be there'
                          else nullif(concat_ws(', ', ${['null', ...differing].join(', ')}), '')
                     end as difference
                from jsonb_to_recordset($2::jsonb) as e(${typedColumnsOf(table)})
                full join (select * from ${nameOf(table)} where tenant = $1 and ${key} = any ($3)) s
                  on s.${key} = e.${key}) compared
       where difference is not null order by key`,
    values: [tenant, JSON.stringify(expected.map((row) => storableRow(table, row))), keys],
  };
}
