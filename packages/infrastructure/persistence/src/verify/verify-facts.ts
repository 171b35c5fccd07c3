// What PostgreSQL can compare by itself: each check is one query for the places at which something is wrong.
import type { CheckName } from './findings.ts';
import type { Inspection } from './verify-database.ts';

/** Queries for `place`, over the log up to position $1. */
const FACTS: readonly (readonly [check: CheckName, places: string])[] = [
  [
    'constraint-missing',
    `select 'groundwork.event: ' || wanted as place
       from unnest(array['event_pkey', 'event_stream_version', 'event_id']) as wanted
      where $1::bigint is not null
        and not exists (select from pg_constraint c join pg_index i on i.indexrelid = c.conindid
                         where c.conrelid = 'groundwork.event'::regclass and c.conname = wanted
                           and c.contype in ('p', 'u') and c.convalidated and i.indisvalid)`,
  ],
  ['version-missing', versions('version > before + 1', "'version ' || version || ' follows ' || before")],
  ['version-twice', versions('version = before', "'version ' || version")],
  [
    'event-id-twice',
    `select 'tenant ' || tenant || ', event ' || event_id as place
       from groundwork.event where position <= $1 group by event_id, tenant having count(*) > 1`,
  ],
  [
    'aggregate-ahead',
    `select 'tenant ' || a.tenant || ', ' || a.type || '/' || a.id || ' at version ' || a.stream_version as place
       from groundwork.aggregate_state a
      where $1::bigint is not null
        and a.stream_version > coalesce(
              (select max(e.stream_version) from groundwork.stream s join groundwork.event e using (stream_id)
                where s.tenant = a.tenant and s.type = a.type and s.id = a.id),
              (select r.event_count from groundwork.stream s join groundwork.archived_stream r using (stream_id)
                where s.tenant = a.tenant and s.type = a.type and s.id = a.id), 0)`,
  ],
  [
    'order-key-left-behind',
    `select 'tenant ' || k.tenant || ', key ' || k.order_key as place
       from groundwork.command_key k
      where $1::bigint is not null
        and not exists (select from groundwork.command c
                         where c.tenant = k.tenant and c.acceptance = k.acceptance and c.status in ('pending', 'consumed'))`,
  ],
  [
    'order-key-missing',
    `select 'tenant ' || c.tenant || ', command ' || c.command_id as place
       from groundwork.command c cross join unnest(c.order_keys) as key
      where $1::bigint is not null and c.status in ('pending', 'consumed')
        and not exists (select from groundwork.command_key k
                         where k.tenant = c.tenant and k.order_key = key and k.acceptance = c.acceptance)`,
  ],
  [
    'checkpoint-ahead',
    `select projection || ', slice ' || slice || ' at position ' || position || ' of ' || $1::bigint as place
       from groundwork.projection_slice where groundwork.is_ahead_of_log(position, event_id)`,
  ],
  [
    'slice-missing',
    `select projection || ' has ' || count(*) || ' of ' || max(slices) || ' slices' as place
       from groundwork.projection_slice where $1::bigint is not null
      group by projection having count(*) <> max(slices) or min(slices) <> max(slices) or max(slice) >= max(slices)`,
  ],
  [
    'parked-stream-dangling',
    `select p.projection || ', tenant ' || p.tenant || ', ' || p.stream_type || '/' || p.stream_id as place
       from groundwork.parked_stream p
      where $1::bigint is not null
        and not exists (select from groundwork.event e join groundwork.stream s using (stream_id)
                         where e.position = p.position and e.event_id = p.event_id and e.tenant = p.tenant
                           and s.type = p.stream_type and s.id = p.stream_id)
        and not exists (select from groundwork.archived_stream a join groundwork.stream s using (stream_id)
                         where s.tenant = p.tenant and s.type = p.stream_type and s.id = p.stream_id)`,
  ],
  [
    'archived-stream-live',
    `select 'tenant ' || a.tenant || ', stream number ' || a.stream_id as place
       from groundwork.archived_stream a
      where $1::bigint is not null and exists (select from groundwork.event e where e.stream_id = a.stream_id)`,
  ],
];

export async function verifyFacts({ client, findings, head, onProgress }: Inspection): Promise<void> {
  onProgress('comparing streams, commands and checkpoints');
  for (const [check, places] of FACTS) {
    const { rows } = await client.query<{ place: string; count: string }>(
      `select place, count(*) over () as count from (${places}) found order by place limit 5`,
      [String(head)],
    );
    for (const [at, { place, count }] of rows.entries()) {
      findings.add(check, place, at === 0 ? Number(count) - rows.length + 1 : 1);
    }
  }
}

/** Where the versions of a stream do not follow each other, in the order of the index that keeps them unique. */
function versions(condition: string, what: string): string {
  return `
    select 'tenant ' || s.tenant || ', ' || s.type || '/' || s.id || ': ' || ${what} as place
      from (select stream_id, stream_version as version,
                   coalesce(lag(stream_version) over (partition by stream_id order by stream_version), 0) as before
              from groundwork.event where position <= $1) e
      left join groundwork.stream s using (stream_id)
     where ${condition}`;
}
