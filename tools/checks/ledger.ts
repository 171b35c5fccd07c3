// Which acceptance ids have a passing test: `npm run ledger`, with `--json` for programs.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { files, readJson, readText, root } from './workspace.ts';

/** Written by `npm test`, in the form of jest's `--json`. */
export const resultsPath = 'test-output/results.json';

export interface System {
  readonly system: string;
  readonly title: string;
  readonly numbers: readonly string[];
}

/** One test of the last run. */
export interface TestResult {
  readonly ancestorTitles: readonly string[];
  readonly title: string;
  readonly status: string;
}

/** `proven`: all tests with this id passed. `not-run`: a test names it that the last run did not contain. */
export type ProofState = 'proven' | 'failing' | 'not-run' | 'open';

export interface SystemLedger {
  readonly system: string;
  readonly title: string;
  readonly proven: number;
  readonly total: number;
  readonly ids: Readonly<Record<string, ProofState>>;
}

/** Every system's ids with their states. `named` are the ids that stand in the specs, whether or not they ran. */
export function ledgerOf(
  systems: readonly System[],
  results: readonly TestResult[],
  named: ReadonlySet<string>,
): readonly SystemLedger[] {
  const statuses = new Map<string, string[]>();
  for (const { ancestorTitles, title, status } of results) {
    for (const id of [...ancestorTitles, title].flatMap(idsOf)) statuses.set(id, [...(statuses.get(id) ?? []), status]);
  }
  const stateOf = (id: string): ProofState => {
    const seen = statuses.get(id) ?? [];
    if (seen.length === 0) return named.has(id) ? 'not-run' : 'open';
    if (seen.includes('failed')) return 'failing';
    return seen.every((status) => status === 'passed') ? 'proven' : 'not-run';
  };
  return systems.map(({ system, title, numbers }) => {
    const ids = Object.fromEntries(numbers.map((number) => `${system}-${number}`).map((id) => [id, stateOf(id)]));
    const proven = Object.values(ids).filter((state) => state === 'proven').length;
    return { system, title, proven, total: numbers.length, ids };
  });
}

/** The acceptance ids at the start of a test's name. */
export function idsOf(title: string): readonly string[] {
  return /^(?:S\d-\d\d[\s,:]+)+/.exec(title)?.[0].match(/S\d-\d\d/g) ?? [];
}

/** The acceptance ids that stand at the start of a name in any spec or contract suite, and where. */
export function namedIds(): ReadonlyMap<string, readonly string[]> {
  const places = new Map<string, string[]>();
  const specs = ['packages', 'apps', 'tools'].flatMap((folder) => files(folder, '.spec.ts'));
  for (const path of [...specs, ...files('packages/testing', '.ts')]) {
    for (const [, title] of readText(path).matchAll(/['"`](S\d-\d\d[^'"`\n]*)/g)) {
      for (const id of idsOf(title!)) places.set(id, [...(places.get(id) ?? []), path]);
    }
  }
  return places;
}

export const systems = (): readonly System[] => readJson('tools/checks/acceptance-ids.json');

function lastResults(): readonly TestResult[] {
  if (!existsSync(join(root, resultsPath))) return [];
  const run = readJson<{ testResults: { assertionResults: TestResult[] }[] }>(resultsPath);
  return run.testResults.flatMap((file) => file.assertionResults);
}

function print(ledger: readonly SystemLedger[]): void {
  for (const { system, title, proven, total, ids } of ledger) {
    console.log(`${system}  ${title.padEnd(24)} ${String(proven).padStart(3)} of ${total} proven`);
    for (const [state, word] of [
      ['failing', 'failing'],
      ['not-run', 'not run'],
      ['open', 'open'],
    ] as const) {
      const inState = Object.keys(ids).filter((id) => ids[id] === state);
      if (inState.length > 0) console.log(`    ${word.padEnd(8)} ${inState.map((id) => id.slice(3)).join(' ')}`);
    }
  }
  if (!existsSync(join(root, resultsPath))) console.log('No test run has left results; `npm test` does.');
}

if (import.meta.main) {
  const ledger = ledgerOf(systems(), lastResults(), new Set(namedIds().keys()));
  if (process.argv.includes('--json')) console.log(JSON.stringify(ledger, null, 2));
  else print(ledger);
}
