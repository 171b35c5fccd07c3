// The whole log in commit order, over all tenants: what projections and relays read.
import type { LoggedEvent } from '../events/event.ts';
import type { TenantId } from '@groundwork/domain';
import { port } from '../port.ts';

export interface LogHead {
  /** The highest position in the log, 0n when it is empty. */
  readonly position: bigint;
  readonly recordedAt: Date | undefined;
}

export interface LogPage {
  readonly events: readonly LoggedEvent[];
  /** The same events by slice, when several slices were asked for; nothing for one without events. */
  readonly bySlice?: ReadonlyMap<number, readonly LoggedEvent[]>;
  /** The log has been read up to here, whether or not the last positions matched: the next page's `after`. */
  readonly readTo: bigint;
  /** True when the log ended here: a next page would be empty until something is appended. */
  readonly isLast: boolean;
}

export interface LogRead {
  readonly after: bigint;
  readonly limit: number;
  /** Nothing behind this position is read, so that pages side by side have no event in common. */
  readonly upTo?: bigint;
  /** As events are read today: one that was stored otherwise and has such a part is among them. */
  readonly types: readonly string[];
  /** Only streams of these slices: the numbers `of` out of `count`, by a stable hash of the stream. */
  readonly slices?: { readonly of: readonly number[]; readonly count: number };
}

/**
 * A reader that remembers one number misses nothing and sees nothing twice: positions are given in commit order, so
 * below `readTo` no event can appear later.
 */
export interface EventLog {
  read(read: LogRead): Promise<LogPage>;
  /**
   * Events of one stream behind `after`, up to and including `upTo`: how a parked stream catches up. At most `limit`,
   * fewer when they are heavy, none only when there are none.
   */
  readStreamRange(stream: StreamKey, after: bigint, upTo: bigint, limit: number): Promise<readonly LoggedEvent[]>;
  head(): Promise<LogHead>;
}
export const EventLog = port<EventLog>('EventLog');

/** A stream of some tenant. */
export interface StreamKey {
  readonly tenant: string;
  readonly type: string;
  readonly id: string;
}

export interface TenantBacklog {
  readonly events: number;
  readonly oldestAt: Date | undefined;
}

/** Positions and times of the log only, for those who may not read it: readiness, lag and waiting for a projection. */
export interface LogSignal {
  head(): Promise<LogHead>;
  /**
   * Resolves when the log may have grown, or after `timeoutMs`. A signal only shortens a wait: it may come late,
   * twice, or not at all, so look at the log after every return.
   */
  waitForGrowth(timeoutMs: number, stop?: AbortSignal): Promise<void>;
  /** When the first event behind the position that has one of these types was recorded, whichever tenant's it is. */
  oldestAfter(position: bigint, types: readonly string[]): Promise<Date | undefined>;
  /** How many events of one tenant are behind the position, and when the first of them with one of these types came. */
  backlogOf(tenant: TenantId, position: bigint, types: readonly string[]): Promise<TenantBacklog>;
}
export const LogSignal = port<LogSignal>('LogSignal');
