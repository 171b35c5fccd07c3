// One program of the product as a process of its own, without the starter that would start it again.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from '@groundwork/testing';

export interface Program {
  readonly pid: number;
  /** Everything it has printed until now. */
  readonly lines: readonly string[];
  /** null when a signal has ended it. */
  readonly exitCode: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  /** Whether `/readyz` answers 200. */
  isReady(): Promise<boolean>;
  /** What `/readyz?verbose` says. */
  readiness(): Promise<string>;
  /** The value of a metric's first series whose labels contain the text; 0 when there is none. */
  metric(name: string, labels?: string): Promise<number>;
  /** Where the api is served. */
  url(): Promise<string>;
  /** Where health and metrics are served. */
  managementPort(): Promise<number>;
}

const root = join(import.meta.dirname, '../..');
// When the tests end in whatever way, it ends too.
const endWithParent = join(root, 'apps/cli/src/start/end-with-parent.ts');
const START_WAIT_MAX_MS = 30_000;

/** Starts one of the apps, or the program of a path, on free ports; behind the words of another command if given. */
export function startProgram(
  name: 'api' | 'worker' | (string & {}),
  settings: Readonly<Record<string, string>>,
  behind: readonly string[] = [],
): Program {
  const lines: string[] = [];
  const main = name.endsWith('.ts') ? name : join(root, 'apps', name, 'src/main.ts');
  const [command, ...words] = [...behind, process.execPath, '--import', endWithParent, main];
  const child = spawn(command!, words, {
    env: { PATH: process.env['PATH'], PORT: '0', MANAGEMENT_PORT: '0', ...settings },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of [child.stdout!, child.stderr!])
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  const exitCode = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const told = (message: string, field: string): Promise<string> =>
    eventually(() => {
      const line = lines.find((one) => one.includes(message));
      return line === undefined ? undefined : String((JSON.parse(line) as Record<string, unknown>)[field]);
    }, START_WAIT_MAX_MS);
  const management = async (path: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${await told('Health and metrics are served.', 'port')}${path}`);
  return {
    pid: child.pid!,
    lines,
    exitCode,
    kill: (signal) => void child.kill(signal),
    isReady: async () => (await management('/readyz')).ok,
    readiness: async () => (await management('/readyz?verbose')).text(),
    metric: async (metricName, labels = '') => {
      const text = await (await management('/metrics')).text();
      const series = text.split('\n').find((line) => line.startsWith(`${metricName}{`) && line.includes(labels));
      return Number(series?.split(' ').at(-1) ?? 0);
    },
    managementPort: async () => Number(await told('Health and metrics are served.', 'port')),
    url: () => told('The api is served.', 'url'),
  };
}

/** Waits until all of them are ready. */
export async function untilReady(...programs: readonly Program[]): Promise<void> {
  for (const program of programs) await eventually(() => program.isReady(), START_WAIT_MAX_MS);
}
