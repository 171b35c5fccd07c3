// Changes the rows that a table has already, some at a time, while the programs go on with them.
import { Misconfigured, port } from '@groundwork/application';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import { codeOf } from './database-errors.ts';
import { withSchema } from './migrate.ts';

/**
 * Rows that programs write meanwhile must get their new values from those programs: expand the schema first, let the
 * new version write both, then change what was there before.
 */
export interface DataMigration {
  /** `context.what`, such as `sites.fold-names`. */
  readonly name: string;
  /** With its schema. It needs a primary key: rows are walked in its order. */
  readonly table: string;
  /** What each column becomes: SQL over the columns of the same row. */
  readonly set: Readonly<Record<string, string>>;
}
/** Multi-bound by the contexts. */
export const DataMigration = port<DataMigration>('DataMigration');

export interface DataMigrationProgress {
  /** Rows looked at, of `total` that there were at the beginning. */
  readonly done: number;
  readonly total: number;
  /** Rows that were not yet as they should be. */
  readonly changed: number;
  readonly isEnded: boolean;
}

export interface DataMigrationOptions {
  /** Rows of one transaction, which holds their locks. */
  readonly batchSizeMax: number;
  /** Between two batches; what is left of the time is the programs'. */
  readonly pauseMs: number;
  readonly onProgress?: (progress: DataMigrationProgress) => void;
  /** Ends it after the batch that is under way. */
  readonly stop?: AbortSignal;
}

export interface DataMigrationCheck {
  readonly rows: number;
  /** Rows whose values are not what `set` says. */
  readonly differing: number;
  /** Over keys and values, as they should be and as they are. */
  readonly expectedChecksum: string;
  readonly actualChecksum: string;
}

const DEADLOCK_OR_ROLLBACK = /^40/;
const ATTEMPTS_MAX = 5;

/**
 * Goes through the table batch by batch. Each batch and the note of how far it has come are one transaction, so that a
 * run which was stopped or killed is taken up where it was; one that has ended begins anew. Throws Misconfigured
 * `data-migration.no-primary-key` and the database's own errors about an expression.
 */
export async function runDataMigration(
  url: string,
  migration: DataMigration,
  { batchSizeMax, pauseMs, onProgress = () => undefined, stop }: DataMigrationOptions,
): Promise<DataMigrationProgress> {
  return withSchema(url, {}, async (source) => {
    const key = await primaryKeyOf(source, migration);
    const statement = batchStatement(migration, key, batchSizeMax);
    let progress = await begun(source, migration);
    while (!progress.isEnded && stop?.aborted !== true) {
      progress = await withAttempts(() =>
        source.transaction((manager) => runBatch(manager, migration.name, statement, batchSizeMax)),
      );
      onProgress(progress);
      if (!progress.isEnded) await sleep(pauseMs);
    }
    return progress;
  });
}

/** Reads the whole table and changes nothing: before the run it tells what is to do, afterwards that it is done. */
export async function checkDataMigration(url: string, migration: DataMigration): Promise<DataMigrationCheck> {
  return withSchema(url, {}, async (source) => {
    const key = await primaryKeyOf(source, migration);
    const columns = Object.keys(migration.set).map((column) => pg.escapeIdentifier(column));
    const values = Object.values(migration.set).map((expression) => `(${expression})`);
    const names = key.map(({ name }) => pg.escapeIdentifier(name));
    const sumOf = (parts: readonly string[]): string =>
      `coalesce(sum(hashtextextended(row(${[...names, ...parts].join(', ')})::text, 0)::numeric), 0)::text`;
    const [row] = await source.query<{ rows: string; differing: string; expected: string; actual: string }[]>(
      `select count(*) as rows, count(*) filter (where ${isDifferent(columns, values)}) as differing,
              ${sumOf(typed(values, columns))} as expected, ${sumOf(columns)} as actual
         from ${migration.table} as t`,
    );
    return {
      rows: Number(row!.rows),
      differing: Number(row!.differing),
      expectedChecksum: row!.expected,
      actualChecksum: row!.actual,
    };
  });
}

interface KeyColumn {
  readonly name: string;
  readonly type: string;
}

async function primaryKeyOf(source: DataSource, { name, table }: DataMigration): Promise<readonly KeyColumn[]> {
  const key = await source.query<KeyColumn[]>(
    `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type
       from pg_index i
       cross join unnest(i.indkey) with ordinality as k(attnum, place)
       join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where i.indrelid = to_regclass($1) and i.indisprimary order by k.place`,
    [table],
  );
  if (key.length > 0) return key;
  throw new Misconfigured(
    'data-migration.no-primary-key',
    `${name} changes ${table}, which does not exist or has no primary key.`,
    'Name a table with its schema, and give it a primary key: rows are walked in its order.',
  );
}

const COLUMNS = 'last_key, done, changed, total, ended_at';

interface ProgressRow {
  readonly last_key: string[] | null;
  readonly done: string;
  readonly changed: string;
  readonly total: string;
  readonly ended_at: Date | null;
}

async function begun(source: DataSource, { name, table }: DataMigration): Promise<DataMigrationProgress> {
  const [row] = await source.query<ProgressRow[]>(
    `insert into groundwork.data_migration as m (name, total) select $1, count(*) from ${table}
     on conflict (name) do update
        set last_key = case when m.ended_at is null then m.last_key end,
            done = case when m.ended_at is null then m.done else 0 end,
            changed = case when m.ended_at is null then m.changed else 0 end,
            total = case when m.ended_at is null then m.total else excluded.total end,
            ended_at = null
     returning ${COLUMNS}`,
    [name],
  );
  return progressOf(row!);
}

async function runBatch(
  manager: EntityManager,
  name: string,
  statement: (lastKey: readonly string[] | null) => { text: string; values: unknown[] },
  batchSizeMax: number,
): Promise<DataMigrationProgress> {
  // A second process waits here, and goes on behind what the first has done.
  const [before] = await manager.query<ProgressRow[]>(
    `select ${COLUMNS} from groundwork.data_migration where name = $1 for update`,
    [name],
  );
  if (before!.ended_at !== null) return progressOf(before!);
  const { text, values } = statement(before!.last_key);
  const [page] = await manager.query<{ looked: number; changed: number; last_key: string[] | null }[]>(text, values);
  const [[after]] = await manager.query<[ProgressRow[], number]>(
    `update groundwork.data_migration
        set last_key = coalesce($2, last_key), done = done + $3, changed = changed + $4,
            ended_at = case when $3 < $5::int then clock_timestamp() end
      where name = $1 returning ${COLUMNS}`,
    [name, page!.last_key, page!.looked, page!.changed, batchSizeMax],
  );
  return progressOf(after!);
}

/** One page behind a key: locked in the order of the key, so that two of them cannot wait for each other. */
function batchStatement({ table, set }: DataMigration, key: readonly KeyColumn[], batchSizeMax: number) {
  const columns = Object.keys(set).map((column) => `t.${pg.escapeIdentifier(column)}`);
  const values = Object.values(set).map((expression) => `(${expression})`);
  const names = key.map(({ name }) => pg.escapeIdentifier(name));
  const pageNames = key.map((_, at) => `key_${at + 1}`);
  const assigned = Object.keys(set).map((column, at) => `${pg.escapeIdentifier(column)} = ${values[at]}`);
  return (lastKey: readonly string[] | null): { text: string; values: unknown[] } => ({
    text: `
      with page as materialized (
        select ${names.map((column, at) => `${column} as ${pageNames[at]}`).join(', ')} from ${table}
         ${lastKey === null ? '' : `where (${names.join(', ')}) > (${key.map(({ type }, at) => `$${at + 1}::${type}`).join(', ')})`}
         order by ${names.join(', ')} limit ${batchSizeMax} for update
      ), changed as (
        update ${table} as t set ${assigned.join(', ')} from page
         where ${names.map((column, at) => `t.${column} = page.${pageNames[at]}`).join(' and ')}
           and ${isDifferent(columns, values)}
        returning 1
      )
      select (select count(*)::int from page) as looked, (select count(*)::int from changed) as changed,
             (select array[${pageNames.map((column) => `${column}::text`).join(', ')}] from page
               order by ${pageNames.map((column) => `${column} desc`).join(', ')} limit 1) as last_key`,
    values: [...(lastKey ?? [])],
  });
}

const isDifferent = (columns: readonly string[], values: readonly string[]): string =>
  `(${columns.map((column, at) => `${column} is distinct from ${values[at]}`).join(' or ')})`;

/** An expression may be of another type than its column; checksums compare texts. */
const typed = (values: readonly string[], columns: readonly string[]): string[] =>
  values.map((value, at) => `case when false then ${columns[at]} else ${value} end`);

async function withAttempts<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !DEADLOCK_OR_ROLLBACK.test(codeOf(error))) throw error;
    }
  }
}

const progressOf = ({ done, total, changed, ended_at }: ProgressRow): DataMigrationProgress => ({
  done: Number(done),
  total: Math.max(Number(total), Number(done)),
  changed: Number(changed),
  isEnded: ended_at !== null,
});
