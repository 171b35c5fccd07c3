// A worker in a process of its own, told by its parent when to begin.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { compose, platformModules, readSettings } from '@groundwork/configuration';
import { workerModule } from '../../apps/worker/src/worker.module.ts';
import { Worker } from '../../apps/worker/src/worker.ts';
import { benchModule } from './bench.module.ts';
import { heavyProjectionModule } from './heavy-projection.module.ts';
import { waitingHandlerModule } from './waiting-handler.module.ts';

/** Slices of the projection: as many for each of three. */
export const SLICES = 6;

/** How many commands each runs at once. */
export const COMMANDS_AT_ONCE = 4;

/** What there is for a worker to do, and how it is set for that. */
const WORK = {
  commands: { module: waitingHandlerModule, settings: { GW_WORKER_COMMANDS_MAX: String(COMMANDS_AT_ONCE) } },
  projection: {
    module: heavyProjectionModule,
    settings: {
      GW_WORKER_SLICES: String(SLICES),
      // A batch takes a fraction of the time after which a handler is taken for one that hangs.
      GW_WORKER_BATCH_SIZE_MAX: '100',
      GW_WORKER_HANDLER_TIMEOUT_MS: '4000',
    },
  },
} as const;
export type Work = keyof typeof WORK;

export interface WorkerProcess extends AsyncDisposable {
  /** From now on it works. */
  begin(): void;
}

/** Resolves when it is ready to begin; it ends in good order when it is disposed of, or with its parent. */
export async function workerProcess(url: string, work: Work): Promise<WorkerProcess> {
  const child = fork(fileURLToPath(import.meta.url), [url, work], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  const died = ended.then(([code]) => Promise.reject(new Error(`A worker ended with ${String(code)}.`)));
  died.catch(() => undefined);
  await Promise.race([once(child, 'message'), died]);
  return {
    begin: () => void child.send('begin'),
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

async function obey(url: string, work: Work): Promise<void> {
  const settings = readSettings({
    DATABASE_URL: url,
    LOG_LEVEL: 'error',
    ...WORK[work].settings,
  });
  await using app = await compose({
    program: 'bench',
    modules: [...platformModules(settings, 'worker'), benchModule, WORK[work].module, workerModule(settings)],
    roots: [Worker],
  });
  const begun = once(process, 'message');
  process.send!('ready');
  const left = once(process, 'disconnect');
  await Promise.race([begun, left]);
  app.get(Worker).start();
  await left;
  await app.get(Worker).stop();
}

const [, program, url, work] = process.argv;
if (program === fileURLToPath(import.meta.url)) await obey(url!, work as Work);
