// Taking a whole tenant in and out. Only the owner of the tables may: these functions are granted to nobody.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Tenants1763700800000 implements MigrationInterface {
  readonly name = 'Tenants1763700800000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [TENANT_TABLE, RECORD_OPERATION, DROP_TENANT, IMPORT_EVENTS]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function groundwork.import_events, groundwork.drop_tenant, groundwork.record_operation,
        groundwork.removed_event_count;
      drop view groundwork.tenant_table;
    `);
  }
}

// Found in the catalogue, so that a table that comes later is neither left out of an export nor left behind by a drop.
// A table that hides rows from its owner would be: it says so.
const TENANT_TABLE = `
  create view groundwork.tenant_table with (security_invoker = true) as
    select format('%I.%I', n.nspname, c.relname) as name, c.oid::regclass as id,
           not c.relforcerowsecurity or exists (
             select from pg_policy p
              where p.polrelid = c.oid and p.polcmd = '*' and pg_get_expr(p.polqual, p.polrelid) = 'true'
                and (select r.oid from pg_roles r where r.rolname = 'groundwork_owner') = any (p.polroles)) as is_shown_to_owner
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant' and t.atttypid = 'text'::regtype and t.attnotnull
     where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema';
`;

// What is done to the log itself is an event of it, of a tenant whose name no token can carry. So it lasts, and the end
// of the log never goes back when the last events are taken out: a position that was given once is never given again.
const RECORD_OPERATION = `
  create function groundwork.record_operation(
    of_type text, of_tenant text, by_whom text, of_data jsonb, after_position bigint default 0) returns bigint
    language plpgsql security definer set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    target bigint;
    new_id uuid := gen_random_uuid();
    new_position bigint;
  begin
    perform pg_advisory_xact_lock(7091720340);
    insert into stream (tenant, type, id) values ('$installation', 'tenant', of_tenant) on conflict do nothing;
    select s.stream_id into target from stream s
     where s.tenant = '$installation' and s.type = 'tenant' and s.id = of_tenant;
    insert into event (position, stream_id, stream_version, tenant, event_id, type, schema_version, source, occurred_at,
                       recorded_at, correlation_id, metadata, data)
      select greatest(max(l.position), after_position) + 1, target,
             (select coalesce(max(e.stream_version), 0) + 1 from event e where e.stream_id = target),
             '$installation', new_id, of_type, 1, 'system', clock_timestamp(),
             greatest(clock_timestamp(), max(l.recorded_at)), new_id::text,
             jsonb_build_object('actor', by_whom, 'correlationId', new_id)::text, of_data::text
        from (select e.position, e.recorded_at from event e order by e.position desc limit 1) l
    returning position into new_position;
    return new_position;
  end $$;
  revoke all on function groundwork.record_operation from public;

  -- How many positions below the end of the log hold no event because it was taken out on purpose.
  create function groundwork.removed_event_count() returns bigint language sql stable
    set search_path = groundwork, pg_catalog, pg_temp as $$
    select coalesce(sum((e.data::jsonb ->> 'removedEvents')::bigint), 0)::bigint
      from event e where e.tenant = '$installation'
  $$;
  revoke all on function groundwork.removed_event_count from public;
`;

// Everything but the events first, without the log's lock; then, under it, the events and what came meanwhile. The end
// of the log is looked up before they are gone. The slices of all projections get a new epoch: a worker that has read
// events of the tenant and not yet stored what they lead to has to read again.
const DROP_TENANT = `
  create function groundwork.drop_tenant(of_tenant text, by_whom text) returns jsonb
    language plpgsql security definer set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    counts jsonb := '{}';
    removed bigint;
    table_name text;
    is_locked boolean := false;
    head_position bigint := 0;
    is_blocked boolean;
    pass int := 0;
  begin
    perform pg_advisory_xact_lock(7091720343);
    loop
      pass := pass + 1;
      is_blocked := false;
      for table_name in
        select t.name from tenant_table t where is_locked or t.name <> 'groundwork.event' order by t.name
      loop
        begin
          execute format('delete from %s where tenant = $1', table_name) using of_tenant;
          get diagnostics removed = row_count;
          if removed > 0 then
            counts := counts || jsonb_build_object(table_name, coalesce((counts ->> table_name)::bigint, 0) + removed);
          end if;
        exception when foreign_key_violation then
          -- Rows of another table hold on to these; their turn comes in the next pass.
          if pass > 20 then raise; end if;
          is_blocked := true;
        end;
      end loop;
      continue when is_blocked;
      exit when is_locked;
      perform 1 from projection_slice order by projection, slice for update;
      update projection_slice set epoch = epoch + 1, owner = null, lease_until = null;
      perform pg_advisory_xact_lock(7091720340);
      select coalesce(max(e.position), 0) into head_position from event e;
      is_locked := true;
    end loop;
    perform record_operation('TenantDropped', of_tenant, by_whom, jsonb_build_object(
      'rows', counts, 'removedEvents', coalesce((counts ->> 'groundwork.event')::bigint, 0)),
      head_position);
    return counts;
  end $$;
  revoke all on function groundwork.drop_tenant from public;
`;

// The caller has put the events into pg_temp.import_event, numbered in their order. They come behind all that there is,
// in one piece: event number n stands at the returned position plus n.
const IMPORT_EVENTS = `
  create function groundwork.import_events(of_tenant text, by_whom text) returns bigint
    language plpgsql security definer set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    base bigint;
    imported bigint;
  begin
    perform pg_advisory_xact_lock(7091720340);
    if exists (select from event e where e.tenant = of_tenant) then
      raise exception 'tenant % has events', of_tenant using errcode = 'unique_violation';
    end if;
    select coalesce(max(e.position), 0) into base from event e;
    insert into stream (tenant, type, id)
      select of_tenant, i.stream_type, i.stream_name from pg_temp.import_event i
       group by i.stream_type, i.stream_name order by min(i.number)
    on conflict do nothing;
    insert into event (position, stream_id, stream_version, tenant, event_id, type, schema_version, source, occurred_at,
                       recorded_at, correlation_id, metadata, validation, data)
      select base + i.number, s.stream_id, i.stream_version, of_tenant, i.event_id, i.type, i.schema_version, i.source,
             i.occurred_at, i.recorded_at, i.correlation_id, i.metadata, i.validation, i.data
        from pg_temp.import_event i
        join stream s on s.tenant = of_tenant and s.type = i.stream_type and s.id = i.stream_name;
    get diagnostics imported = row_count;
    perform record_operation('TenantImported', of_tenant, by_whom,
      jsonb_build_object('firstPosition', (base + 1)::text, 'events', imported));
    return base;
  end $$;
  revoke all on function groundwork.import_events from public;
`;
