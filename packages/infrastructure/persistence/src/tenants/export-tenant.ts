// A whole tenant as files: every row that is its own, as it stands at one moment.
import { mkdir, readdir } from 'node:fs/promises';
import { Conflict, NotFound } from '@groundwork/application';
import { parseTenantId } from '@groundwork/domain';
import type pg from 'pg';
import { inTransaction, tenantTables, type TenantTable } from './owner-session.ts';
import { FORMAT_VERSION, writeLines, writeManifest, type TenantManifest } from './tenant-files.ts';

/** Which rows come first, where the order means something. */
const ORDER: Readonly<Record<string, string>> = { 'groundwork.event': 'position', 'groundwork.command': 'acceptance' };
/** Follow from the events and the open commands, or tell of a rebuild that another installation does not know. */
const DERIVED: ReadonlySet<string> = new Set([
  'groundwork.stream',
  'groundwork.command_key',
  'groundwork.rebuild_difference',
  'groundwork.archive',
  'groundwork.archived_stream',
]);
const FETCH_BYTES = 1024 * 1024;
const FETCH_ROWS_MAX = 500;

/**
 * Writes the tenant into an empty or new folder, in constant memory, beside programs that go on working. Exact texts
 * stay exact. Throws Conflict `tenant.folder-not-empty`, `tenant.archived`; NotFound `tenant.unknown`.
 */
export async function exportTenant(url: string, tenantName: string, folder: string): Promise<TenantManifest> {
  const tenant = parseTenantId(tenantName);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0) throw folderNotEmpty(folder);
  return inTransaction(url, 'isolation level repeatable read, read only', async (client) => {
    await refuseArchived(client, tenant);
    const tables: TenantManifest['tables'] = [];
    for (const table of await tenantTables(client)) {
      if (DERIVED.has(table.name)) continue;
      const rows = linesOf(client, rowsOf(table, client.escapeLiteral(tenant)));
      const facts = await writeLines(folder, `${table.name}.jsonl`, rows);
      tables.push({ ...facts, table: table.name, isReadModel: table.isReadModel });
    }
    if (tables.every(({ rows }) => rows === 0)) throw unknownTenant(tenant);
    const { rows } = await client.query<
      Pick<TenantManifest, 'exportedAt' | 'migrations' | 'firstPosition' | 'lastPosition'>
    >(FACTS, [tenant]);
    const manifest = {
      format: 'groundwork-tenant',
      formatVersion: FORMAT_VERSION,
      tenant,
      ...rows[0]!,
      tables,
    } as const;
    writeManifest(folder, manifest);
    return manifest;
  });
}

const FACTS = `
  select to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "exportedAt",
         (select json_agg(m.name order by m.id) from groundwork.migration m) as migrations,
         min(position)::text as "firstPosition", max(position)::text as "lastPosition"
    from groundwork.event where tenant = $1`;

/** Rows as JSON through a cursor, in steps of about a megabyte: how many rows that is, the last step tells. */
export async function* linesOf(client: pg.Client, select: string): AsyncIterable<readonly string[]> {
  await client.query(`declare exported no scroll cursor for select to_jsonb(row)::text as line from (${select}) row`);
  for (let count = 50; ;) {
    const { rows } = await client.query<{ line: string }>(`fetch ${count} from exported`);
    if (rows.length === 0) break;
    yield rows.map(({ line }) => line);
    const bytesPerRow = rows.reduce((sum, { line }) => sum + line.length, 0) / rows.length;
    count = Math.min(FETCH_ROWS_MAX, Math.max(1, Math.floor(FETCH_BYTES / bytesPerRow)));
  }
  await client.query('close exported');
}

/** Streams have other numbers elsewhere: a row that names one carries its type and id instead. */
function rowsOf({ name, columns, keyColumns }: TenantTable, tenant: string): string {
  const order = ORDER[name] ?? (keyColumns.length > 0 ? keyColumns.join(', ') : '1');
  return columns.some(isStreamNumber)
    ? `select s.type as stream_type, s.id as stream_name, t.*
         from ${name} t join groundwork.stream s using (stream_id) where t.tenant = ${tenant} order by ${order}`
    : `select t.* from ${name} t where t.tenant = ${tenant} order by ${order}`;
}

/** The bigint that joins groundwork.stream; a text of that name is the id of a stream. */
export const isStreamNumber = ({ name, type }: { name: string; type: string }): boolean =>
  name === 'stream_id' && type === 'bigint';

async function refuseArchived(client: pg.Client, tenant: string): Promise<void> {
  const { rowCount } = await client.query('select from groundwork.archive where tenant = $1 limit 1', [tenant]);
  if (rowCount === 0) return;
  throw new Conflict(
    'tenant.archived',
    `Streams of tenant ${tenant} are archived, and would be missing.`,
    'Bring them back with gw archive restore --all, then export.',
  );
}

const folderNotEmpty = (folder: string): Conflict =>
  new Conflict('tenant.folder-not-empty', `${folder} is not empty.`, 'Name a folder that is new or empty.');

export const unknownTenant = (tenant: string): NotFound =>
  new NotFound('tenant.unknown', `Nothing belongs to tenant ${tenant}.`, 'gw tenants list shows who there is.');
