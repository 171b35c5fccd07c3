// A projection whose row follows from each event alone, and which the database merges with the row that is there.
import { Misconfigured } from '../errors.ts';
import type { RecordedEvent } from '../events/event.ts';
import type { ColumnMerge, Projection, Row } from './projection.ts';

export interface UpsertProjection<R extends Row = Row> extends Omit<Projection<R>, 'apply' | 'merge' | 'followUps'> {
  /** The row that the event makes by itself: pure. Undefined removes the row that is there. */
  rowOf(event: RecordedEvent): R | undefined;
  /** By column: how the row that is there goes on. Columns that are not named take the newer value. */
  readonly merge?: Readonly<Record<string, ColumnMerge>>;
}

/**
 * The projection that merges the rows of its events. Its rows are never loaded: a batch of events is folded by key and
 * stored by one statement, which moves the checkpoint too. Throws Misconfigured `projection.merge-not-possible` for a
 * column that is not declared, or that holds no number and should be added up.
 */
export function upsertProjection<R extends Row>(described: UpsertProjection<R>): Projection<R> {
  const { rowOf, merge = {}, ...projection } = described;
  refuseImpossible(described, merge);
  return {
    ...projection,
    merge,
    apply(row, event) {
      const newer = rowOf(event);
      return row === undefined || newer === undefined ? newer : (mergedRow(merge, row, newer) as R);
    },
  };
}

/** The row that becomes of one that is there and a newer one. */
export function mergedRow(merge: Readonly<Record<string, ColumnMerge>>, before: Row, newer: Row): Row {
  const merged: Record<string, unknown> = { ...newer };
  for (const column in merge) merged[column] = MERGED[merge[column]!](before[column], newer[column]);
  return merged;
}

const MERGED: Readonly<Record<ColumnMerge, (before: unknown, newer: unknown) => unknown>> = {
  add: (before, newer) =>
    typeof before === 'bigint' || typeof newer === 'bigint'
      ? BigInt((before ?? 0) as number) + BigInt((newer ?? 0) as number)
      : ((before ?? 0) as number) + ((newer ?? 0) as number),
  first: (before, newer) => before ?? newer,
};

function refuseImpossible({ name, table }: UpsertProjection, merge: Readonly<Record<string, ColumnMerge>>): void {
  for (const [column, how] of Object.entries(merge)) {
    const type = table.columns[column];
    const isNumber = type === 'integer' || type === 'bigint';
    if (type !== undefined && column !== table.key && (how === 'first' || isNumber)) continue;
    throw new Misconfigured(
      'projection.merge-not-possible',
      `${name} cannot merge "${column}" by "${how}".`,
      'Name a declared column that is not the key; only integer and bigint columns can be added up.',
    );
  }
}
