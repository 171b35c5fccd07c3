// What is known about commands, and how far projections are.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CommandsAndProjections1763700100000 implements MigrationInterface {
  readonly name = 'CommandsAndProjections1763700100000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      LIVING_LIFELINES,
      COMMAND,
      COMMAND_KEY,
      HAS_TURN,
      CLAIM_COMMANDS,
      PROJECTION,
      PARKED_STREAM,
      AGGREGATE_STATE,
      SAVE_AGGREGATE,
    ]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop function groundwork.save_aggregate;
      drop table groundwork.aggregate_state, groundwork.parked_stream, groundwork.projection_worker,
        groundwork.projection_slice, groundwork.projection;
      drop function groundwork.parked_count, groundwork.has_turn,
        groundwork.claim_commands, groundwork.renew_commands, groundwork.command_backlog;
      drop table groundwork.command_key, groundwork.command;
      drop function groundwork.living_lifelines;
    `);
  }
}

/** Policies of a table whose rows belong to tenants: everybody works inside the tenant of the transaction. */
const tenantPolicies = (table: string): string => `
  alter table groundwork.${table} enable row level security, force row level security;
  create policy owner_all on groundwork.${table} to groundwork_owner using (true) with check (true);
  create policy own_tenant on groundwork.${table} to groundwork_app
    using (tenant = nullif(current_setting('groundwork.tenant', true), ''))
    with check (tenant = nullif(current_setting('groundwork.tenant', true), ''));
`;

// The advisory locks that say who lives (Signals.lifeline). Null when nobody can tell: right behind a restart.
const LIVING_LIFELINES = `
  create function groundwork.living_lifelines() returns int[] language sql stable
    set search_path = groundwork, pg_catalog, pg_temp as $$
    select array(select objid::int from pg_locks
                  where locktype = 'advisory' and classid = 70917204 and objsubid = 2 and granted
                    and database = (select oid from pg_database where datname = current_database()))
     where pg_postmaster_start_time() < clock_timestamp() - interval '5 s'
  $$;
  revoke all on function groundwork.living_lifelines from public;
  grant execute on function groundwork.living_lifelines to groundwork_worker;
`;

const COMMAND = `
  create table groundwork.command (
    tenant          text not null,
    command_id      uuid not null,
    acceptance      bigint generated always as identity,
    type            text not null,
    payload         text not null,
    order_keys      text[] not null,
    idempotency_key text,
    fingerprint     text not null,
    subject         text not null,
    permissions     text[] not null,
    correlation_id  text not null,
    causation_id    text,
    request_id      text,
    if_match        integer,
    status          text not null check (status in ('pending', 'consumed', 'processed', 'failed')),
    attempts        integer not null,
    owner           text,
    lifeline        integer,
    lease_until     timestamptz,
    available_at    timestamptz not null default clock_timestamp(),
    result          text,
    error           text,
    accepted_at     timestamptz(3) not null default clock_timestamp(),
    updated_at      timestamptz(3) not null default clock_timestamp(),
    primary key (tenant, command_id),
    constraint command_idempotency_key unique (tenant, idempotency_key)
  );
  create index command_open on groundwork.command (acceptance) where status in ('pending', 'consumed');
  create index command_put_off on groundwork.command (available_at) where status = 'pending';
  create index command_leased on groundwork.command (lease_until) where status = 'consumed';
  create index command_by_acceptance on groundwork.command (tenant, acceptance);
  create index command_by_correlation on groundwork.command (tenant, correlation_id, acceptance);
  create index command_by_status on groundwork.command (tenant, status, acceptance);
  ${tenantPolicies('command')}
  grant select, insert, update on groundwork.command to groundwork_app;
`;

// The keys of open commands, each command once for each of its keys: who waits for whom is a walk along this index.
const COMMAND_KEY = `
  create table groundwork.command_key (
    tenant     text collate "C" not null,
    order_key  text collate "C" not null,
    acceptance bigint not null,
    primary key (tenant, order_key, acceptance)
  );
  create index command_key_by_acceptance on groundwork.command_key (acceptance);
  ${tenantPolicies('command_key')}
  grant select, insert, delete on groundwork.command_key to groundwork_app;
`;

// Whether no open command has one of the keys. Until the caller commits nobody else is told so of the same keys, nor
// gets a number: of one key no later command can be seen before an earlier one. The locks are few, however many keys a
// command has: all sessions together may hold some thousands. It runs with the caller's rights, and looks after the
// wait: a statement by itself would see what there was before.
const HAS_TURN = `
  create function groundwork.has_turn(of_tenant text, of_keys text[]) returns boolean language plpgsql
    set search_path = groundwork, pg_catalog, pg_temp as $$
  begin
    perform pg_advisory_xact_lock(70917203, locks.number)
       from (select distinct hashtext(of_tenant || '/' || key) & 255 as number from unnest(of_keys) as key
              order by number) locks;
    return not exists (select from command_key k where k.tenant = of_tenant and k.order_key = any (of_keys));
  end $$;
  revoke all on function groundwork.has_turn from public;
  grant execute on function groundwork.has_turn to groundwork_app;
`;

// What may not be taken now (leased by another owner whose lifeline is not cut, or put off) blocks whoever shares a
// key behind it, and so on along the keys of those. What the claimer itself runs blocks nothing, because it keeps its
// own commands in order, and is never given to it again. Who is suspected of ending processes of workers is taken
// alone. The work grows with what is blocked, not with its square: each step goes from one command to the next of one
// key. One claimer at a time.
const CLAIM_COMMANDS = `
  create function groundwork.claim_commands(
    new_owner text, new_lifeline int, command_count_max int, lease_ms int, attempts_in_company_max int)
  returns setof groundwork.command language plpgsql security definer
    set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    claim_time timestamptz := clock_timestamp();
  begin
    perform pg_advisory_xact_lock(7091720341);
    return query
      with recursive blocked (acceptance) as (
        (select c.acceptance from command c
          where c.status = 'consumed' and c.owner <> new_owner and c.lease_until >= claim_time
            and (c.lifeline is null or coalesce(c.lifeline = any ((select living_lifelines())::int[]), true))
         union all
         select c.acceptance from command c where c.status = 'pending' and c.available_at > claim_time)
        union
        select follower.acceptance
          from blocked b
          join command_key k on k.acceptance = b.acceptance
          cross join lateral (
            select n.acceptance from command_key n
             where n.tenant = k.tenant and n.order_key = k.order_key and n.acceptance > k.acceptance
             order by n.acceptance limit 1) follower
      ), free as (
        select c.tenant, c.command_id, c.acceptance, c.attempts >= attempts_in_company_max as is_suspect from command c
         where (c.status = 'pending' or (c.status = 'consumed' and c.owner <> new_owner))
           and not exists (select from blocked b where b.acceptance = c.acceptance)
         order by c.acceptance limit command_count_max
      ), taken as (
        select f.tenant, f.command_id from free f
         where f.acceptance = (select min(first.acceptance) from free first)
            or not exists (select from free s where s.is_suspect and s.acceptance <= f.acceptance)
      ), claimed as (
        update command c
           set status = 'consumed', owner = new_owner, lifeline = new_lifeline, attempts = c.attempts + 1, updated_at = claim_time,
               lease_until = claim_time + lease_ms * interval '1 ms'
          from taken t where c.tenant = t.tenant and c.command_id = t.command_id
        returning c.*
      )
      select * from claimed order by acceptance;
  end $$;

  create function groundwork.renew_commands(of_owner text, of_lifeline int, lease_ms int) returns void language sql security definer
    set search_path = groundwork, pg_catalog, pg_temp as $$
    update command set lease_until = clock_timestamp() + lease_ms * interval '1 ms', lifeline = of_lifeline
     where owner = of_owner and status = 'consumed'
  $$;

  create function groundwork.command_backlog(out open bigint, out oldest_accepted_at timestamptz) language sql stable
    security definer set search_path = groundwork, pg_catalog, pg_temp as $$
    select count(*), min(accepted_at) from command where status in ('pending', 'consumed')
  $$;

  revoke all on function groundwork.claim_commands, groundwork.renew_commands, groundwork.command_backlog from public;
  grant execute on function groundwork.claim_commands, groundwork.renew_commands, groundwork.command_backlog
     to groundwork_worker;
`;

const PROJECTION = `
  create table groundwork.projection (
    name           text primary key,
    schema_version integer not null,
    read_model     text not null,
    state          text not null check (state in ('running', 'paused'))
  );
  create table groundwork.projection_slice (
    projection  text not null references groundwork.projection,
    slice       integer not null,
    slices      integer not null,
    position    bigint not null default 0,
    epoch       integer not null default 0,
    owner       text,
    lease_until timestamptz,
    -- So many owners were lost at one position, or each while it tried one event alone in an epoch of its own.
    owners_lost integer not null default 0, lost_at bigint, suspect bigint, trial_epoch integer,
    updated_at  timestamptz(3) not null default clock_timestamp(),
    primary key (projection, slice)
  );
  -- Who shares the slices of a projection: a share is the number of slices by the number of living workers.
  create table groundwork.projection_worker (
    projection  text not null references groundwork.projection,
    owner       text not null,
    lifeline    integer,
    alive_until timestamptz not null,
    primary key (projection, owner)
  );
  grant select, insert, update, delete on groundwork.projection_worker to groundwork_worker;
  grant select, update (state) on groundwork.projection to groundwork_app;
  grant select on groundwork.projection_slice to groundwork_app;
  grant insert on groundwork.projection to groundwork_worker;
  grant insert, update on groundwork.projection_slice to groundwork_worker;
`;

const PARKED_STREAM = `
  create table groundwork.parked_stream (
    parked_id   uuid primary key,
    tenant      text not null,
    projection  text not null references groundwork.projection,
    slice       integer not null,
    stream_type text not null,
    stream_id   text not null,
    position    bigint not null,
    event_id    uuid not null,
    event_type  text not null,
    attempts    integer not null,
    error       text not null,
    decision    text check (decision in ('retry', 'discard')),
    parked_at   timestamptz(3) not null default clock_timestamp(),
    constraint parked_stream_once unique (tenant, projection, stream_type, stream_id)
  );
  ${tenantPolicies('parked_stream')}
  create policy worker_reads on groundwork.parked_stream for select to groundwork_worker using (true);
  create index parked_stream_by_projection on groundwork.parked_stream (projection, slice);
  -- How many streams wait is a number for everybody; which ones is for their tenant.
  create function groundwork.parked_count(of_projection text) returns int language plpgsql stable security definer
    set search_path = groundwork, pg_catalog, pg_temp as $$
  begin
    return (select count(*) from parked_stream where projection = of_projection);
  end $$;
  revoke all on function groundwork.parked_count from public;
  grant execute on function groundwork.parked_count to groundwork_app;
  grant select, update (decision) on groundwork.parked_stream to groundwork_app;
  grant insert, update, delete on groundwork.parked_stream to groundwork_worker;
`;

const AGGREGATE_STATE = `
  create table groundwork.aggregate_state (
    tenant         text not null,
    type           text not null,
    id             text not null,
    stream_version integer not null,
    state          jsonb not null,
    updated_at     timestamptz(3) not null default clock_timestamp(),
    primary key (tenant, type, id)
  );
  ${tenantPolicies('aggregate_state')}
  grant select on groundwork.aggregate_state to groundwork_app;
`;

// Events and state in one statement: the log's lock is never held over a round trip. Like append_events it takes the
// tenant as an argument and writes nothing but that tenant's stream and row.
const SAVE_AGGREGATE = `
  create function groundwork.save_aggregate(
    of_state text,
    a_tenant text[], a_type text[], a_id text[], a_expected int[], a_first int[], a_count int[], check_ids boolean,
    e_append int[], e_number int[], e_id uuid[], e_type text[], e_schema int[], e_source text[], e_occurred_ms float8[],
    e_correlation text[], e_metadata text[], e_validation text[], e_data text[],
    out verdicts int[], out versions int[], out positions bigint[]
  ) language plpgsql security definer set search_path = groundwork, pg_catalog, pg_temp as $$
  #variable_conflict use_variable
  begin
    select r.verdicts, r.versions, r.positions into verdicts, versions, positions
      from append_events(a_tenant, a_type, a_id, a_expected, a_first, a_count, check_ids, e_append, e_number, e_id, e_type,
                         e_schema, e_source, e_occurred_ms, e_correlation, e_metadata, e_validation, e_data) r;
    if verdicts[1] = 0 then
      insert into aggregate_state as s (tenant, type, id, stream_version, state)
        values (a_tenant[1], a_type[1], a_id[1], versions[1], of_state::jsonb)
      on conflict (tenant, type, id) do update
         set stream_version = excluded.stream_version, state = excluded.state, updated_at = clock_timestamp();
    end if;
  end $$;
  revoke all on function groundwork.save_aggregate from public;
  grant execute on function groundwork.save_aggregate to groundwork_app;
`;
