-- name: lock_person!
-- One reservation of a person at a time is counted and written.
select pg_advisory_xact_lock(hashtextextended('reservations', :person));

-- name: track^
-- How the reservations of these nodes ended, and how many are open at an instant.
select count(*) filter (where state in ('held', 'ready') and deadline > :now::timestamptz) as open,
       count(*) filter (where state = 'collected') as collected,
       count(*) filter (where state = 'expired' or (state in ('held', 'ready') and deadline <= :now::timestamptz)) as expired,
       count(*) filter (where state = 'cancelled') as cancelled
from reservation where node_id = any(:nodes::bigint[]);

-- name: insert_reservation!
insert into reservation (id, code, node_id, variant_id, location_id, quantity, holds, channel, unit_minor, currency,
                         deadline, note, created_at)
select :id, :code, :node_id, :variant_id, location.id, :quantity, :holds, :channel, :unit_minor, :currency, :deadline,
       :note, :now
from location where location.code = :store_id;

-- name: reservations
-- One by id or code, or a list; a state is the one at the instant. Of a store soonest deadline first, else newest.
select r.id::text as id, r.code, r.node_id, node.person_id, r.variant_id, variant.sku,
       product.name || coalesce(', ' || variant.name, '') as name, product.code as product_code, r.quantity,
       location.code as store_id, location.name as store_name, location.timezone, r.holds, r.state, r.channel,
       r.unit_minor, r.currency, r.deadline, r.extended_at, r.note, r.created_at, r.ready_at, r.settled_at,
       r.settled_by, r.reason, sales_order.number as order_number, r.receipt, r.version
from reservation as r
join variant on variant.id = r.variant_id join product on product.id = variant.product_id
join location on location.id = r.location_id join node on node.id = r.node_id
left join sales_order on sales_order.id = r.order_id
where (:id::uuid is null or r.id = :id::uuid)
  and (:code::text is null or r.code = :code)
  and (:nodes::bigint[] is null or r.node_id = any(:nodes::bigint[]))
  and (:store_ids::text[] is null or location.code = any(:store_ids::text[]))
  and (:states::text[] is null or case when r.state in ('held', 'ready') and r.deadline <= :now::timestamptz
                                       then 'expired' else r.state end = any(:states::text[]))
  and (:before_at::timestamptz is null or (r.created_at, r.id) < (:before_at::timestamptz, :before_id::uuid))
order by r.created_at desc, r.id desc limit :limit;

-- name: to_hand_over
-- What waits in stores, soonest deadline first.
select r.id::text as id from reservation as r join location on location.id = r.location_id
where location.code = any(:store_ids::text[]) and r.state in ('held', 'ready') and r.deadline > :now::timestamptz
order by r.deadline, r.id limit :limit;

-- name: move_reservation^
-- Only out of the states it may leave: of two who try, one wins.
update reservation set state = :state, ready_at = case when :state::text = 'ready' then :now else ready_at end,
       settled_at = case when :state::text = 'ready' then null else :now::timestamptz end, settled_by = :actor,
       reason = :reason, receipt = :receipt, version = version + 1
where id = :id::uuid and state = any(:of::text[]) returning version;

-- name: link_order!
update reservation set order_id = :order_id where id = :id::uuid;

-- name: extend_reservation^
-- Once, while it is open.
update reservation set deadline = :deadline, extended_at = :now, version = version + 1
where id = :id::uuid and state in ('held', 'ready') and extended_at is null returning version;
