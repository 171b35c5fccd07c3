// gw start, which is npm start: everything on this machine, until Ctrl-C.
import type { Command } from 'commander';
import { productSettings } from '../product.ts';
import { start } from '../start/start.ts';
import { withJson, type JsonOption } from './options.ts';

const PARENT_POLL_MS = 500;

export function addStartCommand(gw: Command): void {
  withJson(gw.command('start'))
    .description('start database, api and worker on this machine')
    .action(async ({ json }: JsonOption) => {
      const stop = new AbortController();
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort());
      endWithNpm(stop);
      await start(productSettings(), process.env, stop.signal, json === true);
    });
}

/** npm passes a signal to its shell only, and a shell that dies of it does not pass it on. */
function endWithNpm(stop: AbortController): void {
  const startedByTool = 'npm_lifecycle_event' in process.env || 'GROUNDWORK_CARRIED_NODE' in process.env;
  if (!startedByTool) return;
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop.abort(), PARENT_POLL_MS).unref();
}
