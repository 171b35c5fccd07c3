// The worker, with a subscriber that takes its time.
import { Logger } from '@groundwork/application';
import {
  compose,
  contextModules,
  ManagementServer,
  platformModules,
  readSettings,
  runProgram,
  untilStopped,
  watchEventLoop,
} from '@groundwork/configuration';
import { contexts } from '../../apps/worker/src/contexts.ts';
import { workerModule } from '../../apps/worker/src/worker.module.ts';
import { Worker } from '../../apps/worker/src/worker.ts';
import { slowLettersModule } from './slow-letters.module.ts';

await runProgram('worker', async () => {
  const settings = readSettings(process.env, contexts);
  using _watch = watchEventLoop('worker', settings.process.stuckAfterMs);
  await using app = await compose({
    program: 'worker',
    modules: [
      ...platformModules(settings, 'worker', contexts),
      ...contextModules(contexts, settings),
      slowLettersModule,
      workerModule(settings),
    ],
    roots: [Worker, ManagementServer, Logger],
  });
  app.get(Logger).info('Health and metrics are served.', { port: await app.get(ManagementServer).listen() });
  app.get(Worker).start();
  app.get(ManagementServer).enter('running');
  await untilStopped(settings.process.graceMs);
  await app.get(Worker).stop();
});
