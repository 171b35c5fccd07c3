// gw archive: streams that were closed long ago, out of the log into files and back.
import { userInfo } from 'node:os';
import { archivable, archiveStreams, listArchives, restoreStreams, type ArchivedFile } from '@groundwork/configuration';
import { InvalidArgumentError, type Command } from 'commander';
import { CommandFailed } from '../errors.ts';
import { table } from '../output.ts';
import { productEventTypes, type ProductSettings } from '../product.ts';
import { onDatabase } from './on-database.ts';
import { withJson, type JsonOption } from './options.ts';

interface RunOptions extends JsonOption {
  readonly closedFor: number;
  readonly tenant?: string;
  readonly dryRun?: true;
}

interface RestoreOptions extends JsonOption {
  readonly tenant: string;
  readonly all?: true;
}

export function addArchiveCommands(gw: Command): void {
  const archive = gw
    .command('archive')
    .description('streams that were closed long ago, in files under GW_ARCHIVE_DIR; needs the login of the migrations');
  addRunCommand(archive);
  withJson(archive.command('list'))
    .description('which files hold archived streams')
    .action((options: JsonOption) =>
      onDatabase(options, async (url, _settings, output) => {
        const files = await listArchives(url);
        output.result(files, files.length === 0 ? 'Nothing is archived.' : table(files, columns));
      }),
    );
  withJson(archive.command('restore [stream]'))
    .description('bring a stream, or all of the tenant, back into the log at its old place')
    .option('--tenant <tenant>', 'whose', 'demo')
    .option('--all', 'all that is archived of the tenant')
    .action((stream: string | undefined, options: RestoreOptions) =>
      onDatabase(options, async (url, settings, output) => {
        if ((stream === undefined) !== (options.all === true)) throw streamOrAll();
        const wanted = stream === undefined ? {} : { stream };
        const by = userInfo().username;
        const restored = await restoreStreams(url, folderOf(settings), { tenant: options.tenant, by, ...wanted });
        output.result(restored, `${restored.streams} streams with ${restored.events} events are back in the log.`);
      }),
    );
}

const addRunCommand = (archive: Command): Command =>
  withJson(archive.command('run'))
    .description('move streams that have been closed for so long into files')
    .requiredOption('--closed-for <time>', 'such as 365d, 12h or 0d', milliseconds)
    .option('--tenant <tenant>', 'only of this tenant')
    .option('--dry-run', 'only tell how many there are')
    .action((options: RunOptions) =>
      onDatabase(options, async (url, settings, output) => {
        const work = {
          folder: folderOf(settings),
          closing: (await productEventTypes(settings)).closing(),
          closedBefore: new Date(Date.now() - options.closedFor),
          by: userInfo().username,
          onProgress: ({ streams, events }: { streams: number; events: number }): void =>
            output.note(`${streams} streams with ${events} events archived`),
          ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
        };
        if (options.dryRun === true) {
          const found = await archivable(url, work);
          return output.result(found, `${found.streams} streams with ${found.events} events would be archived.`);
        }
        const report = await archiveStreams(url, work);
        output.result(
          report,
          `${report.streams} streams with ${report.events} events are in ${report.files} new files.`,
        );
      }),
    );

const columns = {
  tenant: ({ tenant }: ArchivedFile) => tenant,
  file: ({ archive_id: id }: ArchivedFile) => `${id}.jsonl`,
  archived: ({ archivedAt }: ArchivedFile) => archivedAt.toISOString(),
  streams: ({ streams }: ArchivedFile) => streams,
  events: ({ events }: ArchivedFile) => events,
};

function folderOf({ persistence }: ProductSettings): string {
  if (persistence.archiveDir !== undefined) return persistence.archiveDir;
  throw new CommandFailed(
    'cli.archive-dir-unset',
    'Nobody says where archived streams are.',
    'Let GW_ARCHIVE_DIR name a folder that is backed up, the same for api and worker.',
  );
}

const streamOrAll = (): CommandFailed =>
  new CommandFailed(
    'cli.stream-or-all',
    'Either one stream is brought back or all.',
    'Name a stream such as client/001xx000003DGb2AAG, or give --all.',
  );

const UNITS_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000 };

function milliseconds(text: string): number {
  const [, count, unit] = /^(\d{1,6})([dhm])$/.exec(text) ?? [];
  if (count !== undefined) return Number(count) * UNITS_MS[unit!]!;
  throw new InvalidArgumentError('Give days, hours or minutes, such as 365d, 12h or 30m.');
}
