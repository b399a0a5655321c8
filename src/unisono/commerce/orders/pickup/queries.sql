-- name: parcels
-- By id or code, of an order, or waiting in stores: soonest promise first.
select f.id, f.order_id, o.number as order_number, o.node_id, node.person_id, f.kind, f.state,
       location.code as store_id, location.name as store_name, location.timezone, o.channel, o.placed_at, f.promised_at,
       f.ready_at, f.collect_by, f.handed_at, f.handed_by, f.carrier, f.tracking, f.shipped_at, f.delivered_at,
       o.currency, o.payment_status, o.customer, f.code,
       case when o.payment_status in ('unpaid', 'voided') then o.total_minor else 0 end as due_minor,
       coalesce((select jsonb_agg(jsonb_build_object('order_line_id', line.id, 'sku', line.sku, 'name', line.name,
                                                     'quantity', part.quantity) order by line.position)
                 from fulfilment_line as part join order_line as line on line.id = part.order_line_id
                 where part.fulfilment_id = f.id), '[]')::text as lines
from fulfilment as f join sales_order as o on o.id = f.order_id
left join location on location.id = f.location_id left join node on node.id = o.node_id
where (:id::bigint is null or f.id = :id::bigint)
  and (:code::text is null or f.code = :code)
  and (:number::text is null or o.number = :number)
  and (:store_ids::text[] is null or location.code = any(:store_ids::text[]))
  and (:kinds::text[] is null or f.kind = any(:kinds::text[]))
  and (:states::text[] is null or f.state = any(:states::text[]))
order by coalesce(f.collect_by, f.promised_at, o.placed_at), f.id limit :limit;

-- name: holds_of_parcel
-- The firm promises of goods behind a parcel; hands of a slot are used up where they are.
select order_hold.hold_id from order_hold join hold on hold.id = order_hold.hold_id
where order_hold.fulfilment_id = :id and order_hold.order_line_id is not null and hold.state <> 'consumed';

-- name: move_parcel^
-- Only out of the states it may leave: of two who try, one wins.
update fulfilment set state = :state,
       ready_at = case when :state::text = 'ready' then :now::timestamptz else ready_at end,
       collect_by = coalesce(:collect_by::timestamptz, collect_by),
       handed_at = case when :state::text = 'handed_over' then :now::timestamptz else handed_at end,
       handed_by = case when :state::text in ('handed_over', 'shipped') then :actor else handed_by end,
       shipped_at = case when :state::text = 'shipped' then :now::timestamptz else shipped_at end,
       delivered_at = case when :state::text = 'delivered' then :now::timestamptz else delivered_at end,
       carrier = coalesce(:carrier::text, carrier), tracking = coalesce(:tracking::text, tracking)
where id = :id and state = any(:of::text[]) returning id;
