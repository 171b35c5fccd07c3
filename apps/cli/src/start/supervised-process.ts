// A child process that is started again when it dies.
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface SupervisedProcess {
  /** Rejects when the process has died so often before its first good run that something must be wrong with it. */
  readonly failed: Promise<never>;
  /** From now on a death is an accident: it is repaired for ever. */
  confirm(): void;
  /** Ends the process in good order, and by force when that takes too long. */
  stop(): Promise<void>;
}

export interface SupervisedProcessOptions {
  readonly name: string;
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  /** Takes the lines that the process writes. */
  readonly line: (text: string) => void;
  /** Takes what happens to the process. */
  readonly note: (text: string) => void;
}

const UNCONFIRMED_STARTS_MAX = 3;
const FIRST_RESTART_MS = 200;
const RESTART_MAX_MS = 5_000;
const GOOD_RUN_MS = 30_000;
const STOP_WAIT_MAX_MS = 30_000;

const preload = new URL('./end-with-parent.ts', import.meta.url).href;

export function superviseProcess(options: SupervisedProcessOptions): SupervisedProcess {
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  let child: ChildProcess | undefined;
  let restart: NodeJS.Timeout | undefined;
  let stopping = false;
  let confirmed = false;
  let startsInARow = 0;

  const start = (): void => {
    const startedAt = Date.now();
    const ended = (how: string): void => {
      if (stopping) return;
      startsInARow = Date.now() - startedAt > GOOD_RUN_MS ? 1 : startsInARow + 1;
      if (!confirmed && startsInARow >= UNCONFIRMED_STARTS_MAX) {
        fail(new Error(`The ${options.name} does not start: it has ended ${startsInARow} times (${how}).`));
        return;
      }
      const waitMs = Math.min(FIRST_RESTART_MS * 2 ** (startsInARow - 1), RESTART_MAX_MS);
      options.note(`The ${options.name} has ended (${how}); it is started again in ${waitMs / 1000} s.`);
      restart = setTimeout(start, waitMs);
    };
    child = launch(options, ended);
  };
  start();

  return {
    failed,
    confirm: () => (confirmed = true),
    stop: async () => {
      stopping = true;
      clearTimeout(restart);
      await end(child, options);
    },
  };
}

/** A process group of its own: Ctrl-C in the terminal reaches it through the starter, in the right order. */
function launch(options: SupervisedProcessOptions, ended: (how: string) => void): ChildProcess | undefined {
  let child: ChildProcess;
  try {
    child = spawned(options);
  } catch (error) {
    // Some refusals of the system are thrown at once, others are told by the child's `error`.
    ended((error as Error).message);
    return undefined;
  }
  child.once('exit', (code, signal) => ended(signal ?? `status ${code}`));
  // Without a process id there has never been a process, and there will be no exit either.
  child.on('error', (error) => (child.pid === undefined ? ended(error.message) : options.note(error.message)));
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream, crlfDelay: Infinity }).on('line', options.line);
  }
  return child;
}

const spawned = ({ program, env }: SupervisedProcessOptions): ChildProcess =>
  spawn(process.execPath, ['--import', preload, program], {
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });

async function end(child: ChildProcess | undefined, { name, note }: SupervisedProcessOptions): Promise<void> {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const force = setTimeout(() => {
    note(`The ${name} has not ended within ${STOP_WAIT_MAX_MS / 1000} s; it is killed.`);
    child.kill('SIGKILL');
  }, STOP_WAIT_MAX_MS);
  child.kill('SIGTERM');
  await gone;
  clearTimeout(force);
}
