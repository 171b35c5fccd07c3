// Streams that were moved out of the log into files: what is where, and nobody goes on as if they had never been.
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { APPEND, READ_LOG } from './1763700000000-log.ts';
import { APPEND_BATCH } from './1763703000000-append-batch.ts';
import { READ_SLICES } from './1763703100000-read-slices.ts';
import { READ_STREAM_BY_PAGES } from './1763703200000-read-pages.ts';
import { inFrontOf, replacedFunction } from '../replaced-function.ts';

export class Archive1763703500000 implements MigrationInterface {
  readonly name = 'Archive1763703500000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      ARCHIVE,
      replacedFunction(APPEND, inFrontOf('\n    if a_expected = heads', REFUSE_APPEND)),
      replacedFunction(APPEND_BATCH, inFrontOf('case when a_expected', NOT_ARCHIVED)),
      replacedFunction(READ_STREAM_BY_PAGES, inFrontOf('\n  end $$;', REFUSE_READ)),
      READ_SLICES.replaceAll('groundwork.read_slices', 'groundwork.read_live_slices'),
      replacedFunction(READ_LOG, inFrontOf('\n    return query', REFUSE_PAGE)),
      replacedFunction(READ_SLICES, inFrontOf('\n    if (select', REFUSE_PAGE)),
      ARCHIVE_STREAMS,
      RESTORE_STREAMS,
    ]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(REFUSE_FORGETTING);
    for (const statement of [APPEND, APPEND_BATCH, READ_STREAM_BY_PAGES, READ_LOG, READ_SLICES])
      await runner.query(replacedFunction(statement));
    await runner.query(`
      drop function groundwork.restore_streams, groundwork.archive_streams, groundwork.read_live_slices;
      drop table groundwork.archived_stream, groundwork.archive;
    `);
  }
}

// Without the catalogue nobody knows the files.
const REFUSE_FORGETTING = `
  do $$ begin
    if exists (select from groundwork.archive) then
      raise exception 'Streams are archived: bring them back with gw archive restore --all, for each tenant, then try again.';
    end if;
  end $$`;

// One row for each file and one for each stream that is in it and not in the log. Rows of groundwork.stream stay: a
// stream keeps its number, and with it its slice.
const ARCHIVE = `
  create table groundwork.archive (
    archive_id     uuid primary key,
    tenant         text collate "C" not null,
    archived_at    timestamptz(3) not null default clock_timestamp(),
    event_count    bigint not null,
    event_types    text[] not null,
    first_position bigint not null,
    last_position  bigint not null,
    bytes          bigint not null,
    sha256         text not null
  );
  create index archive_by_position on groundwork.archive (last_position);
  create table groundwork.archived_stream (
    stream_id      bigint primary key,
    archive_id     uuid not null references groundwork.archive,
    tenant         text collate "C" not null,
    event_count    integer not null,
    first_position bigint not null,
    last_position  bigint not null
  );
  create index archived_stream_by_archive on groundwork.archived_stream (archive_id);
  ${['archive', 'archived_stream'].map(tenantPolicies).join('')}
`;

function tenantPolicies(table: string): string {
  return `
    alter table groundwork.${table} enable row level security, force row level security;
    create policy owner_all on groundwork.${table} to groundwork_owner using (true) with check (true);
    create policy worker_reads on groundwork.${table} for select to groundwork_worker using (true);
    create policy own_tenant on groundwork.${table} for select to groundwork_app
      using (tenant = nullif(current_setting('groundwork.tenant', true), ''));
    grant select on groundwork.${table} to groundwork_app;`;
}

// An archived stream has no head, so that its versions would begin anew; only appends that find none pay for the look.
// GW002: the stream is archived. GW003: the page would leave archived events out. GW004: what was written is not what
// is there.
const REFUSE_APPEND = `
    if 0 = any (heads) then
      select s.type || '/' || s.id as name into stored
        from archived_stream a join stream s using (stream_id) where a.stream_id = any (streams) limit 1;
      if found then raise exception '%', stored.name using errcode = 'GW002'; end if;
    end if;
`;

// A batch with such an append goes the way of those that are judged one by one.
const NOT_ARCHIVED = `(h.head > 0 or h.stream_id = 0
                                or (select a.stream_id from archived_stream a where a.stream_id = h.stream_id) is null)
                               and `;

// Within a condition of its own, because a look at a table costs a statement, and most reads find something.
const REFUSE_READ = `
    if not found then
      if exists (select from archived_stream a where a.stream_id = wanted) then
        raise exception '%/%', of_type, of_id using errcode = 'GW002';
      end if;
    end if;`;

const REFUSE_PAGE = `
    if exists (select from archive a where a.last_position > after and a.first_position <= after + position_count_max
                 and a.event_types && of_types) then
      raise exception 'events behind position % are archived', after using errcode = 'GW003';
    end if;`;

// The caller has written the streams into a file that is on the disk. Under the log's lock nobody appends to them.
const ARCHIVE_STREAMS = `
  create function groundwork.archive_streams(
    new_archive uuid, of_tenant text, by_whom text, of_streams bigint[], of_versions int[], of_bytes bigint, of_sha256 text
  ) returns bigint language plpgsql security definer set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    head_position bigint;
    removed bigint;
  begin
    perform pg_advisory_xact_lock(7091720343);
    perform pg_advisory_xact_lock(7091720340);
    if exists (
      select from unnest(of_streams, of_versions) as written (stream_id, stream_version)
       where stream_version is distinct from
               (select max(e.stream_version) from event e where e.stream_id = written.stream_id and e.tenant = of_tenant)
          or exists (select from parked_stream p
                       join stream s on s.tenant = p.tenant and s.type = p.stream_type and s.id = p.stream_id
                      where s.stream_id = written.stream_id)
    ) then
      raise exception 'streams have changed since they were written' using errcode = 'GW004';
    end if;
    select coalesce(max(e.position), 0) into head_position from event e;
    insert into archive (archive_id, tenant, event_count, event_types, first_position, last_position, bytes, sha256)
      select new_archive, of_tenant, count(*), array_agg(distinct e.type), min(e.position), max(e.position), of_bytes,
             of_sha256
        from event e where e.stream_id = any (of_streams);
    insert into archived_stream (stream_id, archive_id, tenant, event_count, first_position, last_position)
      select e.stream_id, new_archive, of_tenant, count(*), min(e.position), max(e.position)
        from event e where e.stream_id = any (of_streams) group by e.stream_id;
    delete from snapshot n where n.stream_id = any (of_streams);
    delete from event e where e.stream_id = any (of_streams);
    get diagnostics removed = row_count;
    perform record_operation('StreamsArchived', of_tenant, by_whom, jsonb_build_object(
      'archive', new_archive, 'streams', cardinality(of_streams), 'removedEvents', removed), head_position);
    return removed;
  end $$;
  revoke all on function groundwork.archive_streams from public;
`;

// The caller has put their events into pg_temp.restored_event. They take their old positions, which nobody else has.
const RESTORE_STREAMS = `
  create function groundwork.restore_streams(of_tenant text, by_whom text, of_streams bigint[]) returns bigint
    language plpgsql security definer set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    restored bigint;
  begin
    perform pg_advisory_xact_lock(7091720343);
    perform pg_advisory_xact_lock(7091720340);
    insert into event (position, stream_id, stream_version, tenant, event_id, type, schema_version, source, occurred_at,
                       recorded_at, correlation_id, metadata, validation, data)
      select i.position, i.stream_id, i.stream_version, i.tenant, i.event_id, i.type, i.schema_version, i.source,
             i.occurred_at, i.recorded_at, i.correlation_id, i.metadata, i.validation, i.data
        from pg_temp.restored_event i where i.stream_id = any (of_streams) and i.tenant = of_tenant;
    get diagnostics restored = row_count;
    if restored is distinct from (select sum(a.event_count) from archived_stream a
                                   where a.stream_id = any (of_streams) and a.tenant = of_tenant) then
      raise exception 'the archive does not hold what was archived' using errcode = 'GW004';
    end if;
    delete from archived_stream a where a.stream_id = any (of_streams);
    delete from archive a where a.tenant = of_tenant
      and not exists (select from archived_stream s where s.archive_id = a.archive_id);
    perform record_operation('StreamsRestored', of_tenant, by_whom,
      jsonb_build_object('streams', cardinality(of_streams), 'removedEvents', -restored));
    return restored;
  end $$;
  revoke all on function groundwork.restore_streams from public;
`;
