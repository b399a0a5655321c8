-- name: known_stores
-- Stores somebody or something is bound to, or where people were last seen.
select store_id from (
    select store_id from source where store_id is not null
    union
    select unnest(store_ids) from account
    union
    select store_id from (select store_id from person_summary where store_id is not null limit 50000) as seen
) as stores order by store_id limit 500;

-- name: recent_by_source
-- Events of the last 24 hours by source; so many at the most.
select source_id, count(*) as events from (
    select source_id from event where received_at > now() - interval '24 hours' limit :most
) as lately group by source_id;

-- name: failed_by_source
select source_id, count(*) as events from (
    select source_id, received_at from failed_event order by id desc limit :most
) as newest where received_at > now() - interval '24 hours' group by source_id;

-- name: recent_by_hour
select date_trunc('hour', received_at) as hour, count(*) as events from (
    select received_at from event where received_at > now() - interval '24 hours' limit :most
) as lately group by 1;

-- name: failed_by_hour
select date_trunc('hour', received_at) as hour, count(*) as events from (
    select received_at from failed_event order by id desc limit :most
) as newest where received_at > now() - interval '24 hours' group by 1;

-- name: namespace_sizes
-- How many identifiers a namespace has, by the planner's statistics: exact counting would read every node.
select value as namespace, (frequency * (select greatest(reltuples, 0) from pg_class where oid = 'node'::regclass))::bigint
       as identifiers
from pg_stats, unnest(most_common_vals::text::text[], most_common_freqs) as common (value, frequency)
where schemaname = current_schema() and tablename = 'node' and attname = 'namespace';

-- name: database_facts^
select current_setting('server_version') as version, pg_database_size(current_database()) as bytes,
       (select greatest(reltuples, 0)::bigint from pg_class where oid = 'event'::regclass) as events;

-- name: notes_of_persons
-- What these persons did since an instant, a row for each channel and stretch of days: enough for a small staff.
select node.person_id, note.channel, note.occurred_at, note.events, note.purchases
from node cross join lateral (
    select channel, max(occurred_at) as occurred_at, count(*) as events,
           count(*) filter (where name = any(:purchases::text[])) as purchases
    from event where event.node_id = node.id and occurred_at >= :since::timestamptz
    group by channel, date_bin(:bin::interval, occurred_at, :since::timestamptz)
) as note
where node.person_id = any(:persons::bigint[]);

-- name: usage_of_nodes
-- How many events each identifier has, the first and the last.
select node_id, count(*) as events, min(occurred_at) as first_at, max(occurred_at) as last_at
from event where node_id = any(:nodes::bigint[]) group by node_id;

-- name: briefs_of_nodes
select id, namespace, value, person_id from node where id = any(:nodes::bigint[]);

-- name: source_names
select id, name from source where id = any(:ids::int[]);

-- name: stock_of_products
-- Units on hand and free over all places, by product; kits and goods without stock are not there.
select product.code, sum(good.capacity)::bigint as on_hand,
       sum(greatest(0, good.capacity - good.held - good.committed))::bigint as available, count(*) as places
from product
join variant on variant.product_id = product.id
join stock on stock.variant_id = variant.id
join good on good.id = stock.good_id
where product.code = any(:codes::text[])
group by product.code;

-- name: stock_of_skus
select variant.sku, sum(good.capacity)::bigint as on_hand,
       sum(greatest(0, good.capacity - good.held - good.committed))::bigint as available, count(*) as places
from variant
join stock on stock.variant_id = variant.id
join good on good.id = stock.good_id
where variant.sku = any(:skus::text[])
group by variant.sku;

-- name: product_used_by
-- What names a product: kits, lists that price it, discounts that run, promotions that name it or a category of it.
select 'kit' as what, kit.sku as key, kit.sku as label
from kit_component as part join variant as own on own.id = part.component_id join variant as kit on kit.id = part.kit_id
where own.sku = any(:skus::text[])
union
select 'price_list', list.code, list.name
from price join variant on variant.id = price.variant_id join price_list as list on list.id = price.price_list_id
where variant.sku = any(:skus::text[]) and list.disabled_at is null
union
select 'discount', told.id::text, variant.sku || coalesce(' · ' || told.campaign, '')
from price_announcement as told join variant on variant.id = told.variant_id
where variant.sku = any(:skus::text[]) and told.withdrawn_at is null and (told.ends_at is null or told.ends_at > :now)
union
select 'promotion', promotion.code, promotion.name
from promotion
where status <> 'ended' and exists (
    select 1 from unnest(:skus::text[] || :codes::text[]) as named (word)
    where jsonb_path_exists(jsonb_build_array(conditions, effects), 'strict $.** ? (@ == $word)',
                            jsonb_build_object('word', named.word))
)
union all
select 'cart', '', count(distinct cart.id)::text
from cart_line as line join cart on cart.id = line.cart_id join variant on variant.id = line.variant_id
where variant.sku = any(:skus::text[]) and cart.status in ('active', 'checkout')
having count(distinct cart.id) > 0
order by what, label
limit 60;

-- name: tax_classes
select code, name, rate_bp from tax_class order by rate_bp desc, code;

-- name: prices_set
-- Prices set for a sku, in the order in which they count.
select list.code, list.currency, price.amount_minor, price.starts_at, price.ends_at, price.recorded_by, price.recorded_at
from price join price_list as list on list.id = price.price_list_id
where price.variant_id = :variant_id
order by price.starts_at desc, price.id desc
limit :most;

-- name: prices_of_list
-- What a list asks now, by sku after one; a sku it asks nothing for any more is told without an amount.
select variant.sku, coalesce(variant.name, product.name) as name, fact.amount_minor, fact.starts_at, fact.ends_at
from variant join product on product.id = variant.product_id
join lateral (
    select amount_minor, starts_at, ends_at from price
    where variant_id = variant.id and price_list_id = (select id from price_list where code = :code)
      and starts_at <= :now::timestamptz and (ends_at is null or ends_at > :now::timestamptz)
    order by starts_at desc, id desc limit 1
) as fact on true
where variant.id in (select variant_id from price where price_list_id = (select id from price_list where code = :code))
  and variant.sku > :after
order by variant.sku
limit :most;

-- name: places
select code, name from location order by name, code limit 1000;

-- name: promotion_totals
-- What a promotion has given, by channel: uses that stand.
select channel, currency, count(*) as uses, sum(amount_minor)::bigint as amount_minor,
       count(distinct node.person_id) as people
from promotion_use left join node on node.id = promotion_use.node_id
where promotion_id = (select id from promotion where code = :code) and state = 'committed'
group by channel, currency
order by uses desc;

-- name: promotion_latest
select used.at, used.channel, used.amount_minor, used.currency, used.order_number, used.state, coupon.code as coupon
from promotion_use as used left join coupon on coupon.id = used.coupon_id
where used.promotion_id = (select id from promotion where code = :code)
order by used.at desc, used.id desc limit :most;

-- name: coupon_batches
-- Coupons that were made together, newest first; ``used`` are uses that stand.
select coupon.batch, coupon.kind, count(*) as count, min(coupon.code) as code, sum(good.committed)::bigint as used,
       count(coupon.disabled_at) as disabled, max(coupon.expires_at) as expires_at
from coupon join good on good.id = coupon.good_id
where coupon.promotion_id = (select id from promotion where promotion.code = :code)
group by coupon.batch, coupon.kind, case when coupon.kind = 'generic' then coupon.code end,
         case when coupon.batch is null then coupon.created_at end
order by max(coupon.id) desc limit 50;

-- name: promotion_used^
select promotion.updated_at, budget.committed + budget.held as budget_used, uses.committed + uses.held as times_used
from promotion
left join good as budget on budget.id = promotion.budget_good
left join good as uses on uses.id = promotion.uses_good
where promotion.code = :code;

-- name: people_of_incidents
-- Some of the people each incident was shown to, as they are now.
select incident_id, person_id from (
    select told.incident_id, node.person_id,
           row_number() over (partition by told.incident_id order by node.person_id) as place
    from (select distinct incident_id, node_id from incident_person where incident_id = any(:ids::bigint[])) as told
    join node on node.id = told.node_id
    group by told.incident_id, node.person_id
) as ranked where place <= :most;

-- name: people_sampled^
-- How many identified people there are, and some of them, always the same ones.
select count(*)::int as people,
       coalesce((array_agg(person_id order by hashint8(person_id)))[1:least(:most::int, 5000)], '{}') as some
from person_summary where identified;
