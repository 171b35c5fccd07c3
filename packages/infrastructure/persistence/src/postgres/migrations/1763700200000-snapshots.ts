// Snapshots: the state of a stream beside its events, written with them and read with those behind it.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Snapshots1763700200000 implements MigrationInterface {
  readonly name = 'Snapshots1763700200000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [SNAPSHOT, APPEND_WITH_SNAPSHOTS, READ_FROM_SNAPSHOT, GRANTS])
      await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function groundwork.read_from_snapshot, groundwork.append_events_with_snapshots;
      drop table groundwork.snapshot;
    `);
  }
}

// The newest of each stream. It names the event it was kept with, so that one that the log does not hold is noticed,
// and the digest of its text, so that one that was damaged or edited is.
const SNAPSHOT = `
  create table groundwork.snapshot (
    stream_id      bigint primary key,
    tenant         text collate "C" not null,
    stream_version integer not null check (stream_version > 0),
    position       bigint not null,
    schema_version integer not null,
    state          text not null,
    digest         bytea not null
  );
  alter table groundwork.snapshot enable row level security, force row level security;
  create policy owner_all on groundwork.snapshot to groundwork_owner using (true) with check (true);
  create policy worker_reads on groundwork.snapshot for select to groundwork_worker using (true);
  create policy own_tenant on groundwork.snapshot for select to groundwork_app
    using (tenant = nullif(current_setting('groundwork.tenant', true), ''));
`;

// A function of its own, so that append_events pays nothing for it: few appends bring a snapshot. append_events holds
// the lock from its call to the commit; the digests are computed before. The newest winner replaces what is there.
const APPEND_WITH_SNAPSHOTS = `
  create function groundwork.append_events_with_snapshots(
    a_tenant text[], a_type text[], a_id text[], a_expected int[], a_first int[], a_count int[], check_ids boolean,
    e_append int[], e_number int[], e_id uuid[], e_type text[], e_schema int[], e_source text[], e_occurred_ms float8[],
    e_correlation text[], e_metadata text[], e_validation text[], e_data text[],
    s_append int[], s_schema int[], s_state text[],
    out verdicts int[], out versions int[], out positions bigint[]
  ) language plpgsql security definer set search_path = groundwork, pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
  #variable_conflict use_variable
  declare
    digests bytea[] := array(select sha256(convert_to(s_state[n], 'UTF8')) from generate_series(1, cardinality(s_state)) as n);
  begin
    select r.verdicts, r.versions, r.positions into verdicts, versions, positions
      from append_events(a_tenant, a_type, a_id, a_expected, a_first, a_count, check_ids, e_append, e_number, e_id, e_type,
                         e_schema, e_source, e_occurred_ms, e_correlation, e_metadata, e_validation, e_data) as r;
    insert into snapshot (stream_id, tenant, stream_version, position, schema_version, state, digest)
      select (select s.stream_id from stream s
               where s.tenant = a_tenant[i] and s.type = a_type[i] and s.id = a_id[i]),
             a_tenant[i], versions[i], positions[i], s_schema[n], s_state[n], digests[n]
        from (select n, s_append[n] as i from generate_series(1, cardinality(s_append)) as n) brought
       where verdicts[i] = 0
      on conflict (stream_id) do update
        set stream_version = excluded.stream_version, position = excluded.position,
            schema_version = excluded.schema_version, state = excluded.state, digest = excluded.digest;
  end $$;
`;

// The snapshot comes as the first row, without an event; all is seen at one moment, because the function is stable. It
// runs with the caller's rights, as read_stream does.
const READ_FROM_SNAPSHOT = `
  create function groundwork.read_from_snapshot(
    of_tenant text, of_type text, of_id text, schema_from int, schema_to int, row_count_max int, byte_count_max bigint
  ) returns table (
    snapshot_version int, snapshot_position bigint, snapshot_schema int, snapshot_state text, event text
  ) language plpgsql stable set search_path = groundwork, pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
  #variable_conflict use_column
  declare
    kept snapshot;
  begin
    perform within_tenant(of_tenant);
    select n.* into kept from snapshot n
     where n.stream_id = (select s.stream_id from stream s
                           where s.tenant = of_tenant and s.type = of_type and s.id = of_id)
       and n.schema_version between schema_from and schema_to
       and n.digest = sha256(convert_to(n.state, 'UTF8'))
       and n.position = (select e.position from event e
                          where e.stream_id = n.stream_id and e.stream_version = n.stream_version);
    if found then
      snapshot_version := kept.stream_version;
      snapshot_position := kept.position;
      snapshot_schema := kept.schema_version;
      snapshot_state := kept.state;
      return next;
    end if;
    return query
      select null::int, null::bigint, null::int, null::text, r.event
        from read_stream(of_tenant, of_type, of_id, coalesce(kept.stream_version, 0) + 1, 2147483647, null, null,
                         row_count_max, byte_count_max) as r;
  end $$;
`;

const GRANTS = `
  revoke all on function groundwork.append_events_with_snapshots, groundwork.read_from_snapshot from public;
  grant select on groundwork.snapshot to groundwork_app;
  grant execute on function groundwork.append_events_with_snapshots, groundwork.read_from_snapshot to groundwork_app;
`;
