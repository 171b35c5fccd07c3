// A worker that is killed between the commit of what it did and the answer: of a command, or of a projection's batch.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { compose, platformModules, readSettings } from '@groundwork/configuration';
import { workerModule } from '../../apps/worker/src/worker.module.ts';
import { Worker } from '../../apps/worker/src/worker.ts';
import { counterModule } from './counter.module.ts';
import { countingModule } from './counting.module.ts';
import { deathModule, type Death } from './death.module.ts';

export interface DyingWorker {
  /** Of its end, which is SIGKILL when it died as it was to. */
  readonly signal: Promise<NodeJS.Signals | null>;
  stop(): Promise<unknown>;
}

export function dyingWorker(url: string, death: Death): DyingWorker {
  const child = fork(fileURLToPath(import.meta.url), [url, death], {
    execArgv: [],
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const signal = once(child, 'exit').then(([, name]) => name as NodeJS.Signals | null);
  return {
    signal,
    stop: () => {
      if (child.connected) child.disconnect();
      return signal;
    },
  };
}

async function work(databaseUrl: string, death: Death): Promise<void> {
  const settings = readSettings({
    DATABASE_URL: databaseUrl,
    LOG_LEVEL: 'error',
    GW_WORKER_LEASE_MS: '1000',
    GW_WORKER_COMMAND_LEASE_MS: '1000',
  });
  await using app = await compose({
    program: 'worker',
    modules: [
      ...platformModules(settings, 'worker'),
      counterModule,
      countingModule,
      deathModule(death),
      workerModule(settings),
    ],
    roots: [Worker],
  });
  const left = once(process, 'disconnect');
  app.get(Worker).start();
  await left;
  await app.get(Worker).stop();
}

const [, program, url, death] = process.argv;
if (program === fileURLToPath(import.meta.url)) await work(url!, death as Death);
