// What a benchmark is and what it reports.

export interface Suite {
  readonly name: string;
  readonly description: string;
  /** Measures on an empty database; throws when what was measured turns out to be wrong. */
  run(url: string, note: (line: string) => void): Promise<SuiteReport>;
}

export interface SuiteReport {
  readonly results: readonly Result[];
  /** Ours over the comparison's, measured in the same minute: absolute figures belong to one machine. */
  readonly ratios: Readonly<Record<string, number>>;
}

export interface Result {
  readonly name: string;
  readonly concurrency: number;
  /** The median of the windows. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}
