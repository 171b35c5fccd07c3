// Who the tenants of a database are, and taking one out for good.
import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Misconfigured, NotFound, type EventTypeDefinition } from '@groundwork/application';
import { parseTenantId } from '@groundwork/domain';
import type pg from 'pg';
import { fileOf } from '../archive/archive-file.ts';
import { codeOf } from '../postgres/database-errors.ts';
import { unknownTenant } from './export-tenant.ts';
import { asOwner, inTransaction, tenantTables } from './owner-session.ts';

/** What is done to the log itself, recorded in it under a tenant whose name no token can carry. */
export const INSTALLATION_EVENT_TYPES: readonly EventTypeDefinition[] = [
  { type: 'TenantDropped', declaredIn: '@groundwork/persistence', schemaVersion: 1 },
  { type: 'TenantImported', declaredIn: '@groundwork/persistence', schemaVersion: 1 },
  { type: 'StreamsArchived', declaredIn: '@groundwork/persistence', schemaVersion: 1 },
  { type: 'StreamsRestored', declaredIn: '@groundwork/persistence', schemaVersion: 1 },
];

export interface TenantFacts {
  readonly tenant: string;
  readonly events: number;
  readonly firstRecordedAt: Date | null;
  readonly lastRecordedAt: Date | null;
}

export interface TenantDrop {
  readonly tenant: string;
  readonly droppedAt: Date;
  readonly droppedBy: string;
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
}

/** `url` of these needs a login that may become groundwork_owner, as that of the migrations. */
export const listTenants = (url: string): Promise<readonly TenantFacts[]> =>
  asOwner(url, async (client) => (await client.query<TenantFacts>(LIST)).rows);

/** Every tenant that was dropped, the latest first: all that is left of it. */
export const listDroppedTenants = (url: string): Promise<readonly TenantDrop[]> =>
  asOwner(url, async (client) => (await client.query<TenantDrop>(DROPPED)).rows);

/**
 * Deletes every row of the tenant, in every table that there is, and leaves an event `TenantDropped` with who, when and
 * how many. All or nothing; then the files are deleted that this log says it has archived of the tenant, also by a
 * repetition that finds no row any more, and its folder, when nothing else is in it. Whoever still holds a token of the
 * tenant can begin it anew. Throws NotFound `tenant.unknown`, Misconfigured `tenant.archive-unknown` when it has
 * archived streams and nobody says where.
 */
export const dropTenant = async (
  url: string,
  tenantName: string,
  by: string,
  archiveFolder?: string,
): Promise<TenantDrop['rows']> => {
  const tenant = parseTenantId(tenantName);
  const removeFiles = async (): Promise<void> => {
    if (archiveFolder !== undefined) await removeArchived(url, tenant, archiveFolder);
  };
  const rows = await dropRows(url, tenant, by, archiveFolder).catch(async (error: unknown) => {
    if (error instanceof NotFound) await removeFiles();
    throw error;
  });
  await removeFiles();
  return rows;
};

/** What else is in the folder may be of another installation that has a tenant of this name. */
async function removeArchived(url: string, tenant: string, archiveFolder: string): Promise<void> {
  const archives = await asOwner(url, async (client) => (await client.query<{ id: string }>(ARCHIVES, [tenant])).rows);
  for (const { id } of archives) await rm(fileOf(archiveFolder, { tenant, archive_id: id }), { force: true });
  if (archives.length === 0) return;
  await rmdir(join(archiveFolder, tenant)).catch((error: unknown) => {
    if (!['ENOENT', 'ENOTEMPTY'].includes(codeOf(error))) throw error;
  });
}

// These events outlast the tenant and the catalogue of its files.
const ARCHIVES = `
  select e.data::json ->> 'archive' as id
    from groundwork.event e join groundwork.stream s using (stream_id)
   where s.tenant = '$installation' and s.type = 'tenant' and s.id = $1 and e.type = 'StreamsArchived'`;

const dropRows = (url: string, tenant: string, by: string, archiveFolder?: string): Promise<TenantDrop['rows']> =>
  inTransaction(url, 'read write', async (client) => {
    await tenantTables(client);
    if (archiveFolder === undefined) await refuseArchived(client, tenant);
    const { rows } = await client.query<{ counts: TenantDrop['rows'] }>(
      'select groundwork.drop_tenant($1, $2) as counts',
      [tenant, by],
    );
    if (Object.keys(rows[0]!.counts).length === 0) throw unknownTenant(tenant);
    return rows[0]!.counts;
  });

async function refuseArchived(client: pg.Client, tenant: string): Promise<void> {
  const { rowCount } = await client.query('select from groundwork.archive where tenant = $1 limit 1', [tenant]);
  if (rowCount === 0) return;
  throw new Misconfigured(
    'tenant.archive-unknown',
    `Streams of tenant ${tenant} are archived, and would be left behind; nothing was dropped.`,
    'Let GW_ARCHIVE_DIR name the folder, so that they are deleted, too.',
  );
}

// The tenants are found by leaps along the index, however many events each has.
const LIST = `
  with recursive known (tenant) as (
    (select min(tenant) from groundwork.stream)
    union all
    select (select min(s.tenant) from groundwork.stream s where s.tenant > k.tenant) from known k where k.tenant is not null
  ), commanding (tenant) as (
    (select min(tenant) from groundwork.command)
    union all
    select (select min(c.tenant) from groundwork.command c where c.tenant > k.tenant)
      from commanding k where k.tenant is not null
  )
  select tenant, events::int, "firstRecordedAt", "lastRecordedAt"
    from (select tenant from known union select tenant from commanding) t
   cross join lateral (
     select count(*) as events, min(e.recorded_at) as "firstRecordedAt", max(e.recorded_at) as "lastRecordedAt"
       from groundwork.event e where e.tenant = t.tenant) f
   where tenant is not null and tenant <> '$installation'
   order by tenant`;

const DROPPED = `
  select s.id as tenant, e.recorded_at as "droppedAt", e.metadata::json ->> 'actor' as "droppedBy",
         e.data::json -> 'rows' as rows
    from groundwork.event e join groundwork.stream s using (stream_id)
   where e.tenant = '$installation' and e.type = 'TenantDropped'
   order by e.position desc`;
