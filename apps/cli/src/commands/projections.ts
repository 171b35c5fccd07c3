// gw projections: how far the read models are, and what to do about it.
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
  withApi(projections.command('list'))
    .description('how far each read model is')
    .action(async (options: ApiOptions) => {
      const { items } = await (await apiOf(options)).get<{ items: ProjectionProgress[] }>('/v1/projections');
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
        const answer = await (await apiOf(options)).post(`/v1/projections/${encodeURIComponent(name)}/${action}`);
        outputOf(options).result(answer, `${name}: ${action} accepted. gw projections list shows how far it is.`);
      });
  }
  addRebuildCommands(projections);
  addDriftCommand(projections);
  addRepairCommand(projections);
}
