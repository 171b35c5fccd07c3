// A projection as a pure description: which events change which row, and how.
import type { StreamId } from '@groundwork/domain';
import type { RecordedEvent } from '../events/event.ts';
import { port } from '../port.ts';
import type { ReadPolicy } from './read-policy.ts';
import type { LogSubscription } from './log-subscription.ts';

/** A column of a read model. `json` holds any JSON value, `exact-json` the text of an ExactJson. */
export type ColumnType = 'text' | 'text[]' | 'integer' | 'bigint' | 'boolean' | 'timestamp' | 'json' | 'exact-json';

/** The column that a table may have for the version of the stream that a row was made from. */
export const VERSION_COLUMN = 'stream_version';

export interface ReadModelTable {
  readonly schema: string;
  readonly name: string;
  /** Every column but `tenant`, by its name in snake case; `key` and `streamVersion` columns included. */
  readonly columns: Readonly<Record<string, ColumnType>>;
  /** The column that, with the tenant, identifies a row. */
  readonly key: string;
}

/** A row by column name. Values are what JSON or `Date` can hold. */
export type Row = Readonly<Record<string, unknown>>;

/** A command that an event calls for. */
export interface FollowUp {
  readonly type: string;
  readonly payload: unknown;
  /** See NewCommand.orderKeys. */
  readonly orderKeys?: readonly string[];
}

export interface FollowUps<R extends Row = Row> {
  /** What the commands may do: nobody is there to lend them rights. */
  readonly permissions: readonly string[];
  /** Pure, like `apply`; `row` is the row after the event. */
  of(event: RecordedEvent, row: R | undefined): readonly FollowUp[];
}

/**
 * What becomes of a column of a stored row when a newer row comes: `add` counts the values up, null counting as 0, and
 * `first` keeps what is there unless it is null. The other columns take the newer value.
 */
export type ColumnMerge = 'add' | 'first';

export interface Projection<R extends Row = Row> extends LogSubscription {
  /** `context.noun`, such as `clients.client-list`. */
  readonly name: string;
  /** Grows when table or meaning change; a projection stored under another version has to be rebuilt. */
  readonly schemaVersion: number;
  readonly table: ReadModelTable;
  readonly eventTypes: readonly string[];
  /**
   * The key of the row that an event changes; undefined when it changes none. A row belongs to one stream, and a stream
   * may have many: streams are applied side by side on several workers, so that events of two of them have no order.
   * Two streams of a tenant that claim one row are noticed when they meet in a batch, and the one that comes second is
   * parked (`projection.row-of-another-stream`); met in different batches they overwrite each other unnoticed.
   */
  keyOf(event: RecordedEvent): string | undefined;
  /** The stream behind a row, where its key says it: the way back from a row to its events. */
  streamOf?(key: string): StreamId;
  /**
   * The row after the event: pure, so that a rebuild gives the same table, and so that the state at any time is a
   * replay up to it. Return the row unchanged when there is nothing to do, undefined to remove it.
   */
  apply(row: R | undefined, event: RecordedEvent): R | undefined;
  /**
   * Present when the rows follow from the events without a look at what is stored, so that a batch of events is one
   * statement: made by `upsertProjection`.
   */
  readonly merge?: Readonly<Record<string, ColumnMerge>>;
  /** Its rows are stored in the transaction of the append, too: made by `inlineProjection`. */
  readonly isInline?: true;
  /**
   * Commands that follow from the events. They are stored in the transaction of the event's effect, caused by the event
   * and in its correlation: each once, also when the read model is rebuilt.
   */
  readonly followUps?: FollowUps<R>;
  /** What end users may read by themselves. Without it, nothing: programs read in the name of the tenant. */
  readonly readPolicy?: ReadPolicy;
}
export const Projection = port<Projection>('Projection');
