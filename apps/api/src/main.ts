// The api: answers requests to every endpoint of its contexts until it is told to stop.
import { createRequire } from 'node:module';
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
import { apiModule } from './api.module.ts';
import { API_ROOTS, apiPorts } from './api-ports.ts';
import { contexts } from './contexts.ts';
import { createApi } from './http/create-api.ts';
import { serveApi } from './http/serve-api.ts';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

await runProgram('api', async () => {
  const settings = readSettings(process.env, contexts);
  using _watch = watchEventLoop('api', settings.process.stuckAfterMs);
  const isProduction = process.env['NODE_ENV'] === 'production';
  await using app = await compose({
    program: 'api',
    modules: [...platformModules(settings, 'api'), ...contextModules(contexts, settings), apiModule],
    roots: [...API_ROOTS, ManagementServer],
  });
  const [ports, management] = [apiPorts(app, settings.worker), app.get(ManagementServer)];
  const api = await createApi(ports, { version, docs: settings.http.docs ?? !isProduction });
  ports.logger.info('Health and metrics are served.', { port: await management.listen() });
  const host = settings.http.host ?? (isProduction ? '0.0.0.0' : '127.0.0.1');
  const served = await serveApi(api, { host, port: settings.http.port });
  ports.logger.info('The api is served.', { url: served.url });
  management.enter('running');
  const signal = await untilStopped(settings.process.graceMs);
  ports.logger.info('Stopping.', { signal });
  management.enter('stopping');
  // What is cut at the end of the grace time still needs a moment to be closed in order.
  await served.close(settings.process.graceMs * 0.8);
});
