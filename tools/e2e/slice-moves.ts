// Which worker moved which slice when: written down by the database itself, in the transaction of the effect.
import type { Client } from 'pg';
import { eventually } from '@groundwork/testing';
import { rowsOf } from './observed-log.ts';
import type { Program } from './program.ts';

const WATCH = `
  create table public.slice_move (
    id bigint generated always as identity, projection text, slice integer, epoch integer, login text,
    from_position bigint, to_position bigint, at timestamptz
  );
  create function public.note_slice_move() returns trigger language plpgsql security definer
    set search_path = public, pg_temp as $$
  begin
    insert into public.slice_move (projection, slice, epoch, login, from_position, to_position, at)
      values (new.projection, new.slice, new.epoch, session_user, old.position, new.position, clock_timestamp());
    return null;
  end $$;
  create trigger note_slice_move after update on groundwork.projection_slice for each row
    when (new.position <> old.position) execute function public.note_slice_move();`;

/** From here on; workers are told apart by their logins. */
export const watchSlices = async (client: Client): Promise<void> => void (await client.query(WATCH));

interface HeldSlice {
  readonly projection: string;
  readonly slice: number;
  readonly epoch: number;
}

/** What a worker holds now. */
export const heldBy = (client: Client, { pid }: Program): Promise<(HeldSlice & Record<string, unknown>)[]> =>
  rowsOf(client, 'select projection, slice, epoch from groundwork.projection_slice where owner like $1', [
    `%-${pid}-%`,
  ]);

/** Waits until these workers hold all slices, each at least one. */
export async function sharedBy(client: Client, ...workers: readonly Program[]): Promise<void> {
  await eventually(async () => {
    const held: HeldSlice[][] = [];
    for (const worker of workers) held.push(await heldBy(client, worker));
    const [all] = await rowsOf<{ count: number }>(
      client,
      'select count(*)::int as count from groundwork.projection_slice',
    );
    return held.every((slices) => slices.length > 0) && held.flat().length === all!.count;
  }, 30_000);
}

/** The time of the database. */
export const clockOf = async (client: Client): Promise<Date> =>
  (await rowsOf<{ now: Date }>(client, 'select clock_timestamp() as now'))[0]!.now;

/** Who has moved any slice since then. */
export const loginsMovingSince = (client: Client, since: Date): Promise<unknown[]> =>
  rowsOf(client, 'select distinct login from public.slice_move where at > $1', [since]);

/** Waits until others have moved each of these slices, and tells how long after `since` the last of them was. */
export const takenOverMs = (
  client: Client,
  held: readonly HeldSlice[],
  since: Date,
  waitMsMax = 60_000,
): Promise<number> =>
  eventually(async () => {
    const [taken] = await rowsOf<{ slices: number; ms: number }>(client, TAKEN_OVER, [JSON.stringify(held), since]);
    return taken!.slices === held.length && taken!.ms;
  }, waitMsMax);

const TAKEN_OVER = `
  select count(first)::int as slices, extract(epoch from max(first) - $2::timestamptz)::float8 * 1000 as ms
    from jsonb_to_recordset($1::jsonb) as held(projection text, slice integer, epoch integer)
    left join lateral (
      select min(at) as first from public.slice_move m
       where m.projection = held.projection and m.slice = held.slice and m.epoch > held.epoch) taken on true`;

/**
 * What must not be: a slice that two workers moved under one epoch, or that went on from elsewhere than where it stood,
 * so that an event was left out or applied again.
 */
export const wrongMoves = (client: Client): Promise<unknown[]> => rowsOf(client, WRONG_MOVES);

const WRONG_MOVES = `
  select * from (
    select *, lag(to_position, 1, from_position) over slice_in_order as stood_at,
           min(login) over under_epoch as one, max(login) over under_epoch as other
      from public.slice_move
    window slice_in_order as (partition by projection, slice order by id),
           under_epoch as (partition by projection, slice, epoch)) moved
   where from_position <> stood_at or one <> other`;

/** Moves by a login under an epoch that it has lost. */
export const movesUnder = (
  client: Client,
  held: readonly HeldSlice[],
  login: string,
  since: Date,
): Promise<unknown[]> => rowsOf(client, MOVES_UNDER, [JSON.stringify(held), login, since]);

const MOVES_UNDER = `
  select m.* from public.slice_move m
    join jsonb_to_recordset($1::jsonb) as held(projection text, slice integer, epoch integer)
      on m.projection = held.projection and m.slice = held.slice and m.epoch <= held.epoch
   where m.login = $2 and m.at > $3`;
