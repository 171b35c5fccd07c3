// gw post: sends a file with a Salesforce change event, as it is, and waits until it has been worked on.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { CommandFailed, ProblemFound } from '../errors.ts';
import { settled } from '../settled-command.ts';
import { apiOf, outputOf, withApi, type ApiOptions } from './options.ts';

export function addPostCommand(gw: Command): void {
  withApi(gw.command('post <file>'))
    .description('post a change event from a file and wait for its result')
    .action(async (file: string, options: ApiOptions) => {
      const body = await contentOf(file);
      const api = await apiOf(options);
      const { id } = await api.post<{ id: string }>('/v1/events/salesforce', body);
      const command = await settled(api, id);
      const error = command.error === undefined || command.error === null ? '' : ` ${JSON.stringify(command.error)}`;
      outputOf(options).result(command, `Command ${id}: ${command.status}${error}`);
      if (command.status === 'processed') return;
      throw new ProblemFound(
        'cli.not-processed',
        `The change event has been accepted, and its command is ${command.status}.`,
        command.status === 'failed'
          ? `gw commands retry ${id} runs it again.`
          : 'Is the worker running? gw health tells.',
      );
    });
}

async function contentOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code;
    throw new CommandFailed('cli.unreadable-file', `${file} cannot be read (${reason}).`, 'Name a file that exists.');
  }
}
