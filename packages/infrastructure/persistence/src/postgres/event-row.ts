// An event as the functions of the log return it.
import type { TenantId, Uuid } from '@groundwork/domain';
import {
  loggedEvent,
  type EventTypes,
  type LoggedEvent,
  type StoredEvent,
  type StreamSnapshot,
} from '@groundwork/application';

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
export const hasMore = (page: readonly Pick<StoredEvent, 'dataText'>[], rowCountMax: number): boolean =>
  page.length === rowCountMax ||
  page.reduce((bytes, { dataText }) => bytes + Buffer.byteLength(dataText), 0) >= PAGE_BYTES_MAX;

export const eventOf = ({ event }: EventRow, types: EventTypes): LoggedEvent =>
  loggedEvent(new EventText(event), types);

/** What nearly every reader looks at is taken out at once, the rest when it is asked for. */
export class EventText implements StoredEvent {
  readonly position: bigint;
  readonly tenant: TenantId;
  /** Instead of its id, a page of the log has the number of the stream, and whoever reads the page knows the name. */
  stream: StoredEvent['stream'];
  readonly streamVersion: number;
  readonly type: string;
  readonly schemaVersion: number;
  readonly #text: string;
  readonly #id: number;
  readonly #source: number;
  #later: LaterParts | undefined;

  constructor(text: string) {
    this.#text = text;
    const tenant = behind(text, 0);
    const streamType = behind(text, tenant);
    const streamName = behind(text, streamType);
    const streamVersion = behind(text, streamName);
    const id = behind(text, streamVersion);
    const type = behind(text, id);
    const schemaVersion = behind(text, type);
    this.#id = id;
    this.#source = behind(text, schemaVersion);
    this.position = BigInt(text.slice(0, tenant - 1));
    this.tenant = text.slice(tenant, streamType - 1) as TenantId;
    this.stream = { type: text.slice(streamType, streamName - 1), id: text.slice(streamName, streamVersion - 1) };
    this.streamVersion = Number(text.slice(streamVersion, id - 1));
    this.type = text.slice(type, schemaVersion - 1);
    this.schemaVersion = Number(text.slice(schemaVersion, this.#source - 1));
  }

  get id(): Uuid {
    return this.#text.slice(this.#id, this.#id + UUID_LENGTH) as Uuid;
  }

  get source(): StoredEvent['source'] {
    return this.#rest.source;
  }

  get occurredAt(): Date {
    return this.#rest.occurredAt;
  }

  get recordedAt(): Date {
    return this.#rest.recordedAt;
  }

  get metadataText(): string {
    return this.#rest.metadataText;
  }

  get validationText(): string | undefined {
    return this.#rest.validationText;
  }

  get dataText(): string {
    return this.#rest.dataText;
  }

  get #rest(): LaterParts {
    this.#later ??= laterParts(this.#text, this.#source);
    return this.#later;
  }
}

const UUID_LENGTH = 36;

type LaterParts = Pick<
  StoredEvent,
  'source' | 'occurredAt' | 'recordedAt' | 'metadataText' | 'validationText' | 'dataText'
>;

function laterParts(text: string, source: number): LaterParts {
  const occurredAt = behind(text, source);
  const recordedAt = behind(text, occurredAt);
  const metadata = behind(text, recordedAt);
  const validation = behind(text, metadata);
  const data = behind(text, validation);
  return {
    source: text.slice(source, occurredAt - 1) as StoredEvent['source'],
    occurredAt: new Date(Number(text.slice(occurredAt, recordedAt - 1))),
    recordedAt: new Date(Number(text.slice(recordedAt, metadata - 1))),
    metadataText: text.slice(metadata, validation - 1),
    validationText: text.slice(validation, data - 1) || undefined,
    dataText: text.slice(data),
  };
}

/** Where the part begins that follows the one that begins at `at`. */
const behind = (text: string, at: number): number => text.indexOf('\u001f', at) + 1;

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
