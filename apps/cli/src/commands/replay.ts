// gw replay: the states a stream has had.
import type { Command } from 'commander';
import { CommandFailed } from '../errors.ts';
import { allPages, CUT_NOTE, withQuery } from '../pages.ts';
import { errorLine, valueText, type ToldError, type ToldEvent } from '../told-event.ts';
import { apiOf, outputOf, withApi, withLimit, type ApiOptions, type LimitOption } from './options.ts';

interface Replayed {
  readonly changed: readonly string[];
  readonly value?: unknown;
  readonly error: ToldError | null;
}

interface StreamState extends ToldEvent {
  readonly state: Replayed | null;
  readonly rows: readonly (Replayed & { readonly projection: string; readonly key: string })[];
}

interface ReplayOptions extends ApiOptions, LimitOption {
  readonly version?: string;
  readonly at?: string;
  readonly steps?: true;
}

export function addReplayCommand(gw: Command): void {
  withLimit(withApi(gw.command('replay <stream>')))
    .description('the state of a stream (type/id) and of its rows: now, at a version, at a time, or step by step')
    .option('--version <number>', 'as it was at this streamVersion')
    .option('--at <time>', 'as it was after all that had happened by this time (ISO 8601 with offset)')
    .option('--steps', 'every state it had: by whom, when, and what changed')
    .action(async (stream: string, options: ReplayOptions) => {
      const path = `/v1/streams/${pathOf(stream)}/states`;
      return options.steps === true ? printSteps(path, options) : printState(path, options);
    });
}

async function printSteps(path: string, options: ReplayOptions): Promise<void> {
  const query = { cursor: 'after', limit: options.limit };
  const { items, isCut } = await allPages<StreamState>(await apiOf(options), path, query);
  outputOf(options).result({ items, isCut }, [...items.map(stepText), ...(isCut ? [CUT_NOTE] : [])].join('\n'));
}

async function printState(path: string, options: ReplayOptions): Promise<void> {
  const { at, version = at === undefined ? 'last' : undefined } = options;
  const { items } = await (await apiOf(options)).get<{ items: StreamState[] }>(withQuery(path, { version, at }));
  outputOf(options).result(items[0], stateText(items[0]!));
}

const stepText = (step: StreamState): string =>
  [
    headline(step),
    ...viewsOf(step).map(({ name, changed, value, error }) => {
      if (error !== null) return `  ${name}: ${errorLine(error)}`;
      const fields = changed.map((field) => `${field} = ${valueText((value as Record<string, unknown>)?.[field])}`);
      return `  ${name}: ${fields.join(', ') || 'unchanged'}`;
    }),
  ].join('\n');

const stateText = (step: StreamState): string =>
  [
    headline(step),
    ...viewsOf(step).map(({ name, value, error }) =>
      error === null ? `${name}: ${JSON.stringify(value, null, 2) ?? '(hidden)'}` : `${name}: ${errorLine(error)}`,
    ),
  ].join('\n');

const headline = ({ stream, streamVersion, position, occurredAt, type, actor }: StreamState): string =>
  `${stream} version ${streamVersion} (position ${position})  ${type}  ${occurredAt}  by ${actor}`;

const viewsOf = ({ state, rows }: StreamState): (Replayed & { readonly name: string })[] => [
  ...(state === null ? [] : [{ ...state, name: 'state' }]),
  ...rows.map((row) => ({ ...row, name: `${row.projection} ${row.key}` })),
];

function pathOf(stream: string): string {
  const slash = stream.indexOf('/');
  if (slash > 0) return `${encodeURIComponent(stream.slice(0, slash))}/${encodeURIComponent(stream.slice(slash + 1))}`;
  throw new CommandFailed('cli.not-a-stream', `"${stream}" does not name a stream.`, 'Name it as type/id.');
}
