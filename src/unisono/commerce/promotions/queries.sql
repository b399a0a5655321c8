-- name: lock_name!
-- Serialise whoever changes one promotion, or the uses of one order, until the transaction ends.
select pg_advisory_xact_lock(hashtextextended(:name::text, 0));

-- name: lock_nodes!
-- Serialise the uses of one person: over all his identifiers, so that two that become one in between still meet.
select pg_advisory_xact_lock(hashtextextended('promotion use of node ' || id, 0))
from (select id from node
      where person_id = (select person_id from node where id = :node::bigint) order by id) as his;

-- name: live_promotions
-- Those a basket may meet now, and those its coupons are of; the definition only where the caller has an older one.
-- What is left of limited ones: dead holds promise nothing, and what the basket itself has put aside is its own.
with met as (
    select id, code, status, version, updated_at, budget_good, uses_good
    from promotion
    where status = 'active' and not needs_coupon
      and (starts_at is null or starts_at <= :now::timestamptz) and (ends_at is null or ends_at > :now::timestamptz)
    union
    select promotion.id, promotion.code, status, version, updated_at, budget_good, uses_good
    from coupon join promotion on promotion.id = coupon.promotion_id
    where coupon.code = any(:coupons::text[])
), room as (
    select good.id, good.capacity - good.committed - good.held + coalesce(dead.quantity, 0) + coalesce(own.quantity, 0)
                    as free
    from good
    left join lateral (
        select sum(quantity)::bigint as quantity from hold
        where hold.good_id = good.id and state = 'held' and expires_at <= :now::timestamptz
    ) dead on true
    left join lateral (
        select sum(quantity)::bigint as quantity from hold
        where hold.reference = :reference::text and hold.good_id = good.id
          and (state = 'committed' or (state = 'held' and (expires_at is null or expires_at > :now::timestamptz)))
    ) own on true
    where good.id in (select budget_good from met union all select uses_good from met)
)
select met.id, met.code, met.status, met.version, met.updated_at, budget.free as budget_left, uses.free as uses_left,
       case when known.id is null then
           (select definition::text from promotion_version as written
            where written.promotion_id = met.id and written.version = met.version)
       end as definition
from met
left join unnest(:known_ids::int[], :known_versions::bigint[], :known_times::timestamptz[])
          as known (id, version, updated_at) using (id, version, updated_at)
left join room as budget on budget.id = met.budget_good
left join room as uses on uses.id = met.uses_good;

-- name: coupons_entered
-- What each code is, whose, and how many uses of it are left for this basket.
select coupon.code, promotion.code as promotion, coupon.starts_at, coupon.expires_at, coupon.disabled_at,
       coupon.node_id, owner.person_id as owner,
       (select person_id from node where id = :person::bigint) as person,
       good.capacity - good.committed - good.held
       + coalesce((select sum(quantity) from hold
                   where hold.good_id = good.id and state = 'held' and expires_at <= :now::timestamptz), 0)
       + coalesce((select sum(quantity) from hold
                   where hold.reference = :reference::text and hold.good_id = good.id
                     and (state = 'committed'
                          or (state = 'held' and (expires_at is null or expires_at > :now::timestamptz)))), 0)
       as free
from coupon
join promotion on promotion.id = coupon.promotion_id
join good on good.id = coupon.good_id
left join node as owner on owner.id = coupon.node_id
where coupon.code = any(:coupons::text[]);

-- name: uses_of_person
-- How often a person has used promotions, over all identifiers; what has expired is no use.
select promotion.code, count(*) as uses
from promotion_use as used join promotion on promotion.id = used.promotion_id
where used.node_id in (select id from node where person_id = (select person_id from node where id = :person::bigint))
  and (used.state = 'committed'
       or (used.state = 'held' and (used.expires_at is null or used.expires_at > :now::timestamptz)))
  and used.reference is distinct from :reference::text
group by promotion.code;

-- name: find_promotion^
select promotion.id, code, status, promotion.version, currency, starts_at, ends_at, budget_good, uses_good,
       written.definition::text as definition, promotion.updated_at
from promotion join promotion_version as written
     on written.promotion_id = promotion.id and written.version = promotion.version
where code = :code;

-- name: list_promotions
-- By code, after one; statuses empty means all.
select promotion.id, status, promotion.version, written.definition::text as definition, promotion.updated_at,
       budget.committed + budget.held as budget_used, uses.committed + uses.held as times_used
from promotion
join promotion_version as written on written.promotion_id = promotion.id and written.version = promotion.version
left join good as budget on budget.id = promotion.budget_good
left join good as uses on uses.id = promotion.uses_good
where (cardinality(:statuses::text[]) = 0 or status = any(:statuses::text[]))
  and (:after::text is null or code > :after::text)
order by code
limit :limit::int;

-- name: insert_promotion^
insert into promotion (code, name, texts, status, starts_at, ends_at, priority, exclusive_group, combinable,
                       combines_with, needs_coupon, conditions, effects, currency, budget_minor, max_uses, per_person,
                       budget_good, uses_good, created_by)
values (:code, :name, :texts::text::jsonb, :status, :starts_at, :ends_at, :priority, :exclusive_group, :combinable,
        :combines_with::text[], :needs_coupon, :conditions::text::jsonb, :effects::text::jsonb, :currency,
        :budget_minor, :max_uses, :per_person, :budget_good, :uses_good, :actor)
returning id, version, status;

-- name: update_promotion^
update promotion
set name = :name, texts = :texts::text::jsonb, starts_at = :starts_at, ends_at = :ends_at, priority = :priority,
    exclusive_group = :exclusive_group, combinable = :combinable, combines_with = :combines_with::text[],
    needs_coupon = :needs_coupon, conditions = :conditions::text::jsonb, effects = :effects::text::jsonb,
    currency = :currency, budget_minor = :budget_minor, max_uses = :max_uses, per_person = :per_person,
    budget_good = :budget_good, uses_good = :uses_good, version = version + 1, updated_at = clock_timestamp()
where code = :code
returning id, version, status;

-- name: move_promotion^
-- Another status, or only another version: the definition stays.
update promotion set status = :status, version = version + 1, updated_at = clock_timestamp()
where code = :code
returning id, version, status;

-- name: insert_version!
insert into promotion_version (promotion_id, version, at, actor, definition)
values (:promotion_id, :version, :at, :actor, :definition::text::jsonb);

-- name: versions_of
select version, at, actor, definition::text as definition
from promotion_version where promotion_id = (select id from promotion where code = :code)
order by version desc;

-- name: has_uses$
select exists (select 1 from promotion_use where promotion_id = :promotion_id and state <> 'released');

-- name: limits_of_quote
-- What the promotions and coupons of a quote must hold: one row a promotion, with its coupon if it has one.
select promotion.id as promotion_id, promotion.code, promotion.name, promotion.status, promotion.budget_good,
       promotion.uses_good, promotion.per_person, coupon.id as coupon_id, coupon.code as coupon,
       coupon.good_id as coupon_good, good.capacity as coupon_capacity, coupon.disabled_at
from unnest(:promotions::text[], :coupons::text[]) as applied (promotion, coupon)
join promotion on promotion.code = applied.promotion
left join coupon on coupon.code = applied.coupon and coupon.promotion_id = promotion.id
left join good on good.id = coupon.good_id;

-- name: uses_of_reference
-- What an order or checkout has used, with what it must hold, as `limits_of_quote` has it.
select used.promotion_id, promotion.code, promotion.name, promotion.status, promotion.budget_good,
       promotion.uses_good, promotion.per_person, coupon.id as coupon_id, coupon.code as coupon,
       coupon.good_id as coupon_good, good.capacity as coupon_capacity, coupon.disabled_at, used.id, used.node_id,
       used.amount_minor, used.currency, used.state, used.expires_at, used.attempt, used.hold_ids, used.channel,
       used.store_id
from promotion_use as used
join promotion on promotion.id = used.promotion_id
left join coupon on coupon.id = used.coupon_id
left join good on good.id = coupon.good_id
where used.reference = :reference
order by used.promotion_id;

-- name: write_uses!
insert into promotion_use (promotion_id, coupon_id, node_id, reference, amount_minor, currency, state, at, expires_at,
                           attempt, hold_ids, channel, store_id)
select new.promotion_id, new.coupon_id, :node_id, :reference, new.amount_minor, :currency, 'held', :now, :expires_at,
       :attempt, :hold_ids::uuid[], :channel, :store_id
from unnest(:promotions::int[], :coupon_ids::bigint[], :amounts::bigint[]) as new (promotion_id, coupon_id, amount_minor)
on conflict (promotion_id, reference) do update
set coupon_id = excluded.coupon_id, node_id = excluded.node_id, amount_minor = excluded.amount_minor,
    currency = excluded.currency, state = 'held', at = excluded.at, expires_at = excluded.expires_at,
    attempt = excluded.attempt, hold_ids = excluded.hold_ids, channel = excluded.channel,
    store_id = excluded.store_id, order_number = null;

-- name: settle_uses!
update promotion_use set state = :state, order_number = coalesce(:order_number, order_number), expires_at = null
where reference = :reference and state = any(:before::text[]);

-- name: extend_uses!
update promotion_use set expires_at = :expires_at where reference = :reference and state = 'held';

-- name: known_coupons
select code from coupon where code = any(:codes::text[]);

-- name: insert_coupons!
insert into coupon (promotion_id, code, kind, node_id, batch, good_id, starts_at, expires_at, created_at, created_by)
select :promotion_id, new.code, :kind, new.node_id, :batch, new.good_id, :starts_at, :expires_at, :now, :actor
from unnest(:codes::text[], :goods::bigint[], :nodes::bigint[]) as new (code, good_id, node_id);

-- name: find_coupon^
select coupon.id, coupon.code, coupon.kind, coupon.batch, coupon.node_id, owner.person_id as owner, coupon.starts_at,
       coupon.expires_at, coupon.created_at, coupon.created_by, coupon.disabled_at, coupon.disabled_by, coupon.good_id,
       promotion.code as promotion, promotion.name as promotion_name, promotion.status as promotion_status,
       promotion.starts_at as promotion_starts_at, promotion.ends_at as promotion_ends_at
from coupon
join promotion on promotion.id = coupon.promotion_id
left join node as owner on owner.id = coupon.node_id
where coupon.code = :code;

-- name: uses_of_coupon
select reference, order_number, node_id, amount_minor, currency, state, at, expires_at, channel, store_id
from promotion_use where coupon_id = :coupon_id order by at desc limit 20;

-- name: disable_coupons
-- By code, or a whole batch; those disabled already stay as they are.
update coupon set disabled_at = :now, disabled_by = :actor
where disabled_at is null and (code = any(:codes::text[]) or batch = :batch::text)
returning code, good_id;

-- name: find_nodes
select asked.ordinal, node.id
from unnest(:namespaces::text[], :values::text[]) with ordinality as asked (namespace, value, ordinal)
join node on node.namespace = asked.namespace and node.value = asked.value
order by asked.ordinal;

-- name: category_paths
-- Every category with all it lies in, itself included.
with recursive up as (
    select code, id, parent_id, array[code] as path from category
    union all
    select up.code, category.id, category.parent_id, up.path || category.code
    from up join category on category.id = up.parent_id
)
select code, path from up where parent_id is null;

-- name: room_of_promotions
-- What is left of the limits of promotions; null where there is none.
select promotion.code, budget.free as budget_left, uses.free as uses_left
from promotion
left join lateral (
    select good.capacity - good.committed - good.held
           + coalesce((select sum(quantity)::bigint from hold where hold.good_id = good.id and state = 'held'
                       and expires_at <= :now::timestamptz), 0) as free
    from good where good.id = promotion.budget_good
) budget on true
left join lateral (
    select good.capacity - good.committed - good.held
           + coalesce((select sum(quantity)::bigint from hold where hold.good_id = good.id and state = 'held'
                       and expires_at <= :now::timestamptz), 0) as free
    from good where good.id = promotion.uses_good
) uses on true
where promotion.id = any(:ids::int[]);
