// The log as workers follow it: several slices at once, with the head as it was at that moment.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ReadSlices1763703100000 implements MigrationInterface {
  readonly name = 'ReadSlices1763703100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(READ_SLICES);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop function groundwork.read_slices');
  }
}

// The first row is the head alone. All is seen at one moment, because the function is stable: what the page does not
// hold below that head does not exist. Of four slices that stand at one place a worker reads the events once, where it
// took eight round trips and looked at every event four times.
export const READ_SLICES = `
  create function groundwork.read_slices(
    after bigint, position_count_max int, row_count_max int, of_types text[], of_slices int[], slice_count int,
    byte_count_max bigint
  ) returns table (head bigint, slice int, event text) language plpgsql stable security definer
    set search_path = groundwork, pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
  #variable_conflict use_column
  begin
    head := coalesce((select e.position from event e order by e.position desc limit 1), 0);
    return next;
    if head <= after then
      return;
    end if;
    if (select coalesce(sum(octet_length(page.data)), 0) < byte_count_max
          from (select e.data from event e
                 where e.position > after and e.position <= after + position_count_max
                   and e.type = any (of_types) and (e.stream_id % slice_count)::int = any (of_slices)
                 order by e.position limit row_count_max) page) then
      return query
        select null::bigint, (e.stream_id % slice_count)::int, event_text(e, s.type, s.id)
          from event e join stream s on s.stream_id = e.stream_id
         where e.position > after and e.position <= after + position_count_max
           and e.type = any (of_types) and (e.stream_id % slice_count)::int = any (of_slices)
         order by e.position limit row_count_max;
      return;
    end if;
    return query
      select null::bigint, p.slice, p.event
        from (select (e.stream_id % slice_count)::int as slice, event_text(e, s.type, s.id) as event, e.position,
                     sum(octet_length(e.data)) over (order by e.position rows unbounded preceding)
                       - octet_length(e.data) as bytes_before
                from event e join stream s on s.stream_id = e.stream_id
               where e.position > after and e.position <= after + position_count_max
                 and e.type = any (of_types) and (e.stream_id % slice_count)::int = any (of_slices)
               order by e.position limit row_count_max) p
       where p.bytes_before < byte_count_max order by p.position;
  end $$;
  revoke all on function groundwork.read_slices from public;
  grant execute on function groundwork.read_slices to groundwork_worker;
`;
