// Brings archived streams back into the log, at the positions that they had; and what is archived.
import { join } from 'node:path';
import { Conflict, NotFound } from '@groundwork/application';
import { parseStreamId, parseTenantId, type StreamId, type TenantId } from '@groundwork/domain';
import type pg from 'pg';
import { BOUND_PAUSE } from '../postgres/append-statement.ts';
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
 * One stream, or all of the tenant, file by file: all that is archived in one, or nothing of it. So appends wait for
 * the events of one file at most, and a repetition brings back what is left. Files stay where they are. Throws NotFound
 * `archive.nothing-archived`, Unavailable `archive.damaged`, and at the end, when all other files are back, Conflict
 * `archive.event-id-taken`.
 */
export async function restoreStreams(
  url: string,
  folder: string,
  { tenant: tenantName, stream, by }: { readonly tenant: string; readonly stream?: string; readonly by: string },
): Promise<{ readonly streams: number; readonly events: number }> {
  const tenant = parseTenantId(tenantName);
  const wanted = { tenant, stream: stream === undefined ? undefined : parseStreamId(stream) };
  const files = await asOwner(url, (client) => archived(client, wanted));
  let [streams, events] = [0, 0];
  const taken: TakenId[] = [];
  for (const { archive_id: file } of files) {
    const restored = await inTransaction(url, 'read write', async (client) => {
      // Before anything is looked at: of two that restore at the same time, the second finds what is left.
      await client.query('select pg_advisory_xact_lock(7091720343)');
      const [left] = await archived(client, wanted, file);
      return left === undefined ? { streams: 0, events: 0 } : restoreFile(client, folder, left, by);
    }).catch((error: unknown) => {
      if (!(error instanceof TakenId)) throw error;
      taken.push(error);
      return { streams: 0, events: 0 };
    });
    streams += restored.streams;
    events += restored.events;
  }
  if (taken.length > 0) throw idsTaken(taken, streams);
  if (streams === 0) throw nothingArchived(tenant, stream);
  return { streams, events };
}

interface WantedFile extends ArchiveFacts {
  readonly streams: readonly string[];
}

const archived = async (
  client: pg.Client,
  { tenant, stream }: { readonly tenant: TenantId; readonly stream: StreamId | undefined },
  file?: string,
): Promise<readonly WantedFile[]> =>
  (await client.query<WantedFile>(ARCHIVED, [tenant, stream?.type, stream?.id, file])).rows;

const ARCHIVED = `
  select a.archive_id, a.tenant, a.bytes, a.sha256, array_agg(t.stream_id::text) as streams
    from groundwork.archive a
    join groundwork.archived_stream t using (archive_id)
    join groundwork.stream s using (stream_id)
   where a.tenant = $1 and ($2::text is null or (s.type = $2 and s.id = $3))
     and ($4::uuid is null or a.archive_id = $4)
   group by a.archive_id order by a.archived_at, a.archive_id`;

async function restoreFile(
  client: pg.Client,
  folder: string,
  { streams, ...facts }: WantedFile,
  by: string,
): Promise<{ readonly streams: number; readonly events: number }> {
  await client.query('create temp table restored_event (like groundwork.event) on commit drop');
  await stage(client, folder, facts, streams);
  await refuseTakenIds(client, fileNameOf(facts.archive_id));
  const { rows } = await client.query<{ events: string }>('select groundwork.restore_streams($1, $2, $3) as events', [
    facts.tenant,
    by,
    streams,
  ]);
  return { streams: streams.length, events: Number(rows[0]!.events) };
}

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

/** An append does not look into the archive for the ids of its events: each would pay for what hardly ever happens. */
async function refuseTakenIds(client: pg.Client, file: string): Promise<void> {
  await client.query(BOUND_PAUSE.text);
  // The lock of the log: what is not taken now is not taken before these events are there.
  await client.query('select pg_advisory_xact_lock(7091720340)');
  const { rows } = await client.query<{ event_id: string }>(
    'select e.event_id from restored_event i join groundwork.event e using (event_id, tenant) limit 1',
  );
  if (rows[0] !== undefined) throw new TakenId(rows[0].event_id, file);
}

/** Rolls back what was begun of its file. */
class TakenId extends Error {
  readonly eventId: string;
  readonly file: string;

  constructor(eventId: string, file: string) {
    super();
    this.eventId = eventId;
    this.file = file;
  }
}

const idsTaken = (taken: readonly TakenId[], streams: number): Conflict =>
  new Conflict(
    'archive.event-id-taken',
    `Stored a second time while the first one was archived: ${taken.map(({ eventId, file }) => `event ${eventId} of ${file}`).join(', ')}; of these files nothing was restored, of others ${streams} streams.`,
    'Their streams stay archived and are read from there; bring the other streams of these files back one by one.',
    { refused: taken.map(({ eventId, file }) => ({ eventId, file })), streams },
  );
