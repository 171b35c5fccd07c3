// gw projections and gw relays: how far read models and messages are, and what to do about it.
import type { Command } from 'commander';
import { table } from '../output.ts';
import { addDriftCommand } from './drift.ts';
import { apiOf, outputOf, withApi, type ApiOptions } from './options.ts';
import { addRebuildCommands } from './rebuilds.ts';
import { addRepairCommand } from './repair.ts';

interface ProjectionProgress {
  readonly name: string;
  readonly state: string;
  readonly position: number | string;
  readonly lagEvents: number;
  readonly lagSeconds: number;
  readonly rate: number;
}

const ACTIONS = {
  pause: 'stop following the log',
  resume: 'follow the log again',
} as const;

export function addProjectionCommands(gw: Command): void {
  const projections = gw.command('projections').description('look after read models');
  addFollowerCommands(projections, { path: '/v1/projections', noun: 'read model' });
  addRebuildCommands(projections);
  addDriftCommand(projections);
  addRepairCommand(projections);
}

export function addRelayCommands(gw: Command): void {
  const relays = gw.command('relays').description('look after what is sent to other systems');
  addFollowerCommands(relays, { path: '/v1/relays', noun: 'relay' });
}

/** What can be said of and done with anything that follows the log. */
function addFollowerCommands(
  projections: Command,
  { path, noun }: { readonly path: string; readonly noun: string },
): void {
  withApi(projections.command('list'))
    .description(`how far each ${noun} is`)
    .action(async (options: ApiOptions) => {
      const { items } = await (await apiOf(options)).get<{ items: ProjectionProgress[] }>(path);
      outputOf(options).result(
        items,
        table(items, {
          name: ({ name }) => name,
          state: ({ state }) => state,
          position: ({ position }) => Number(position),
          'lag (events)': ({ lagEvents }) => lagEvents,
          'lag (s)': ({ lagSeconds }) => lagSeconds,
          'events/s': ({ rate }) => rate,
        }),
      );
    });
  for (const [action, description] of Object.entries(ACTIONS)) {
    withApi(projections.command(`${action} <name>`))
      .description(description)
      .action(async (name: string, options: ApiOptions) => {
        const answer = await (await apiOf(options)).post(`${path}/${encodeURIComponent(name)}/${action}`);
        outputOf(options).result(
          answer,
          `${name}: ${action} accepted. gw ${projections.name()} list shows how far it is.`,
        );
      });
  }
}
