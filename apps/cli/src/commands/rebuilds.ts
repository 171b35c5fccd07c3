// gw projections rebuild and what belongs to it: begun, watched to its end, looked at, switched and taken back.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { ApiClient } from '../api-client.ts';
import { CommandFailed, ProblemFound } from '../errors.ts';
import { table, type Output } from '../output.ts';
import { settled, type CommandState } from '../settled-command.ts';
import { apiOf, outputOf, withApi, type ApiOptions } from './options.ts';

export interface Operation {
  readonly id: string;
  readonly state: 'running' | 'waiting' | 'done' | 'cancelled' | 'rolled-back';
  readonly done: string;
  readonly total: string;
  readonly rate: number | null;
  readonly eta: string | null;
  readonly errors: readonly string[];
  readonly startedAt: string;
  readonly shadow: boolean;
  readonly comparison: {
    readonly rows: number;
    readonly added: number;
    readonly removed: number;
    readonly changed: number;
    readonly changedColumns: Readonly<Record<string, number>>;
  } | null;
}

interface Difference {
  readonly key: string;
  readonly change: string;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

interface WatchOptions extends ApiOptions {
  readonly wait: boolean;
  readonly force?: true;
}

interface RebuildOptions extends WatchOptions {
  readonly stream?: string;
}

const LOOK_INTERVAL_MS = 500;

const TAKEN_BACK = {
  cancel: ['end a rebuild that is on its way', 'The rebuild is cancelled; the live read model is as it was.'],
  rollback: ['put the table before the last rebuild back', 'The former table is live again, and catches up.'],
  'drop-previous': ['drop the table before the last rebuild', 'The former table is gone.'],
} as const;

export function addRebuildCommands(projections: Command): void {
  withApi(projections.command('rebuild <name>'))
    .description('build the read model anew beside the live one, compare, and switch')
    .option('--stream <type/id>', 'only the rows of this stream, in place')
    .option('--no-wait', 'do not wait for its end')
    .action((name: string, options: RebuildOptions) =>
      options.stream === undefined ? watched(name, 'rebuild', options) : rebuildStream(name, options.stream, options),
    );
  withApi(projections.command('shadow <name>'))
    .description('build the read model beside the live one, and show which rows differ')
    .option('--no-wait', 'do not wait for the comparison')
    .action((name: string, options: WatchOptions) => watched(name, 'shadow', options));
  withApi(projections.command('switch <name>'))
    .description('let a shadow run, or with --force a build with parked streams, become the live read model')
    .option('--force', 'switch though streams of the build are parked')
    .option('--no-wait', 'do not wait for its end')
    .action((name: string, options: WatchOptions) => watched(name, `switch?force=${options.force === true}`, options));
  for (const [action, [description, done]] of Object.entries(TAKEN_BACK)) {
    withApi(projections.command(`${action} <name>`))
      .description(description)
      .action(async (name: string, options: ApiOptions) => {
        const answer = await (await apiOf(options)).post<Operation>(projectionPath(name, action));
        outputOf(options).result(answer, done);
      });
  }
}

export const projectionPath = (name: string, action: string): string =>
  `/v1/projections/${encodeURIComponent(name)}/${action}`;

/** A worker does it in one transaction: there is nothing to watch but the command. */
async function rebuildStream(name: string, stream: string, options: RebuildOptions): Promise<void> {
  const [api, output] = [await apiOf(options), outputOf(options)];
  const path = `${projectionPath(name, 'rebuild-stream')}?${new URLSearchParams({ stream })}`;
  const { id } = await api.post<{ id: string }>(path);
  const command = options.wait ? await settled(api, id) : await api.get<CommandState>(`/v1/commands/${id}`);
  const { status, result, error } = command;
  const told = status === 'processed' ? streamText(stream, result ?? {}) : `Command ${id}: ${status}`;
  output.result(command, error == null ? told : `${told} ${error.code}: ${error.message}`);
  if (status === 'processed' || !options.wait) return;
  throw new ProblemFound(
    'cli.not-processed',
    `The rows of ${stream} are as they were, or will be replaced later: command ${id} is ${status}.`,
    error?.next ?? 'Is the worker running? gw health tells.',
  );
}

const streamText = (stream: string, { rows, removed, parkedAt }: Readonly<Record<string, unknown>>): string =>
  [
    `${stream}: ${String(rows)} rows made again, ${String(removed)} that its events have removed.`,
    ...(parkedAt === undefined ? [] : [`Event ${String(parkedAt)} cannot be applied: see gw dead-letters list.`]),
  ].join('\n');

async function watched(name: string, action: string, options: WatchOptions): Promise<void> {
  const [api, output] = [await apiOf(options), outputOf(options)];
  const { body, location } = await api.begin<Operation>(projectionPath(name, action));
  if (!options.wait) return output.result(body, `Begun: ${location}`);
  const ended = await endOf(api, location, output);
  const { items } = await api.get<{ items: Difference[] }>(`${location}/differences`);
  output.result({ ...ended, differences: items }, summaryOf(ended, items));
  if (ended.state === 'done' || (ended.state === 'waiting' && ended.shadow)) return;
  throw notFinished(name, ended);
}

/** Follows an operation until it has ended or waits for people; tells progress, and each error when it comes up. */
export async function endOf(api: ApiClient, location: string, output: Output): Promise<Operation> {
  const told = new Set<string>();
  for (let line = ''; ; await sleep(LOOK_INTERVAL_MS)) {
    const operation = await api.get<Operation>(location);
    for (const error of operation.errors.filter((one) => !told.has(one))) output.note(`error: ${error}`);
    for (const error of operation.errors) told.add(error);
    if (operation.state !== 'running') return operation;
    const progress = progressOf(operation);
    if (progress !== line) output.note(progress);
    line = progress;
  }
}

function progressOf({ done, total, rate, eta, comparison }: Operation): string {
  if (comparison !== null) return 'compared; switching as soon as both are level';
  const percent = total === '0' ? 100 : Math.floor((Number(done) / Number(total)) * 100);
  const speed = rate === null ? '' : `, ${Math.round(rate).toLocaleString('en')} a second`;
  return `${percent} % (${done} of ${total}${speed}${eta === null ? '' : `, until ${eta}`})`;
}

export function summaryOf(
  { state, comparison, errors, shadow }: Operation,
  differences: readonly Difference[],
): string {
  if (comparison === null) return [state, ...errors].join('\n');
  const { rows, added, removed, changed, changedColumns } = comparison;
  const columns = Object.entries(changedColumns).map(([column, count]) => `${column} ${count}`);
  const sample = table(
    differences.flatMap(({ key, change, before, after }) =>
      Object.keys({ ...before, ...after }).map((column) => ({ key, change, column, before, after })),
    ),
    {
      row: ({ key }) => key,
      change: ({ change }) => change,
      column: ({ column }) => column,
      before: ({ column, before }) => shortened(before?.[column]),
      after: ({ column, after }) => shortened(after?.[column]),
    },
  );
  return [
    `${state}: ${rows} rows; against the table before: ${added} added, ${removed} removed, ${changed} changed`,
    ...(columns.length > 0 ? [`changed columns: ${columns.join(', ')}`] : []),
    ...(differences.length > 0 ? ['', 'Some rows of your tenant:', sample] : []),
    ...errors.map((error) => `error: ${error}`),
    ...(shadow && state === 'waiting'
      ? ['', 'Nothing is switched yet: gw projections switch NAME, or cancel NAME.']
      : []),
  ].join('\n');
}

function shortened(value: unknown): unknown {
  const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
  return typeof text === 'string' && text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

export function notFinished(name: string, { state, errors }: Operation): Error {
  return state === 'waiting'
    ? new ProblemFound(
        'cli.rebuild-waits',
        `The rebuild of ${name} is not switched: ${errors.length} kinds of errors.`,
        'Retry or discard its dead letters, force it with gw projections switch NAME --force, or cancel it.',
      )
    : new CommandFailed('cli.rebuild-ended', `The rebuild of ${name} was ${state} meanwhile.`, 'Begin it again.');
}
