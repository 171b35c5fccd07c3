// gw dead-letters: streams that a projection or a relay could not go on with.
import type { Command } from 'commander';
import { table } from '../output.ts';
import { apiOf, outputOf, withApi, type ApiOptions } from './options.ts';

interface DeadLetter {
  readonly id: string;
  readonly projection: string;
  readonly stream: string;
  readonly position: number | string;
  readonly attempts: number;
  readonly error: unknown;
}

const ACTIONS = {
  retry: ['go on with the stream, the failing event first', 'will be tried again'],
  discard: ['leave the failing event out and go on behind it', 'is left out'],
} as const;

export function addDeadLetterCommands(gw: Command): void {
  const deadLetters = gw.command('dead-letters').description('look after parked streams');
  withApi(deadLetters.command('list'))
    .description('the streams that wait for somebody')
    .action(async (options: ApiOptions) => {
      const { items } = await (await apiOf(options)).get<{ items: DeadLetter[] }>('/v1/dead-letters');
      const forPeople = table(items, {
        id: ({ id }) => id,
        projection: ({ projection }) => projection,
        stream: ({ stream }) => stream,
        position: ({ position }) => Number(position),
        attempts: ({ attempts }) => attempts,
        error: ({ error }) => error,
      });
      outputOf(options).result(items, items.length === 0 ? 'No stream is parked.' : forPeople);
    });
  withApi(deadLetters.command('show <id>'))
    .description('behind which event a stream waits, and why')
    .action(async (id: string, options: ApiOptions) => {
      const parked = await (await apiOf(options)).get<object>(`/v1/dead-letters/${encodeURIComponent(id)}`);
      outputOf(options).result(parked, JSON.stringify(parked, null, 2));
    });
  for (const [action, [description, done]] of Object.entries(ACTIONS)) {
    withApi(deadLetters.command(`${action} <id>`))
      .description(description)
      .action(async (id: string, options: ApiOptions) => {
        const answer = await (await apiOf(options)).post(`/v1/dead-letters/${encodeURIComponent(id)}/${action}`);
        outputOf(options).result(answer, `Dead letter ${id} ${done}.`);
      });
  }
}
