// gw db data-migration: changes the rows that exist, while the programs go on with them.
import { checkDataMigration, runDataMigration, type DataMigration } from '@groundwork/configuration';
import { InvalidArgumentError, type Command } from 'commander';
import { CommandFailed, ProblemFound } from '../errors.ts';
import { progressLine, table, type Output } from '../output.ts';
import { productDataMigrations, type ProductSettings } from '../product.ts';
import { onDatabase } from './on-database.ts';
import { withJson, type JsonOption } from './options.ts';

interface Options extends JsonOption {
  readonly dryRun?: boolean;
  readonly verify?: boolean;
  readonly batch: number;
  readonly pauseMs: number;
}

/** `declared` are those that the contexts bind. */
export function addDataMigrationCommand(
  database: Command,
  declared: (settings: ProductSettings) => Promise<readonly DataMigration[]> = productDataMigrations,
): void {
  withJson(database.command('data-migration'))
    .description('change rows that exist, in batches; without a name: which there are')
    .argument('[name]', 'such as sites.fold-names')
    .option('--dry-run', 'tell how many rows it would change')
    .option('--verify', 'compare every row with what it should be; exit status 3 when one differs')
    .option('--batch <rows>', 'rows of one transaction', wholeNumber, 1_000)
    .option('--pause-ms <ms>', 'pause between two batches', wholeNumber, 10)
    .action((name: string | undefined, options: Options) =>
      onDatabase(options, async (url, settings, output) => {
        const known = await declared(settings);
        if (name === undefined) return list(known, output);
        const migration = known.find((candidate) => candidate.name === name) ?? unknown(name, known);
        if (options.dryRun === true) return tellWhatIsToDo(url, migration, output);
        return options.verify === true ? verify(url, migration, output) : change(url, migration, options, output);
      }),
    );
}

const list = (known: readonly DataMigration[], output: Output): void =>
  output.result(
    known,
    known.length === 0
      ? 'No context declares one.'
      : table(known, {
          name: ({ name }) => name,
          table: ({ table: changed }) => changed,
          columns: ({ set }) => Object.keys(set).join(', '),
        }),
  );

async function tellWhatIsToDo(url: string, migration: DataMigration, output: Output): Promise<void> {
  const { rows, differing } = await checkDataMigration(url, migration);
  output.result({ rows, differing }, `${differing} of ${rows} rows would be changed.`);
}

async function verify(url: string, migration: DataMigration, output: Output): Promise<void> {
  const check = await checkDataMigration(url, migration);
  const { rows, differing, actualChecksum } = check;
  output.result(check, `${rows - differing} of ${rows} rows are as they should be (checksum ${actualChecksum}).`);
  if (differing === 0) return;
  throw new ProblemFound(
    'cli.rows-differ',
    `${differing} rows differ from what ${migration.name} says.`,
    'See that every program that runs writes the new values, then run it again.',
  );
}

async function change(url: string, migration: DataMigration, options: Options, output: Output): Promise<void> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  const startedAtMs = performance.now();
  let doneBefore: number | undefined;
  const progress = await runDataMigration(url, migration, {
    batchSizeMax: options.batch,
    pauseMs: options.pauseMs,
    stop: stopping.signal,
    onProgress: ({ done, total }) => {
      doneBefore ??= done;
      output.note(
        progressLine({ done, total, rate: (done - doneBefore) / ((performance.now() - startedAtMs) / 1000) }),
      );
    },
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
  const { done, total, changed, isEnded } = progress;
  const summary = `${migration.name}: ${changed} rows changed, ${done} of ${total} looked at.`;
  output.result(progress, isEnded ? summary : `${summary} Stopped; the same command goes on from here.`);
}

function unknown(name: string, known: readonly DataMigration[]): never {
  throw new CommandFailed(
    'cli.unknown-data-migration',
    `There is no data migration ${name}.`,
    known.length === 0 ? 'No context declares one.' : `There are ${known.map((one) => one.name).join(', ')}.`,
  );
}

function wholeNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number below a million.');
}
