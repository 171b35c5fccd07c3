// Where read models and the progress of their projections are kept, together.
import type { CommandError, NewCommand } from './command-store.ts';
import type { Projection, Row } from '../projections/projection.ts';
import type { LogSubscription } from '../projections/log-subscription.ts';
import { port } from '../port.ts';
import type { StreamKey } from './event-log.ts';

export type ProjectionState = 'running' | 'paused';

/** One slice of a projection as a worker holds it. `epoch` grows with each new owner. */
export interface Slice {
  readonly projection: string;
  readonly slice: number;
  readonly slices: number;
  readonly position: bigint;
  readonly epoch: number;
  /**
   * How many owners in a row were lost (not one gave the slice free) while they worked from this position, or while
   * they tried the event at `suspect` alone.
   */
  readonly ownersLost: number;
  readonly suspect: bigint | undefined;
}

export interface ParkedStream {
  readonly id: string;
  readonly projection: string;
  readonly slice: number;
  readonly stream: StreamKey;
  /** The event that could not be applied, and behind which the stream waits. */
  readonly position: bigint;
  readonly eventId: string;
  readonly eventType: string;
  readonly attempts: number;
  readonly error: CommandError;
  readonly parkedAt: Date;
  /** Set by an operator: the worker takes the stream up again, or leaves the poison event out first. */
  readonly decision: 'retry' | 'discard' | undefined;
}

/** A stream as it is parked; with a decision, the worker goes on with it by itself. */
export type NewlyParked = Omit<ParkedStream, 'id' | 'parkedAt' | 'decision'> & Partial<Pick<ParkedStream, 'decision'>>;

export interface ProjectionProgress {
  readonly projection: string;
  readonly schemaVersion: number;
  readonly state: ProjectionState;
  readonly slices: readonly {
    readonly slice: number;
    readonly position: bigint;
    /** The log does not reach the position, or holds another event there: it was restored to an earlier point. */
    readonly isAheadOfLog: boolean;
    readonly owner: string | undefined;
    readonly updatedAt: Date;
  }[];
  readonly parked: number;
}

/**
 * The transaction in which a batch takes effect. The slice's checkpoint was moved by compare-and-set with the owner's
 * epoch before the work began, so a second owner waits, then fails with `projection.checkpoint-moved`.
 */
export interface ProjectionTransaction {
  /** The streams of this slice that are parked, as this transaction sees them. */
  parked(): Promise<readonly ParkedStream[]>;
  load(tenant: string, keys: readonly string[]): Promise<ReadonlyMap<string, Row>>;
  store(tenant: string, rows: readonly Row[], removedKeys: readonly string[]): Promise<void>;
  /**
   * Parks a stream; one that is parked already keeps its id and `parkedAt`, and loses the operator's decision unless it
   * comes with one.
   */
  park(parked: NewlyParked): Promise<void>;
  unpark(id: string): Promise<void>;
  /** Stores commands with the effect; one whose id or idempotency key is known stays as it is. */
  accept(commands: readonly NewCommand[]): Promise<void>;
}

/** A row of a read model and whose it is. */
export interface TenantRow {
  readonly tenant: string;
  readonly row: Row;
}

export interface ProjectionStore {
  /** Makes the slices of a projection known, from behind position `after` on; keeps what is there. */
  register(projection: LogSubscription, slices: number, after?: bigint): Promise<void>;

  /**
   * Slices of the projection that this owner holds or can take (free, or the lease ran out by the database's clock),
   * renewed for `leaseMs`. A fair share: at most `sliceCountMax`.
   */
  lease(projection: LogSubscription, owner: string, leaseMs: number, sliceCountMax: number): Promise<readonly Slice[]>;
  /** Renews the leases of the slices that this owner holds, and neither takes nor shares any. */
  renew(projection: LogSubscription, owner: string, leaseMs: number): Promise<void>;
  /**
   * Writes down that the event at this position is about to be tried alone, after so many owners were lost over it:
   * when this one is lost, too, the next finds one more. 0 ends all suspicion. Throws Conflict
   * `projection.checkpoint-moved` when the slice has another owner.
   */
  suspect(slice: Slice, position: bigint, ownersLost: number): Promise<Slice>;
  /** Gives the owner's slices free at once. */
  releaseAll(owner: string): Promise<void>;

  /**
   * Runs `work` and moves the checkpoint from `slice.position` to `to` in one transaction: both or neither, exactly
   * once. Throws Conflict `projection.checkpoint-moved` when another owner was faster, and `projection.ahead-of-log`
   * when the log no longer holds the event behind which the checkpoint stands.
   */
  advance(
    projection: LogSubscription,
    slice: Slice,
    to: bigint,
    work: (tx: ProjectionTransaction) => Promise<void>,
  ): Promise<Slice>;

  /**
   * As `advance`, in a single statement, for a projection with `merge`: each row is stored, or merged into the row that
   * is there. A row whose `stream_version` is as high already stays as it is. At most one row of each tenant and key.
   * Undefined, with nothing changed, when a stream of the slice is parked or the rows are too heavy for one statement.
   * Without rows, for any projection, the checkpoint moves past events that do not concern it. Rows and checkpoint are
   * on the disk soon, not yet: a crash of the database may take both back, together, and they are applied again.
   */
  upsert(projection: Projection, slice: Slice, to: bigint, rows: readonly TenantRow[]): Promise<Slice | undefined>;
  /**
   * Moves the checkpoints of several slices past events that do not concern them, soon, not durably. The slices that
   * have moved; one that is left out is where another owner put it.
   */
  pass(projection: LogSubscription, slices: readonly Slice[], to: bigint): Promise<readonly Slice[]>;

  /**
   * Runs `work` in one transaction while the slice of the stream stands still where it is. Whoever owns the slice
   * leases it again afterwards and goes on from the same checkpoint; nothing that it began before has an effect.
   * False, without `work`, when nobody knows the stream or the projection. Throws Conflict `projection.outdated` when
   * the read model is stored under another schema version, and `projection.ahead-of-log`.
   */
  holdSlice(
    projection: Projection,
    stream: StreamKey,
    work: (tx: ProjectionTransaction, slice: Slice) => Promise<void>,
  ): Promise<boolean>;

  /** One projection, also one that is being built under the name of its build; or all live ones. */
  progress(projection?: string): Promise<readonly ProjectionProgress[]>;
  setState(projection: string, state: 'running' | 'paused'): Promise<void>;
}
export const ProjectionStore = port<ProjectionStore>('ProjectionStore');

/** Parked streams as operators of one tenant see them. */
export interface DeadLetters {
  /** How many streams of the tenant the projection has parked. */
  count(tenant: string, projection: string): Promise<number>;
  list(tenant: string, query: { projection?: string; limit: number; after?: string }): Promise<readonly ParkedStream[]>;
  /** Undefined when the id is unknown to the tenant, or the stream has gone on. */
  get(tenant: string, id: string): Promise<ParkedStream | undefined>;
  /** Records the operator's decision; the worker carries it out. Undefined when the id is unknown to the tenant. */
  decide(tenant: string, id: string, decision: 'retry' | 'discard'): Promise<ParkedStream | undefined>;
}
export const DeadLetters = port<DeadLetters>('DeadLetters');
