-- name: sources
select id, name, kind, store_id, till_id from source where id = any(:ids::int[]);

-- name: known_orders
-- The orders told of, as they are, with a lock: whoever tells of them at the same time comes after us.
select sales_order.*, exists (select from order_line where order_id = sales_order.id) as has_lines,
       exists (select from return_case where order_id = sales_order.id) as has_returns
from unnest(:sources::text[], :ids::text[]) as told (source, source_order_id)
join sales_order on sales_order.source = told.source and sales_order.source_order_id = told.source_order_id
order by sales_order.id for update of sales_order;

-- name: placed_here
-- Of what is told, that which was placed here: known by our number, or by the front's own id for the same person. A
-- page that tells of it tells nothing new.
select told.position
from unnest(:ids::text[], :nodes::bigint[]) with ordinality as told (id, node_id, position)
where exists (select from sales_order where number = told.id and not arrived)
   or exists (
       select from sales_order o
       join node owner on owner.id = o.node_id
       join node teller on teller.id = told.node_id and teller.person_id = owner.person_id
       where o.source_order_id = told.id and not o.arrived);

-- name: receipts_by_number
-- Receipts by the till's number alone, for goods brought back at another till; only where one receipt has it.
select source_order_id, array_agg(source) as sources from sales_order
where source_order_id = any(:ids::text[]) and source like 'till:%'
group by source_order_id;

-- name: claim_returns_ahead!
-- Goods came back at another till before their receipt was heard of: what waits there is the receipt's.
update sales_order set source = told.source
from (select distinct source, id from unnest(:sources::text[], :ids::text[]) as told (source, id)) as told
where sales_order.id = (
    select min(ahead.id) from sales_order ahead
    where ahead.source_order_id = told.id and ahead.source like 'till:%' and ahead.arrived
      and exists (select from return_case where order_id = ahead.id)
      and not exists (select from order_line where order_id = ahead.id))
  and not exists (select from sales_order known where known.source = told.source and known.source_order_id = told.id);

-- name: returns_ahead
-- What came back of orders whose lines nobody had told, by sku.
select return_case.order_id, return_case.id as return_id, back.sku, back.units
from return_case
join order_history told on told.order_id = return_case.order_id and told.what = 'returned'
     and 'event:' || (told.detail->>'message_id') = return_case.key
cross join lateral jsonb_each_text(told.detail->'ahead') as said (sku, units)
cross join lateral (select said.sku, said.units::int as units) as back
where return_case.order_id = any(:ids::bigint[])
order by return_case.id, back.sku;

-- name: fill_refunds!
-- A return that told no amount brings back what its lines are worth.
update return_case set refund_minor = back.refund
from (select return_id, sum(refund)::bigint as refund
      from unnest(:returns::bigint[], :refunds::bigint[]) as line (return_id, refund) group by return_id) as back
where return_case.id = back.return_id and return_case.refund_minor = 0;

-- name: next_ids
select nextval(pg_get_serial_sequence('sales_order', 'id')) as id from generate_series(1, :count::int);

-- name: delete_lines!
delete from order_line where order_id = any(:ids::bigint[]);

-- name: cancel_lines!
update order_line set handed_over = returned, cancelled = quantity - returned where order_id = any(:ids::bigint[]);

-- name: known_refunds
select order_id, at, (detail->>'refund_minor')::bigint as amount from order_history
where order_id = any(:ids::bigint[]) and what = 'refunded' and detail ? 'refund_minor';

-- name: lines_by_order
select id, order_id, sku, quantity, handed_over, returned, cancelled, total_minor from order_line
where order_id = any(:ids::bigint[]) order by order_id, position;

-- name: insert_returns
with new as (
    select nextval(pg_get_serial_sequence('return_case', 'id')) as id, told.*
    from unnest(:orders::bigint[], :nodes::bigint[], :channels::text[], :stores::text[], :reasons::text[],
                :refunds::bigint[], :currencies::text[], :ats::timestamptz[], :actors::text[], :keys::text[])
         as told (order_id, node_id, channel, store_id, reason, refund_minor, currency, at, actor, key)
)
insert into return_case (id, number, order_id, node_id, channel, store_id, reason, refund_minor, currency, refund_to, at,
                         actor, key)
select id, 'R-' || (100000 + id), order_id, node_id, channel, store_id, reason, refund_minor, currency, 'original', at,
       actor, key
from new on conflict (key) do nothing
returning id, key;

-- name: insert_return_lines!
with new as (
    select * from unnest(:returns::bigint[], :lines::bigint[], :quantities::int[], :refunds::bigint[])
             as told (return_id, order_line_id, quantity, refund_minor)
), counted as (
    update order_line set returned = returned + back.quantity
    from (select order_line_id, sum(quantity)::int as quantity from new group by order_line_id) as back
    where order_line.id = back.order_line_id
)
insert into return_line (return_id, order_line_id, quantity, refund_minor, condition)
select return_id, order_line_id, quantity, refund_minor, 'sellable' from new;

-- name: update_orders
-- The money given back is the greater of what refunds and what returns tell: they tell of the same money.
update sales_order set
    status = case when told.status = 'completed' and back.whole then 'returned' else told.status end,
    payment_status = case when told.payment_status in ('unpaid', 'voided') or back.amount = 0 then told.payment_status
                          when back.amount >= told.total then 'refunded' else 'partly_refunded' end,
    refunded_minor = back.amount, kind = told.kind, currency = told.currency, tax_included = told.tax_included,
    subtotal_minor = told.subtotal, discount_minor = told.discount, shipping_minor = told.shipping,
    tax_minor = told.tax, total_minor = told.total, coupons = string_to_array(told.coupons, chr(31)),
    store_id = told.store_id, placed_at = told.placed_at, source_updated_at = told.told_at,
    node_id = coalesce(told.node_id, sales_order.node_id), channel = coalesce(told.channel, sales_order.channel),
    quote = told.quote::jsonb, updated_at = :now,
    version = version + told.bump
from unnest(:ids::bigint[], :bumps::int[], :statuses::text[], :payment_statuses::text[], :kinds::text[],
            :currencies::text[], :included::boolean[], :subtotals::bigint[], :discounts::bigint[], :shippings::bigint[],
            :taxes::bigint[], :totals::bigint[], :coupons::text[], :stores::text[], :placed::timestamptz[],
            :told::timestamptz[], :quotes::text[], :nodes::bigint[], :channels::text[])
     as told (id, bump, status, payment_status, kind, currency, tax_included, subtotal, discount, shipping, tax, total,
              coupons, store_id, placed_at, told_at, quote, node_id, channel)
cross join lateral (
    select least(greatest(told.total, 0), greatest(
               (select coalesce(sum((detail->>'refund_minor')::bigint), 0) from order_history
                where order_id = told.id and what = 'refunded'),
               (select coalesce(sum(refund_minor), 0) from return_case where order_id = told.id)))::bigint as amount,
           (select coalesce(bool_and(returned >= handed_over) and sum(returned) > 0, false) from order_line
            where order_id = told.id) as whole
) as back
where sales_order.id = told.id
returning sales_order.*;

-- name: bury!
-- What cannot be read waits as a dead letter, with the reason, instead of holding up the person's other orders.
insert into dead_letter (reader, person_id, txid, event_id, attempts, first_at, died_at, error)
select :reader, person_id, txid::text::xid8, event_id, 1, :now, :now, error
from unnest(:persons::bigint[], :txids::bigint[], :ids::bigint[], :errors::text[])
     as dead (person_id, txid, event_id, error);
