// An event as the functions of the log return it.
import type { TenantId, Uuid } from '@groundwork/domain';
import { loggedEvent, type EventTypes, type LoggedEvent, type StreamSnapshot } from '@groundwork/application';

/** What `groundwork.event_text` makes of an event. */
export interface EventRow {
  readonly event: string;
}

/** A row of a page that begins behind a snapshot: the first may be the snapshot itself, without an event. */
export interface FromSnapshotRow extends EventRow {
  readonly snapshot_version: number | null;
  readonly snapshot_position: string;
  readonly snapshot_schema: number;
  readonly snapshot_state: string;
}

/** A page is held in memory as a whole: this is the most it may weigh, unless one event alone is heavier. */
export const PAGE_BYTES_MAX = 8 * 1024 * 1024;

/** Whether a page that was asked for with these limits may have events behind it. */
export const hasMore = (page: readonly LoggedEvent[], rowCountMax: number): boolean =>
  page.length === rowCountMax ||
  page.reduce((bytes, { dataText }) => bytes + Buffer.byteLength(dataText), 0) >= PAGE_BYTES_MAX;

export function eventOf({ event }: EventRow, types: EventTypes): LoggedEvent {
  const parts = new Parts(event);
  return loggedEvent(
    {
      position: BigInt(parts.next()),
      tenant: parts.next() as TenantId,
      stream: { type: parts.next(), id: parts.next() },
      streamVersion: Number(parts.next()),
      id: parts.next() as Uuid,
      type: parts.next(),
      schemaVersion: Number(parts.next()),
      source: parts.next() as LoggedEvent['source'],
      occurredAt: new Date(Number(parts.next())),
      recordedAt: new Date(Number(parts.next())),
      metadataText: parts.next(),
      validationText: parts.next() || undefined,
      dataText: parts.rest(),
    },
    types,
  );
}

/** The parts of a text, in order. */
class Parts {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): string {
    const end = this.#text.indexOf('\u001f', this.#at);
    const part = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return part;
  }

  rest(): string {
    return this.#text.slice(this.#at);
  }
}

/** Undefined for the row of an event. */
export const snapshotOf = (row: FromSnapshotRow | undefined): StreamSnapshot | undefined =>
  row === undefined || row.snapshot_version === null
    ? undefined
    : {
        streamVersion: row.snapshot_version,
        position: BigInt(row.snapshot_position),
        schemaVersion: row.snapshot_schema,
        stateText: row.snapshot_state,
      };
