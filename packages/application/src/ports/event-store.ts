// The log of facts, tenant by tenant.
import type { StreamId, TenantId } from '@groundwork/domain';
import type { EventSource, NewEvent, RecordedEvent } from '../events/event.ts';
import { port } from '../port.ts';

/** An exact version (0 is an empty stream), or a condition. */
export type ExpectedVersion = number | 'no-stream' | 'stream-exists' | 'any';

export interface Append {
  readonly tenant: TenantId;
  readonly stream: StreamId;
  readonly expected: ExpectedVersion;
  /** 1 to 4,096 events, stored together or not at all. */
  readonly events: readonly NewEvent[];
}

export interface Appended {
  /** The stream's version after the last of these events. */
  readonly streamVersion: number;
  /** The log position of the last of these events. */
  readonly position: bigint;
  /** True when the events had been stored before: nothing new was stored and this is the first result. */
  readonly repeated: boolean;
}

/** Versions are inclusive; times select `from <= occurredAt < to`; of what is left, the first `limit` are read. */
export interface StreamRange {
  readonly fromVersion?: number;
  readonly toVersion?: number;
  readonly from?: Date;
  readonly to?: Date;
  /** Say how many are wanted where not all are: more are neither read nor held. */
  readonly limit?: number;
}

export interface EventQuery {
  /** Events behind this position; 0n is the beginning. */
  readonly after: bigint;
  readonly limit: number;
  readonly type?: string;
  readonly source?: EventSource;
  readonly stream?: StreamId;
  readonly correlationId?: string;
}

export interface EventStore {
  /**
   * Stores events at the end of a stream. When the promise resolves they survive any crash; when it rejects with
   * anything but VersionConflict, DuplicateEvent or InvalidInput the outcome is unknown, and repeating the append
   * with the same event ids is safe: it gives the first result, never a second event.
   */
  append(append: Append): Promise<Appended>;

  /** The events of a stream in the order of their versions, in constant memory. An unknown stream has none. */
  readStream(tenant: TenantId, stream: StreamId, range?: StreamRange): AsyncIterable<RecordedEvent>;

  /** A page of the tenant's events in the order of their positions; complete below the last returned position. */
  query(tenant: TenantId, query: EventQuery): Promise<readonly RecordedEvent[]>;
}
export const EventStore = port<EventStore>('EventStore');
