// Where the second tables of read models are kept while they are built, compared and switched.
import { port } from '../port.ts';
import type { Projection, Row } from '../projections/projection.ts';

/** `building` and `compared` are open: workers go on with them. */
export type RebuildState = 'building' | 'compared' | 'switched' | 'rolled-back' | 'cancelled';

export interface Rebuild {
  readonly id: number;
  readonly projection: string;
  /** Counted for each projection, from 1. */
  readonly number: number;
  readonly schemaVersion: number;
  readonly state: RebuildState;
  /** A shadow run is compared, and waits for an operator. */
  readonly isShadow: boolean;
  /** Switches though streams of the build are parked. */
  readonly isForced: boolean;
  /** Whether there is still a table beside the one that is read: the build, or the former table for a rollback. */
  readonly hasTable: boolean;
  readonly startedAt: Date;
  readonly finishedAt: Date | undefined;
  /** The position up to which all slices of the build are complete, and the one of the live table it has to reach. */
  readonly done: bigint;
  readonly total: bigint;
  /** The streams that the build cannot go on with, by the code of the error. */
  readonly parked: Readonly<Record<string, number>>;
  /** Why the last comparison or switch did not come about; undefined since it has. */
  readonly error: string | undefined;
  /** The rows of both tables at the same position; undefined before they have been compared. */
  readonly comparison: RebuildComparison | undefined;
}

export interface RebuildComparison {
  /** Rows of the new table. */
  readonly rows: number;
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  /** In how many of the changed rows each column differs; columns without a difference are left out. */
  readonly changedColumns: Readonly<Record<string, number>>;
}

/** A row that differs between the two tables; `before` is the live one, and only columns that differ are told. */
export interface RowDifference {
  readonly key: string;
  readonly change: 'added' | 'removed' | 'changed';
  readonly before: Row | undefined;
  readonly after: Row | undefined;
}

export interface RebuildKind {
  /** See Rebuild.isShadow. */
  readonly isShadow: boolean;
  /** The new table is made as it is declared, whatever became of the live one. */
  readonly isRepair?: boolean;
}

/** How many differing rows are kept of each tenant and kind of change. */
export const SAMPLE_COUNT_MAX = 20;

/**
 * Blue/green: a build is a projection of its own, with its own table, slices and parked streams, that never passes the
 * live one. So both stand at the same position when they are compared and when they are switched.
 */
export interface Rebuilds {
  /**
   * Makes an empty table like the live one, with the columns that the projection declares, and drops what earlier
   * rebuilds have left. A repair also leaves out the columns that nothing declares, brings keys, row-level security and
   * rights to what they have to be, and begins without a live table, too. Throws Conflict `projection.rebuild-open`
   * when one is on its way, and NotFound `projection.unknown` when nobody has registered the projection.
   */
  begin(projection: Projection, kind: RebuildKind): Promise<Rebuild>;
  /** Newest first; those of all projections without a name. */
  list(projection?: string): Promise<readonly Rebuild[]>;
  /** Those that workers go on with. */
  open(): Promise<readonly Rebuild[]>;

  /**
   * Compares the rows of both tables as they are when the build has come level with the live projection, which is
   * held for that moment only. False when it has not come level in time, or somebody else compares.
   */
  compare(projection: Projection, rebuild: Rebuild): Promise<boolean>;
  /**
   * Puts the new table in the place of the old one when both are level, in one transaction with the checkpoints. Former
   * owners of slices have no effect from then on. False when they have not come level in time, when streams of the
   * build are parked and it is not forced, or when somebody else switches.
   */
  switchOver(rebuild: Rebuild): Promise<boolean>;
  /** Remembers why a comparison or a switch did not come about. */
  failed(rebuild: Rebuild, error: string | undefined): Promise<void>;

  /** Lets a compared shadow run be switched, or with `isForced` a build with parked streams. */
  approve(rebuild: Rebuild, how: { readonly isForced: boolean }): Promise<void>;
  /** Drops the table that is not read: ends an open rebuild, or makes a rollback impossible. */
  drop(rebuild: Rebuild): Promise<void>;
  /**
   * Puts the former table back with its checkpoints, from which the projection goes on. Throws Conflict
   * `projection.nothing-to-roll-back` when it is no longer there.
   */
  rollBack(rebuild: Rebuild): Promise<void>;

  /** At most `SAMPLE_COUNT_MAX` of each kind of change, of one tenant. */
  differences(tenant: string, rebuild: Rebuild): Promise<readonly RowDifference[]>;
}
export const Rebuilds = port<Rebuilds>('Rebuilds');
