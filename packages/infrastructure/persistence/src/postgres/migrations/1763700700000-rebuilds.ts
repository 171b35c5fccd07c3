// Read models built beside the live ones: what is known of them, and their tables.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Rebuilds1763700700000 implements MigrationInterface {
  readonly name = 'Rebuilds1763700700000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [REBUILD, REBUILD_DIFFERENCE, PARKED_CODES, COPY_TABLE, DECLARE_COLUMNS]) {
      await runner.query(statement);
    }
    for (const statement of [DROP_REBUILD, BEGIN_REBUILD]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function groundwork.begin_rebuild, groundwork.drop_rebuild, groundwork.declare_columns, groundwork.copy_table,
        groundwork.parked_codes;
      drop table groundwork.rebuild_difference, groundwork.rebuild;
    `);
  }
}

const REBUILD = `
  create table groundwork.rebuild (
    rebuild_id      integer generated always as identity primary key,
    projection      text not null references groundwork.projection,
    number          integer not null,
    schema_version  integer not null,
    state           text not null check (state in ('building', 'compared', 'switched', 'rolled-back', 'cancelled')),
    is_shadow       boolean not null,
    is_forced       boolean not null default false,
    has_table       boolean not null default true,
    row_count       bigint,
    rows_added      bigint,
    rows_removed    bigint,
    rows_changed    bigint,
    changed_columns text,
    error           text,
    comparing_until timestamptz,
    started_at      timestamptz(3) not null default clock_timestamp(),
    finished_at     timestamptz(3),
    constraint rebuild_number unique (projection, number)
  );
  create unique index rebuild_open on groundwork.rebuild (projection) where state in ('building', 'compared');
  grant select on groundwork.rebuild to groundwork_app;
  grant update (error, comparing_until) on groundwork.rebuild to groundwork_worker;
`;

const REBUILD_DIFFERENCE = `
  create table groundwork.rebuild_difference (
    tenant     text not null,
    rebuild_id integer not null references groundwork.rebuild on delete cascade,
    key        text not null,
    change     text not null check (change in ('added', 'removed', 'changed')),
    before     text,
    after      text,
    primary key (tenant, rebuild_id, key)
  );
  create index rebuild_difference_by_rebuild on groundwork.rebuild_difference (rebuild_id);
  alter table groundwork.rebuild_difference enable row level security, force row level security;
  create policy owner_all on groundwork.rebuild_difference to groundwork_owner using (true) with check (true);
  create policy own_tenant on groundwork.rebuild_difference for select to groundwork_app
    using (tenant = nullif(current_setting('groundwork.tenant', true), ''));
  grant select on groundwork.rebuild_difference to groundwork_app;
`;

// Which errors park how many streams is for everybody; whose streams they are is for their tenant.
const PARKED_CODES = `
  create function groundwork.parked_codes(of_projection text) returns text language sql stable security definer
    set search_path = groundwork, pg_catalog, pg_temp as $$
    select coalesce(json_object_agg(code, count), '{}')::text
      from (select coalesce(error::json ->> 'code', 'unknown') as code, count(*) as count
              from parked_stream where projection = of_projection group by 1) codes
  $$;
  revoke all on function groundwork.parked_codes from public;
  grant execute on function groundwork.parked_codes to groundwork_app;
`;

// An empty table with the name, columns, indexes, constraints, policies and rights of another one, in a schema of its
// own: there its indexes have the names they need once it is switched. What is not copied is refused, not lost.
export const COPY_TABLE = `
  create function groundwork.copy_table(source regclass, target_schema text) returns regclass language plpgsql
    set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    origin pg_class := (select c from pg_class c where c.oid = source);
    origin_schema text := origin.relnamespace::regnamespace::text;
    old_name text := format('%I.%I', (select nspname from pg_namespace where oid = origin.relnamespace), origin.relname);
    new_name text := format('%I.%I', target_schema, origin.relname);
    part text;
  begin
    if origin_schema in ('groundwork', 'pg_catalog', 'information_schema') or origin.relkind <> 'r' then
      raise exception '% is not the table of a read model', source using errcode = 'insufficient_privilege';
    end if;
    if exists (select from pg_trigger where tgrelid = source and not tgisinternal)
       or exists (select from pg_constraint where confrelid = source and contype = 'f')
       or exists (select from pg_depend d join pg_rewrite r on r.oid = d.objid
                   where d.refobjid = source and d.classid = 'pg_rewrite'::regclass and r.ev_class <> source) then
      raise exception '% has a trigger, a view or a foreign key on it', source using errcode = 'dependent_objects_still_exist';
    end if;
    execute format('create schema %I', target_schema);
    execute format('grant usage on schema %I to groundwork_app, groundwork_worker', target_schema);
    execute format('create table %s (like %s including all excluding indexes)', new_name, old_name);
    for part in
      select format('alter table %s add constraint %I %s', new_name, conname, pg_get_constraintdef(oid))
        from pg_constraint where conrelid = source and contype in ('p', 'u', 'x', 'f')
      union all
      select replace(pg_get_indexdef(i.indexrelid), format(' ON %s USING ', old_name), format(' ON %s USING ', new_name))
        from pg_index i
       where i.indrelid = source
         and not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.conrelid = source)
      union all
      select format('create policy %I on %s as %s for %s to %s', policyname, new_name, permissive, cmd,
                    (select string_agg(case role when 'public' then 'public' else quote_ident(role) end, ', ') from unnest(roles) role))
             || coalesce(' using (' || qual || ')', '') || coalesce(' with check (' || with_check || ')', '')
        from pg_policies where schemaname = (select nspname from pg_namespace where oid = origin.relnamespace) and tablename = origin.relname
      union all
      select format('grant %s on %s to %s', a.privilege_type, new_name, a.grantee::regrole)
        from aclexplode(origin.relacl) a where a.grantee not in (0, origin.relowner)
      union all
      select format('grant %s (%I) on %s to %s', a.privilege_type, c.attname, new_name, a.grantee::regrole)
        from pg_attribute c, aclexplode(c.attacl) a where c.attrelid = source and a.grantee not in (0, origin.relowner)
      union all
      select format('alter table %s enable row level security', new_name) where origin.relrowsecurity
      union all
      select format('alter table %s force row level security', new_name) where origin.relforcerowsecurity
      union all
      select format('alter table %s set (%s)', new_name, array_to_string(origin.reloptions, ', ')) where origin.reloptions is not null
    loop
      execute part;
    end loop;
    return new_name::regclass;
  end $$;
  revoke all on function groundwork.copy_table from public;
`;

// Brings an empty table to the columns that its projection declares. It takes none away: newer programs may need them.
export const DECLARE_COLUMNS = `
  create function groundwork.declare_columns(target regclass, names text[], types text[]) returns void language plpgsql
    set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    part text;
  begin
    for part in
      select format('alter table %s add column %I %s', target, d.name, d.type) from unnest(names, types) d (name, type)
       where not exists (select from pg_attribute where attrelid = target and attname = d.name and attnum > 0 and not attisdropped)
      union all
      select format('alter table %s alter column %I type %s using null::%s', target, d.name, d.type, d.type)
        from unnest(names, types) d (name, type)
        join pg_attribute a on a.attrelid = target and a.attname = d.name and a.attnum > 0 and not a.attisdropped
       where format_type(a.atttypid, null) <> format_type(d.type::regtype, null)
    loop
      execute part;
    end loop;
  end $$;
  revoke all on function groundwork.declare_columns from public;
`;

// The names of rebuilds and their schemas are told the same way in building-projection.ts.
const DROP_REBUILD = `
  create function groundwork.drop_rebuild(of_id int) returns void language plpgsql security definer
    set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    gone rebuild;
    build text;
  begin
    select * into gone from rebuild where rebuild_id = of_id and has_table for update;
    if not found then
      return;
    end if;
    build := gone.projection || '~' || gone.number;
    perform 1 from projection_slice where projection = build order by slice for update;
    delete from parked_stream where projection = build;
    delete from projection_slice where projection = build;
    delete from projection_worker where projection = build;
    delete from projection where name = build;
    delete from rebuild_difference where rebuild_id = of_id;
    execute format('drop schema %I cascade', 'groundwork_rebuild_' || of_id);
    update rebuild
       set has_table = false,
           state = case when gone.state in ('building', 'compared') then 'cancelled' else gone.state end,
           finished_at = coalesce(finished_at, clock_timestamp())
     where rebuild_id = of_id;
  end $$;
  revoke all on function groundwork.drop_rebuild from public;
  grant execute on function groundwork.drop_rebuild to groundwork_app;
`;

const BEGIN_REBUILD = `
  create function groundwork.begin_rebuild(
    of_name text, of_table text, new_schema_version int, names text[], types text[], shadow boolean, out refusal text)
    language plpgsql security definer set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    live projection;
    begun rebuild;
    build text;
  begin
    select * into live from projection where name = of_name for update;
    if not found then
      refusal := 'unknown';
    elsif live.read_model <> of_table then
      refusal := 'table-renamed';
    elsif exists (select from rebuild where projection = of_name and state in ('building', 'compared')) then
      refusal := 'open';
    end if;
    if refusal is not null then
      return;
    end if;
    perform drop_rebuild(rebuild_id) from rebuild where projection = of_name and has_table;
    insert into rebuild (projection, number, schema_version, state, is_shadow)
      select of_name, coalesce(max(number), 0) + 1, new_schema_version, 'building', shadow from rebuild where projection = of_name
      returning * into begun;
    perform declare_columns(copy_table(of_table::regclass, 'groundwork_rebuild_' || begun.rebuild_id), names, types);
    build := of_name || '~' || begun.number;
    insert into projection (name, schema_version, read_model, state)
      select build, new_schema_version, format('%I.%I', 'groundwork_rebuild_' || begun.rebuild_id, relname), 'running'
        from pg_class where oid = of_table::regclass;
    insert into projection_slice (projection, slice, slices) select build, slice, slices from projection_slice where projection = of_name;
  end $$;
  revoke all on function groundwork.begin_rebuild from public;
  grant execute on function groundwork.begin_rebuild to groundwork_app;
`;
