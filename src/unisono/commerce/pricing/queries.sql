-- name: prices_at
-- For each variant and each list that serves the place and is not over: the fact that counts at the instant, the next
-- one to begin, the reduction to show beside it and the next one announced. What wins is `rules.price_at`'s to say.
select variant.id as variant_id, tax_class.rate_bp,
       list.id as price_list_id, list.code, list.name, list.currency, list.tax_included, list.channel, list.store_id,
       list.audience, list.starts_at as list_starts_at, list.ends_at as list_ends_at, list.priority, list.disabled_at,
       held.id, held.amount_minor, held.starts_at, held.ends_at,
       (select min(price.starts_at) from price
        where price.variant_id = variant.id and price.price_list_id = list.id and price.starts_at > :at::timestamptz
       ) as next_fact_at,
       told.id as told_id, told.new_minor, told.prior_minor, told.percent_bp, told.rule, told.starts_at as told_at,
       told.ends_at as told_ends_at, told.withdrawn_at as told_withdrawn_at, told.campaign,
       (select min(later.starts_at) from price_announcement later
        where later.variant_id = variant.id and later.price_list_id = list.id and later.starts_at > :at
          and (later.withdrawn_at is null or later.withdrawn_at > later.starts_at)
       ) as next_told_at
from unnest(:variants::bigint[]) as wanted (id)
join variant on variant.id = wanted.id
join tax_class on tax_class.code = variant.tax_class
join price_list list on list.currency = :currency::text
    and (list.channel is null or list.channel = :channel::text)
    and (list.store_id is null or list.store_id = :store_id::text)
    and (list.audience is null or list.audience = any(:audiences::text[]))
    and (list.ends_at is null or list.ends_at > :at) and (list.disabled_at is null or list.disabled_at > :at)
left join lateral (
    select price.id, price.amount_minor, price.starts_at, price.ends_at from price
    where price.variant_id = variant.id and price.price_list_id = list.id and price.starts_at <= :at
      and (price.ends_at is null or price.ends_at > :at)
    order by price.starts_at desc, price.id desc limit 1
) held on true
left join lateral (
    select one.id, one.new_minor, one.prior_minor, one.percent_bp, one.rule, one.starts_at, one.ends_at,
           one.withdrawn_at, one.campaign
    from price_announcement one
    where one.variant_id = variant.id and one.price_list_id = list.id and one.new_minor = held.amount_minor
      and one.starts_at <= :at and (one.ends_at is null or one.ends_at > :at)
      and (one.withdrawn_at is null or one.withdrawn_at > :at)
    order by one.starts_at desc, one.id desc limit 1
) told on true;

-- name: price_lists
-- All of them, the strongest first.
select id, code, name, currency, tax_included, channel, store_id, audience, starts_at, ends_at, priority, disabled_at
from price_list order by priority desc, code;

-- name: price_list_by_code^
select id, code, name, currency, tax_included, channel, store_id, audience, starts_at, ends_at, priority, disabled_at
from price_list where code = :code;

-- name: insert_price_list^
-- Nothing comes back when the code is taken.
insert into price_list (code, name, currency, tax_included, channel, store_id, audience, starts_at, ends_at, priority)
values (:code, :name, :currency, :tax_included, :channel, :store_id, :audience, :starts_at, :ends_at, :priority)
on conflict (code) do nothing
returning id, code, name, currency, tax_included, channel, store_id, audience, starts_at, ends_at, priority, disabled_at;

-- name: disable_price_list!
-- Once and for all: what the list asked before then stays as it was.
update price_list set disabled_at = :now where id = :id and (disabled_at is null or disabled_at > :now);

-- name: variants_of_skus
select id, sku from variant where sku = any(:skus::text[]);

-- name: lock_variants
-- One writer of prices at a time for a variant, in the order of their ids; who refers to it need not wait.
select id, sku from variant where sku = any(:skus::text[]) order by id for no key update;

-- name: lock_variants_of_list
-- Those a list asks something for, now or later.
select id from variant
where id in (
    select variant_id from price where price_list_id = :price_list_id and (ends_at is null or ends_at > :now)
)
order by id for no key update;

-- name: first_facts
-- When each of these variants got its first price in a list.
select variant_id, min(starts_at) as starts_at from price
where price_list_id = :price_list_id and variant_id = any(:variants::bigint[]) group by variant_id;

-- name: insert_prices
-- A price that counts already at its beginning, for as long, is not written again (unless it is one of several).
insert into price (price_list_id, variant_id, amount_minor, starts_at, ends_at, recorded_at, recorded_by)
select :price_list_id::int, new.variant_id, new.amount_minor, new.starts_at, new.ends_at, :now::timestamptz, :actor::text
from unnest(:variants::bigint[], :amounts::bigint[], :starts::timestamptz[], :ends::timestamptz[], :always::boolean[])
     with ordinality as new (variant_id, amount_minor, starts_at, ends_at, always, place)
left join lateral (
    select price.id, price.amount_minor, price.ends_at from price
    where price.variant_id = new.variant_id and price.price_list_id = :price_list_id
      and price.starts_at <= new.starts_at and (price.ends_at is null or price.ends_at > new.starts_at)
    order by price.starts_at desc, price.id desc limit 1
) held on true
where new.always or not (
    coalesce(held.id is not null, false) and held.amount_minor is not distinct from new.amount_minor
    and held.ends_at is not distinct from new.ends_at
)
order by new.place
returning id, variant_id, amount_minor, starts_at, ends_at;

-- name: raise_price_versions
-- The next number of each subject price:<sku>. The rows are locked already.
update variant set price_version = price_version + 1 where id = any(:variants::bigint[])
returning id, sku, price_version;

-- name: insert_observations!
insert into price_observation (variant_id, channel, store_id, amount_minor, currency, observed_at, until, origin)
select * from unnest(:variants::bigint[], :channels::text[], :stores::text[], :amounts::bigint[], :currencies::text[],
                     :observed::timestamptz[], :untils::timestamptz[], :origins::text[]);

-- name: facts_between
-- The prices of these variants that count somewhere in a period: not those over before it, nor those that another one
-- without end has covered since before it. (A variant's facts of years are few of them.)
select price.id, price.price_list_id, price.variant_id, price.amount_minor, price.starts_at, price.ends_at
from price
where price.variant_id = any(:variants::bigint[]) and price.starts_at < :ends::timestamptz
  and (price.ends_at is null or price.ends_at > :begins::timestamptz)
  and not exists (
      select from price later
      where later.variant_id = price.variant_id and later.price_list_id = price.price_list_id
        and later.starts_at <= :begins and later.ends_at is null
        and (later.starts_at, later.id) > (price.starts_at, price.id)
  );

-- name: observations_between
-- What others than our own lists have seen in a period: the lists' prices are known from the facts.
select id, variant_id, channel, store_id, amount_minor, currency, observed_at, until, origin
from price_observation
where variant_id = any(:variants::bigint[]) and origin in ('receipt', 'channel', 'import')
  and observed_at < :ends::timestamptz and coalesce(until, observed_at) >= :begins::timestamptz;

-- name: announced_before
-- The reductions of these variants in a list and a campaign, begun before an instant.
select id, price_list_id, variant_id, new_minor, prior_minor, percent_bp, rule, starts_at, ends_at, withdrawn_at,
       campaign
from price_announcement
where variant_id = any(:variants::bigint[]) and price_list_id = :price_list_id and campaign = :campaign::text
  and starts_at < :at::timestamptz;

-- name: exempt_codes
-- The categories whose reductions need no prior price.
select category.code from exempt_category join category on category.id = exempt_category.category_id;

-- name: exempt_categories
select category.code, exempt_category.reason
from exempt_category join category on category.id = exempt_category.category_id order by category.code;

-- name: exempt_category!
insert into exempt_category (category_id, reason)
select id, :reason from category where code = :code
on conflict (category_id) do update set reason = excluded.reason;

-- name: stop_exempting!
delete from exempt_category using category
where category.id = exempt_category.category_id and category.code = :code;

-- name: insert_announcements
insert into price_announcement (variant_id, price_list_id, channel, store_id, currency, new_minor, prior_minor,
                                percent_bp, rule, evidence, starts_at, ends_at, campaign, announced_at, announced_by)
select new.variant_id, :price_list_id::int, :channel::text, :store_id::text, :currency::text, new.new_minor,
       new.prior_minor, new.percent_bp, new.rule, new.evidence::jsonb, :starts_at::timestamptz, :ends_at::timestamptz,
       :campaign::text, :now::timestamptz, :actor::text
from unnest(:variants::bigint[], :amounts::bigint[], :priors::bigint[], :percents::int[], :rules::text[],
            :evidence::text[]) as new (variant_id, new_minor, prior_minor, percent_bp, rule, evidence)
returning id, variant_id;

-- name: announcements
-- Newest first. Live ones are those begun, not ended and not withdrawn at the instant.
select one.id, variant.sku, list.code as price_list, one.channel, one.store_id, one.currency, one.new_minor,
       one.prior_minor, one.percent_bp, one.rule, one.starts_at, one.ends_at, one.campaign, one.announced_at,
       one.announced_by, one.withdrawn_at, one.withdrawn_by, one.withdrawn_for
from price_announcement one
join variant on variant.id = one.variant_id
join price_list list on list.id = one.price_list_id
where (:before::bigint is null or one.id < :before)
  and (:sku::text is null or variant.sku = :sku)
  and (:campaign::text is null or one.campaign = :campaign)
  and (:live_at::timestamptz is null or (one.starts_at <= :live_at and (one.ends_at is null or one.ends_at > :live_at)
       and (one.withdrawn_at is null or one.withdrawn_at > :live_at)))
order by one.id desc limit :limit;

-- name: announcements_by_id
select one.id, variant.sku, list.code as price_list, one.channel, one.store_id, one.currency, one.new_minor,
       one.prior_minor, one.percent_bp, one.rule, one.starts_at, one.ends_at, one.campaign, one.announced_at,
       one.announced_by, one.withdrawn_at, one.withdrawn_by, one.withdrawn_for
from price_announcement one
join variant on variant.id = one.variant_id
join price_list list on list.id = one.price_list_id
where one.id = any(:ids::bigint[]) order by one.id;

-- name: announcement_evidence$
select evidence from price_announcement where id = :id;

-- name: lock_announcement^
-- With its variant, as every writer of prices locks it first.
select one.id, one.variant_id, one.price_list_id, one.new_minor, one.starts_at, one.ends_at, one.withdrawn_at
from variant join price_announcement one on one.variant_id = variant.id
where one.id = :id for no key update of variant;

-- name: withdraw_announcements!
update price_announcement
set withdrawn_at = :now::timestamptz, withdrawn_by = :actor::text, withdrawn_for = :reason::text
where id = any(:ids::bigint[]) and withdrawn_at is null;

-- name: lock_due_variants
-- Those with a price or a reduction that begins or ends at an instant in a list; with ``whole`` all the list asks for.
select id, sku from variant
where id in (
    select variant_id from price where price_list_id = :price_list_id::int and starts_at = :at::timestamptz
    union
    select variant_id from price where price_list_id = :price_list_id and ends_at = :at
    union
    select variant_id from price
    where :whole::boolean and price_list_id = :price_list_id and (ends_at is null or ends_at > :at)
    union
    select variant_id from price_announcement where price_list_id = :price_list_id and starts_at = :at
    union
    select variant_id from price_announcement where price_list_id = :price_list_id and ends_at = :at
)
order by id for no key update;

-- name: announced_at
-- The reductions of a list that begin at an instant and were not withdrawn before.
select one.id, one.variant_id, variant.sku, one.new_minor, one.prior_minor, one.ends_at, one.campaign
from price_announcement one join variant on variant.id = one.variant_id
where one.price_list_id = :price_list_id and one.starts_at = :at and one.withdrawn_at is null
  and one.variant_id = any(:variants::bigint[]);

-- name: facts_of_list
select id, price_list_id, variant_id, amount_minor, starts_at, ends_at from price
where variant_id = :variant_id and price_list_id = :price_list_id;

-- name: price_list_by_id^
select id, code, name, currency, tax_included, channel, store_id, audience, starts_at, ends_at, priority, disabled_at
from price_list where id = :id;
