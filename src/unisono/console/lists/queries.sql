-- name: skus_with_stock
-- Of these skus, those of which stock is kept anywhere, or which are kits.
select variant.sku from variant
where variant.sku = any(:skus::text[]) and (variant.is_kit or exists (select from stock where variant_id = variant.id));

-- name: orders_of_holds
-- What was put aside while a basket was paid is its order's when it is firm.
select order_hold.hold_id::text as hold_id, sales_order.number
from order_hold join sales_order on sales_order.id = order_hold.order_id
where order_hold.hold_id = any(:holds::uuid[]);

-- name: any_stock$
select exists (select from stock);

-- name: open_risks$
-- Promises at risk that nobody has settled, in these places.
select count(*) from promise_at_risk as risk
join stock on stock.good_id = risk.good_id join location on location.id = stock.location_id
where risk.settled_at is null and (:locations::text[] is null or location.code = any(:locations));

-- name: seen_in_stores
-- Of these persons, those with an event in one of these stores.
select distinct node.person_id from node
where node.person_id = any(:persons::bigint[])
  and exists (select from event where event.node_id = node.id and event.store_id = any(:stores::text[]));

-- name: open_carts
-- Carts somebody can go on with, last touched first; those with nothing in them are left out. Of somebody bound to
-- stores: carts of these stores, and of people seen there.
select cart.id, cart.code, cart.node_id, node.person_id, cart.channel, cart.store_id, cart.currency, cart.updated_at,
       cart.paying_until, cart.trouble, cart.left_as, cart.left_at, inside.lines, inside.units, inside.amount_minor
from cart left join node on node.id = cart.node_id
join lateral (
    select count(*) as lines, sum(quantity)::bigint as units, sum(quantity * seen_minor)::bigint as amount_minor
    from cart_line where cart_line.cart_id = cart.id
) as inside on inside.lines > 0
where cart.status in ('active', 'checkout')
  and (:left::text is null or cart.left_as = :left or (:left = 'open' and cart.left_as is null))
  and (:channel::text is null or cart.channel = :channel)
  and (:stores::text[] is null or cart.store_id = any(:stores::text[]) or exists (
        select from node as mine join event on event.node_id = mine.id
        where mine.person_id = node.person_id and event.store_id = any(:stores::text[])))
  and (:before_at::timestamptz is null or (cart.updated_at, cart.id) < (:before_at::timestamptz, :before_id::uuid))
order by cart.updated_at desc, cart.id desc limit :most;

-- name: open_cart_of_nodes$
-- The open cart of a person, the strongest identifier's first.
select cart.id from cart join node on node.id = cart.node_id join namespace on namespace.name = node.namespace
where cart.node_id = any(:nodes::bigint[]) and cart.status in ('active', 'checkout')
  and exists (select from cart_line where cart_line.cart_id = cart.id)
order by cart.updated_at desc, cart.id limit 1;

-- name: parcels_of_nodes
-- Pick-ups of a person that are not over.
select fulfilment.id, fulfilment.state, fulfilment.collect_by, fulfilment.promised_at, location.code as store_id,
       location.name as store_name, sales_order.number, sales_order.source_order_id, sales_order.channel
from fulfilment join sales_order on sales_order.id = fulfilment.order_id
join location on location.id = fulfilment.location_id
where sales_order.node_id = any(:nodes::bigint[]) and fulfilment.kind = 'pickup'
  and fulfilment.state in ('planned', 'picking', 'ready')
order by coalesce(fulfilment.collect_by, fulfilment.promised_at, sales_order.placed_at), fulfilment.id limit 20;

-- name: known_to_rooms
-- Of what was announced, what the rooms themselves keep: their own word on it counts.
select id::text as key from reservation where id::text = any(:keys::text[])
union all
select id::text from appointment where id::text = any(:keys::text[])
union all
select source_order_id from sales_order where source_order_id = any(:keys::text[])
union all
select number from sales_order where number = any(:keys::text[]);

-- name: gone_parcels
-- What nobody came for, newest first.
select fulfilment.id, fulfilment.collect_by, sales_order.number, node.person_id, location.name as store_name,
       sales_order.currency, sales_order.total_minor
from fulfilment join sales_order on sales_order.id = fulfilment.order_id
join location on location.id = fulfilment.location_id left join node on node.id = sales_order.node_id
where fulfilment.state = 'not_collected' and location.code = any(:stores::text[])
  and fulfilment.collect_by > :since::timestamptz
order by fulfilment.collect_by desc, fulfilment.id desc limit 50;

-- name: waiting_at
-- How much waits at each counter.
select location.code, location.name, coalesce(parcels.waiting, 0) + coalesce(kept.waiting, 0) as waiting
from location
left join (
    select location_id, count(*) as waiting from fulfilment
    where kind = 'pickup' and state in ('planned', 'picking', 'ready') group by location_id
) as parcels on parcels.location_id = location.id
left join (
    select location_id, count(*) as waiting from reservation
    where state in ('held', 'ready') and deadline > :now::timestamptz group by location_id
) as kept on kept.location_id = location.id
where location.closed_at is null and location.picks_up
  and (:stores::text[] is null or location.code = any(:stores::text[]))
order by waiting desc, location.name, location.code limit 500;
