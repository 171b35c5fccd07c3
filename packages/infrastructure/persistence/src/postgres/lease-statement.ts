// Who gets which slices of a projection or relay, in one statement.

// A paused or outdated projection leases nothing. Own slices are renewed and keep their epoch; others are taken when
// they are free, their lease has run out or their owner's lifeline is cut, and get a new one. What is more than a fair
// share among the workers that live is given free at once: all have as many, and some one more of those left over. An
// owner that did not give its slice free is lost, and counted. Two workers that look at the same time skip each other's
// rows.
export const LEASE = `
  with living as materialized (
    select groundwork.living_lifelines() as lifelines
  ), worker as materialized (
    select w.owner, w.alive_until > clock_timestamp()
             and (w.lifeline is null or coalesce(w.lifeline = any (living.lifelines), true)) as lives
      from groundwork.projection_worker w, living where w.projection = $1
  ), present as (
    insert into groundwork.projection_worker (projection, owner, alive_until, lifeline)
      select $1, $2, clock_timestamp() + $3 * interval '1 ms', $6::int where exists (select from groundwork.projection where name = $1 and schema_version = $5)
    on conflict (projection, owner) do update set alive_until = excluded.alive_until, lifeline = excluded.lifeline
  ), other as (
    select w.owner, count(s.slice) as slice_count
      from worker w left join groundwork.projection_slice s on s.projection = $1 and s.owner = w.owner
     where w.owner <> $2 and w.lives group by w.owner
  ), even as (
    select count(*) / (1 + (select count(*) from other)) as slice_count, count(*) % (1 + (select count(*) from other)) as rest
      from groundwork.projection_slice where projection = $1
  ), share as (
    select least($4, slice_count + (rest > (
             select count(*) from other where other.slice_count > even.slice_count))::int) as slice_count
      from even
  ), candidate as (
    select s.slice, s.owner is not distinct from $2 as own, s.owner is not distinct from $2 and s.lease_until > clock_timestamp() as held,
           s.owner <> $2 as lost, s.suspect > s.position as is_suspect, s.trial_epoch = s.epoch as was_tried
      from groundwork.projection_slice s
      join groundwork.projection p on p.name = s.projection and p.state = 'running' and p.schema_version = $5
     where s.projection = $1 and (s.owner is null or s.owner = $2 or s.lease_until < clock_timestamp()
             or s.owner in (select owner from worker where not lives))
     order by s.owner is not distinct from $2 desc, s.slice
       for update of s skip locked
  ), ranked as (
    select slice, own, held, coalesce(lost, false) as lost, coalesce(is_suspect, false) as is_suspect,
           coalesce(was_tried, false) as was_tried, row_number() over (order by own desc, slice) as rank from candidate
  ), changed as (
    update groundwork.projection_slice s
       set owner = case when r.rank <= share.slice_count then $2 end,
           lease_until = case when r.rank <= share.slice_count then clock_timestamp() + $3 * interval '1 ms' end,
           epoch = s.epoch + case when r.held then 0 else 1 end,
           owners_lost = case when not r.lost then s.owners_lost
                              when r.is_suspect then s.owners_lost + r.was_tried::int
                              when s.lost_at = s.position then s.owners_lost + 1
                              else 1 end,
           suspect = case when r.is_suspect then s.suspect end,
           lost_at = case when r.lost then s.position else s.lost_at end
      from ranked r, share
     where s.projection = $1 and s.slice = r.slice and (r.own or r.rank <= share.slice_count)
    returning s.*
  )
  select * from changed where owner = $2`;
