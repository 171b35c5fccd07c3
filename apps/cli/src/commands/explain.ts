// gw explain row: the events, commands and actors behind a row of a read model.
import type { Command } from 'commander';
import { table } from '../output.ts';
import { allPages, CUT_NOTE } from '../pages.ts';
import { errorLine, valueText, type ToldError, type ToldEvent } from '../told-event.ts';
import { apiOf, outputOf, withApi, withLimit, type ApiOptions, type LimitOption } from './options.ts';

interface Lineage {
  readonly stream: string;
  readonly isStored: boolean;
  readonly differs: readonly string[];
  readonly columns: readonly { readonly column: string; readonly origin: ToldEvent | null; readonly value?: unknown }[];
  readonly items: readonly Step[];
  readonly next: string | null;
}

interface Step extends ToldEvent {
  readonly command: { readonly id: string; readonly type: string; readonly status: string } | null;
  readonly changed: readonly string[];
  readonly error: ToldError | null;
}

export function addExplainCommand(gw: Command): void {
  const explain = gw.command('explain').description('tell why something stored says what it says');
  withLimit(withApi(explain.command('row <projection> <key>')))
    .description('the events, commands and actors behind a row of a read model, column by column')
    .option('--stream <type/id>', 'the stream of the row, where the projection does not say it')
    .action(explainRow);
}

type ExplainOptions = ApiOptions & LimitOption & { readonly stream?: string };

async function explainRow(projection: string, key: string, options: ExplainOptions): Promise<void> {
  const { stream, limit } = options;
  const path = `/v1/projections/${encodeURIComponent(projection)}/rows/${encodeURIComponent(key)}/lineage`;
  const pages = await allPages<Step, Lineage>(await apiOf(options), path, { cursor: 'after', limit, stream });
  const { next: _, ...lineage } = { ...pages.first, items: pages.items };
  const { isCut } = pages;
  outputOf(options).result({ ...lineage, isCut }, [...rowText(lineage), ...(isCut ? [CUT_NOTE] : [])].join('\n\n'));
}

function rowText({ stream, isStored, differs, columns, items }: Omit<Lineage, 'next'>): readonly string[] {
  const origins = columns.flatMap(({ column, value, origin }) => (origin === null ? [] : [{ column, value, origin }]));
  return [
    `Made by ${stream}.${isStored ? '' : ' The read model does not hold it now.'}`,
    table(origins, {
      column: ({ column }) => column,
      value: ({ value }) => valueText(value),
      'set by version': ({ origin }) => origin.streamVersion,
      event: ({ origin }) => origin.type,
      time: ({ origin }) => origin.occurredAt,
      actor: ({ origin }) => origin.actor,
    }),
    table(items, {
      version: ({ streamVersion }) => streamVersion,
      position: ({ position }) => Number(position),
      time: ({ occurredAt }) => occurredAt,
      event: ({ type }) => type,
      actor: ({ actor }) => actor,
      command: ({ command, causationId }) => (command === null ? causationId : `${command.type} ${command.id}`),
      changed: ({ changed, error }) => (error === null ? changed.join(', ') || '-' : errorLine(error)),
    }),
    ...(differs.length === 0 ? [] : [differenceText(differs)]),
  ];
}

const differenceText = (columns: readonly string[]): string =>
  `Stored otherwise than these events say: ${columns.join(', ')}. The projection is behind, the stream parked, or the ` +
  'row was made by other code: see gw projections list and gw dead-letters list, or rebuild.';
