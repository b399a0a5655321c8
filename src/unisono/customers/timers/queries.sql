-- name: set_timers
-- A pending or cancelled timer moves to the new instant; one that has fired or was skipped stays so. A notification
-- only for what is due before the workers look by themselves: it serialises the commits of those who send it.
with wanted as (
    select kind, key, due_at, not_after, payload::jsonb as payload
    from unnest(:kinds::text[], :keys::text[], :due_ats::timestamptz[], :not_afters::timestamptz[], :payloads::text[])
         as new (kind, key, due_at, not_after, payload)
), written as (
    insert into timer (kind, key, due_at, not_after, payload, try_at)
    select kind, key, due_at, not_after, payload, due_at from wanted order by kind, key
    on conflict (kind, key) do update set due_at = excluded.due_at, not_after = excluded.not_after,
        payload = excluded.payload, try_at = excluded.due_at, state = 'pending', settled_at = null, outcome = null,
        error = null, attempts = timer.attempts + 1
    where timer.state in ('pending', 'cancelled')
    returning kind, key, due_at
), told as (
    select pg_notify(:channel, '') from written
    where due_at < clock_timestamp() + make_interval(secs => :within::double precision) limit 1
)
select kind, key, (select count(*) from told) as told from written;

-- name: set_instants
-- Timers that wait for the earliest of several instants, kept by name in the payload as microseconds since 1970. Those
-- named here change, the others stay; without any left the timer rests. What stays as it is is not written.
with wanted as (
    select key, jsonb_object_agg(part, micros) as parts, min(micros) as soonest
    from unnest(:keys::text[], :parts::text[], :micros::bigint[]) as new (key, part, micros) group by key
), written as (
    insert into timer as kept (kind, key, due_at, try_at, payload)
    select :kind, wanted.key, due.at, due.at,
           case when old.id is null then jsonb_strip_nulls(wanted.parts) else wanted.parts end
    from wanted left join timer old on old.kind = :kind and old.key = wanted.key,
         lateral (select 'epoch'::timestamptz + coalesce(soonest, 0) * interval '1 microsecond' as at) as due
    where soonest is not null
       or (old.state = 'pending' and old.payload ?| array(select jsonb_object_keys(wanted.parts)))
    order by wanted.key
    on conflict (kind, key) do update set (payload, due_at, try_at, state, settled_at, outcome, error, attempts) = (
        select now.parts, coalesce(now.due_at, kept.due_at), coalesce(now.due_at, kept.due_at),
               case when now.due_at is null then 'cancelled' else 'pending' end,
               case when now.due_at is null then clock_timestamp() end,
               case when now.due_at is null then 'no longer needed' end, null::text, kept.attempts + 1
        from (select merged.parts, (
                  select 'epoch'::timestamptz + min(value::bigint) * interval '1 microsecond'
                  from jsonb_each_text(merged.parts)) as due_at
              from (select jsonb_strip_nulls(
                  case when kept.state = 'pending' then kept.payload else '{}' end || excluded.payload) as parts
              ) as merged) as now
    )
    where kept.state = 'cancelled' or (kept.state = 'pending'
        and kept.payload is distinct from jsonb_strip_nulls(kept.payload || excluded.payload))
    returning kept.state, kept.due_at
), told as (
    select pg_notify(:channel, '') from written
    where state = 'pending' and due_at < clock_timestamp() + make_interval(secs => :within::double precision) limit 1
)
select count(*) as written, (select count(*) from told) as told from written;

-- name: cancel_timers
-- The attempt moves too, so a worker that holds it settles nothing.
update timer set state = 'cancelled', settled_at = clock_timestamp(), attempts = attempts + 1, outcome = :outcome
from unnest(:kinds::text[], :keys::text[]) as wanted (kind, key)
where timer.kind = wanted.kind and timer.key = wanted.key and timer.state = 'pending'
returning timer.kind, timer.key;

-- name: claim_due
-- Lease the next due timers of these kinds. Rows that others are claiming, moving or settling are passed over. Each
-- kind is looked up by itself: one with a million pending timers is not in the way of the others.
with due as (
    select own.id from unnest(:kinds::text[]) as wanted (kind), lateral (
        select id, try_at from timer
        where state = 'pending' and kind = wanted.kind and try_at <= :now
        order by try_at, id limit :many for update skip locked
    ) as own
    order by own.try_at, own.id limit :many
)
update timer set try_at = :lease_until, attempts = attempts + 1 from due where timer.id = due.id
returning timer.id, timer.kind, timer.key, timer.due_at, timer.not_after, timer.payload, timer.state,
          timer.attempts, timer.try_at, timer.outcome, timer.error;

-- name: settle!
-- Only those that nobody moved, cancelled or took since: a firing is a conditional update.
update timer set state = done.state, settled_at = :now, outcome = done.outcome, error = null
from unnest(:ids::bigint[], :attempts::int[], :states::text[], :outcomes::text[]) as done (id, attempts, state, outcome)
where timer.id = done.id and timer.state = 'pending' and timer.attempts = done.attempts;

-- name: fire_again!
-- Their handler set them anew: they wait for the new instant.
update timer set due_at = next.due_at, try_at = next.due_at, not_after = next.not_after,
       payload = next.payload::jsonb, outcome = next.outcome, error = null, attempts = timer.attempts + 1
from unnest(:ids::bigint[], :attempts::int[], :due_ats::timestamptz[], :not_afters::timestamptz[], :payloads::text[],
            :outcomes::text[]) as next (id, attempts, due_at, not_after, payload, outcome)
where timer.id = next.id and timer.state = 'pending' and timer.attempts = next.attempts;

-- name: still_leased
-- Of these, the ones nobody moved, cancelled or took since.
select timer.id from timer join unnest(:ids::bigint[], :attempts::int[]) as held (id, attempts)
    on timer.id = held.id and timer.attempts = held.attempts
where timer.state = 'pending';

-- name: renew!
-- A longer lease for work that goes on.
update timer set try_at = :lease_until where id = :id and state = 'pending' and attempts = :attempts;

-- name: postpone!
update timer set try_at = :try_at, error = :error where id = :id and state = 'pending' and attempts = :attempts;

-- name: next_due$
select min(own.try_at) from unnest(:kinds::text[]) as wanted (kind), lateral (
    select try_at from timer where state = 'pending' and kind = wanted.kind order by try_at limit 1
) as own;

-- name: instants_of
select key, (payload ->> :part::text)::bigint as due from timer
where kind = :kind and state = 'pending' and payload ? :part::text;

-- name: find_timer^
select id, kind, key, due_at, not_after, payload, state, attempts, try_at, outcome, error
from timer where kind = :kind and key = :key;

-- name: timer_counts
-- What waits, what is late and what fails, by kind.
select kind, count(*) as pending, count(*) filter (where due_at < :now) as late,
       count(*) filter (where error is not null) as failing, min(due_at) as next_due
from timer where state = 'pending' group by kind order by kind;
