// A log with many events, written by the server itself: appending them would take longer than measuring.
import { Client } from 'pg';
import { BENCH_EVENT_TYPE } from './bench.module.ts';
import { STREAM_TYPE, TENANT } from './our-store.ts';
import { payload } from './payload.ts';

export const EVENTS_PER_STREAM = 10;
/** As many streams grow at a time, where there are as many. */
const STREAMS_AT_A_TIME = 1_000;
const EVENTS_PER_STATEMENT = 250_000;

/**
 * Writes events into an empty log as the same appends would have left them: 1,000 streams at a time grow to ten events
 * each, named `filled-1` and so on. A million events take about 20 seconds and 0.8 GB.
 */
export async function fillLog(url: string, eventCount: number, note: (line: string) => void): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const streams = eventCount / EVENTS_PER_STREAM;
    const atATime = Math.min(streams, STREAMS_AT_A_TIME);
    await client.query(STREAMS, [TENANT, STREAM_TYPE, streams]);
    for (let from = 0; from < eventCount; from += EVENTS_PER_STATEMENT) {
      const to = Math.min(from + EVENTS_PER_STATEMENT, eventCount);
      await client.query(EVENTS, [from, to, TENANT, BENCH_EVENT_TYPE, JSON.stringify(payload), atATime]);
      note(`${to} of ${eventCount} events are written.`);
    }
    // Whoever has written so much has a vacuum and a checkpoint behind it.
    await client.query('vacuum (analyze) groundwork.event, groundwork.stream');
    await client.query('checkpoint');
    const { rows } = await client.query<{ size: string }>(
      `select pg_size_pretty(pg_total_relation_size('groundwork.event')) as size`,
    );
    note(`The log holds ${eventCount} events in ${rows[0]!.size}.`);
  } finally {
    await client.end();
  }
}

const STREAMS = `
  insert into groundwork.stream (tenant, type, id)
    select $1, $2, 'filled-' || n from generate_series(1, $3::int) n`;

// Of each block of 10,000 positions the first 1,000 are the first events of its streams, and so on.
const EVENTS = `
  insert into groundwork.event (position, stream_id, stream_version, tenant, event_id, type, schema_version, source,
                                occurred_at, recorded_at, correlation_id, metadata, data)
    select p, 1 + (p - 1) / ($6::int * ${EVENTS_PER_STREAM}) * $6::int + (p - 1) % $6::int,
           1 + (p - 1) / $6::int % ${EVENTS_PER_STREAM}, $3, gen_random_uuid(), $4, 1, 'api', now(), now(),
           'c-' || p, '{"actor":"bench","correlationId":"c-' || p || '"}', $5
      from generate_series($1::bigint + 1, $2::bigint) p`;
