// The rows that events make by themselves, without a store: what a read model has to hold.
import type { RecordedEvent } from '../events/event.ts';
import type { Projection, Row } from './projection.ts';

/**
 * Folds the events of one stream, in order, into its rows by key; undefined is a row that was removed. It changes and
 * returns `rows`, so that a long stream can be folded page by page. An event that cannot be applied leaves its row as
 * it was: the event has parked the stream, or an operator has discarded it.
 */
export function replay<R extends Row>(
  projection: Projection<R>,
  events: Iterable<RecordedEvent>,
  rows: Map<string, R | undefined> = new Map(),
): Map<string, R | undefined> {
  for (const event of events) {
    if (!projection.eventTypes.includes(event.type)) continue;
    try {
      const key = projection.keyOf(event);
      if (key !== undefined) rows.set(key, projection.apply(rows.get(key), event));
    } catch {
      continue;
    }
  }
  return rows;
}
