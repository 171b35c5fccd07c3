// A projection whose rows are stored in the transaction of the append, for readers that cannot wait for a worker.
import { CodedError } from '@groundwork/domain';
import { Misconfigured } from '../errors.ts';
import type { LoggedEvent, RecordedEvent } from '../events/event.ts';
import { loggedEvent, type StoredEvent } from '../events/logged-event.ts';
import type { EventTypes } from '../events/event-types.ts';
import type { TimeLimit } from '../ports/time-limit.ts';
import { HandlerCalls, isHung, rowAfter } from './handler-calls.ts';
import { VERSION_COLUMN, type Projection, type Row } from './projection.ts';

/**
 * The same projection, applied in the transaction of each append too: events and rows are stored together or not at
 * all. A worker follows it as before: it registers it, builds the rows of events from before, rebuilds and measures.
 * What a worker has to sort out is left to it, and the append is stored without rows: a table of another schema version
 * or of none yet, a parked stream, an earlier event that cannot be applied. Every append pays for the rows: it is not
 * stored together with others, and it reads what neither its rows nor the worker have seen.
 *
 * The rows follow from stream and row alone: `apply` may read neither `position` nor `recordedAt`, which nobody knows
 * before the append (`projection.inline-too-early`). It removes no row (`projection.inline-removes-row`): a worker that
 * comes later would apply the events before the removal to a row that is gone. `stream_version` is set for it. What it
 * throws refuses the append (`projection.inline-failed`). Throws Misconfigured `projection.inline-not-possible` without
 * a `stream_version` column, by which a row tells what it has seen, and with follow-ups, which belong to the worker.
 */
export function inlineProjection<R extends Row>(projection: Projection<R>): Projection<R> {
  const { merge: _byTheDatabase, ...rest } = projection;
  if (!(VERSION_COLUMN in projection.table.columns)) throw notPossible(projection, `no column ${VERSION_COLUMN}`);
  if (projection.followUps !== undefined) throw notPossible(projection, 'follow-ups');
  return { ...rest, isInline: true, apply: (row, event) => stamped(projection, row, event) };
}

/** What is stored of the rows of a stream, and how far the worker had come in it when they were read, or before. */
export interface InlineBefore {
  readonly rows: ReadonlyMap<string, Row>;
  /** What a row has not seen up to here did not concern it, or was discarded. */
  readonly passedVersion: number;
}

/** So many earlier events share one limit. */
const PAGE_EVENTS_MAX = 100;

/** The rows of one projection that one append changes. */
export class InlineChange {
  readonly projection: Projection;
  readonly #events: readonly LoggedEvent[];
  readonly #keys = new Set<string>();
  readonly #handlers: HandlerCalls;

  /** `events` are those of the append. Throws Misconfigured `projection.inline-failed`, as `rowsAfter` does. */
  constructor(projection: Projection, events: readonly LoggedEvent[], timeLimit: TimeLimit, handlerTimeoutMs: number) {
    this.projection = projection;
    this.#events = events;
    this.#handlers = new HandlerCalls(timeLimit, handlerTimeoutMs);
    this.#each(events, (part) => {
      const key = projection.keyOf(part);
      if (key !== undefined) this.#keys.add(key);
    });
  }

  get keys(): readonly string[] {
    return [...this.#keys];
  }

  /** From here on the stream has events that one of these rows has not seen. */
  unseenFrom(before: InlineBefore): number {
    return 1 + Math.min(...this.keys.map((key) => versionSeen(before, key)));
  }

  /**
   * The changed rows; `earlier` are the events from `unseenFrom` to the append. Undefined when one of them cannot be
   * applied, or removes a row: the worker parks the stream there, or passes it, and the rows are left to it. One that
   * hangs refuses the append, as slow handlers do: rows are not left out for want of time.
   */
  rowsAfter(before: InlineBefore, earlier: readonly LoggedEvent[]): readonly Row[] | undefined {
    const rows = new Map(before.rows);
    try {
      for (let from = 0; from < earlier.length; from += PAGE_EVENTS_MAX) {
        this.#fold(earlier.slice(from, from + PAGE_EVENTS_MAX), before, rows);
      }
    } catch (error) {
      if (isHung((error as Error).cause)) throw error;
      return undefined;
    }
    this.#fold(this.#events, before, rows);
    return [...rows].flatMap(([key, row]) => (row === before.rows.get(key) ? [] : [row]));
  }

  #fold(events: readonly LoggedEvent[], before: InlineBefore, rows: Map<string, Row>): void {
    this.#each(events, (part) => {
      const key = this.projection.keyOf(part);
      if (key === undefined || !this.#keys.has(key) || part.streamVersion <= versionSeen(before, key)) return;
      const row = rowAfter(this.projection, rows.get(key), part);
      if (row !== undefined) rows.set(key, row);
      else if (rows.has(key)) throw inlineRemovesRow(this.projection, part);
    });
  }

  #each(events: readonly LoggedEvent[], call: (part: RecordedEvent) => void): void {
    const faults: Misconfigured[] = [];
    this.#handlers.each(
      events,
      (event) => {
        if (faults.length === 0) event.partsOf(this.projection.eventTypes).forEach(call);
      },
      (event, error) => void faults.push(inlineFailed(this.projection, event, error)),
    );
    if (faults.length > 0) throw faults[0]!;
  }
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

/** The row tells what it has seen, wherever the projection is applied. */
function stamped<R extends Row>(projection: Projection<R>, row: R | undefined, event: RecordedEvent): R | undefined {
  const after = rowAfter(projection as Projection, row, event) as R | undefined;
  return after === undefined || after === row ? after : { ...after, [VERSION_COLUMN]: event.streamVersion };
}

const versionSeen = ({ rows, passedVersion }: InlineBefore, key: string): number =>
  Math.max(passedVersion, Number(rows.get(key)?.[VERSION_COLUMN] ?? 0));

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

const inlineRemovesRow = ({ name }: Projection, { type: eventType }: RecordedEvent): Misconfigured =>
  new Misconfigured(
    'projection.inline-removes-row',
    `${name} removed a row for ${eventType}, which a projection stored with the append may not; nothing was stored.`,
    'Mark the row in a column and leave marked rows out when reading, or let workers follow the projection alone.',
    { projection: name, eventType },
  );

const OWN_CODES = new Set(['projection.inline-removes-row', 'projection.inline-too-early']);

function inlineFailed({ name }: Projection, { type: eventType }: LoggedEvent, cause: unknown): Misconfigured {
  if (cause instanceof Misconfigured && OWN_CODES.has(cause.code)) return cause;
  const details = { projection: name, eventType, ...(cause instanceof CodedError && { cause: cause.code }) };
  return new Misconfigured(
    'projection.inline-failed',
    `${name} could not apply ${eventType}, with which its rows are stored; nothing was stored.`,
    'Look into the log for the cause and correct the projection, or let workers follow it alone.',
    details,
    { cause },
  );
}
