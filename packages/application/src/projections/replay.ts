// The rows that events make by themselves, without a store: what a read model has to hold.
import type { LoggedEvent } from '../events/event.ts';
import type { HandlerCalls } from './handler-calls.ts';
import type { Projection, Row } from './projection.ts';

/**
 * Folds the events of one stream, in order, into its rows by key; undefined is a row that was removed. It changes and
 * returns `rows`, so that a long stream can be folded page by page. An event that cannot be applied leaves its rows as
 * they were: the event has parked the stream, or an operator has discarded it. So does one whose handler hangs where
 * `calls` ends it; without them it would be waited for.
 */
export function replay<R extends Row>(
  projection: Projection<R>,
  events: Iterable<LoggedEvent>,
  rows: Map<string, R | undefined> = new Map(),
  calls?: HandlerCalls,
): Map<string, R | undefined> {
  for (const event of events) {
    const change = (): ReadonlyMap<string, R | undefined> => changedRows(projection, event, rows);
    try {
      for (const [key, row] of calls?.value(change) ?? change()) rows.set(key, row);
    } catch {
      continue;
    }
  }
  return rows;
}

/** The rows that an event changes, by key: of all its parts, or of none when one cannot be applied, which is thrown. */
export function changedRows<R extends Row>(
  projection: Projection<R>,
  event: LoggedEvent,
  rows: ReadonlyMap<string, R | undefined>,
): ReadonlyMap<string, R | undefined> {
  const changed = new Map<string, R | undefined>();
  for (const part of event.partsOf(projection.eventTypes)) {
    const key = projection.keyOf(part);
    if (key === undefined) continue;
    const before = changed.has(key) ? changed.get(key) : rows.get(key);
    changed.set(key, projection.apply(before, part));
  }
  return changed;
}
