// Read models against the log: whose rows they hold, and whether streams chosen at random give the rows that are there.
import { replay, VERSION_COLUMN, type Projection, type LoggedEvent, type Row } from '@groundwork/application';
import type pg from 'pg';
import { archivedEvents, fileOf } from '../archive/archive-file.ts';
import { codeOf, isDataRefused } from '../postgres/database-errors.ts';
import { eventOf, PAGE_BYTES_MAX, type EventRow } from '../postgres/event-row.ts';
import { loadStatement, nameOf, quoted } from '../postgres/read-model-statements.ts';
import { compareRows, type Difference } from './compare-rows.ts';
import type { Inspection } from './verify-database.ts';

interface Stream {
  readonly streamId: string;
  readonly tenant: string;
  readonly type: string;
  readonly id: string;
}

const PAGE_SIZE = 1_000;

/** Archived streams are replayed from those files that can be read; the others are not counted as replayed. */
export async function verifyReadModels(
  inspection: Inspection,
  readableArchives: readonly string[],
): Promise<{
  replayedStreams: number;
  notCompared: readonly { projection: string; reason: string }[];
}> {
  const { client, projections, findings, onProgress } = inspection;
  const notCompared: { projection: string; reason: string }[] = [];
  const compared: Projection[] = [];
  for (const projection of projections) {
    const reason = await whyNotCompared(client, projection);
    const fault = reason === undefined ? await faultOfTable(client, projection) : undefined;
    if (reason !== undefined) notCompared.push({ projection: projection.name, reason });
    else if (fault !== undefined) findings.add('table-differs', `${projection.name}: ${fault}`);
    else compared.push(projection);
  }
  for (const projection of compared) {
    await verifyTenants(inspection, projection);
    if (projection.streamOf !== undefined) await verifyStreamsOfRows(inspection, projection);
  }

  const streams = await sampled(inspection, readableArchives);
  for (const [at, stream] of streams.entries()) {
    if (at % 100 === 0) onProgress(`${at} of ${streams.length} streams replayed`);
    for (const projection of compared) {
      await inSnapshot(client, () => verifyStream(inspection, projection, stream));
    }
  }
  return { replayedStreams: streams.length, notCompared };
}

async function whyNotCompared(client: pg.Client, { name, schemaVersion }: Projection): Promise<string | undefined> {
  const { rows } = await client.query<{ schema_version: number }>(
    'select schema_version from groundwork.projection where name = $1',
    [name],
  );
  const [known] = rows;
  if (known === undefined) return 'no worker has run it yet';
  if (known.schema_version === schemaVersion) return undefined;
  return `it is stored under schema version ${known.schema_version}, this program has ${schemaVersion}`;
}

async function faultOfTable(client: pg.Client, { table }: Projection): Promise<string | undefined> {
  try {
    await client.query(`select tenant, ${Object.keys(table.columns).map(quoted).join()} from ${nameOf(table)} limit 0`);
    return undefined;
  } catch (error) {
    if (!codeOf(error).startsWith('42')) throw error;
    return (error as Error).message;
  }
}

/** Walks from tenant to tenant along the index of the rows, however many each has. */
async function verifyTenants({ client, findings }: Inspection, { table, name }: Projection): Promise<void> {
  const { rows } = await client.query<{ tenant: string }>(`
    with recursive owner (tenant) as (
      select min(tenant) from ${nameOf(table)}
      union all
      select (select min(t.tenant) from ${nameOf(table)} t where t.tenant > owner.tenant)
        from owner where owner.tenant is not null
    )
    select tenant from owner
     where tenant is not null and not exists (select from groundwork.stream s where s.tenant = owner.tenant)`);
  for (const { tenant } of rows) findings.add('row-tenant-unknown', `${name}, tenant ${tenant}`);
}

/** All streams when they are few enough, otherwise as many as are wanted, by chance. */
async function sampled(
  { client, sampleSize }: Inspection,
  readableArchives: readonly string[],
): Promise<readonly Stream[]> {
  const { rows } = await client.query<Stream>(
    `with edge as (select coalesce(max(stream_id), 0) as highest from groundwork.stream),
     chosen as (
       select n as stream_id from edge, generate_series(1, edge.highest) as n where edge.highest <= $1
       union
       select 1 + floor(random() * edge.highest)::bigint from edge, generate_series(1, $1) where edge.highest > $1
     )
     select s.stream_id as "streamId", s.tenant, s.type, s.id
       from groundwork.stream s join chosen using (stream_id) left join groundwork.archived_stream a using (stream_id)
      where a.archive_id is null or a.archive_id = any ($2::uuid[])`,
    [sampleSize, readableArchives],
  );
  return rows;
}

/** A stream as of one moment: its events up to where the projection has applied them, and the rows they made. */
async function verifyStream(inspection: Inspection, projection: Projection, stream: Stream): Promise<void> {
  const { client, findings, handlers } = inspection;
  const { tenant } = stream;
  const reached = await reachedPosition(client, projection, stream);
  if (reached === undefined) return;
  const rows = new Map<string, Row | undefined>();
  for await (const page of eventsOf(inspection, stream)) {
    const { true: passed = [], false: ahead = [] } = Object.groupBy(page, ({ position }) => `${position <= reached}`);
    replay(projection, passed, rows, handlers);
    if (projection.isInline === true)
      replay(await asSeen(inspection, projection, tenant, ahead), ahead, rows, handlers);
  }
  if (rows.size === 0) return;
  const expected = [...rows.values()].filter((row) => row !== undefined);
  const differing = await client
    .query<Difference>(compareRows(projection.table, tenant, expected, [...rows.keys()]))
    .catch((error: unknown) => {
      if (!isDataRefused(error)) throw error;
      return { rows: [{ key: [...rows.keys()].join(', '), difference: 'its events give what the table cannot hold' }] };
    });
  for (const { key, difference } of differing.rows) {
    findings.add('row-differs', `${projection.name}, tenant ${tenant}, ${key}: ${difference}`);
  }
}

/** Up to where the projection has applied this stream; undefined for a slice that is ahead of the log. */
async function reachedPosition(client: pg.Client, projection: Projection, stream: Stream): Promise<bigint | undefined> {
  const { rows } = await client.query<{ reached: string }>(
    `select least(s.position, p.position - 1) as reached
       from groundwork.projection_slice s
       left join groundwork.parked_stream p
              on p.projection = s.projection and p.tenant = $2 and p.stream_type = $3 and p.stream_id = $4
      where s.projection = $5 and s.slice = $1::bigint % s.slices
        and not groundwork.is_ahead_of_log(s.position, s.event_id)`,
    [stream.streamId, stream.tenant, stream.type, stream.id, projection.name],
  );
  return rows[0] === undefined ? undefined : BigInt(rows[0].reached);
}

/** The projection for events that the worker has yet to pass: of those alone that a row tells it has seen. */
async function asSeen(
  { client, handlers }: Inspection,
  projection: Projection,
  tenant: string,
  ahead: readonly LoggedEvent[],
): Promise<Projection> {
  const { table, eventTypes } = projection;
  const keysOf = (event: LoggedEvent): readonly (string | undefined)[] =>
    handlers.value(() => event.partsOf(eventTypes).map((part) => projection.keyOf(part)));
  const keys = ahead.flatMap((event) => readable(() => keysOf(event)).flat()).filter((key) => key !== undefined);
  const { rows } = await client.query<Row>(loadStatement(table, tenant, keys));
  const versions = new Map(rows.map((row) => [String(row[table.key]), Number(row[VERSION_COLUMN])]));
  return {
    ...projection,
    keyOf: (event) => {
      const key = projection.keyOf(event);
      return key !== undefined && event.streamVersion <= (versions.get(key) ?? 0) ? key : undefined;
    },
  };
}

async function* eventsOf(inspection: Inspection, stream: Stream): AsyncIterable<readonly LoggedEvent[]> {
  const { client, types } = inspection;
  for (let version = 0; ;) {
    const { streamId, type, id } = stream;
    const values = [streamId, version, PAGE_SIZE, PAGE_BYTES_MAX, type, id];
    const { rows } = await client.query<EventRow & { readonly stream_version: number }>(STREAM_PAGE, values);
    if (rows.length === 0) {
      if (version === 0) yield* archivedEventsOf(inspection, stream);
      return;
    }
    version = rows.at(-1)!.stream_version;
    yield rows.flatMap((row) => readable(() => eventOf(row, types)));
  }
}

const STREAM_PAGE = `
  select event, stream_version from (
    select groundwork.event_text(e, $5, $6) as event, e.stream_version,
           sum(octet_length(e.data)) over (order by e.stream_version) - octet_length(e.data) as bytes_before
      from groundwork.event e where e.stream_id = $1 and e.stream_version > $2 order by e.stream_version limit $3) page
   where bytes_before < $4 order by stream_version`;

async function* archivedEventsOf(
  { client, types, archiveFolder }: Inspection,
  { streamId }: Stream,
): AsyncIterable<readonly LoggedEvent[]> {
  const { rows } = await client.query<{ tenant: string; archive_id: string; after: string; last: string }>(
    `select tenant, archive_id, first_position - 1 as after, last_position as last
       from groundwork.archived_stream where stream_id = $1`,
    [streamId],
  );
  const [place] = rows;
  if (place === undefined || archiveFolder === undefined) return;
  const file = archivedEvents(fileOf(archiveFolder, place), BigInt(place.after), BigInt(place.last));
  let [page, bytes]: [LoggedEvent[], number] = [[], 0];
  for await (const event of file) {
    if (event.streamNumber !== streamId) continue;
    page.push(...readable(() => eventOf(event.row, types)));
    bytes += event.bytes;
    if (page.length < PAGE_SIZE && bytes < PAGE_BYTES_MAX) continue;
    yield page;
    [page, bytes] = [[], 0];
  }
  yield page;
}

/** None when it cannot be read, which is found elsewhere. */
function readable<T>(read: () => T): readonly T[] {
  try {
    return [read()];
  } catch {
    return [];
  }
}

/** Rows in whose place no stream of their tenant stands, where a projection says which stream that is. */
async function verifyStreamsOfRows({ client, findings }: Inspection, projection: Projection): Promise<void> {
  const { table, name } = projection;
  const key = quoted(table.key);
  let last: { tenant: string; key: string } | undefined;
  for (;;) {
    const { rows } = await client.query<{ tenant: string; key: string }>(
      `select tenant, ${key}::text as key from ${nameOf(table)}
        where $1::text is null or (tenant, ${key}) > ($1, $2) order by tenant, ${key} limit $3`,
      [last?.tenant, last?.key, PAGE_SIZE],
    );
    if (rows.length === 0) return;
    const streams = rows.map((row) => readable(() => projection.streamOf!(row.key))[0]);
    const { rows: missing } = await client.query<{ n: string }>(
      `select n from unnest($1::text[], $2::text[], $3::text[]) with ordinality as named (tenant, type, id, n)
        where not exists (select from groundwork.stream s
                           where s.tenant = named.tenant and s.type = named.type and s.id = named.id)`,
      [rows.map(({ tenant }) => tenant), streams.map((stream) => stream?.type), streams.map((stream) => stream?.id)],
    );
    for (const { n } of missing) {
      const row = rows[Number(n) - 1]!;
      findings.add('row-without-stream', `${name}, tenant ${row.tenant}, ${row.key}`);
    }
    last = rows.at(-1)!;
  }
}

async function inSnapshot(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query('begin isolation level repeatable read read only');
  try {
    await work();
  } finally {
    await client.query('rollback');
  }
}
