// An event on its way into the log, and as the log gives it back.
import type { StreamId, TenantId, Uuid } from '@groundwork/domain';

/** Where a fact came from. */
export type EventSource = 'salesforce' | 'backfill' | 'api' | 'system';

/**
 * Who and what caused an event. `causationId` is the id of the command or event that led to it, `traceparent` the span
 * in which it was appended.
 */
export interface EventMetadata {
  readonly actor: string;
  readonly correlationId: string;
  readonly causationId?: string;
  readonly requestId?: string;
  readonly traceparent?: string;
  readonly [key: string]: string | undefined;
}

/** Which rules looked at the fact before it was stored, and what they found. */
export interface ValidationInfo {
  readonly rules: readonly { readonly rule: string; readonly outcome: 'passed' | 'noted'; readonly note?: string }[];
  readonly mappingVersion?: number;
  /** Set when the record behind the event has to be fetched again from its source. */
  readonly backfill?: 'marked';
}

export interface NewEvent {
  /** Unique in the whole log. Appending it again with the same content stores nothing and gives the first result. */
  readonly id: Uuid;
  readonly type: string;
  readonly source: EventSource;
  /** When it happened in the world; microseconds and time zone are not kept. */
  readonly occurredAt: Date;
  /** Serialised as JSON, or an ExactJson whose text is stored as it is. */
  readonly data: unknown;
  readonly metadata: EventMetadata;
  readonly validation?: ValidationInfo;
}

/** An event as it stands in the log: what is counted, ordered and acknowledged. Nothing of it ever changes. */
export interface LoggedEvent {
  /** Position in the whole log, from 1 in commit order; only what is taken out on purpose leaves gaps. */
  readonly position: bigint;
  readonly tenant: TenantId;
  readonly stream: StreamId;
  /** Position in the stream, from 1 without gaps. */
  readonly streamVersion: number;
  readonly id: Uuid;
  /** The type and schema version under which it was stored. */
  readonly type: string;
  readonly schemaVersion: number;
  readonly source: EventSource;
  readonly occurredAt: Date;
  /** The database's clock at the append. */
  readonly recordedAt: Date;
  readonly metadata: EventMetadata;
  readonly validation: ValidationInfo | undefined;
  /** Exactly the text that was stored. */
  readonly dataText: string;
  /**
   * What it says in the schemas of today, in order: itself, or the several events that an upcaster makes of it; never
   * none. Throws what an upcaster throws, and Misconfigured `event-types.event-vanished` and
   * `event-types.undeclared-part`.
   */
  readonly parts: readonly RecordedEvent[];
  /** The parts of these types. An event that cannot have such parts is not read for them. */
  partsOf(types: readonly string[]): readonly RecordedEvent[];
}

/**
 * An event as models and projections read it, in today's schema: the whole of a LoggedEvent, or a part of it. Parts
 * share all but type, schema version and data: id, position and streamVersion are those of the event in the log.
 */
export interface RecordedEvent extends Omit<LoggedEvent, 'parts' | 'partsOf'> {
  /** Its place among the parts of the logged event, from 0. */
  readonly part: number;
  /** The data in today's schema, parsed at first use with `parseExactJson`'s care for large numbers. */
  readonly data: unknown;
}
