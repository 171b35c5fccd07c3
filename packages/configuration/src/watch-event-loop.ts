// Ends a process whose event loop stands still, as nothing on that loop can; this file is also the thread that does.
import { writeSync } from 'node:fs';
import { url as debuggerUrl } from 'node:inspector';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

interface Watched {
  readonly program: string;
  /** Grows as long as the event loop turns. */
  readonly turns: Int32Array;
  readonly stuckAfterMs: number;
}

// Looks are counted, not time: while the whole process is paused, nobody looks.
const LOOKS = 10;

/**
 * From now until it is disposed of, or a debugger is there: when the event loop has not turned once for `stuckAfterMs`,
 * the process says so on standard error and is ended by SIGKILL. PostgreSQL then gives free what it held, whoever
 * started it starts it again, and what it was at is counted as one more attempt.
 */
export function watchEventLoop(program: string, stuckAfterMs: number): Disposable {
  if (debuggerUrl() !== undefined) return { [Symbol.dispose]: () => undefined };
  const watched: Watched = { program, turns: new Int32Array(new SharedArrayBuffer(4)), stuckAfterMs };
  const beat = setInterval(() => Atomics.add(watched.turns, 0, 1), stuckAfterMs / LOOKS / 2).unref();
  // Nothing that the process was started with concerns the thread.
  const thread = new Worker(new URL(import.meta.url), { workerData: { watched }, execArgv: [], env: {} });
  thread.unref();
  return {
    [Symbol.dispose]: () => {
      clearInterval(beat);
      void thread.terminate();
    },
  };
}

function watch({ program, turns, stuckAfterMs }: Watched): never {
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  for (let [seen, stillLooks] = [-1, 0]; ;) {
    Atomics.wait(nobody, 0, 0, stuckAfterMs / LOOKS);
    const now = Atomics.load(turns, 0);
    stillLooks = now === seen ? stillLooks + 1 : 0;
    seen = now;
    if (stillLooks < LOOKS) continue;
    writeSync(2, `${program} ends: its event loop has stood still for ${stuckAfterMs} ms.\n`);
    process.kill(process.pid, 'SIGKILL');
  }
}

const { watched } = (workerData ?? {}) as { readonly watched?: Watched };
if (!isMainThread && watched !== undefined) watch(watched);
