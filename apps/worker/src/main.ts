// The worker: runs what its contexts have to do in the background until it is told to stop.
import { Logger } from '@groundwork/application';
import {
  compose,
  contextModules,
  ManagementServer,
  platformModules,
  readSettings,
  runProgram,
  untilStopped,
} from '@groundwork/configuration';
import { contexts } from './contexts.ts';
import { workerModule } from './worker.module.ts';
import { Worker } from './worker.ts';

await runProgram('worker', async () => {
  const settings = readSettings(process.env, contexts);
  await using app = await compose({
    program: 'worker',
    modules: [
      ...platformModules(settings, 'worker', contexts),
      ...contextModules(contexts, settings),
      workerModule(settings),
    ],
    roots: [Worker, ManagementServer, Logger],
  });
  const [worker, management, logger] = [app.get(Worker), app.get(ManagementServer), app.get(Logger)];
  logger.info('Health and metrics are served.', { port: await management.listen() });
  worker.start();
  management.enter('running');
  const signal = await untilStopped(settings.process.graceMs);
  logger.info('Stopping.', { signal });
  management.enter('stopping');
  await worker.stop();
});
