-- name: locations
select code, name, kind, timezone, opening, address, latitude, longitude, ships, picks_up, closed_at
from location
where :codes::text[] is null or code = any(:codes)
order by name, code;

-- name: save_location!
insert into location (code, name, kind, timezone, opening, address, latitude, longitude, ships, picks_up, closed_at)
values (:code, :name, :kind, :timezone, :opening::text::jsonb, :address::text::jsonb, :latitude, :longitude, :ships,
        :picks_up, :closed_at)
on conflict (code) do update
set name = excluded.name, kind = excluded.kind, timezone = excluded.timezone, opening = excluded.opening,
    address = excluded.address, latitude = excluded.latitude, longitude = excluded.longitude, ships = excluded.ships,
    picks_up = excluded.picks_up, closed_at = excluded.closed_at;

-- name: stock_of_variants
-- What every open place has of them; holds past their instant promise nothing.
select stock.variant_id, stock.safety, stock.incoming, stock.incoming_at, location.code, location.name, location.kind,
       location.latitude, location.longitude, location.ships, location.picks_up, good.capacity,
       greatest(0, good.capacity - good.committed - good.held + coalesce(dead.quantity, 0)) as available
from stock
join location on location.id = stock.location_id
join good on good.id = stock.good_id
left join lateral (
    select sum(quantity)::bigint as quantity from hold
    where good.held > 0 and hold.good_id = good.id and state = 'held' and expires_at <= :now::timestamptz
) dead on true
where stock.variant_id = any(:variants::bigint[])
  and (:locations::text[] is null or location.code = any(:locations))
  and (location.closed_at is null or location.closed_at > :now);

-- name: variant_ids
select id, sku from variant where sku = any(:skus::text[]);

-- name: find_stock
-- Each asked (variant, place), whether or not there is such a variant, place or stock.
select asked.variant_id, asked.code, variant.sku, coalesce(variant.is_kit, false) as is_kit,
       location.id as location_id, location.closed_at, stock.good_id, stock.safety, stock.low_at
from unnest(:variants::bigint[], :codes::text[]) as asked (variant_id, code)
left join variant on variant.id = asked.variant_id
left join location on location.code = asked.code
left join stock on stock.variant_id = variant.id and stock.location_id = location.id;

-- name: find_stock_by_sku
select asked.sku as asked, asked.code, variant.id as variant_id, variant.sku, coalesce(variant.is_kit, false) as is_kit,
       location.id as location_id, location.closed_at, stock.good_id, stock.safety, stock.low_at
from unnest(:skus::text[], :codes::text[]) as asked (sku, code)
left join variant on variant.sku = asked.sku
left join location on location.code = asked.code
left join stock on stock.variant_id = variant.id and stock.location_id = location.id;

-- name: insert_stock!
insert into stock (good_id, variant_id, location_id)
select good_id, variant_id, location_id
from unnest(:goods::bigint[], :variants::bigint[], :locations::int[]) as new (good_id, variant_id, location_id)
order by good_id
on conflict do nothing;

-- name: next_goods
-- Numbers for goods that are to be copied in.
select nextval(pg_get_serial_sequence('good', 'id')) as id from generate_series(1, :count::int);

-- name: stock_states
-- Under the lock of the goods.
select stock.good_id, stock.damaged, stock.incoming, stock.counted_at, stock.low_at, good.capacity, good.key
from stock join good on good.id = stock.good_id
where stock.good_id = any(:goods::bigint[]);

-- name: known_movements
select key from stock_movement where key = any(:keys::text[]);

-- name: write_movements
-- The movements, the states they change (units on hand are the good's own), the promises they put at risk; and tasks
-- that are none any more, because nothing of their good is promised beyond what is there.
with moved as (
    insert into stock_movement (good_id, at, state, quantity, reason, reference, actor, note, key)
    select good_id, at, state, quantity, reason, reference, :actor, note, key
    from unnest(:goods::bigint[], :ats::timestamptz[], :states::text[], :quantities::bigint[], :reasons::text[],
                :references::text[], :notes::text[], :keys::text[])
         as new (good_id, at, state, quantity, reason, reference, note, key)
    where exists (select from stock where stock.good_id = new.good_id)
    on conflict (key) do nothing
    returning good_id, state, quantity
), others as (
    update stock set damaged = stock.damaged + delta.damaged, incoming = stock.incoming + delta.incoming
    from (
        select good_id, coalesce(sum(quantity) filter (where state = 'damaged'), 0)::bigint as damaged,
               coalesce(sum(quantity) filter (where state = 'incoming'), 0)::bigint as incoming
        from moved where state <> 'on_hand' group by good_id
    ) delta
    where stock.good_id = delta.good_id
), raised as (
    insert into promise_at_risk (good_id, quantity, reason, reference, actor, at)
    select good_id, quantity, reason, reference, :actor, :now
    from unnest(:risk_goods::bigint[], :risk_quantities::bigint[], :risk_reasons::text[], :risk_references::text[])
         as new (good_id, quantity, reason, reference)
), covered as (
    update promise_at_risk set settled_at = :now, settled_by = 'unisono', outcome = 'covered by stock'
    from good
    where good.id = promise_at_risk.good_id and good.id = any(:goods) and good.at_risk = 0 and settled_at is null
)
select count(*) as moved from moved;

-- name: set_counted!
update stock set counted_at = greatest(counted_at, :at::timestamptz) where good_id = any(:goods::bigint[]);

-- name: moved_since
select good_id, sum(quantity)::bigint as quantity from stock_movement
where good_id = any(:goods::bigint[]) and state = 'on_hand' and at > :at::timestamptz
group by good_id;

-- name: set_incoming_at!
update stock set incoming_at = case when incoming > 0 then coalesce(:at, incoming_at) end
where good_id = any(:goods::bigint[]);

-- name: set_levels!
update stock set safety = coalesce(level.safety, stock.safety), low_at = level.low_at
from unnest(:goods::bigint[], :safeties::bigint[], :lows::bigint[]) as level (good_id, safety, low_at)
where stock.good_id = level.good_id;

-- name: note_low!
-- Stock that has become low, or is no longer: kept on the row, told as one more change of the good. Under its lock.
with seen as (
    select stock.good_id, stock.low_at, stock.low_since, good.held - coalesce(dead.quantity, 0) as held,
           greatest(0, good.capacity - good.committed - good.held + coalesce(dead.quantity, 0)) as available
    from stock
    join good on good.id = stock.good_id
    left join lateral (
        select sum(quantity)::bigint as quantity from hold
        where good.held > 0 and hold.good_id = good.id and state = 'held' and expires_at <= :now::timestamptz
    ) dead on true
    where stock.good_id = any(:goods::bigint[]) and (stock.low_at is not null or stock.low_since is not null)
), turned as (
    update stock set low_since = case when seen.available <= seen.low_at then :now::timestamptz end
    from seen
    where seen.good_id = stock.good_id
      and coalesce(seen.available <= seen.low_at, false) <> (seen.low_since is not null)
    returning stock.good_id, stock.low_since is not null as low, stock.low_at, seen.available, seen.held
), told as (
    update good set version = version + 1
    from turned where good.id = turned.good_id
    returning good.kind, good.key, good.version, good.capacity, good.committed, good.at_risk,
              turned.held, turned.available, turned.low, turned.low_at
)
insert into change (kind, subject, sequence, data)
select kind, kind || ':' || key, version,
       jsonb_build_object('capacity', capacity, 'held', held, 'committed', committed, 'available', available,
                          'at_risk', at_risk, 'low', low, 'low_at', low_at)
from told;

-- name: low_to_note
-- Watched stock whose row does not say what is so now: holds died, or other rooms gave units back.
select stock.good_id
from stock
join good on good.id = stock.good_id
left join lateral (
    select sum(quantity)::bigint as quantity from hold
    where good.held > 0 and hold.good_id = good.id and state = 'held' and expires_at <= :now::timestamptz
) dead on true
where stock.low_at is not null
  and (greatest(0, good.capacity - good.committed - good.held + coalesce(dead.quantity, 0)) <= stock.low_at)
      <> (stock.low_since is not null);

-- name: stock_rows
select stock.good_id, stock.variant_id, variant.sku, coalesce(variant.name, product.name) as name,
       location.code as location, location.name as location_name, good.capacity as on_hand,
       good.held - coalesce(dead.quantity, 0) as held, good.committed, good.at_risk, good.version,
       greatest(0, good.capacity - good.committed - good.held + coalesce(dead.quantity, 0)) as available,
       stock.safety, stock.incoming, stock.incoming_at, stock.damaged, stock.low_at, stock.low_since, stock.counted_at
from stock
join variant on variant.id = stock.variant_id
join product on product.id = variant.product_id
join location on location.id = stock.location_id
join good on good.id = stock.good_id
left join lateral (
    select sum(quantity)::bigint as quantity from hold
    where good.held > 0 and hold.good_id = good.id and state = 'held' and expires_at <= :now::timestamptz
) dead on true
where (:skus::text[] is null or variant.sku = any(:skus))
  and (:locations::text[] is null or location.code = any(:locations))
  and (not :low::boolean or stock.low_since is not null)
  and stock.good_id > :after
order by stock.good_id
limit :most;

-- name: movements
select movement.id, movement.at, variant.sku, location.code as location, movement.state, movement.quantity,
       movement.reason, movement.reference, movement.actor, movement.note
from stock_movement movement
join stock on stock.good_id = movement.good_id
join variant on variant.id = stock.variant_id
join location on location.id = stock.location_id
where (:skus::text[] is null or variant.sku = any(:skus))
  and (:locations::text[] is null or location.code = any(:locations))
  and (:reference::text is null or movement.reference = :reference)
  and movement.id < :before
order by movement.id desc
limit :most;

-- name: promises
-- Living ones only, the oldest first: who waits longest.
select hold.id::text as id, variant.sku, location.code as location, hold.quantity, hold.state, hold.reason,
       hold.reference, hold.node_id, hold.taken_at, hold.expires_at
from hold
join stock on stock.good_id = hold.good_id
join variant on variant.id = stock.variant_id
join location on location.id = stock.location_id
where (hold.state = 'committed' or (hold.state = 'held' and (hold.expires_at is null or hold.expires_at > :now::timestamptz)))
  and (:skus::text[] is null or variant.sku = any(:skus))
  and (:locations::text[] is null or location.code = any(:locations))
order by hold.taken_at, hold.id
limit :most;

-- name: risks
select risk.id, risk.at, variant.sku, coalesce(variant.name, product.name) as name, location.code as location,
       risk.quantity, good.at_risk as still_at_risk, risk.reason, risk.reference, risk.actor,
       risk.settled_at, risk.settled_by, risk.outcome
from promise_at_risk risk
join stock on stock.good_id = risk.good_id
join good on good.id = risk.good_id
join variant on variant.id = stock.variant_id
join product on product.id = variant.product_id
join location on location.id = stock.location_id
where (:settled::boolean or risk.settled_at is null)
  and (:locations::text[] is null or location.code = any(:locations))
  and risk.id < :before
order by risk.id desc
limit :most;

-- name: risk_location$
select location.code
from promise_at_risk risk
join stock on stock.good_id = risk.good_id
join location on location.id = stock.location_id
where risk.id = :id;

-- name: settle_risk!
update promise_at_risk set settled_at = :now, settled_by = :actor, outcome = :outcome
where id = :id and settled_at is null;
