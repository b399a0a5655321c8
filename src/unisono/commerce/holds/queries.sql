-- name: lock_goods
-- In the order of their ids, so that two transactions never wait for each other. Not against foreign keys.
select id, kind, key, capacity, held, committed, at_risk, version
from good
where id = any(:ids::bigint[])
order by id
for no key update;

-- name: lock_only!
select 1 from good where id = any(:ids::bigint[]) order by id for no key update;

-- name: lock_goods_of_holds
-- A hold's good never changes, so it may be looked up before anything is locked.
select id, kind, key, capacity, held, committed, at_risk, version
from good
where id in (select good_id from hold where id = any(:holds::uuid[]))
order by id
for no key update;

-- name: kill_dead_and_find
-- Under the lock of the goods: end the holds whose instant has come (rows without id: units by good), and in one go
-- read the holds asked about, by id or by key, as they were before.
with dead as (
    update hold set state = 'expired', settled_at = :now, settled_reason = 'expired'
    where good_id = any(:goods::bigint[]) and state = 'held' and expires_at <= :now::timestamptz
    returning good_id, quantity
), wanted as (
    select id, good_id, quantity, state, expires_at, reference, node_id, key, position
    from hold where id = any(:holds::uuid[])
    union
    select id, good_id, quantity, state, expires_at, reference, node_id, key, position
    from hold where key = any(:keys::text[])
)
select id, good_id, quantity, state, expires_at, reference, node_id, key, position from wanted
union all
select null, good_id, sum(quantity)::bigint, null, null, null, null, null, null from dead group by good_id;

-- name: apply
-- Everything that moves goods ends here: new holds, settled holds, counters, and the change each good tells of.
-- The risk shrinks by itself as promises do, and grows only where it is raised.
with taken as (
    insert into hold (id, good_id, quantity, node_id, key, position, reason, reference, taken_at, expires_at)
    select id, good_id, quantity, node_id, key, position, reason, reference, :now, expires_at
    from unnest(:new_ids::uuid[], :new_goods::bigint[], :new_quantities::bigint[], :new_nodes::bigint[],
                :new_keys::text[], :new_positions::int[], :new_reasons::text[], :new_references::text[],
                :new_expiries::timestamptz[])
         as new (id, good_id, quantity, node_id, key, position, reason, reference, expires_at)
), settled as (
    update hold
    set state = said.state, settled_at = :now, settled_reason = :why::text
    from unnest(:settled_ids::uuid[], :settled_states::text[]) as said (id, state)
    where hold.id = said.id
), moved as (
    update good
    set capacity = good.capacity + delta.capacity,
        held = good.held + delta.held,
        committed = good.committed + delta.committed,
        at_risk = least(
            good.at_risk + delta.at_risk,
            greatest(0, good.held + delta.held + good.committed + delta.committed - good.capacity - delta.capacity)),
        version = good.version + 1
    from unnest(:goods::bigint[], :capacities::bigint[], :helds::bigint[], :committeds::bigint[], :risks::bigint[])
         as delta (id, capacity, held, committed, at_risk)
    where good.id = delta.id
    returning good.id, good.kind, good.key, good.capacity, good.held, good.committed, good.at_risk, good.version
), told as (
    insert into change (kind, subject, sequence, data)
    select kind, kind || ':' || key, version,
           jsonb_build_object('capacity', capacity, 'held', held, 'committed', committed,
                              'available', greatest(0, capacity - held - committed), 'at_risk', at_risk)
    from moved
)
select id, kind, key, capacity, held, committed, at_risk, version from moved;

-- name: renew_holds!
update hold set expires_at = :expires_at where id = any(:holds::uuid[]) and state = 'held';

-- name: insert_goods
-- Sorted, so that two who make the same goods at once do not wait for each other in a circle.
with made as (
    insert into good (kind, key, capacity, version)
    select kind, key, capacity, case when capacity > 0 then 1 else 0 end
    from unnest(:kinds::text[], :keys::text[], :capacities::bigint[]) as new (kind, key, capacity)
    order by kind, key
    on conflict (kind, key) do nothing
    returning id, kind, key, capacity, version
), told as (
    insert into change (kind, subject, sequence, data)
    select kind, kind || ':' || key, version,
           jsonb_build_object('capacity', capacity, 'held', 0, 'committed', 0, 'available', capacity, 'at_risk', 0)
    from made where version > 0
)
select id, kind, key from made;

-- name: goods_by_key
select good.id, good.kind, good.key
from unnest(:kinds::text[], :keys::text[]) as asked (kind, key)
join good using (kind, key);

-- name: read_goods
-- Holds past their instant promise nothing, though nobody has swept them yet.
select good.id, good.kind, good.key, good.capacity, good.committed, good.at_risk, good.version,
       good.held - coalesce(dead.quantity, 0) as held
from good
left join lateral (
    select sum(quantity)::bigint as quantity from hold
    where good.held > 0 and hold.good_id = good.id and state = 'held' and expires_at <= :now::timestamptz
) dead on true
where good.id = any(:ids::bigint[]);

-- name: find_holds
select id, good_id, quantity, state, expires_at, reference, node_id, key, position
from hold where id = any(:ids::uuid[])
order by key, position;

-- name: find_holds_by_reference
select id, good_id, quantity, state, expires_at, reference, node_id, key, position
from hold where reference = any(:references::text[])
order by reference, key, position;

-- name: goods_with_dead_holds
select distinct good_id from (
    select good_id from hold
    where state = 'held' and expires_at <= :now::timestamptz
    order by expires_at limit :most
) due;

-- name: next_expiry$
select expires_at from hold where state = 'held' and expires_at > :now::timestamptz order by expires_at limit 1;

-- name: releasable_holds
-- What is held for these people and no order stands on.
select hold.id from hold
where node_id = any(:nodes::bigint[])
  and (state = 'held' or state = 'committed' and (reference like 'reservation:%' or reference like 'appointment:%'));
