// Rebuilds into a table of the declared shape, whatever became of the live one.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class DeclaredShape1763702200000 implements MigrationInterface {
  readonly name = 'DeclaredShape1763702200000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [DECLARE_TABLE, DECLARE_ACCESS, STAND_IN, BEGIN_REPAIR, COMPARE_REPAIR]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function groundwork.compare_repair, groundwork.begin_repair, groundwork.stand_in, groundwork.declare_access,
        groundwork.declare_table;
    `);
  }
}

// Brings an empty table to what its projection and entity declare. A column whose name differs in its case, or whose
// type differs, keeps its indexes; what nothing declares goes.
export const DECLARE_TABLE = `
  create function groundwork.declare_table(target regclass, shape jsonb) returns void language plpgsql
    set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    part text;
    step int;
  begin
    for step in 1..4 loop
      for part in
        with declared as (
          select * from jsonb_to_recordset(shape -> 'columns') as d (name text, type text, definition text, details jsonb)
        ), found as (
          select a.attname::text as name, format_type(a.atttypid, null) as type, a.attnotnull as is_not_null,
                 case when l.collname <> 'default' then l.collname::text end as collation, d.name is not null as is_declared
            from pg_attribute a left join pg_collation l on l.oid = a.attcollation left join declared d on d.name = a.attname
           where a.attrelid = target and a.attnum > 0 and not a.attisdropped
        )
        select format('rename column %I to %I', min(f.name), d.name)
          from declared d join found f on not f.is_declared and lower(f.name) = lower(d.name)
         where step = 1 and not exists (select from found where name = d.name) group by d.name
        union all
        select format('drop column %I cascade', name) from found where step = 2 and not is_declared
        union all
        select format('add column %I %s', d.name, d.definition)
          from declared d where step = 3 and not exists (select from found where name = d.name)
        union all
        select format('alter column %1$I drop default, alter column %1$I type %2$s using null::%3$s', d.name, d.definition, d.type)
          from declared d join found f using (name)
         where step = 3 and (f.type <> format_type(d.type::regtype, null)
                             or d.details is not null and f.collation is distinct from d.details ->> 'collation')
        union all
        select format('alter column %I %s not null', d.name, case when (d.details ->> 'isNotNull')::boolean then 'set' else 'drop' end)
          from declared d join found f using (name)
         where step = 4 and f.is_not_null <> (d.details ->> 'isNotNull')::boolean
      loop
        execute format('alter table %s %s', target, part);
      end loop;
    end loop;

    if not exists (
      select from pg_constraint k
       where k.conrelid = target and k.contype = 'p'
         and shape -> 'key' = (select jsonb_agg(a.attname order by array_position(k.conkey, a.attnum))
                                 from pg_attribute a where a.attrelid = target and a.attnum = any (k.conkey))
    ) then
      for part in select conname from pg_constraint where conrelid = target and contype = 'p' loop
        execute format('alter table %s drop constraint %I', target, part);
      end loop;
      execute format('alter table %s add %s primary key (%s)', target, 'constraint ' || quote_ident(shape ->> 'keyName'),
                     (select string_agg(quote_ident(value), ', ' order by ordinality)
                        from jsonb_array_elements_text(shape -> 'key') with ordinality));
    end if;
    for part in
      select format('alter table %s add constraint %I unique (%s)', target, u.name,
                    (select string_agg(quote_ident(value), ', ' order by ordinality)
                       from jsonb_array_elements_text(u.columns) with ordinality))
        from jsonb_to_recordset(shape -> 'uniques') as u (name text, columns jsonb)
       where not exists (select from pg_index x join pg_class i on i.oid = x.indexrelid
                          where x.indrelid = target and i.relname = u.name)
    loop
      execute part;
    end loop;
  end $$;
  revoke all on function groundwork.declare_table from public;
`;

// Who may do what with a read model: the api reads the rows of its tenant, the worker writes them, the owner sees all.
const DECLARE_ACCESS = `
  create function groundwork.declare_access(target regclass) returns void language plpgsql
    set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    tenants_own text := $condition$(tenant = nullif(current_setting('groundwork.tenant', true), ''))$condition$;
    needed record;
  begin
    execute format('alter table %s enable row level security, force row level security', target);
    for needed in
      select * from (values
        ('own_tenant', 'groundwork_app', 'select', array['r'], 'using ' || tenants_own),
        ('own_tenant_writes', 'groundwork_worker', 'all', array['a', 'w', 'd'], 'using ' || tenants_own || ' with check ' || tenants_own),
        ('owner_all', 'groundwork_owner', 'all', array['*'], 'using (true) with check (true)')
      ) as wanted (name, role, command, kinds, condition)
       where exists (
         select from unnest(wanted.kinds) kind
          where not exists (select from pg_policy p, unnest(p.polroles) o
                             where p.polrelid = target and p.polpermissive and p.polcmd::text in ('*', kind)
                               and (o = 0 or pg_has_role(wanted.role, o, 'usage'))))
    loop
      execute format('drop policy if exists %I on %s', needed.name, target);
      execute format('create policy %I on %s for %s to %I %s', needed.name, target, needed.command, needed.role, needed.condition);
    end loop;
    execute format('grant select on %s to groundwork_app', target);
    execute format('grant select, insert, update, delete on %s to groundwork_worker', target);
  end $$;
  revoke all on function groundwork.declare_access from public;
`;

// An empty table in the place of one that is gone: the worker goes on with it, and the api is refused until the build,
// which has the right that is missing here, takes its place. An empty list would look like an answer.
const STAND_IN = `
  create function groundwork.stand_in(of_table text, shape jsonb) returns void language plpgsql
    set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    names text[] := parse_ident(of_table);
  begin
    if names[1] in ('groundwork', 'pg_catalog', 'information_schema') then
      raise exception '% is not the table of a read model', of_table using errcode = 'insufficient_privilege';
    end if;
    execute format('create schema if not exists %I', names[1]);
    execute format('grant usage on schema %I to groundwork_app, groundwork_worker', names[1]);
    execute format('create table %I.%I ()', names[1], names[2]);
    perform declare_table(of_table::regclass, shape), declare_access(of_table::regclass);
    execute format('revoke all on %s from groundwork_app', of_table::regclass);
  end $$;
  revoke all on function groundwork.stand_in from public;
`;

const BEGIN_REPAIR = `
  create function groundwork.begin_repair(of_name text, of_table text, new_schema_version int, shape jsonb, out refusal text)
    language plpgsql security definer set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    built regclass;
  begin
    if to_regclass(of_table) is null and exists (select from projection where name = of_name and read_model = of_table) then
      perform stand_in(of_table, shape);
    end if;
    select b.refusal into refusal from begin_rebuild(of_name, of_table, new_schema_version, '{}', '{}', false) b;
    if refusal is null then
      select p.read_model::regclass into built from projection p join rebuild r on p.name = r.projection || '~' || r.number
       where r.projection = of_name and r.state = 'building';
      perform declare_table(built, shape), declare_access(built);
    end if;
  end $$;
  revoke all on function groundwork.begin_repair from public;
  grant execute on function groundwork.begin_repair to groundwork_app;
`;

// Rows whose tenant or key cannot be compared are all others: the table before goes, the one that was built comes.
const COMPARE_REPAIR = `
  create function groundwork.compare_repair(of_id int, key_column text, names text[], sample_count_max int) returns void
    language plpgsql security definer set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    compared rebuild := (select r from rebuild r where rebuild_id = of_id);
    live regclass := (select read_model from projection where name = compared.projection)::regclass;
    build regclass := (select read_model from projection where name = compared.projection || '~' || compared.number)::regclass;
    counts bigint[];
  begin
    if (select count(*) = 2 from pg_attribute l join pg_attribute b on b.attrelid = build and b.attname = l.attname and b.atttypid = l.atttypid
         where l.attrelid = live and l.attname in ('tenant', key_column) and not l.attisdropped and not b.attisdropped) then
      perform compare_rebuild(of_id, key_column, names, sample_count_max);
      return;
    end if;
    execute format('select array[(select count(*) from %s), (select count(*) from %s)]', build, live) into counts;
    update rebuild
       set state = 'compared', error = null, comparing_until = null, row_count = counts[1], rows_added = counts[1],
           rows_removed = counts[2], rows_changed = 0, changed_columns = '{}'
     where rebuild_id = of_id and state = 'building';
  end $$;
  revoke all on function groundwork.compare_repair from public;
  grant execute on function groundwork.compare_repair to groundwork_worker;
`;
