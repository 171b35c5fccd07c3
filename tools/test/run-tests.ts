// `npm test`: every test of the workspace, one summary line at the end, nothing left running.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { refusedSkips, resultsOfAll, summaryOf, type JestResults } from './summary.ts';
import { openTestDesk } from './test-desk.ts';

const root = join(import.meta.dirname, '../..');
const resultsFile = join(root, 'test-output/results.json');
const resultsFileOf = (run: number): string => join(root, `test-output/results-${run}.json`);
const STOP_WAIT_MAX_MS = 15_000;
/** They start programs, kill them against the clock and measure them, which takes the processors that there are. */
const PROGRAMS = ['api', 'worker', 'cli', 'bench', 'e2e'];
/** They do nothing for minutes but wait, for groups of a mock cluster or a broker that is away: beside the programs. */
const WAITING = ['messaging/src/bus/kafka/kafka-broker.spec', 'e2e/bus-relay.spec'];
const BUT_WAITING = ['--testPathIgnorePatterns', '/node_modules/', ...WAITING];
const chosen = process.argv.slice(2);
/** One after the other; those of one step at the same time. */
const steps: readonly (readonly (readonly string[])[])[] =
  chosen.length > 0
    ? [[['--maxWorkers=1', ...chosen]]]
    : [
        [['--maxWorkers=2', '--ignoreProjects', ...PROGRAMS, ...BUT_WAITING]],
        [
          ['--maxWorkers=1', '--selectProjects', ...PROGRAMS, ...BUT_WAITING],
          ['--maxWorkers=1', '--selectProjects', 'messaging', 'e2e', '--testPathPatterns', ...WAITING],
        ],
      ];

mkdirSync(join(root, 'test-output'), { recursive: true });
rmSync(resultsFile, { force: true });
const desk = process.env['GW_TEST_DATABASE_URL'] ? undefined : await openTestDesk();
const running = new Set<ChildProcess>();
let isStopped = false;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    isStopped = true;
    for (const jest of running) void endGroup(jest);
  });
}

let status = 0;
const all: (JestResults | undefined)[] = [];
for (const step of steps) {
  if (isStopped) break;
  all.push(...(await Promise.all(step.map((options, at) => resultsOf(options, resultsFileOf(at))))));
}
await desk?.close();

const results = resultsOfAll(all);
if (results !== undefined) writeFileSync(resultsFile, JSON.stringify(results));
const refused = process.env['CI'] === 'true' ? refusedSkips(results) : [];
for (const name of refused) process.stdout.write(`Skipped, and with CI=true that is a failure: ${name}\n`);
const summary = summaryOf(results, status, refused);
process.stdout.write(`${summary.passed} passed, ${summary.failed} failed, ${summary.skipped} skipped\n`);
process.exitCode = summary.failed > 0 ? 1 : 0;

async function resultsOf(options: readonly string[], outputFile: string): Promise<JestResults | undefined> {
  rmSync(outputFile, { force: true });
  const jest = startJest(options, outputFile);
  running.add(jest);
  const code = await new Promise<number>((resolve) => jest.once('exit', (exit) => resolve(exit ?? 1)));
  status = Math.max(status, code);
  await endGroup(jest);
  running.delete(jest);
  try {
    return JSON.parse(readFileSync(outputFile, 'utf8')) as JestResults;
  } catch {
    return undefined; // jest itself has failed, and has said why.
  } finally {
    rmSync(outputFile, { force: true });
  }
}

/** A process group of its own, so that everything the tests have started can be ended with it. */
function startJest(extra: readonly string[], outputFile: string): ChildProcess {
  // A socket that a driver has left open must not keep the summary waiting; what still runs is ended with its group.
  const options = ['--config', 'jest.config.mjs', '--json', `--outputFile=${outputFile}`, '--forceExit'];
  return spawn(process.execPath, [join(root, 'node_modules/jest/bin/jest.js'), ...options, ...extra], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning',
      ...(desk ? { GW_TEST_DATABASE_DESK: desk.url } : {}),
    },
  });
}

async function endGroup({ pid }: ChildProcess): Promise<void> {
  const deadline = Date.now() + STOP_WAIT_MAX_MS;
  while (signalGroup(pid, Date.now() < deadline ? 'SIGTERM' : 'SIGKILL')) await sleep(200);
}

function signalGroup(pid: number | undefined, name: NodeJS.Signals): boolean {
  try {
    return pid !== undefined && process.kill(-pid, name);
  } catch {
    return false;
  }
}
