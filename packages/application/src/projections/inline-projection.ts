// A projection whose rows are stored in the transaction of the append, for readers that cannot wait for a worker.
import { Misconfigured } from '../errors.ts';
import type { LoggedEvent, RecordedEvent } from '../events/event.ts';
import { loggedEvent, type StoredEvent } from '../events/logged-event.ts';
import type { EventTypes } from '../events/event-types.ts';
import { rowAfter } from './handler-calls.ts';
import { VERSION_COLUMN, type Projection, type Row } from './projection.ts';

/**
 * The same projection, applied in the transaction of each append too: events and rows are stored together or not at
 * all. A worker follows it as before: it builds the rows of events from before the declaration, rebuilds and measures.
 * Every append pays for the rows: it is not stored together with others, and it reads what its rows have not seen.
 *
 * The rows follow from stream and row alone: `apply` may read neither `position` nor `recordedAt`, which nobody knows
 * before the append (`projection.inline-too-early`). A row that an append removes may be seen again until the worker
 * has passed the removal. Throws Misconfigured `projection.inline-not-possible` without a `stream_version` column, by
 * which a row tells what it has seen, and with follow-ups, which belong to the worker.
 */
export function inlineProjection<R extends Row>(projection: Projection<R>): Projection<R> {
  const { merge: _byTheDatabase, ...rest } = projection;
  if (!(VERSION_COLUMN in projection.table.columns)) throw notPossible(projection, `no column ${VERSION_COLUMN}`);
  if (projection.followUps !== undefined) throw notPossible(projection, 'follow-ups');
  return { ...rest, isInline: true };
}

/** The rows of one projection that one append changes. */
export class InlineChange {
  readonly projection: Projection;
  readonly keys: readonly string[];
  readonly #events: readonly RecordedEvent[];

  /** `events` are those of the append. */
  constructor(projection: Projection, events: readonly LoggedEvent[]) {
    this.projection = projection;
    this.#events = events.flatMap((event) => event.partsOf(projection.eventTypes));
    this.keys = [...new Set(this.#events.map((event) => projection.keyOf(event)).filter((key) => key !== undefined))];
  }

  /** From here on the stream has events that one of these rows has not seen. */
  unseenFrom(rows: ReadonlyMap<string, Row>): number {
    return 1 + Math.min(...this.keys.map((key) => Number(rows.get(key)?.[VERSION_COLUMN] ?? 0)));
  }

  /** The rows afterwards; `earlier` are the events from `unseenFrom` to the append. */
  rowsAfter(rows: ReadonlyMap<string, Row>, earlier: readonly LoggedEvent[]): InlineRows {
    const after = new Map(rows);
    const seen = new Map(this.keys.map((key) => [key, Number(rows.get(key)?.[VERSION_COLUMN] ?? 0)]));
    const parts = [...earlier.flatMap((event) => event.partsOf(this.projection.eventTypes)), ...this.#events];
    for (const event of parts) {
      const key = this.projection.keyOf(event);
      if (key === undefined || event.streamVersion <= (seen.get(key) ?? Infinity)) continue;
      const row = rowAfter(this.projection, after.get(key), event);
      if (row === undefined) after.delete(key);
      else after.set(key, row);
    }
    return {
      stored: this.keys.map((key) => after.get(key)).filter((row) => row !== undefined),
      removedKeys: this.keys.filter((key) => !after.has(key)),
    };
  }
}

export interface InlineRows {
  readonly stored: readonly Row[];
  readonly removedKeys: readonly string[];
}

/** An event as its projections see it before it is appended. */
export function unrecordedEvent(event: Omit<StoredEvent, 'position' | 'recordedAt'>, types: EventTypes): LoggedEvent {
  const unrecorded = loggedEvent({ ...event, position: 0n, recordedAt: event.occurredAt }, types);
  const tooEarly = {
    get: () => {
      throw inlineTooEarly(event.type);
    },
  };
  for (const part of unrecorded.parts) Object.defineProperties(part, { position: tooEarly, recordedAt: tooEarly });
  return unrecorded;
}

const notPossible = ({ name }: Pick<Projection, 'name'>, because: string): Misconfigured =>
  new Misconfigured(
    'projection.inline-not-possible',
    `${name} cannot be stored with the append: it has ${because}.`,
    `Give its table a ${VERSION_COLUMN} column and leave follow-ups to another projection, or let workers follow it alone.`,
    { projection: name },
  );

const inlineTooEarly = (eventType: string): Misconfigured =>
  new Misconfigured(
    'projection.inline-too-early',
    `A projection stored with the append asked for position or time of record of ${eventType}, which come with it.`,
    'Leave both out of the row, or let workers follow the projection alone.',
    { eventType },
  );
