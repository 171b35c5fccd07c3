// A worker of the product in a process of its own, which may be killed in the middle of a relay's work.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { compose, contextModules, platformModules, readSettings } from '@groundwork/configuration';
import { contexts } from '../../apps/worker/src/contexts.ts';
import { workerModule } from '../../apps/worker/src/worker.module.ts';
import { Worker } from '../../apps/worker/src/worker.ts';
import { relayDeathModule, type RelayDeath } from './relay-death.module.ts';

export interface RelayingWorker {
  /** Of its end, which is SIGKILL when it died as it was to. */
  readonly signal: Promise<NodeJS.Signals | null>;
  stop(): Promise<unknown>;
}

/** `env` says where the destinations are. */
export function relayingWorker(
  databaseUrl: string,
  death: RelayDeath,
  env: Readonly<Record<string, string>>,
): RelayingWorker {
  const settings = {
    DATABASE_URL: databaseUrl,
    LOG_LEVEL: 'error',
    GW_WORKER_LEASE_MS: '1000',
    GW_WORKER_POLL_INTERVAL_MS: '100',
    ...env,
  };
  const child = fork(fileURLToPath(import.meta.url), [death, JSON.stringify(settings)], {
    execArgv: [],
    // The AWS SDK looks into the process's own environment.
    env: { PATH: process.env['PATH'], ...env },
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

async function work(death: RelayDeath, env: Readonly<Record<string, string>>): Promise<void> {
  const settings = readSettings(env, contexts);
  await using app = await compose({
    program: 'worker',
    modules: [
      ...platformModules(settings, 'worker', contexts),
      ...contextModules(contexts, settings),
      relayDeathModule(death),
      workerModule(settings),
    ],
    roots: [Worker],
  });
  const left = once(process, 'disconnect');
  app.get(Worker).start();
  await left;
  await app.get(Worker).stop();
}

const [, program, death, env] = process.argv;
if (program === fileURLToPath(import.meta.url)) {
  await work(death as RelayDeath, JSON.parse(env!) as Readonly<Record<string, string>>);
}
