// The worker: runs what its contexts have to do in the background until it is told to stop.
import { Logger, ProjectionRegistry, ReadModels, Rebuilds } from '@groundwork/application';
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
import { contexts } from './contexts.ts';
import { lookForTables } from './read-model-tables.ts';
import { workerModule } from './worker.module.ts';
import { Worker } from './worker.ts';

await runProgram('worker', async () => {
  const settings = readSettings(process.env, contexts);
  using _watch = watchEventLoop('worker', settings.process.stuckAfterMs);
  await using app = await compose({
    program: 'worker',
    modules: [
      ...platformModules(settings, 'worker', contexts),
      ...contextModules(contexts, settings),
      workerModule(settings),
    ],
    roots: [Worker, ManagementServer, Logger, ProjectionRegistry, ReadModels, Rebuilds],
  });
  const [worker, management, logger] = [app.get(Worker), app.get(ManagementServer), app.get(Logger)];
  logger.info('Health and metrics are served.', { port: await management.listen() });
  const [registry, readModels, rebuilds] = [app.get(ProjectionRegistry), app.get(ReadModels), app.get(Rebuilds)];
  await lookForTables({ registry, readModels, rebuilds, logger });
  worker.start();
  management.enter('running');
  const signal = await untilStopped(settings.process.graceMs);
  logger.info('Stopping.', { signal });
  management.enter('stopping');
  await worker.stop();
});
