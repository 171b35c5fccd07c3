// What a benchmark is and what it reports.

/** Where and against what a suite measures. */
export interface Bench {
  /** An empty, migrated database; a login that may make further ones on the same server. */
  readonly url: string;
  /** Other event stores, each on an empty database of its own; none unless they are asked for. */
  readonly peers: readonly Peer[];
  /** How many events a large log holds; each suite has its own default. */
  readonly events: number | undefined;
  /** Takes a line of progress. */
  note(line: string): void;
}

export interface Suite {
  readonly name: string;
  readonly description: string;
  /** Measures on an empty database; throws when what was measured turns out to be wrong. */
  run(bench: Bench): Promise<SuiteReport>;
}

export interface SuiteReport {
  readonly results: readonly Result[];
  /**
   * Ours over the comparison's, measured in the same minute: absolute figures belong to one machine. Beside them stand
   * the few that have a bound of their own.
   */
  readonly ratios: Readonly<Record<string, number>>;
}

export interface Result {
  readonly name: string;
  readonly concurrency: number;
  /** The median of the windows. */
  readonly perSecond: number;
  /** Null where the contender tells no single durations. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** A way to append events to a stream at an expected version, 0 being a stream that is not there yet. */
export interface Appender extends AsyncDisposable {
  readonly name: string;
  /** Appends `count` events (1), together where the store knows how. */
  append(stream: string, expectedVersion: number, count?: number): Promise<void>;
  /** Events by stream, as the database has them. */
  stored(): Promise<StoredStreams>;
}

/** How many events each stream holds, and their highest version, counted from 1. */
export type StoredStreams = ReadonlyMap<string, { readonly count: number; readonly version: number }>;

/** A way to read all events of a stream, payloads parsed; gives their number. */
export interface Loader {
  readonly name: string;
  load(stream: string): Promise<number>;
}

/** An event store that others use, as its documentation says and with its best settings. */
export interface Peer extends Appender, Loader {
  /** The URL of its own database. */
  readonly url: string;
  /** Where it has projections: one that counts the events of each stream and applies all, as many at a time. */
  readonly project?: (batchSize: number) => Promise<void>;
  /** How many events the latest projection has counted. */
  readonly projected?: () => Promise<number>;
}
