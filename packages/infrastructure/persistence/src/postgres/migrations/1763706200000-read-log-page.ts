// The log as workers follow it, without the names of its streams.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ReadLogPage1763706200000 implements MigrationInterface {
  readonly name = 'ReadLogPage1763706200000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [readPage('read_log_page', REFUSE_ARCHIVED), readPage('read_live_log_page', '')]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop function groundwork.read_log_page, groundwork.read_live_log_page');
  }
}

const REFUSE_ARCHIVED = `
    if exists (select from archive a where a.last_position > after and a.first_position <= after + position_count_max
                 and a.event_types && of_types) then
      raise exception 'events behind position % are archived', after using errcode = 'GW003';
    end if;`;

const MATCHES = `e.position > after and e.position <= after + position_count_max and e.type = any (of_types)
                   and (slice_count = 1 or (e.stream_id % slice_count)::int = any (of_slices))`;

// The first row is the head, and which table the numbers of streams are of: server and file change when another
// database takes its place. All is seen at one moment, because the function is stable: what the page does not hold
// below that head does not exist. Where an event has the name of its stream, its number stands: the reader knows most
// names, and joining them took 3 of the 6.5 µs that an event costs here. The sum goes over the page twice (0.5 µs),
// because a window over it would cost more.
const readPage = (name: string, refusal: string): string => `
  create function groundwork.${name}(
    after bigint, position_count_max int, row_count_max int, of_types text[], of_slices int[], slice_count int,
    byte_count_max bigint
  ) returns table (event text) language plpgsql stable security definer
    set search_path = groundwork, pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
  #variable_conflict use_column
  declare
    head bigint := coalesce((select e.position from event e order by e.position desc limit 1), 0);
  begin
    event := concat_ws(E'\\x1f', head, pg_postmaster_start_time(), pg_relation_filenode('stream'));
    return next;
    if head <= after then
      return;
    end if;${refusal}
    if (select coalesce(sum(octet_length(page.data)), 0) < byte_count_max
          from (select e.data from event e where ${MATCHES}
                 order by e.position limit row_count_max) page) then
      return query
        select event_text(e, '', e.stream_id::text) from event e where ${MATCHES}
         order by e.position limit row_count_max;
      return;
    end if;
    return query
      select p.event
        from (select event_text(e, '', e.stream_id::text) as event, e.position,
                     sum(octet_length(e.data)) over (order by e.position rows unbounded preceding)
                       - octet_length(e.data) as bytes_before
                from event e where ${MATCHES}
               order by e.position limit row_count_max) p
       where p.bytes_before < byte_count_max order by p.position;
  end $$;
  revoke all on function groundwork.${name} from public;
  grant execute on function groundwork.${name} to groundwork_worker;
`;
