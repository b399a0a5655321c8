-- name: lock_source_order!
-- Two requests for one order of one source: the second waits and finds what the first made.
select pg_advisory_xact_lock(hashtextextended(:source || chr(31) || :source_order_id, 37));

-- name: insert_order^
with made as (select nextval(pg_get_serial_sequence('sales_order', 'id')) as id)
insert into sales_order (
    id, number, source, source_order_id, node_id, company_node, cart_id, channel, store_id, kind, status,
    payment_status, currency, tax_included, subtotal_minor, discount_minor, shipping_minor, tax_minor, total_minor,
    coupons, customer, quote, placed_at, updated_at
)
select id, 'U-' || (100000 + id), :source, :source_order_id, :node_id, :company_node, :cart_id::text::uuid, :channel,
       :store_id, :kind, :status, :payment_status, :currency, :tax_included, :subtotal, :discount, :shipping, :tax,
       :total, :coupons::text[], :customer::text::jsonb, :quote::text::jsonb, :placed_at, :now
from made
returning *;

-- name: insert_lines
insert into order_line (order_id, position, variant_id, sku, name, quantity, unit_minor, discount_minor, tax_rate_bp,
                        tax_minor, total_minor, handed_over, detail)
select :order_id::bigint, position - 1, variant_id, sku, name, quantity, unit_minor, discount_minor, tax_rate_bp,
       tax_minor, total_minor, handed_over, detail::jsonb
from unnest(:variants::bigint[], :skus::text[], :names::text[], :quantities::int[], :units::bigint[],
            :discounts::bigint[], :rates::int[], :taxes::bigint[], :totals::bigint[], :handed::int[], :details::text[])
     with ordinality as new (variant_id, sku, name, quantity, unit_minor, discount_minor, tax_rate_bp, tax_minor,
                             total_minor, handed_over, detail, position)
returning *;

-- name: insert_fulfilments
with new as (
    select nextval(pg_get_serial_sequence('fulfilment', 'id')) as id, parcel.*
    from unnest(:kinds::text[], :locations::text[], :states::text[], :codes::text[], :slots::bigint[],
                :promised::timestamptz[], :handed::timestamptz[], :handed_by::text[], :addresses::text[])
         with ordinality as parcel (kind, location, state, code, slot_id, promised_at, handed_at, handed_by, address,
                                    place)
), made as (
    insert into fulfilment (id, order_id, kind, location_id, state, code, slot_id, promised_at, handed_at, handed_by,
                            address)
    select new.id, :order_id::bigint, new.kind, location.id, new.state, new.code, new.slot_id, new.promised_at,
           new.handed_at, new.handed_by, new.address::jsonb
    from new left join location on location.code = new.location
)
select id, place::int from new order by place;

-- name: insert_parcel_contents!
with units as (
    insert into fulfilment_line (fulfilment_id, order_line_id, quantity)
    select * from unnest(:parcels::bigint[], :lines::bigint[], :quantities::int[])
)
insert into order_hold (order_id, order_line_id, fulfilment_id, hold_id)
select :order_id::bigint, order_line_id, fulfilment_id, hold_id
from unnest(:hold_lines::bigint[], :hold_parcels::bigint[], :holds::uuid[])
     as new (order_line_id, fulfilment_id, hold_id);

-- name: insert_history!
insert into order_history (order_id, at, what, actor, reason, detail)
values (:order_id, :now, :what, :actor, :reason, :detail::text::jsonb);

-- name: order_by_number^
select * from sales_order where number = :number;

-- name: order_by_id^
select * from sales_order where id = :id;

-- name: order_by_source^
select * from sales_order where source = :source and source_order_id = :source_order_id;

-- name: lock_order^
-- The order, if it is still as it was read: goods are locked before it, so it cannot be locked first.
select id from sales_order where id = :id and version = :version for update;

-- name: wait_for_order^
select * from sales_order where id = :id for update;

-- name: lines_of_orders
select * from order_line where order_id = any(:ids::bigint[]) order by order_id, position;

-- name: history_of_order
select at, what, actor, reason, detail from order_history where order_id = :id order by id;

-- name: fulfilments_of_order
select fulfilment.*, location.code as location, location.name as location_name,
       coalesce((select jsonb_object_agg(order_line_id, quantity) from fulfilment_line
                 where fulfilment_id = fulfilment.id), '{}') as lines
from fulfilment left join location on location.id = fulfilment.location_id
where order_id = :id order by fulfilment.id;

-- name: returns_of_order
select * from return_case where order_id = :id order by id;

-- name: lines_of_returns
select * from return_line where return_id = any(:ids::bigint[]) order by return_id, order_line_id;

-- name: page_of_orders
-- Newest first after the key (placed_at, id); filters that are null do not filter.
select sales_order.* from sales_order
where (:before_at::timestamptz is null
       or (placed_at, sales_order.id) < (:before_at::timestamptz, :before_id::bigint))
  and (:nodes::bigint[] is null or node_id = any(:nodes::bigint[]) or company_node = any(:nodes::bigint[]))
  and (:statuses::text[] is null or status = any(:statuses::text[]))
  and (:payment_status::text is null or payment_status = :payment_status)
  and (:channel::text is null or channel = :channel)
  and (:kind::text is null or kind = :kind)
  and (:source::text is null or source = :source)
  and (:known_as::text is null or number = :known_as or source_order_id = :known_as)
  and (:since::timestamptz is null or placed_at >= :since::timestamptz)
  and (:until::timestamptz is null or placed_at < :until::timestamptz)
  and (:stores::text[] is null or store_id = any(:stores::text[]) or exists (
        select from fulfilment join location on location.id = fulfilment.location_id
        where fulfilment.order_id = sales_order.id and location.code = any(:stores::text[])))
order by placed_at desc, sales_order.id desc limit :limit;

-- name: totals_of_nodes
-- What a person's identifiers bought, by currency; cancelled orders do not count.
select currency, count(*) as orders, sum(total_minor)::bigint as total_minor,
       sum(refunded_minor)::bigint as refunded_minor, max(placed_at) as last_at
from sales_order
where node_id = any(:nodes::bigint[]) and status <> 'cancelled' group by currency order by count(*) desc;

-- name: is_in_stores$
select exists (
    select from sales_order left join fulfilment on fulfilment.order_id = sales_order.id
    left join location on location.id = fulfilment.location_id
    where sales_order.id = :id and (sales_order.store_id = any(:stores::text[]) or location.code = any(:stores::text[]))
);

-- name: update_order^
update sales_order set status = :status, payment_status = :payment_status,
       refunded_minor = refunded_minor + :refunded, updated_at = :now, version = version + 1
where id = :id returning *;

-- name: change_lines!
update order_line set cancelled = order_line.cancelled + change.cancelled,
       handed_over = order_line.handed_over + change.handed_over, returned = order_line.returned + change.returned
from unnest(:lines::bigint[], :cancelled::int[], :handed_over::int[], :returned::int[])
     as change (id, cancelled, handed_over, returned)
where order_line.id = change.id;

-- name: holds_of_order
-- What the order still keeps aside, newest parcel first: there a cancellation takes from.
select order_hold.hold_id, order_hold.order_line_id, order_hold.fulfilment_id, hold.good_id, hold.quantity, hold.key
from order_hold join hold on hold.id = order_hold.hold_id
where order_hold.order_id = :id and hold.state in ('held', 'committed')
order by order_hold.fulfilment_id desc nulls last, hold.good_id;

-- name: open_units_of_order
-- Units of each open parcel that nobody has fetched or sent, newest parcel first.
select fulfilment_line.fulfilment_id, fulfilment_line.order_line_id, fulfilment_line.quantity,
       location.code as location
from fulfilment_line join fulfilment on fulfilment.id = fulfilment_line.fulfilment_id
left join location on location.id = fulfilment.location_id
where fulfilment.order_id = :id and fulfilment.state in ('planned', 'picking', 'ready')
order by fulfilment_line.fulfilment_id desc, fulfilment_line.order_line_id;

-- name: take_from_parcels!
-- Units leave their parcels; a parcel left empty is cancelled.
with less as (
    select * from unnest(:parcels::bigint[], :lines::bigint[], :units::int[]) as less (parcel, line, units)
), smaller as (
    update fulfilment_line set quantity = quantity - less.units from less
    where fulfilment_id = less.parcel and order_line_id = less.line and quantity > less.units
), gone as (
    delete from fulfilment_line using less
    where fulfilment_id = less.parcel and order_line_id = less.line and quantity <= less.units
)
update fulfilment set state = 'cancelled'
where id in (select parcel from less) and not exists (
    select from fulfilment_line left join less on less.parcel = fulfilment_id and less.line = order_line_id
    where fulfilment_id = fulfilment.id and quantity > coalesce(less.units, 0)
);

-- name: forget_holds!
-- What was given back is none of the order's any more.
delete from order_hold where hold_id = any(:holds::uuid[]);

-- name: move_holds!
insert into order_hold (order_id, order_line_id, fulfilment_id, hold_id)
select :order_id::bigint, line, parcel, hold from unnest(:lines::bigint[], :parcels::bigint[], :holds::uuid[])
     as new (line, parcel, hold);

-- name: insert_return^
with made as (select nextval(pg_get_serial_sequence('return_case', 'id')) as id)
insert into return_case (id, number, order_id, node_id, channel, store_id, reason, refund_minor, currency, refund_to, at,
                         actor, key)
select id, 'R-' || (100000 + id), :order_id, :node_id, :channel, :store_id, :reason, :refund, :currency, :refund_to,
       :now, :actor, :key
from made returning *;

-- name: insert_return_lines!
insert into return_line (return_id, order_line_id, quantity, refund_minor, condition)
select :return_id::bigint, * from unnest(:lines::bigint[], :quantities::int[], :refunds::bigint[], :conditions::text[]);

-- name: return_by_key^
select * from return_case where key = :key;

-- name: shipping_returned$
-- What returns have given back beyond their goods: what sending cost.
select coalesce(sum(greatest(return_case.refund_minor - goods.refund_minor, 0)), 0)::bigint
from return_case
cross join lateral (select sum(refund_minor) as refund_minor from return_line where return_id = return_case.id) as goods
where order_id = :order_id and refund_to <> 'none';

-- name: refunded_aside$
-- Money given back in another way than the one it was paid by.
select coalesce(sum(refund_minor), 0)::bigint from return_case
where order_id = :order_id and refund_to in ('cash', 'transfer');


-- name: checkout_by_id^
select checkout.*, sales_order.number as order_number from checkout
left join sales_order on sales_order.id = checkout.order_id where checkout.id = :id;

-- name: lock_checkout^
select checkout.*, sales_order.number as order_number from checkout
left join sales_order on sales_order.id = checkout.order_id where checkout.id = :id for update of checkout;

-- name: checkout_by_source^
select checkout.*, sales_order.number as order_number from checkout
left join sales_order on sales_order.id = checkout.order_id
where checkout.source = :source and checkout.source_order_id = :source_order_id for update of checkout;

-- name: put_checkout^
-- A checkout that ran out may be begun again under the same order id.
insert into checkout (id, cart_id, node_id, source, source_order_id, state, request, quote, expires_at, created_at)
values (:id, :cart_id, :node_id, :source, :source_order_id, 'open', :request::text::jsonb, :quote::text::jsonb,
        :expires_at, :now)
on conflict (source, source_order_id) do update
set state = 'open', request = excluded.request, quote = excluded.quote, expires_at = excluded.expires_at
returning checkout.*, null::text as order_number;

-- name: settle_checkout!
update checkout set state = :state, order_id = :order_id where id = :id;

-- name: keep_open!
update checkout set state = 'open', quote = :quote::text::jsonb, expires_at = :expires_at where id = :id;

-- name: names_of_orders
-- By what orders, reservations and appointments are called, and what was said of names and addresses.
select number as code, customer as said from sales_order where node_id = any(:nodes::bigint[])
union all
select fulfilment.code, fulfilment.address from fulfilment
join sales_order on sales_order.id = fulfilment.order_id where sales_order.node_id = any(:nodes::bigint[])
union all
select checkout.id::text, checkout.request from checkout
join cart on cart.id = checkout.cart_id where cart.node_id = any(:nodes::bigint[])
union all
select return_case.number, '{}' from return_case join sales_order on sales_order.id = return_case.order_id
where sales_order.node_id = any(:nodes::bigint[])
union all
select code, '{}' from reservation where node_id = any(:nodes::bigint[])
union all
select code, '{}' from appointment where node_id = any(:nodes::bigint[]);

-- name: standing_orders
-- What is not settled with these people: orders on their way, units kept, appointments to come.
select 'order ' || number as what from sales_order where node_id = any(:nodes::bigint[]) and status in ('open', 'ready')
union all
select 'reservation ' || code from reservation where node_id = any(:nodes::bigint[]) and state in ('held', 'ready')
union all
select 'appointment ' || code from appointment where node_id = any(:nodes::bigint[]) and state in ('pending', 'booked');
