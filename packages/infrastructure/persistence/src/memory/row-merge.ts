// What ON CONFLICT DO UPDATE does, where rows have no table.
import {
  mergedRow,
  VERSION_COLUMN,
  type Projection,
  type ProjectionTransaction,
  type Row,
  type TenantRow,
} from '@groundwork/application';

/** Stores or merges each row that is newer than the one that is there. */
export async function upsertRows(
  tx: ProjectionTransaction,
  { table, merge = {} }: Projection,
  rows: readonly TenantRow[],
): Promise<void> {
  for (const { tenant, row } of rows) {
    const key = String(row[table.key]);
    const stored = (await tx.load(tenant, [key])).get(key);
    const isNewer = !(VERSION_COLUMN in table.columns) || versionOf(stored) < versionOf(row);
    if (isNewer) await tx.store(tenant, [stored === undefined ? row : mergedRow(merge, stored, row)], []);
  }
}

/** Of a row without a version: lower than any. */
export const versionOf = (row: Row | undefined): number => Number(row?.[VERSION_COLUMN] ?? 0);
