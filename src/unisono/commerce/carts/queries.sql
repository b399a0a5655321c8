-- name: lock_carts
-- One cart by its id, or every open cart of the person a node belongs to, locked in the order of their ids, with all
-- that is in them, and what is known of the person (of the node, else of the cart's); one row without a cart when there
-- is none. ``read_version`` is the version the lines were read at: when the lock had to be waited for it is older than
-- ``version``, and the caller reads again.
with mine as materialized (
    select node.id, node.person_id, namespace.level
    from node me join node on node.person_id = me.person_id join namespace on namespace.name = node.namespace
    where me.id = coalesce(:node::bigint, (select node_id from cart where cart.id = :id::uuid))
), wanted as (
    select cart.id from cart where cart.id = :id::uuid
    union
    select cart.id from mine join cart on cart.node_id = mine.id and cart.status in ('active', 'checkout')
    where :id::uuid is null
), locked as (
    select cart.* from cart where cart.id in (select id from wanted) order by cart.id for update
), person as (
    select min(person_id) as person_id, bool_or(level = 'person') as identified,
           (select count(*) from sales_order
            where node_id = any(array(select id from mine)) and status <> 'cancelled') as orders,
           (select timezone from location where code = :store_id) as timezone,
           (select jsonb_agg(jsonb_build_object(
                   'name', trait.name, 'value', trait.value, 'spelt', trait.value::text, 'at', trait.occurred_at,
                   'source', source.name, 'source_kind', source.kind, 'node_id', trait.node_id))
            from trait left join source on source.id = trait.source_id
            where trait.node_id = any(array(select id from mine))) as traits,
           (select array_agg(segment.code) from segment_member
            join segment on segment.id = segment_member.segment_id and segment.status = 'live'
            where segment_member.person_id = (select min(person_id) from mine)) as segments
    from mine
)
select locked.*, (select again.version from cart again where again.id = locked.id) as read_version,
       owner.person_id, coalesce(namespace.priority, 1000000) as priority,
       person.person_id as asking, person.identified, person.orders, person.timezone, person.traits, person.segments,
       setting.idle_minutes, setting.merge_rule,
       (select jsonb_agg(jsonb_build_object(
               'variant_id', line.variant_id, 'sku', variant.sku, 'quantity', line.quantity, 'channel', line.channel,
               'store_id', line.store_id, 'seen_minor', line.seen_minor, 'seen_at', line.seen_at,
               'node_id', line.node_id, 'note', line.note, 'added_at', line.added_at)
               order by line.added_at, line.variant_id)
        from cart_line line join variant on variant.id = line.variant_id where line.cart_id = locked.id) as lines,
       (select jsonb_agg(jsonb_build_object(
               'id', cart_merge.id, 'other_id', other_id, 'rule', rule, 'at', at, 'actor', actor, 'notices', notices)
               order by cart_merge.id desc)
        from cart_merge where cart_merge.cart_id = locked.id and undone_at is null) as merges
from cart_setting setting cross join person
left join locked on true
left join node owner on owner.id = locked.node_id
left join namespace on namespace.name = owner.namespace;

-- name: read_cart^
-- A cart by its id, its code or the hash of its link; where it was merged into another, still itself.
select cart.*, owner.person_id,
       (select jsonb_agg(jsonb_build_object(
               'variant_id', line.variant_id, 'sku', variant.sku, 'quantity', line.quantity, 'channel', line.channel,
               'store_id', line.store_id, 'seen_minor', line.seen_minor, 'seen_at', line.seen_at,
               'node_id', line.node_id, 'note', line.note, 'added_at', line.added_at)
               order by line.added_at, line.variant_id)
        from cart_line line join variant on variant.id = line.variant_id where line.cart_id = cart.id) as lines,
       (select jsonb_agg(jsonb_build_object(
               'id', cart_merge.id, 'other_id', other_id, 'rule', rule, 'at', at, 'actor', actor, 'notices', notices)
               order by cart_merge.id desc)
        from cart_merge where cart_merge.cart_id = cart.id and undone_at is null) as merges,
       (select cart_id from cart_merge where other_id = cart.id and undone_at is null) as merged_into
from cart left join node owner on owner.id = cart.node_id
where cart.id = :id::uuid or cart.code = :code or cart.share_hash = :share_hash::bytea;

-- name: open_cart_of$
-- Which cart of a person stands for all his open ones until they are merged: of this identifier, else the newest, one
-- that is being paid last.
select cart.id
from node me join node on node.person_id = me.person_id
join cart on cart.node_id = node.id and cart.status in ('active', 'checkout')
where me.id = :node
order by cart.status = 'checkout', cart.node_id <> :node, cart.updated_at desc, cart.id limit 1;

-- name: wait_for_person!
-- Who makes the first cart of a person; whoever comes second finds it.
select pg_advisory_xact_lock(hashtextextended('cart of ' || :person::bigint, 0));

-- name: create_cart$
-- With its change. Nothing comes back when the code is taken, or the node has an open cart by now.
with made as (
    insert into cart (code, node_id, channel, store_id, currency, created_at, updated_at)
    values (:code, :node, :channel, :store_id, :currency, :now, :now)
    on conflict do nothing returning id, node_id, version
), told as (
    insert into change (kind, subject, sequence, node_id, data)
    select 'cart', 'cart:' || id, version, node_id, :data::jsonb || jsonb_build_object('cart_id', id) from made
)
select id from made;

-- name: save_cart$
-- What changed of a cart, its lines and the change that tells of it, in one statement: its version goes up by one.
with moved as (
    update cart set version = version + 1, updated_at = :updated_at, node_id = :node, status = :status,
        coupons = :coupons::text[], order_id = :order_id, paying_until = :paying_until,
        paying_for = :paying_for, trouble = :trouble,
        left_as = :left_as, left_at = :left_at,
        share_hash = case when :shared::boolean then coalesce(:share_hash::bytea, share_hash) end
    where id = :id returning id, version, node_id
), gone as (
    delete from cart_line where cart_id = :id and variant_id = any(:gone::bigint[])
), put as (
    insert into cart_line (cart_id, variant_id, quantity, channel, store_id, seen_minor, seen_at, node_id, note,
                           added_at)
    select :id, line.variant_id, line.quantity, line.channel, line.store_id, line.seen_minor, line.seen_at,
           line.node_id, line.note, line.added_at
    from jsonb_to_recordset(:put::jsonb) as line (
        variant_id bigint, quantity int, channel text, store_id text, seen_minor bigint, seen_at timestamptz,
        node_id bigint, note text, added_at timestamptz)
    on conflict (cart_id, variant_id) do update set quantity = excluded.quantity, channel = excluded.channel,
        store_id = excluded.store_id, seen_minor = excluded.seen_minor, seen_at = excluded.seen_at,
        node_id = excluded.node_id, note = excluded.note, added_at = excluded.added_at
), told as (
    insert into change (kind, subject, sequence, node_id, data)
    select 'cart', 'cart:' || id, version, node_id, :data::jsonb from moved
)
select version from moved;

-- name: note_timer!
update cart set idle_timer = :second where id = :id;

-- name: insert_merge<!
insert into cart_merge (cart_id, other_id, rule, before, notices, at, actor)
values (:cart_id, :other_id, :rule, :before::jsonb, :notices::jsonb, :at, :actor) returning id;

-- name: merges_apart
-- Pairs of these carts that somebody took apart by hand: they are not merged again by themselves.
select cart_id, other_id from cart_merge
where cart_id = any(:ids::uuid[]) and other_id = any(:ids::uuid[]) and undone_as = 'asked';

-- name: read_merge^
select id, cart_id, other_id, rule, before, undone_at from cart_merge where id = :id for update;

-- name: merge_above^
-- The merge a cart went on in.
select id, cart_id, other_id, rule, before, undone_at from cart_merge
where other_id = :other_id and undone_at is null for update;

-- name: close_merge!
update cart_merge set undone_at = :at, undone_by = :actor, undone_as = :undone_as where id = :id;

-- name: write_before!
update cart_merge set before = :before::jsonb where id = :id;

-- name: merges_across
-- Merges not undone of carts whose identifiers are different people now, newest first: of these persons' carts.
select cart_merge.id from cart_merge
join cart on cart.id = cart_merge.cart_id join node on node.id = cart.node_id
join cart other on other.id = cart_merge.other_id join node other_node on other_node.id = other.node_id
where cart_merge.undone_at is null and node.person_id <> other_node.person_id
  and (node.person_id = any(:persons::bigint[]) or other_node.person_id = any(:persons::bigint[]))
order by cart_merge.id desc;

-- name: stray_lines
-- Open carts with lines that an identifier put in which is somebody else now: of these persons' identifiers.
select distinct cart.id, line.node_id from cart
join node on node.id = cart.node_id
join cart_line line on line.cart_id = cart.id
join node adder on adder.id = line.node_id
where cart.status = 'active' and adder.person_id <> node.person_id
  and (node.person_id = any(:persons::bigint[]) or adder.person_id = any(:persons::bigint[]))
order by cart.id, line.node_id;

-- name: persons_of
select distinct person_id from node where id = any(:nodes::bigint[]);

-- name: bought_since$
-- Whether the person of a node has ordered one of these products since, in whatever channel.
select exists (
    select 1 from node me join node on node.person_id = me.person_id
    join sales_order on sales_order.node_id = node.id
    join order_line on order_line.order_id = sales_order.id
    where me.id = :node and sales_order.placed_at >= :since and sales_order.status <> 'cancelled'
      and order_line.variant_id = any(:variants::bigint[])
);

-- name: persons_with_several
-- Which of these persons have more than one active cart.
select node.person_id, min(node.id) as node_id from cart join node on node.id = cart.node_id
where node.person_id = any(:persons::bigint[]) and cart.status = 'active'
group by node.person_id having count(*) > 1 order by node.person_id;

-- name: facts_of_node^
-- What is known of the person of a node, as `lock_carts` has it.
with mine as materialized (
    select node.id, node.person_id, namespace.level
    from node me join node on node.person_id = me.person_id join namespace on namespace.name = node.namespace
    where me.id = :node::bigint
)
select min(person_id) as asking, bool_or(level = 'person') as identified,
       (select count(*) from sales_order
        where node_id = any(array(select id from mine)) and status <> 'cancelled') as orders,
       (select timezone from location where code = :store_id) as timezone,
       (select jsonb_agg(jsonb_build_object(
               'name', trait.name, 'value', trait.value, 'spelt', trait.value::text, 'at', trait.occurred_at,
               'source', source.name, 'source_kind', source.kind, 'node_id', trait.node_id))
        from trait left join source on source.id = trait.source_id
        where trait.node_id = any(array(select id from mine))) as traits,
       (select array_agg(segment.code) from segment_member
        join segment on segment.id = segment_member.segment_id and segment.status = 'live'
        where segment_member.person_id = (select min(person_id) from mine)) as segments
from mine;

-- name: settings^
select idle_minutes, merge_rule from cart_setting;

-- name: write_settings!
update cart_setting set idle_minutes = :idle_minutes, merge_rule = :merge_rule;

-- name: names_of_carts
select id::text, code from cart where node_id = any(:nodes::bigint[]);
