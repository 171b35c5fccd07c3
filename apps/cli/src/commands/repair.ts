// gw projections repair: read models are built anew in the declared shape, one, all, or those in which drift was found.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { ApiClient } from '../api-client.ts';
import { CommandFailed } from '../errors.ts';
import { apiOf, outputOf, withApi, type ApiOptions } from './options.ts';
import { endOf, notFinished, projectionPath, summaryOf, type Operation } from './rebuilds.ts';

interface RepairOptions extends ApiOptions {
  readonly projection?: string;
  readonly all?: true;
  readonly driftReport?: string;
  readonly resume?: true;
  readonly wait: boolean;
}

/** What is to be repaired, and since when a rebuild would have done it. */
interface Repairs {
  readonly projections: readonly string[];
  readonly since?: Date;
}

interface Begun {
  readonly projection: string;
  readonly location: string;
}

export function addRepairCommand(projections: Command): void {
  const repair = withApi(projections.command('repair'))
    .description('build read models anew beside the live ones, in the declared shape, and switch')
    .option('--projection <name>', 'this one')
    .option('--all', 'all of them')
    .option('--drift-report <file>', 'those in which `gw projections drift --json` found something to repair')
    .option('--resume', 'go on with what is on its way, and leave out what was repaired since the report')
    .option('--no-wait', 'do not wait for the end');
  repair.action((options: RepairOptions) => {
    const ways = [options.projection, options.all, options.driftReport].filter((way) => way !== undefined);
    if (ways.length !== 1) repair.error('error: name one of --projection, --all and --drift-report');
    return repairAll(options);
  });
}

/** Begins with all of them before it waits for the first: whoever ends this command leaves none of them out. */
async function repairAll(options: RepairOptions): Promise<void> {
  const [api, output] = [await apiOf(options), outputOf(options)];
  const repairs = await repairsOf(api, options);
  const begun: Begun[] = [];
  for (const projection of repairs.projections) {
    const open = options.resume === true ? await resumable(api, projection, repairs.since) : undefined;
    const location = open ?? (await api.begin(projectionPath(projection, 'repair'))).location;
    begun.push({ projection, location });
    output.note(`${projection}: ${open === undefined ? 'begun' : 'goes on'}, ${location}`);
  }
  if (!options.wait) return output.result(begun, `${begun.length} begun.`);
  const ended: (Begun & Operation)[] = [];
  for (const one of begun) ended.push({ ...one, ...(await endOf(api, one.location, output)) });
  output.result(
    ended,
    ended.map((one) => `${one.projection} ${summaryOf(one, [])}`).join('\n') || 'There is nothing to repair.',
  );
  const unfinished = ended.find(({ state }) => state !== 'done');
  if (unfinished !== undefined) throw notFinished(unfinished.projection, unfinished);
}

async function repairsOf(api: ApiClient, { projection, driftReport }: RepairOptions): Promise<Repairs> {
  if (projection !== undefined) return { projections: [projection] };
  if (driftReport !== undefined) return reported(driftReport);
  const { items } = await api.get<{ items: { name: string }[] }>('/v1/projections');
  return { projections: items.map(({ name }) => name) };
}

/** A DriftReport as JSON, as far as it is needed here. */
interface ReportFile {
  readonly lookedAt: string;
  readonly projections: readonly {
    readonly projection: string;
    readonly drifts: readonly { readonly isRepairable: boolean }[];
  }[];
}

async function reported(file: string): Promise<Repairs> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw unreadable(file, error.code ?? error.message);
  });
  try {
    const { lookedAt, projections } = JSON.parse(text) as ReportFile;
    const drifted = projections.filter(({ drifts }) => drifts.some(({ isRepairable }) => isRepairable));
    return { projections: drifted.map(({ projection }) => projection), since: new Date(lookedAt) };
  } catch {
    throw unreadable(file, 'it is no drift report');
  }
}

/** Where the newest operation on the projection is found, if it is on its way, or was done since. */
async function resumable(api: ApiClient, projection: string, since: Date | undefined): Promise<string | undefined> {
  const query = new URLSearchParams({ projection, limit: '1' });
  const { items } = await api.get<{ items: Operation[] }>(`/v1/operations?${query}`);
  const [newest] = items;
  if (newest === undefined) return undefined;
  const isOpen = newest.state === 'running' || newest.state === 'waiting';
  const isDone = newest.state === 'done' && since !== undefined && new Date(newest.startedAt) > since;
  return isOpen || isDone ? `/v1/operations/${newest.id}` : undefined;
}

const unreadable = (file: string, reason: string): CommandFailed =>
  new CommandFailed(
    'cli.unreadable-file',
    `${file} cannot be read (${reason}).`,
    'Name a file that gw projections drift --json has written.',
  );
