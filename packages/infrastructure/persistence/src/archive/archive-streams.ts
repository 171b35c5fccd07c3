// Moves streams that were closed long ago out of the log into files.
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseTenantId } from '@groundwork/domain';
import type pg from 'pg';
import { syncFolderOf } from '../embedded/durable-file.ts';
import { ARCHIVE_DIFFERS_STATE, codeOf } from '../postgres/database-errors.ts';
import { linesOf } from '../tenants/export-tenant.ts';
import { asOwner, inTransaction } from '../tenants/owner-session.ts';
import { writeLines, type FileFacts } from '../tenants/tenant-files.ts';
import { fileNameOf, fileOf, refuseDamaged } from './archive-file.ts';

export interface ArchiveOptions {
  /** What GW_ARCHIVE_DIR names for the programs. */
  readonly folder: string;
  /** Event types that close a stream. */
  readonly closing: readonly string[];
  /** Streams whose closing event was recorded before. */
  readonly closedBefore: Date;
  /** Only of this tenant. */
  readonly tenant?: string;
  /** Who archives. */
  readonly by: string;
  /** Bounds how long appends wait while the events of one file are deleted. A longer stream has a file of its own. */
  readonly eventsPerFileMax?: number;
  /** Hears of each file. */
  readonly onProgress?: (report: ArchiveReport) => void;
}

export interface ArchiveReport {
  readonly files: number;
  readonly streams: number;
  readonly events: number;
}

const EVENTS_PER_FILE_MAX = 10_000;

interface ClosedStream {
  readonly stream_id: string;
  readonly stream_version: number;
}

/**
 * Moves file by file: each is on the disk, compared with what was written, before one transaction notes it in the
 * catalogue and takes its events out of the log. Whoever is killed leaves whole moves behind, and at most a file that
 * nobody knows. Streams that are parked somewhere stay. `url` needs the login of the migrations.
 */
export async function archiveStreams(url: string, options: ArchiveOptions): Promise<ArchiveReport> {
  const tenants = options.tenant === undefined ? await tenantsOf(url) : [parseTenantId(options.tenant)];
  let report: ArchiveReport = { files: 0, streams: 0, events: 0 };
  for (const tenant of tenants) {
    await mkdir(join(options.folder, tenant), { recursive: true, mode: 0o700 });
    syncFolderOf(join(options.folder, tenant));
    for (;;) {
      const moved = await moveSome(url, tenant, options);
      if (moved === undefined) break;
      report = {
        files: report.files + 1,
        streams: report.streams + moved.streams,
        events: report.events + moved.events,
      };
      options.onProgress?.(report);
    }
  }
  return report;
}

/** How many streams would be archived, and their events. */
export const archivable = (url: string, options: ArchiveOptions): Promise<Omit<ArchiveReport, 'files'>> =>
  asOwner(url, async (client) => {
    const { rows } = await client.query<{ streams: number; events: number }>(
      `select count(*)::int as streams, coalesce(sum(stream_version), 0)::int as events from (${CLOSED}) closed`,
      [options.tenant, options.closing, options.closedBefore],
    );
    return rows[0]!;
  });

const tenantsOf = (url: string): Promise<readonly string[]> =>
  asOwner(url, async (client) => {
    const { rows } = await client.query<{ tenant: string }>(
      `select distinct tenant from groundwork.stream where tenant <> '$installation' order by tenant`,
    );
    return rows.map(({ tenant }) => tenant);
  });

/** Undefined when there is nothing to move. */
async function moveSome(
  url: string,
  tenant: string,
  options: ArchiveOptions,
): Promise<Omit<ArchiveReport, 'files'> | undefined> {
  const id = randomUUID();
  const folder = join(options.folder, tenant);
  const written = await inTransaction(url, 'isolation level repeatable read, read only', async (client) => {
    const streams = firstThatFit(await closedStreams(client, tenant, options), options.eventsPerFileMax);
    if (streams.length === 0) return undefined;
    const numbers = streams.map(({ stream_id: number }) => number);
    return { streams, file: await writeLines(folder, fileNameOf(id), linesOf(client, eventsOf(numbers))) };
  });
  if (written === undefined) return undefined;
  const file = fileOf(options.folder, { tenant, archive_id: id });
  syncFolderOf(file);
  const facts = { archive_id: id, tenant, bytes: String(written.file.bytes), sha256: written.file.sha256 };
  await refuseDamaged(options.folder, facts);
  try {
    return {
      streams: written.streams.length,
      events: await takeOut(url, facts.archive_id, tenant, options.by, written),
    };
  } catch (error) {
    if (codeOf(error) !== ARCHIVE_DIFFERS_STATE) throw error;
    // Somebody has appended to one of them meanwhile: they are chosen anew.
    await rm(file);
    return moveSome(url, tenant, options);
  }
}

const takeOut = (
  url: string,
  id: string,
  tenant: string,
  by: string,
  { streams, file }: { streams: readonly ClosedStream[]; file: FileFacts },
): Promise<number> =>
  inTransaction(url, 'read write', async (client) => {
    const { rows } = await client.query<{ removed: string }>(
      'select groundwork.archive_streams($1, $2, $3, $4, $5, $6, $7) as removed',
      [
        id,
        tenant,
        by,
        streams.map(({ stream_id: number }) => number),
        streams.map(({ stream_version: version }) => version),
        file.bytes,
        file.sha256,
      ],
    );
    return Number(rows[0]!.removed);
  });

async function closedStreams(
  client: pg.Client,
  tenant: string | undefined,
  { closing, closedBefore }: ArchiveOptions,
): Promise<readonly ClosedStream[]> {
  const { rows } = await client.query<ClosedStream>(`${CLOSED} limit ${EVENTS_PER_FILE_MAX}`, [
    tenant,
    closing,
    closedBefore,
  ]);
  return rows;
}

// The last event closes the stream, and no projection waits for a retry of it. Versions have no gaps: the last one is
// how many events there are.
const CLOSED = `
  select e.stream_id, e.stream_version
    from groundwork.event e
   where ($1::text is null or e.tenant = $1) and e.type = any ($2) and e.recorded_at < $3
     and not exists (select from groundwork.event l where l.stream_id = e.stream_id and l.stream_version > e.stream_version)
     and not exists (select from groundwork.parked_stream p join groundwork.stream s
                         on s.tenant = p.tenant and s.type = p.stream_type and s.id = p.stream_id
                      where s.stream_id = e.stream_id)
   order by e.position`;

function firstThatFit(closed: readonly ClosedStream[], eventCountMax = EVENTS_PER_FILE_MAX): readonly ClosedStream[] {
  let events = 0;
  const count = closed.findIndex(({ stream_version: more }) => (events += more) > eventCountMax);
  return closed.slice(0, count === -1 ? closed.length : Math.max(1, count));
}

const eventsOf = (streams: readonly string[]): string => `
  select s.type as stream_type, s.id as stream_name, e.*
    from groundwork.event e join groundwork.stream s using (stream_id)
   where e.stream_id in (${streams.map(Number).join(', ')}) order by e.position`;
