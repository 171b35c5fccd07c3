// Brings archived streams back into the log, at the positions that they had; and what is archived.
import { join } from 'node:path';
import { NotFound } from '@groundwork/application';
import { parseStreamId, parseTenantId } from '@groundwork/domain';
import type pg from 'pg';
import { asOwner, inTransaction } from '../tenants/owner-session.ts';
import { readLines } from '../tenants/tenant-files.ts';
import { fileNameOf, refuseDamaged, type ArchiveFacts } from './archive-file.ts';

export interface ArchivedFile extends ArchiveFacts {
  readonly archivedAt: Date;
  readonly streams: number;
  readonly events: number;
}

/** `url` of these needs the login of the migrations. */
export const listArchives = (url: string): Promise<readonly ArchivedFile[]> =>
  asOwner(url, async (client) => (await client.query<ArchivedFile>(LIST)).rows);

const LIST = `
  select a.archive_id, a.tenant, a.bytes, a.sha256, a.archived_at as "archivedAt", count(*)::int as streams,
         sum(s.event_count)::int as events
    from groundwork.archive a join groundwork.archived_stream s using (archive_id)
   group by a.archive_id order by a.archived_at, a.archive_id`;

/**
 * One stream, or all of the tenant: everything that was archived of it, or nothing. Files stay where they are. Throws
 * NotFound `archive.nothing-archived`, Unavailable `archive.damaged`.
 */
export async function restoreStreams(
  url: string,
  folder: string,
  { tenant: tenantName, stream, by }: { readonly tenant: string; readonly stream?: string; readonly by: string },
): Promise<{ readonly streams: number; readonly events: number }> {
  const tenant = parseTenantId(tenantName);
  const wanted = stream === undefined ? undefined : parseStreamId(stream);
  return inTransaction(url, 'read write', async (client) => {
    // Before anything is looked at: of two that restore at the same time, the second finds what is left.
    await client.query('select pg_advisory_xact_lock(7091720343)');
    const { rows: archived } = await client.query<ArchiveFacts & { streams: string[] }>(ARCHIVED, [
      tenant,
      wanted?.type,
      wanted?.id,
    ]);
    if (archived.length === 0) throw nothingArchived(tenant, stream);
    await client.query('create temp table restored_event (like groundwork.event) on commit drop');
    for (const { streams, ...facts } of archived) await stage(client, folder, facts, streams);
    const streams = archived.flatMap((one) => one.streams);
    const { rows } = await client.query<{ events: string }>('select groundwork.restore_streams($1, $2, $3) as events', [
      tenant,
      by,
      streams,
    ]);
    return { streams: streams.length, events: Number(rows[0]!.events) };
  });
}

const ARCHIVED = `
  select a.archive_id, a.tenant, a.bytes, a.sha256, array_agg(t.stream_id::text) as streams
    from groundwork.archive a
    join groundwork.archived_stream t using (archive_id)
    join groundwork.stream s using (stream_id)
   where a.tenant = $1 and ($2::text is null or (s.type = $2 and s.id = $3))
   group by a.archive_id`;

async function stage(
  client: pg.Client,
  folder: string,
  facts: ArchiveFacts,
  streams: readonly string[],
): Promise<void> {
  await refuseDamaged(folder, facts);
  for await (const lines of readLines(join(folder, facts.tenant), fileNameOf(facts.archive_id))) {
    await client.query(STAGE, [lines, streams]);
  }
}

const STAGE = `
  insert into restored_event
    select e.* from unnest($1::text[]) as given (line)
     cross join lateral json_populate_record(null::groundwork.event, line::json) e
     where e.stream_id = any ($2::bigint[])`;

const nothingArchived = (tenant: string, stream: string | undefined): NotFound =>
  new NotFound(
    'archive.nothing-archived',
    stream === undefined
      ? `Nothing of tenant ${tenant} is archived.`
      : `${stream} of tenant ${tenant} is not archived.`,
    'gw archive list shows what is.',
  );
