// A batch whose rows follow from its events alone takes effect in one statement.
import type { StreamId } from '@groundwork/domain';
import type { ProjectionStore, Slice, TenantRow } from '../ports/projection-store.ts';
import { EventsFailed, isRowRefused, type Fault } from './event-faults.ts';
import { rowAfter } from './handler-calls.ts';
import type { Batch } from './projection-batch.ts';
import type { Row } from './projection.ts';

/**
 * The slice behind the batch. Undefined, with nothing changed, when the batch has to be taken with more care: a row is
 * removed, refused, or claimed by two streams, or a stream of the slice is parked. Throws EventsFailed for a handler
 * that throws.
 */
export async function upsertBatch(batch: Batch, store: ProjectionStore): Promise<Slice | undefined> {
  const { projection, slice, to, resumed } = batch;
  if (resumed !== undefined) return undefined;
  const isMerged = projection.merge !== undefined || batch.events.length === 0;
  const rows = isMerged ? foldedRows(batch) : undefined;
  if (rows === undefined) return undefined;
  try {
    return await store.upsert(projection, slice, to, rows);
  } catch (error) {
    if (isRowRefused(error)) return undefined;
    throw error;
  }
}

/** One row for each key, or undefined when it takes more than that. */
function foldedRows({ projection, events, handlers }: Batch): readonly TenantRow[] | undefined {
  const folded = new Map<string, { readonly tenant: string; row: Row; readonly stream: StreamId }>();
  const faults: Fault[] = [];
  let isMore = false;
  handlers.each(
    events,
    (event) => {
      if (isMore || faults.length > 0) return;
      const { tenant, stream } = event;
      for (const part of event.partsOf(projection.eventTypes)) {
        const key = projection.keyOf(part);
        if (key === undefined) continue;
        const at = `${tenant}/${key}`;
        const before = folded.get(at);
        const row = rowAfter(projection, before?.row, part);
        if (row === undefined) isMore = true;
        else if (before === undefined) folded.set(at, { tenant, row, stream });
        else if (before.stream.id === stream.id && before.stream.type === stream.type) before.row = row;
        else isMore = true;
      }
    },
    (event, error) => void faults.push({ event, error, attempts: 0 }),
  );
  if (faults.length > 0) throw new EventsFailed(faults);
  return isMore ? undefined : [...folded.values()];
}
