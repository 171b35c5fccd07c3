// What the suites of projections run on: a log, a read model, and a projection that says what became of each note.
import {
  EventTypes,
  upsertProjection,
  type CommandStore,
  type DeadLetters,
  type Projection,
  type ProjectionStore,
  type ReadModels,
  type Rebuilds,
  type RecordedEvent,
  type Row,
  type TimeLimit,
} from '@groundwork/application';
import type { EventStoreUnderTest } from '../event-store/event-store-contract.ts';

export interface ProjectionStoreUnderTest extends EventStoreUnderTest {
  readonly store: ProjectionStore;
  readonly rebuilds: Rebuilds;
  readonly deadLetters: DeadLetters;
  readonly readModels: ReadModels;
  readonly commands: CommandStore;
  /** That of the product, where the spec of the adapter can reach it. */
  readonly timeLimit?: TimeLimit;
  /** The same log for a program that knows these types. */
  open(types: EventTypes): EventStoreUnderTest;
  close(): Promise<void>;
}

/** Sets up an empty log that knows `noteTypes`, and an empty table as `noteList` describes it. */
export type MakeProjectionStore = (projection: Projection, types: EventTypes) => Promise<ProjectionStoreUnderTest>;

export const noteTypes = new EventTypes([
  { type: 'NoteWritten', schemaVersion: 1 },
  { type: 'NoteFiled', schemaVersion: 1 },
]);

/** One row for each note: its last text, how often it was written, and a size that the database may refuse. */
export const noteList: Projection = {
  name: 'contract.note-list',
  schemaVersion: 1,
  table: {
    schema: 'contract',
    name: 'note',
    columns: { id: 'text', text: 'text', count: 'integer', size: 'integer', stream_version: 'bigint' },
    key: 'id',
  },
  eventTypes: ['NoteWritten'],
  keyOf: (event) => event.stream.id,
  apply: noteAfter,
};

/** The same table filled set-wise: the latest text, the first size, and how often the note was written. */
export const noteCount: Projection = upsertProjection({
  name: noteList.name,
  schemaVersion: noteList.schemaVersion,
  table: noteList.table,
  eventTypes: noteList.eventTypes,
  keyOf: noteList.keyOf,
  rowOf: (event) => noteAfter(undefined, event),
  merge: { count: 'add', size: 'first' },
});

/** The same store, some of whose methods are others. */
export const storeWith = (store: ProjectionStore, changed: Partial<ProjectionStore>): ProjectionStore => ({
  register: (...register) => store.register(...register),
  lease: (projection, owner, leaseMs, max) => store.lease(projection, owner, leaseMs, max),
  renew: (projection, owner, leaseMs) => store.renew(projection, owner, leaseMs),
  suspect: (slice, position, ownersLost) => store.suspect(slice, position, ownersLost),
  releaseAll: (owner) => store.releaseAll(owner),
  advance: (projection, slice, to, work) => store.advance(projection, slice, to, work),
  upsert: (projection, slice, to, rows) => store.upsert(projection, slice, to, rows),
  pass: (projection, slices, to) => store.pass(projection, slices, to),
  holdSlice: (projection, stream, work) => store.holdSlice(projection, stream, work),
  progress: (projection) => store.progress(projection),
  setState: (projection, state) => store.setState(projection, state),
  ...changed,
});

/** The same store with another way to advance. */
export const withAdvance = (store: ProjectionStore, advance: ProjectionStore['advance']): ProjectionStore =>
  storeWith(store, { advance });

export interface NoteData {
  readonly text: string;
  readonly size?: number;
  readonly isRemoved?: boolean;
}

/** More than an integer column holds. */
export const SIZE_REFUSED = 3_000_000_000;

export function noteAfter(row: Row | undefined, event: RecordedEvent): Row | undefined {
  const { text, size = 1, isRemoved = false } = event.data as NoteData;
  if (isRemoved) return undefined;
  return {
    id: event.stream.id,
    text,
    count: Number(row?.['count'] ?? 0) + 1,
    size,
    stream_version: event.streamVersion,
  };
}

/** The parts of a row that say what was applied, whatever number types the adapter gives back. */
export const noteOf = (row: Row | undefined): { text: unknown; count: number; streamVersion: number } | undefined =>
  row && { text: row['text'], count: Number(row['count']), streamVersion: Number(row['stream_version']) };
