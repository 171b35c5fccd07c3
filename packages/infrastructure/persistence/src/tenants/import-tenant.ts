// A tenant out of files into a database that does not know it: all of it or nothing.
import { Conflict, InvalidInput, Misconfigured } from '@groundwork/application';
import { parseTenantId } from '@groundwork/domain';
import type pg from 'pg';
import { isStreamNumber } from './export-tenant.ts';
import { inTransaction, tenantTables, type TenantTable } from './owner-session.ts';
import { readLines, readManifest, verifyFiles, type TenantManifest } from './tenant-files.ts';

export interface ImportReport {
  readonly tenant: string;
  /** Rows by table. Read models are not among them: their projections fill them from the events. */
  readonly imported: Readonly<Record<string, number>>;
}

const [EVENT, COMMAND, PARKED] = ['groundwork.event', 'groundwork.command', 'groundwork.parked_stream'];

/**
 * Checks every file, then stores the tenant in one transaction: events behind all that there is, with their ids,
 * versions, times and exact texts, then everything else. Projections follow as with any events. Other tenants’ appends
 * wait while the events are moved into the log.
 *
 * Throws InvalidInput `tenant.not-an-export`, `tenant.export-damaged`; Conflict `tenant.exists`; Misconfigured
 * `tenant.newer-export`.
 */
export async function importTenant(url: string, folder: string, by: string): Promise<ImportReport> {
  const manifest = await readManifest(folder);
  const tenant = parseTenantId(manifest.tenant);
  await verifyFiles(folder, manifest);
  return inTransaction(url, 'read write', async (client) => {
    await client.query('select pg_advisory_xact_lock(7091720343)');
    await refuseNewer(client, manifest);
    const tables = new Map((await tenantTables(client)).map((table) => [table.name, table]));
    await refuseKnown(client, tenant, [...tables.values()]);
    const imported: Record<string, number> = {};
    await importEvents(client, folder, manifest, by);
    for (const { name, table: tableName, rows, isReadModel } of manifest.tables) {
      // What was parked is parked again, if it still cannot be applied, by the projection that starts from the events.
      if (rows === 0 || isReadModel || tableName === PARKED) continue;
      const table = tables.get(tableName);
      if (table === undefined) throw unknownTable(tableName);
      if (table.isReadModel) continue;
      if (tableName !== EVENT) await importRows(client, table, tenant, readLines(folder, name));
      imported[tableName] = rows;
    }
    await client.query(`
      insert into groundwork.command_key (tenant, order_key, acceptance)
        select distinct c.tenant, key, c.acceptance from groundwork.command c, unnest(c.order_keys) as key
         where c.tenant = ${client.escapeLiteral(tenant)} and c.status = 'pending'`);
    return { tenant, imported };
  });
}

async function refuseNewer(client: pg.Client, { migrations }: TenantManifest): Promise<void> {
  const { rows } = await client.query<{ name: string }>('select name from groundwork.migration');
  const missing = migrations.filter((migration) => !rows.some(({ name }) => name === migration));
  if (missing.length === 0) return;
  throw new Misconfigured(
    'tenant.newer-export',
    `The export comes from a database with migrations that this one has not seen: ${missing.join(', ')}.`,
    'Bring this one up to date with gw db migrate.',
  );
}

async function refuseKnown(client: pg.Client, tenant: string, tables: readonly TenantTable[]): Promise<void> {
  for (const { name } of tables) {
    const { rows } = await client.query(`select from ${name} where tenant = $1 limit 1`, [tenant]);
    if (rows.length === 0) continue;
    throw new Conflict(
      'tenant.exists',
      `Rows in ${name} belong to tenant ${tenant} already; nothing was imported.`,
      'Import into a database without that tenant; gw tenants drop takes it out of this one.',
    );
  }
}

async function importEvents(
  client: pg.Client,
  folder: string,
  { tenant, tables }: TenantManifest,
  by: string,
): Promise<void> {
  await client.query(STAGE);
  const file = tables.find(({ table }) => table === EVENT)!;
  for await (const lines of readLines(folder, file.name)) await client.query(STAGE_EVENTS, [lines]);
  const { rows } = await client.query<{ base: string }>('select groundwork.import_events($1, $2) as base', [
    tenant,
    by,
  ]);
  await client.query(`
    update import_event set new_position = number + ${rows[0]!.base};
    create index on import_event (position);
    analyze import_event`);
}

// Staged in full first: the log is locked only for the move.
const STAGE = `
  create temp table import_event (like groundwork.event) on commit drop;
  alter table import_event add number bigint generated always as identity, add stream_type text collate "C",
    add stream_name text collate "C", add new_position bigint`;

const STAGE_EVENTS = `
  insert into import_event (position, stream_id, stream_version, tenant, event_id, type, schema_version, source,
                            occurred_at, recorded_at, correlation_id, metadata, validation, data, stream_type, stream_name)
    select e.position, e.stream_id, e.stream_version, e.tenant, e.event_id, e.type, e.schema_version, e.source,
           e.occurred_at, e.recorded_at, e.correlation_id, e.metadata, e.validation, e.data,
           line::json ->> 'stream_type', line::json ->> 'stream_name'
      from unnest($1::text[]) with ordinality as given (line, place)
     cross join lateral json_populate_record(null::groundwork.event, line::json) e
     order by place`;

async function importRows(
  client: pg.Client,
  table: TenantTable,
  tenant: string,
  batches: AsyncIterable<readonly string[]>,
): Promise<void> {
  const columns = table.columns.filter(({ isIdentity }) => !isIdentity);
  const insert = `
    insert into ${table.name} (${columns.map(({ name }) => name).join(', ')})
      select ${columns.map((column) => valueOf(table.name, column)).join(', ')}
        from unnest($1::text[]) with ordinality as given (line, place)
       cross join lateral json_populate_record(null::${table.name}, line::json) r
       where r.tenant = $2 order by place`;
  for await (const lines of batches) {
    const { rowCount } = await client.query(insert, [lines, tenant]);
    if (rowCount !== lines.length) throw foreignRows(table.name, tenant);
  }
}

/** What has another number here than where the row comes from, and what belonged to processes there. */
function valueOf(table: string, column: { readonly name: string; readonly type: string }): string {
  if (isStreamNumber(column)) {
    return `(select s.stream_id from groundwork.stream s
              where s.tenant = $2 and s.type = line::json ->> 'stream_type' and s.id = line::json ->> 'stream_name')`;
  }
  if (column.name === 'position' && column.type === 'bigint') return positionHere('r.position');
  if (table === COMMAND && column.name === 'result') {
    const known = positionHere(`(r.result::json ->> 'position')::bigint`);
    return `case when r.result::json ->> 'position' is null then r.result
                 else jsonb_set(r.result::jsonb, '{position}', coalesce(to_jsonb(${known}::text), 'null'))::text end`;
  }
  if (table === COMMAND && column.name === 'status') {
    return `case r.status when 'consumed' then 'pending' else r.status end`;
  }
  if (table === COMMAND && ['owner', 'lease_until'].includes(column.name)) return 'null';
  return `r.${column.name}`;
}

const positionHere = (position: string): string =>
  `(select i.new_position from import_event i where i.position = ${position})`;

const unknownTable = (table: string): Misconfigured =>
  new Misconfigured(
    'tenant.table-unknown',
    `The export has rows of ${table}, which is not there; nothing was imported.`,
    'Import into an installation with the same contexts.',
  );

const foreignRows = (table: string, tenant: string): InvalidInput =>
  new InvalidInput(
    'tenant.export-mixed',
    `The rows of ${table} are not all ${tenant}'s; nothing was imported.`,
    'Make the export again.',
  );
