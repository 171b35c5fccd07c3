// gw verify: whether a database holds what it should, and only that.
import { HandlerCalls } from '@groundwork/application';
import { ScriptTimeLimit, verifyDatabase, type Verification } from '@groundwork/configuration';
import { InvalidArgumentError, type Command } from 'commander';
import { ProblemFound } from '../errors.ts';
import { table, type Output } from '../output.ts';
import { productEventTypes, productProjections, type ProductSettings } from '../product.ts';
import { onDatabase } from './on-database.ts';
import { withJson, type JsonOption } from './options.ts';

const SAMPLE_SIZE = 200;

interface VerifyCommandOptions extends JsonOption {
  readonly sample: number;
}

export function addVerifyCommand(gw: Command): void {
  withJson(gw.command('verify'))
    .description('look through log, commands and read models for what cannot be; exit status 3 when something is found')
    .option('--sample <n>', 'how many streams are replayed and compared with the read models', sampleSize, SAMPLE_SIZE)
    .addHelpText('after', '\nReads only, beside programs that work. Needs the login of the migrations.')
    .action((options: VerifyCommandOptions) =>
      onDatabase(options, (url, settings, output) => verify(url, options.sample, settings, output)),
    );
}

async function verify(url: string, size: number, settings: ProductSettings, output: Output): Promise<void> {
  const verification = await verifyDatabase(url, {
    types: await productEventTypes(settings),
    projections: await productProjections(settings),
    handlers: new HandlerCalls(new ScriptTimeLimit(), settings.worker.handlerTimeoutMs),
    sampleSize: size,
    archiveFolder: settings.persistence.archiveDir,
    onProgress: (line) => output.note(line),
  });
  const { findings } = verification;
  output.result(verification, report(verification));
  if (findings.length === 0) return;
  throw new ProblemFound(
    'cli.verification-failed',
    `${findings.length} checks have found something.`,
    'Each finding says what to do. Until then take a backup, and let nothing delete older ones.',
  );
}

function report({ events, commands, replayedStreams, notCompared, findings }: Verification): string {
  const looked = `Looked at ${events} events and ${commands} commands, replayed ${replayedStreams} streams.`;
  const skipped = notCompared.map(({ projection, reason }) => `Not compared: ${projection}, ${reason}.`);
  if (findings.length === 0) return [looked, ...skipped, 'Everything is as it should be.'].join('\n');
  const rows = findings.flatMap(({ check, count, places }) =>
    places.map((place, at) => ({ check: at === 0 ? check : '', count: at === 0 ? String(count) : '', place })),
  );
  const columns = { check: cell('check'), count: cell('count'), where: cell('place') };
  const advice = findings.map(({ check, message, next }) => `${check}: ${message}.\n  ${next}`);
  return [looked, ...skipped, '', table(rows, columns), '', ...advice].join('\n');
}

const cell =
  <Name extends string>(name: Name) =>
  (row: Readonly<Record<Name, string>>): string =>
    row[name];

function sampleSize(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Use a number from 0 to 999999.');
}
