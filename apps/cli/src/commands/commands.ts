// gw commands: what was accepted and what has become of it.
import type { Command } from 'commander';
import { table } from '../output.ts';
import { apiOf, outputOf, withApi, type ApiOptions } from './options.ts';

interface CommandState {
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly error?: unknown;
}

const columns = {
  id: ({ id }: CommandState) => id,
  type: ({ type }: CommandState) => type,
  status: ({ status }: CommandState) => status,
  error: ({ error }: CommandState) => error,
};

export function addCommandCommands(gw: Command): void {
  const commands = gw.command('commands').description('look at accepted commands');
  withApi(commands.command('list'))
    .description('the commands that have failed, or those in another status')
    .option('--status <status>', 'pending, consumed, processed or failed', 'failed')
    .action(async (options: ApiOptions & { status: string }) => {
      const path = `/v1/commands?status=${encodeURIComponent(options.status)}`;
      const { items } = await (await apiOf(options)).get<{ items: CommandState[] }>(path);
      outputOf(options).result(items, items.length === 0 ? `No command is ${options.status}.` : table(items, columns));
    });
  withApi(commands.command('show <id>'))
    .description('one command with its result')
    .action(async (id: string, options: ApiOptions) => {
      const command = await (await apiOf(options)).get<CommandState>(`/v1/commands/${encodeURIComponent(id)}`);
      outputOf(options).result(command, JSON.stringify(command, null, 2));
    });
  withApi(commands.command('retry <id>'))
    .description('run a failed command again')
    .action(async (id: string, options: ApiOptions) => {
      const answer = await (await apiOf(options)).post(`/v1/commands/${encodeURIComponent(id)}/retry`);
      outputOf(options).result(answer, `Command ${id} will be run again.`);
    });
}
