-- name: lock_sources!
-- One load at a time makes sources; ends with the transaction.
select pg_advisory_xact_lock(7104519299);

-- name: enrolled_at^
-- When the first household known from an earlier load was enrolled: tells how far that load moved the data.
select message_id, occurred_at from event where message_id = any(:message_ids::text[]) order by message_id limit 1;

-- name: people_of_sources$
-- Persons these sources speak of.
select count(distinct node.person_id) from node where node.source_id = any(:sources::int[]);

-- name: events_of_sources
-- What these sources wrote, by name.
select event.name, count(*) as count from event where event.source_id = any(:sources::int[])
group by event.name order by 2 desc, 1;

-- name: joins_of_sources$
-- Persons brought together by what these sources said.
select count(*) from event where event.name = 'Person Joined' and event.source_id = any(:sources::int[]);

-- name: receipts_total$
-- What all receipts add up to, in major units.
select sum((properties->>'total')::numeric) from event where name = 'Receipt Issued';

-- name: priced_skus
-- What a list has a price for, or had one.
select distinct variant.sku from price
join price_list on price_list.id = price.price_list_id
join variant on variant.id = price.variant_id
where price_list.code = :code;

-- name: prices_seen
-- What an earlier load noted of prices paid.
select variant.sku, price_observation.store_id, price_observation.amount_minor, price_observation.observed_at
from price_observation join variant on variant.id = price_observation.variant_id
where price_observation.origin = 'receipt';

-- name: live_counts^
-- What there is of live objects.
select (select count(*) from product) as products, (select count(*) from variant) as variants,
       (select count(*) from category) as categories, (select count(*) from location) as places,
       (select count(*) from price) as prices,
       (select count(*) from price_observation where origin = 'receipt') as observations,
       (select count(*) from stock) as stocks,
       (select coalesce(sum(capacity), 0)::bigint from good where kind = 'stock') as units,
       (select count(*) from promotion) as promotions,
       (select count(*) from promotion where status = 'active') as active,
       (select count(*) from coupon) as coupons, (select count(*) from slot_rule) as slot_rules,
       (select count(*) from sales_order where kind = 'receipt') as orders,
       (select count(*) from event where name = 'Receipt Issued') as receipts;

-- name: orders_cents$
-- What the orders that came of receipts add up to, in minor units.
select coalesce(sum(total_minor), 0)::bigint from sales_order where kind = 'receipt' and arrived;

-- name: broken_promises^
-- How many things break what must hold at every instant. Holds are swept within a minute where a worker runs.
with of_holds as (
    select good_id, sum(quantity) filter (where state = 'held') as held,
           sum(quantity) filter (where state = 'committed') as committed
    from hold where state in ('held', 'committed') group by good_id
), moved as (
    select good_id, coalesce(sum(quantity) filter (where state = 'on_hand'), 0) as on_hand,
           coalesce(sum(quantity) filter (where state = 'damaged'), 0) as damaged,
           coalesce(sum(quantity) filter (where state = 'incoming'), 0) as incoming
    from stock_movement group by good_id
), told as (
    select subject, count(*) as changes, min(sequence) as first, max(sequence) as last from change group by subject
)
select (select count(*) from good where held + committed > capacity + at_risk) as over_promised,
       (select count(*) from good left join of_holds on of_holds.good_id = good.id
        where good.held <> coalesce(of_holds.held, 0) or good.committed <> coalesce(of_holds.committed, 0)
       ) as unlike_holds,
       (select count(*) from stock join good on good.id = stock.good_id left join moved on moved.good_id = good.id
        where good.capacity <> coalesce(moved.on_hand, 0)) as unlike_movements,
       (select count(*) from stock left join moved using (good_id)
        where stock.damaged <> coalesce(moved.damaged, 0) or stock.incoming <> coalesce(moved.incoming, 0)
       ) as unlike_states,
       (select count(*) from hold where state = 'held' and expires_at < now() - interval '1 minute') as stuck_holds,
       (select count(*) from told where last - first + 1 <> changes or first <> 1) as gaps,
       (select count(*) from good left join told on told.subject = good.kind || ':' || good.key
        where good.version <> coalesce(told.last, 0)) as untold;

-- name: nodes_named
-- Which identifiers these are; none for what nobody has.
select node.id, node.namespace, node.value
from unnest(:namespaces::text[], :values::text[]) as wanted (namespace, value)
join node on node.namespace = wanted.namespace and node.value = wanted.value;

-- name: consent_keys
-- The entries of the ledger an earlier load made.
select key from consent_entry where source = :source;

-- name: template_codes
-- The templates and blocks somebody has written, archived ones too.
select code from template;

-- name: analyze_tables!
-- Let the planner see what was loaded.
analyze;

-- name: voice_counts^
-- What there is of the voice.
select (select count(*) from consent_entry where source = :source) as entries,
       (select count(*) from consent_state
        where purpose = 'marketing' and channel = 'email' and status = 'granted') as granted,
       (select count(*) from consent_state
        where purpose = 'marketing' and channel = 'email' and status = 'withdrawn') as withdrawn,
       (select count(*) from consent_state
        where purpose = 'marketing' and channel = 'email' and status = 'refused') as refused,
       (select count(*) from consent_state
        where purpose = 'marketing' and channel = 'email' and status = 'requested') as requested,
       (select count(*) from template where version > 0) as templates,
       (select count(*) from segment where status = 'live') as segments;

-- name: segment_sizes
-- How many are in each live segment.
select segment.code, count(segment_member.person_id) as members from segment
left join segment_member on segment_member.segment_id = segment.id
where segment.status = 'live' group by segment.code order by segment.code;

-- name: best_sellers
-- Goods with a price of which most are kept: stock follows sales.
select variant.sku from stock join good on good.id = stock.good_id join variant on variant.id = stock.variant_id
where exists (select 1 from price where price.variant_id = variant.id)
group by variant.sku order by sum(good.capacity) desc, variant.sku limit :limit;

-- name: ledger_entries
-- Every entry of the ledger.
select id, key, node_id, purpose, channel, action, basis, source, actor, at, recorded_at, text_id, text_version,
       text_language, proof, order_ref, category, expires_at
from consent_entry;

-- name: ledger_states
-- What the ledger says now.
select node_id, purpose, channel, status, basis, since, expires_at, entry_id, categories from consent_state;

-- name: live_segments
select id, code from segment where status = 'live' order by code;

-- name: broken_ledger^
-- How many messages break what must hold of the send ledger.
select (select count(*) from (
            select message.id from message left join contact on contact.message_id = message.id
            where message.state = 'accepted' group by message.id
            having count(*) filter (where contact.id is not null and contact.released_at is null) <> 1
        ) as unlike) as contacts,
       (select count(*) from message where state = 'accepted' and (decision is null or account_id is null
            or not exists (select 1 from message_content where message_id = message.id))) as decisions,
       (select count(*) from message
        where state in ('skipped', 'refused', 'unknown', 'cancelled') and reason is null) as reasons,
       (select count(*) from (
            select broadcast_id, person_id from message join node on node.id = message.node_id
            where broadcast_id is not null group by 1, 2 having count(*) > 1
        ) as twice) as twice;

-- name: message_states
-- Messages by state and channel.
select state, channel, count(*) as messages from message group by 1, 2;

-- name: agreed
-- How many identifiers agreed to marketing, by channel.
select channel, count(*) as addresses from consent_state
where purpose = 'marketing' and status = 'granted' and basis = 'consent' group by channel;
