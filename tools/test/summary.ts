// Counts what a test run has shown. Whatever could not run counts as failed.

export interface JestResults {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** Of runs that follow each other; undefined when one has left none. */
export function resultsOfAll(runs: readonly (JestResults | undefined)[]): JestResults | undefined {
  const all = runs.filter((run) => run !== undefined);
  if (all.length < runs.length) return undefined;
  const sum = (count: (run: JestResults) => number): number => all.reduce((total, run) => total + count(run), 0);
  return {
    numPassedTests: sum((run) => run.numPassedTests),
    numFailedTests: sum((run) => run.numFailedTests),
    numPendingTests: sum((run) => run.numPendingTests),
    numTodoTests: sum((run) => run.numTodoTests),
    testResults: all.flatMap((run) => run.testResults),
  };
}

export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

// What these need cannot be installed from a registry: inputs beside the repository, tools of other products, and the
// right to make networks.
const SKIPS_ALLOWED = [
  /\binputs collected from other projects\b/,
  /\bgive the same ratio to Prometheus itself$/,
  /^Prometheus /,
  /\bthrough PgBouncer\b/,
  /\bon Kafka\b/,
  /\bKAFKA_BROKERS\b/,
  /\bgiven pg_dump\b/,
  /\bbehind networks of their own\b/,
];

/** The full names of skipped tests that may not be skipped where everything can be installed (`CI=true`). */
export function refusedSkips(results: JestResults | undefined): readonly string[] {
  const tests = results?.testResults.flatMap(({ assertionResults }) => assertionResults) ?? [];
  return tests
    .filter(({ status, fullName }) => SKIPPED.has(status) && !SKIPS_ALLOWED.some((allowed) => allowed.test(fullName)))
    .map(({ fullName }) => fullName);
}
const SKIPPED: ReadonlySet<string> = new Set(['pending', 'skipped', 'todo']);

/**
 * `refused` are skipped tests that count as failed. `status` is jest's exit status: a run that ends badly has at least
 * one failure, whatever its results say.
 */
export function summaryOf(results: JestResults | undefined, status: number, refused: readonly string[] = []): Summary {
  if (!results) return { passed: 0, failed: 1, skipped: 0 };
  const brokenFiles = results.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const failed = results.numFailedTests + brokenFiles.length + refused.length;
  return {
    passed: results.numPassedTests,
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: results.numPendingTests + results.numTodoTests - refused.length,
  };
}
