// Rebuilds and the rows they change, as they are stored.
import type { Rebuild, RebuildState, Row, RowDifference } from '@groundwork/application';

export interface RebuildRow {
  readonly rebuild_id: number;
  readonly projection: string;
  readonly number: number;
  readonly schema_version: number;
  readonly state: RebuildState;
  readonly is_shadow: boolean;
  readonly is_forced: boolean;
  readonly has_table: boolean;
  readonly row_count: string | null;
  readonly rows_added: string;
  readonly rows_removed: string;
  readonly rows_changed: string;
  readonly changed_columns: string;
  readonly error: string | null;
  readonly started_at: Date;
  readonly finished_at: Date | null;
  readonly done: string | null;
  readonly total: string | null;
  readonly parked: string;
}

/** To be gone on with by `where` or `order by`; `r` is the rebuild. */
export const REBUILDS = `
  select r.*, groundwork.parked_codes(r.projection || '~' || r.number) as parked,
         (select min(position) from groundwork.projection_slice where projection = r.projection || '~' || r.number) as done,
         (select min(case when groundwork.is_ahead_of_log(s.position, s.event_id) then head.head_position else s.position end)
            from groundwork.projection_slice s where s.projection = r.projection) as total
    from groundwork.rebuild r cross join groundwork.log_head() head`;

export const rebuildOf = (row: RebuildRow): Rebuild => ({
  id: row.rebuild_id,
  projection: row.projection,
  number: row.number,
  schemaVersion: row.schema_version,
  state: row.state,
  isShadow: row.is_shadow,
  isForced: row.is_forced,
  hasTable: row.has_table,
  startedAt: row.started_at,
  finishedAt: row.finished_at ?? undefined,
  done: BigInt(row.done ?? 0),
  total: BigInt(row.total ?? 0),
  parked: JSON.parse(row.parked) as Record<string, number>,
  error: row.error ?? undefined,
  comparison:
    row.row_count === null
      ? undefined
      : {
          rows: Number(row.row_count),
          added: Number(row.rows_added),
          removed: Number(row.rows_removed),
          changed: Number(row.rows_changed),
          changedColumns: JSON.parse(row.changed_columns) as Record<string, number>,
        },
});

export interface DifferenceRow {
  readonly key: string;
  readonly change: RowDifference['change'];
  readonly before: string | null;
  readonly after: string | null;
}

export function differenceOf({ key, change, before: before_, after: after_ }: DifferenceRow): RowDifference {
  const [before, after] = [before_, after_].map((text) => (text === null ? {} : (JSON.parse(text) as Row)));
  const columns = Object.keys({ ...before, ...after }).filter(
    (column) => column !== 'tenant' && JSON.stringify(before![column]) !== JSON.stringify(after![column]),
  );
  const told = (row: Row): Row => Object.fromEntries(columns.map((column) => [column, row[column] ?? null]));
  return {
    key,
    change,
    before: before_ === null ? undefined : told(before!),
    after: after_ === null ? undefined : told(after!),
  };
}
