// Checkpoints that know the event they stand behind: none goes on over a log that was restored to an earlier point.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CheckpointEvents1763700600000 implements MigrationInterface {
  readonly name = 'CheckpointEvents1763700600000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [IS_AHEAD_OF_LOG, STAND_BEHIND_EVENT]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      drop trigger stand_behind_event on groundwork.projection_slice;
      drop function groundwork.stand_behind_event, groundwork.is_ahead_of_log;
      alter table groundwork.projection_slice drop column event_id;
    `);
  }
}

// A log that was restored has other events at positions it had given before, or does not reach them yet. An event that
// is missing below the head was taken out with its tenant or its stream, and says nothing about the others. Everybody
// may ask: the answer tells nothing about any event.
const IS_AHEAD_OF_LOG = `
  create function groundwork.is_ahead_of_log(of_position bigint, of_event uuid) returns boolean
    language plpgsql stable security definer set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    found_event uuid := (select e.event_id from event e where e.position = of_position);
  begin
    if found_event is not null then return coalesce(found_event <> of_event, false); end if;
    return of_position > coalesce((select e.position from event e order by e.position desc limit 1), 0);
  end $$;
  revoke all on function groundwork.is_ahead_of_log from public;
  grant execute on function groundwork.is_ahead_of_log to groundwork_app;
`;

// A trigger, because then no statement that moves a checkpoint can forget it: the look at the old event and the note of
// the new one are two reads by primary key, once for each batch. Going back is always allowed: it is the way out.
const STAND_BEHIND_EVENT = `
  alter table groundwork.projection_slice add column event_id uuid;
  create function groundwork.stand_behind_event() returns trigger
    language plpgsql security definer set search_path = groundwork, pg_catalog, pg_temp as $$
  begin
    if new.position = old.position then return new; end if;
    if new.position > old.position and old.event_id is not null and is_ahead_of_log(old.position, old.event_id) then
      raise exception 'Slice % of % stands at % behind event %, which is not there in this log.',
        old.slice, old.projection, old.position, old.event_id using errcode = 'GW001';
    end if;
    new.event_id := (select e.event_id from event e where e.position = new.position);
    return new;
  end $$;
  revoke all on function groundwork.stand_behind_event from public;
  create trigger stand_behind_event before update of position on groundwork.projection_slice
    for each row execute function groundwork.stand_behind_event();
`;
