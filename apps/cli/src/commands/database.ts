// gw db: the schema of the database, for those who run it.
import {
  decodingSql,
  DEFAULT_LOGINS,
  generateMigration,
  migrate,
  migrationStatus,
  pooledLoginSql,
  revertMigration,
  setupSql,
  supabaseSql,
} from '@groundwork/configuration';
import { InvalidArgumentError, type Command } from 'commander';
import { ProblemFound } from '../errors.ts';
import { table, type Output } from '../output.ts';
import { productEntities, productMigrations, productSettings, type ProductSettings } from '../product.ts';
import { addDataMigrationCommand } from './data-migration.ts';
import { writeMigrationFile } from './migration-file.ts';
import { onDatabase, type DatabaseWork } from './on-database.ts';
import { outputOf, withJson, type JsonOption } from './options.ts';
import { addPoliciesCommand } from './policies.ts';

export function addDatabaseCommands(gw: Command): void {
  const database = gw.command('db').description('look after the schema of the database');
  withJson(database.command('migrate'))
    .description('run the migrations that are pending, but for those that take something away')
    .option('--contract', 'run those, too: no program of the version before runs any more')
    .action((options: MigrateOptions) => onDatabase(options, runMigrations(options.contract === true)));
  withJson(database.command('status'))
    .description('tell which migrations have run; exit status 3 when some are pending')
    .action((options: JsonOption) => onDatabase(options, showStatus));
  withJson(database.command('revert'))
    .description('take back the newest migration')
    .action((options: JsonOption) => onDatabase(options, revertNewest));
  addGenerateCommand(database);
  addDataMigrationCommand(database);
  addPoliciesCommand(database);
  addSetupCommand(database);
}

function addGenerateCommand(database: Command): void {
  withJson(database.command('generate'))
    .description('write the migration from the database as it is to what the entities say')
    .argument('<name>', 'what it changes, such as add-nickname', migrationName)
    .option('--dir <folder>', 'where to write it: the adapters/ of the context', '.')
    .action((name: string, options: GenerateOptions) =>
      onDatabase(options, (url, settings, output) => writeMigration(name, options.dir, { url, settings, output })),
    );
}

function addSetupCommand(database: Command): void {
  withJson(database.command('setup'))
    .description('print what an administrator runs once: roles, and a login each for migrations, api and worker')
    .requiredOption('--sql', 'print it as SQL')
    .option('--pooler', 'api and worker go through a pooler in transaction mode: also what their sessions need')
    .option('--migration-login <name>', `default: the one in GW_MIGRATION_DATABASE_URL, or ${DEFAULT_LOGINS.migration}`)
    .option('--api-login <name>', `default: --login, or ${DEFAULT_LOGINS.api}`)
    .option('--worker-login <name>', `default: --login, or ${DEFAULT_LOGINS.worker}`)
    .option('--login <name>', 'one login for api and worker (default: the one in DATABASE_URL)')
    .option('--decoding', 'print instead what lets the worker decode the write-ahead log (GW_PUMP_NOTIFICATIONS)')
    .option('--supabase', 'print instead what lets Supabase Realtime tell the worker of new rows (the same)')
    .option('--database <name>', 'the database (default: the one in DATABASE_URL)')
    .action((options: SetupOptions) => {
      const sql = setupSqlFor(options, productSettings().persistence).trim();
      outputOf(options).result({ sql }, sql);
    });
}

function setupSqlFor(options: SetupOptions, settings: ProductSettings['persistence']): string {
  const { databaseUrl, migrationDatabaseUrl } = settings;
  const [programs, migrations] = [databaseUrl, migrationDatabaseUrl].map((url) => (url ? new URL(url) : undefined));
  const shared = options.login ?? loginIn(programs);
  const database = options.database || decodeURIComponent(programs?.pathname.slice(1) ?? '') || 'groundwork';
  const logins = {
    migration: options.migrationLogin ?? loginIn(migrations) ?? DEFAULT_LOGINS.migration,
    api: options.apiLogin ?? shared ?? DEFAULT_LOGINS.api,
    worker: options.workerLogin ?? shared ?? DEFAULT_LOGINS.worker,
  };
  if (options.decoding === true) return decodingSql(logins.worker);
  if (options.supabase === true) return supabaseSql;
  const pooled = options.pooler === true ? `\n${pooledLoginSql(database, logins, settings)}\n` : '';
  return setupSql(database, logins) + pooled;
}

const loginIn = (url: URL | undefined): string | undefined => decodeURIComponent(url?.username ?? '') || undefined;

interface SetupOptions extends JsonOption {
  readonly pooler?: true;
  readonly migrationLogin?: string;
  readonly apiLogin?: string;
  readonly workerLogin?: string;
  readonly login?: string;
  readonly decoding?: true;
  readonly supabase?: true;
  readonly database?: string;
}

interface MigrateOptions extends JsonOption {
  readonly contract?: boolean;
}

interface GenerateOptions extends JsonOption {
  readonly dir: string;
}

const runMigrations =
  (contract: boolean): DatabaseWork =>
  async (url, settings, output) => {
    const report = await migrate(url, await productMigrations(settings), { holdContractions: !contract });
    const lines = [
      ...report.executed.map((name) => `ran ${name}`),
      ...report.held.map((name) => `held ${name}: ${CONTRACT}`),
    ];
    output.result(report, lines.join('\n') || 'The database is up to date.');
  };

const CONTRACT = 'gw db migrate --contract runs it once the old programs have ended';

async function showStatus(url: string, settings: ProductSettings, output: Output): Promise<void> {
  const status = await migrationStatus(url, await productMigrations(settings));
  const rows = [
    ...status.executed.map((migration) => ({ migration, state: 'executed' })),
    ...status.pending.map((migration) => ({ migration, state: 'pending' })),
    ...status.held.map((migration) => ({ migration, state: `held: ${CONTRACT}` })),
  ];
  output.result(status, table(rows, { migration: (row) => row.migration, state: (row) => row.state }));
  if (status.pending.length === 0) return;
  throw migrationsPending(status.pending);
}

async function revertNewest(url: string, settings: ProductSettings, output: Output): Promise<void> {
  const reverted = await revertMigration(url, await productMigrations(settings));
  output.result({ reverted: reverted ?? null }, reverted ? `took back ${reverted}` : 'There is nothing to take back.');
}

function migrationName(name: string): string {
  if (/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) return name;
  throw new InvalidArgumentError('Use small letters, digits and hyphens.');
}

async function writeMigration(
  name: string,
  folder: string,
  { url, settings, output }: { url: string; settings: ProductSettings; output: Output },
): Promise<void> {
  const { pending } = await migrationStatus(url, await productMigrations(settings));
  if (pending.length > 0) throw migrationsPending(pending);
  const generated = await generateMigration(url, await productEntities(settings), { name, at: new Date() });
  if (generated === undefined) return output.result({ file: null }, 'Entities and database agree: nothing to write.');
  const file = await writeMigrationFile(folder, generated);
  const { className, up, down } = generated;
  const next = "Look through it, add policies, grants and special indexes, and bind the class in the context's module.";
  output.result({ file, className, up, down }, `wrote ${file}\n${next}`);
}

const migrationsPending = (pending: readonly string[]): ProblemFound =>
  new ProblemFound('cli.migrations-pending', `${pending.length} migrations have not run.`, 'gw db migrate runs them.');
