// Brings a database to the schema that this program expects, once, however many processes try at the same time.
import { Misconfigured } from '@groundwork/application';
import pg from 'pg';
import { DataSource, type EntitySchema, type MigrationInterface } from 'typeorm';
import { codeOf } from './database-errors.ts';
import { Archive1763703500000 } from './migrations/1763703500000-archive.ts';
import { ClosedShapes1763704600000 } from './migrations/1763704600000-closed-shapes.ts';
import { CheckpointEvents1763700600000 } from './migrations/1763700600000-checkpoint-events.ts';
import { CommandsAndProjections1763700100000 } from './migrations/1763700100000-commands-and-projections.ts';
import { DataMigrations1763700900000 } from './migrations/1763700900000-data-migrations.ts';
import { DeclaredIndexes1763704200000 } from './migrations/1763704200000-declared-indexes.ts';
import { DeclaredShape1763702200000 } from './migrations/1763702200000-declared-shape.ts';
import { AppendBatch1763703000000 } from './migrations/1763703000000-append-batch.ts';
import { ReadSlices1763703100000 } from './migrations/1763703100000-read-slices.ts';
import { ReadPages1763703200000 } from './migrations/1763703200000-read-pages.ts';
import { Log1763700000000 } from './migrations/1763700000000-log.ts';
import { Snapshots1763700200000 } from './migrations/1763700200000-snapshots.ts';
import { Rebuilds1763700700000 } from './migrations/1763700700000-rebuilds.ts';
import { RebuildSwitch1763700710000 } from './migrations/1763700710000-rebuild-switch.ts';
import { Tenants1763700800000 } from './migrations/1763700800000-tenants.ts';
import { Relays1763704700000 } from './migrations/1763704700000-relays.ts';
import { UnusedRights1763704610000 } from './migrations/1763704610000-unused-rights.ts';
import { ReadLogPage1763706200000 } from './migrations/1763706200000-read-log-page.ts';
import { UnusedSlices1763706210000 } from './migrations/1763706210000-unused-slices.ts';
import { singleLoginSql } from './roles.ts';

/**
 * A TypeORM migration; its class name ends in the time it was written, which is its place in the order. One that takes
 * something away (a column, a right, a value that was allowed) says so by its phase: it can be held back until no
 * program is left that was written for the schema before.
 */
export type MigrationType = new () => MigrationInterface & { readonly phase?: 'contract' };

export const PLATFORM_MIGRATIONS: readonly MigrationType[] = [
  Log1763700000000,
  CommandsAndProjections1763700100000,
  Snapshots1763700200000,
  CheckpointEvents1763700600000,
  Rebuilds1763700700000,
  RebuildSwitch1763700710000,
  Tenants1763700800000,
  DataMigrations1763700900000,
  DeclaredShape1763702200000,
  AppendBatch1763703000000,
  ReadSlices1763703100000,
  ReadPages1763703200000,
  Archive1763703500000,
  DeclaredIndexes1763704200000,
  ClosedShapes1763704600000,
  UnusedRights1763704610000,
  Relays1763704700000,
  ReadLogPage1763706200000,
  UnusedSlices1763706210000,
];

const MIGRATION_LOCK = 7091720342;
const NOT_PERMITTED = '42501';

export interface MigrationReport {
  /** Migrations this call has run, in order; none when the database was up to date. */
  readonly executed: readonly string[];
  /** Contractions that are pending and were not run. */
  readonly held: readonly string[];
}

export interface MigrateOptions {
  /** Holds contractions back, but for those of a new database, where no program can be. */
  readonly holdContractions?: boolean;
}

export interface MigrationStatus {
  readonly executed: readonly string[];
  /** What `migrate` runs next, also when it holds contractions. */
  readonly pending: readonly string[];
  /** Contractions that have not run, and that `migrate` runs only when it holds none. */
  readonly held: readonly string[];
}

/**
 * Makes roles and schema where the login may, then runs what is pending, each migration in its own transaction, under
 * a lock: the second of two processes waits and finds nothing left to do. Throws Misconfigured `database.setup-needed`
 * when roles are missing that the login may not make, or when it may not become the owner of the tables.
 */
export async function migrate(
  url: string,
  contextMigrations: readonly MigrationType[] = [],
  { holdContractions = false }: MigrateOptions = {},
): Promise<MigrationReport> {
  return withLock(url, async (client) => {
    await setUp(client);
    const held = holdContractions ? (await migrationStatus(url, contextMigrations)).held : [];
    const run = productOf(contextMigrations).filter(({ name }) => !held.includes(name));
    return withSchema(url, { migrations: run }, async (source) => ({
      executed: (await source.runMigrations({ transaction: 'each' })).map((migration) => migration.name),
      held,
    }));
  });
}

/** Takes back the newest migration; undefined when there was none. */
export async function revertMigration(
  url: string,
  contextMigrations: readonly MigrationType[] = [],
): Promise<string | undefined> {
  return withLock(url, () =>
    withMigrations(url, contextMigrations, async (source) => {
      const newest = (await executedNames(source)).at(-1);
      if (newest !== undefined) await source.undoLastMigration({ transaction: 'each' });
      return newest;
    }),
  );
}

export async function migrationStatus(
  url: string,
  contextMigrations: readonly MigrationType[] = [],
): Promise<MigrationStatus> {
  return withMigrations(url, contextMigrations, async (source) => {
    const executed = await executedNames(source);
    const left = productOf(contextMigrations).filter(({ name }) => !executed.includes(name));
    const isHeld = (Migration: MigrationType): boolean => executed.length > 0 && new Migration().phase === 'contract';
    const names = (migrations: readonly MigrationType[]): string[] => migrations.map(({ name }) => name);
    return {
      executed,
      pending: names(left.filter((migration) => !isHeld(migration))),
      held: names(left.filter(isHeld)),
    };
  });
}

async function withLock<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'groundwork-migrate' });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    return await work(client);
  } finally {
    await client.end();
  }
}

async function setUp(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ database: string; login: string }>(
    'select current_database() as database, session_user as login',
  );
  const sql = singleLoginSql(rows[0]!.database, rows[0]!.login);
  try {
    await client.query(sql);
  } catch (error) {
    if (codeOf(error) !== NOT_PERMITTED) throw error;
    if (!(await isSetUp(client))) throw setupNeeded(rows[0]!.login, error);
  }
}

export const setupNeeded = (login: string, cause: unknown): Misconfigured =>
  new Misconfigured(
    'database.setup-needed',
    `The login "${login}" may neither create the roles that keep tenants apart nor change tables.`,
    'Let an administrator run what `gw db setup --sql` prints; set GW_MIGRATION_DATABASE_URL to its migration login.',
    {},
    { cause },
  );

async function isSetUp(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ ready: boolean }>(`
    select count(*) = 3 and bool_or(rolname = 'groundwork_owner' and pg_has_role(session_user, oid, 'member'))
           and to_regnamespace('groundwork') is not null as ready
      from pg_roles where rolname in ('groundwork_owner', 'groundwork_app', 'groundwork_worker')`);
  return rows[0]!.ready;
}

const withMigrations = <T>(
  url: string,
  contextMigrations: readonly MigrationType[],
  work: (source: DataSource) => Promise<T>,
): Promise<T> => withSchema(url, { migrations: productOf(contextMigrations) }, work);

const productOf = (contextMigrations: readonly MigrationType[]): MigrationType[] => [
  ...PLATFORM_MIGRATIONS,
  ...contextMigrations,
];

/**
 * TypeORM with the rights of the owner of all tables, for as long as `work` lasts. Throws Misconfigured
 * `database.setup-needed` when the login may not become that owner.
 */
export async function withSchema<T>(
  url: string,
  known: { readonly migrations?: MigrationType[]; readonly entities?: EntitySchema[] },
  work: (source: DataSource) => Promise<T>,
): Promise<T> {
  const source = new DataSource({
    type: 'postgres',
    url,
    schema: 'groundwork',
    migrationsTableName: 'migration',
    ...known,
    extra: { max: 2, options: '-c role=groundwork_owner -c timezone=UTC' },
  });
  await source.initialize().catch((error: unknown) => {
    throw codeOf(error) === NOT_PERMITTED ? setupNeeded(decodeURIComponent(new URL(url).username), error) : error;
  });
  try {
    return await work(source);
  } finally {
    await source.destroy();
  }
}

async function executedNames(source: DataSource): Promise<string[]> {
  const [table] = await source.query<{ known: string | null }[]>(`select to_regclass('groundwork.migration') as known`);
  if (table?.known == null) return [];
  const rows = await source.query<{ name: string }[]>('select name from groundwork.migration order by "timestamp"');
  return rows.map((row) => row.name);
}
