// What becomes of a read model that was built beside the live one: compared, switched in one transaction, taken back.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class RebuildSwitch1763700710000 implements MigrationInterface {
  readonly name = 'RebuildSwitch1763700710000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [SLICES_BEHIND, COMPARE_REBUILD, SWAP, SWITCH_REBUILD]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function groundwork.switch_rebuild, groundwork.roll_back_rebuild, groundwork.approve_rebuild,
        groundwork.swap_rebuild, groundwork.compare_rebuild, groundwork.slices_behind;
    `);
  }
}

// How many slices of a build have not come level. A live slice that stands on another log than this one does not move;
// its build is level when it has reached the end of the log.
const SLICES_BEHIND = `
  create function groundwork.slices_behind(live text, build text, log_end bigint) returns int language sql stable
    set search_path = groundwork, pg_catalog, pg_temp as $$
    select count(*)::int from projection_slice l left join projection_slice b on b.projection = build and b.slice = l.slice
     where l.projection = live
       and case when is_ahead_of_log(l.position, l.event_id) then coalesce(b.position, 0) < log_end
                else l.position is distinct from b.position end
  $$;
  revoke all on function groundwork.slices_behind from public;
  grant execute on function groundwork.slices_behind to groundwork_worker;
`;

// Two passes over one snapshot: all differences are counted, and of each tenant a few rows are kept. A column is
// compared as text where its type has changed, and with null where the live table does not have it.
const COMPARE_REBUILD = `
  create function groundwork.compare_rebuild(of_id int, key_column text, names text[], sample_count_max int) returns void
    language plpgsql security definer set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    compared rebuild := (select r from rebuild r where rebuild_id = of_id);
    live regclass := (select read_model from projection where name = compared.projection)::regclass;
    build regclass := (select read_model from projection where name = compared.projection || '~' || compared.number)::regclass;
    tables text := format('%s l full join %s b on b.tenant = l.tenant and b.%3$I = l.%3$I', live, build, key_column);
    differs text[];
    any_differs text;
    counts bigint[];
    column_counts bigint[];
  begin
    execute format('analyze %s', build);
    select array_agg(
             case when a.attname is null then format('b.%I is not null', d.name)
                  when a.atttypid = b.atttypid then format('l.%1$I is distinct from b.%1$I', d.name)
                  else format('l.%1$I::text is distinct from b.%1$I::text', d.name) end order by d.nr)
      into differs
      from unnest(names) with ordinality d (name, nr)
      join pg_attribute b on b.attrelid = build and b.attname = d.name
      left join pg_attribute a on a.attrelid = live and a.attname = d.name and not a.attisdropped;
    any_differs := '(' || array_to_string(differs, ' or ') || ')';
    execute format(
      'select array[count(b.tenant), count(*) filter (where l.tenant is null), count(*) filter (where b.tenant is null),
                    count(*) filter (where l.tenant = b.tenant and %s)], array[%s] from %s',
      any_differs,
      (select string_agg(format('count(*) filter (where l.tenant = b.tenant and %s)', part), ', ' order by nr)
         from unnest(differs) with ordinality parts (part, nr)),
      tables) into counts, column_counts;
    execute format(
      'insert into rebuild_difference (tenant, rebuild_id, key, change, before, after)
       select tenant, $1, key, change,
              (select to_json(l) from %1$s l where l.tenant = few.tenant and l.%2$I = few.key)::text,
              (select to_json(b) from %3$s b where b.tenant = few.tenant and b.%2$I = few.key)::text
         from (select *, row_number() over (partition by tenant, change order by key) as nr
                 from (select coalesce(l.tenant, b.tenant) as tenant, coalesce(l.%2$I, b.%2$I) as key,
                              case when l.tenant is null then ''added'' when b.tenant is null then ''removed'' else ''changed'' end as change
                         from %4$s where l.tenant is null or b.tenant is null or %5$s) differing) few
        where nr <= $2',
      live, key_column, build, tables, any_differs) using of_id, sample_count_max;
    update rebuild
       set state = 'compared', error = null, comparing_until = null,
           row_count = counts[1], rows_added = counts[2], rows_removed = counts[3], rows_changed = counts[4],
           changed_columns = (select coalesce(json_object_agg(name, count), '{}')::text
                                from unnest(names, column_counts) c (name, count) where count > 0)
     where rebuild_id = of_id and state = 'building';
  end $$;
  revoke all on function groundwork.compare_rebuild from public;
  grant execute on function groundwork.compare_rebuild to groundwork_worker;
`;

// Exchanges the table that is read with the other one, and with the tables their checkpoints, parked streams and schema
// versions. Whoever owned a slice before has no effect from now on.
const SWAP = `
  create function groundwork.swap_rebuild(live text, build text, other_schema text) returns void language plpgsql
    set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    target regclass := (select read_model from projection where name = live)::regclass;
    live_schema text := (select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = target);
    table_name text := (select relname from pg_class where oid = target);
    parked parked_stream[];
    checkpoints projection_slice[] := array(select s from projection_slice s where projection in (live, build));
  begin
    execute format('lock table %I.%I, %I.%I in access exclusive mode', live_schema, table_name, other_schema, table_name);
    create schema groundwork_swap;
    execute format('alter table %I.%I set schema groundwork_swap', other_schema, table_name);
    execute format('alter table %I.%I set schema %I', live_schema, table_name, other_schema);
    execute format('alter table groundwork_swap.%I set schema %I', table_name, live_schema);
    drop schema groundwork_swap;

    -- By way of the beginning: a checkpoint on another log may only go back. Its event is kept for a rollback.
    update projection_slice set position = 0 where projection in (live, build);
    update projection_slice s
       set position = o.position, epoch = s.epoch + 1, owner = null, lease_until = null, updated_at = clock_timestamp(),
           owners_lost = 0, lost_at = null, suspect = null, trial_epoch = null
      from unnest(checkpoints) o
     where s.projection in (live, build) and o.projection in (live, build) and o.projection <> s.projection and o.slice = s.slice;
    update projection_slice s set event_id = o.event_id
      from unnest(checkpoints) o
     where s.projection in (live, build) and o.projection in (live, build) and o.projection <> s.projection and o.slice = s.slice;
    update projection p set schema_version = o.schema_version
      from projection o
     where p.name in (live, build) and o.name in (live, build) and o.name <> p.name;
    select array_agg(p) into parked from parked_stream p where projection in (live, build);
    delete from parked_stream where projection in (live, build);
    insert into parked_stream
      select (p).* from (
        select jsonb_populate_record(p, jsonb_build_object('projection', case p.projection when live then build else live end)) as p
          from unnest(parked) p) swapped;
  end $$;
  revoke all on function groundwork.swap_rebuild from public;
`;

const SWITCH_REBUILD = `
  create function groundwork.switch_rebuild(of_id int, out refusal text) language plpgsql security definer
    set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    built rebuild;
    build text;
  begin
    select * into built from rebuild where rebuild_id = of_id for update;
    build := built.projection || '~' || built.number;
    perform 1 from projection_slice where projection in (built.projection, build) order by projection, slice for update;
    if built.state <> 'compared' or built.is_shadow then
      refusal := 'not-approved';
    elsif slices_behind(built.projection, build, 0) > 0 then
      refusal := 'not-level';
    elsif not built.is_forced and parked_count(build) > 0 then
      refusal := 'parked';
    else
      perform swap_rebuild(built.projection, build, 'groundwork_rebuild_' || of_id);
      update rebuild set state = 'switched', error = null, finished_at = clock_timestamp() where rebuild_id = of_id;
    end if;
  end $$;

  create function groundwork.roll_back_rebuild(of_id int, out refusal text) language plpgsql security definer
    set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    built rebuild;
    build text;
  begin
    select * into built from rebuild where rebuild_id = of_id for update;
    build := built.projection || '~' || built.number;
    if not found or built.state <> 'switched' or not built.has_table then
      refusal := 'nothing';
      return;
    end if;
    perform 1 from projection_slice where projection in (built.projection, build) order by projection, slice for update;
    perform swap_rebuild(built.projection, build, 'groundwork_rebuild_' || of_id);
    update rebuild set state = 'rolled-back', finished_at = clock_timestamp() where rebuild_id = of_id;
  end $$;

  create function groundwork.approve_rebuild(of_id int, forced boolean) returns void language sql security definer
    set search_path = groundwork, pg_catalog, pg_temp as $$
    update rebuild set is_shadow = false, is_forced = is_forced or forced, error = null
     where rebuild_id = of_id and state in ('building', 'compared')
  $$;

  revoke all on function groundwork.switch_rebuild, groundwork.roll_back_rebuild, groundwork.approve_rebuild from public;
  grant execute on function groundwork.switch_rebuild to groundwork_worker;
  grant execute on function groundwork.roll_back_rebuild, groundwork.approve_rebuild to groundwork_app;
`;
