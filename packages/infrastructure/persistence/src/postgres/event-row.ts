// An event as the functions of the log return it.
import type { TenantId, Uuid } from '@groundwork/domain';
import { recordedEvent, type EventTypes, type RecordedEvent, type StreamSnapshot } from '@groundwork/application';

export interface EventRow {
  readonly event_position: string;
  readonly tenant: string;
  readonly stream_type: string;
  readonly stream_id: string;
  readonly stream_version: number;
  readonly event_id: string;
  readonly type: string;
  readonly schema_version: number;
  readonly source: string;
  readonly occurred_at: Date;
  readonly recorded_at: Date;
  readonly metadata: string;
  readonly validation: string | null;
  readonly data: string;
}

/** A row of a page; `is_cut` when the page ended early because of its bytes. */
export interface PageRow extends EventRow {
  readonly is_cut: boolean;
}

/** A row of a page that begins behind a snapshot: the first may be the snapshot itself, without an event. */
export interface FromSnapshotRow extends PageRow {
  readonly snapshot_version: number | null;
  readonly snapshot_position: string;
  readonly snapshot_schema: number;
  readonly snapshot_state: string;
}

/** A page is held in memory as a whole: this is the most it may weigh, unless one event alone is heavier. */
export const PAGE_BYTES_MAX = 8 * 1024 * 1024;

export function eventOf(row: EventRow, types: EventTypes): RecordedEvent {
  return recordedEvent(
    {
      position: BigInt(row.event_position),
      tenant: row.tenant as TenantId,
      stream: { type: row.stream_type, id: row.stream_id },
      streamVersion: row.stream_version,
      id: row.event_id as Uuid,
      type: row.type,
      schemaVersion: row.schema_version,
      source: row.source as RecordedEvent['source'],
      occurredAt: row.occurred_at,
      recordedAt: row.recorded_at,
      metadata: JSON.parse(row.metadata) as RecordedEvent['metadata'],
      validation: row.validation === null ? undefined : (JSON.parse(row.validation) as RecordedEvent['validation']),
      dataText: row.data,
    },
    types,
  );
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
