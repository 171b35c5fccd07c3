// The log of facts, tenant by tenant.
import type { StreamId, TenantId } from '@groundwork/domain';
import type { EventSource, LoggedEvent, NewEvent } from '../events/event.ts';
import { port } from '../port.ts';

/** An exact version (0 is an empty stream), or a condition. */
export type ExpectedVersion = number | 'no-stream' | 'stream-exists' | 'any';

export interface Append {
  readonly tenant: TenantId;
  readonly stream: StreamId;
  readonly expected: ExpectedVersion;
  /** 1 to 4,096 events, stored together or not at all. */
  readonly events: readonly NewEvent[];
  /** The state after these events, kept in the same transaction; only with an exact `expected` or `no-stream`. */
  readonly snapshot?: Snapshot;
}

/** A state, kept beside the events that lead to it so that a load need not read them. A hint, never a truth. */
export interface Snapshot {
  /** The shape of the state, from 1. */
  readonly schemaVersion: number;
  /** JSON. */
  readonly stateText: string;
}

/** The snapshot of a stream, and the event it was kept with. */
export interface StreamSnapshot extends Snapshot {
  readonly streamVersion: number;
  readonly position: bigint;
}

/** Schema versions of snapshots, with both ends. */
export interface SchemaVersions {
  readonly from: number;
  readonly to: number;
}

export interface FromSnapshot {
  /** Undefined when there is none of these schema versions, or none that can be trusted. */
  readonly snapshot: StreamSnapshot | undefined;
  /** The events behind the snapshot, or all, as `readStream` gives them. */
  readonly later: AsyncIterable<LoggedEvent>;
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
  /** As it was stored. */
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
  readStream(tenant: TenantId, stream: StreamId, range?: StreamRange): AsyncIterable<LoggedEvent>;

  /**
   * The newest snapshot of a stream and the events behind it, read together in one step. A snapshot whose event is not
   * in the log, or whose text is no longer what was stored, is as good as none.
   */
  readFromSnapshot(tenant: TenantId, stream: StreamId, schemaVersions: SchemaVersions): Promise<FromSnapshot>;

  /** A page of the tenant's events in the order of their positions; complete below the last returned position. */
  query(tenant: TenantId, query: EventQuery): Promise<readonly LoggedEvent[]>;
}
export const EventStore = port<EventStore>('EventStore');
