-- name: people_of_nodes
-- The persons of these nodes, with every node of theirs.
select me.id as asked, node.id, node.person_id, node.namespace, node.value, namespace.level
from node me join node on node.person_id = me.person_id join namespace on namespace.name = node.namespace
where me.id = any((select :nodes::bigint[])::bigint[])
order by namespace.priority, node.id;

-- name: traits_of_people
-- What was said of these nodes; of these traits, or of all.
select node.person_id, trait.node_id, trait.name, trait.value, trait.occurred_at, source.name as source_name,
       source.kind as source_kind
from node join trait on trait.node_id = node.id left join source on source.id = trait.source_id
where node.id = any((select :nodes::bigint[])::bigint[]) and (:names::text[] is null or trait.name = any(:names::text[]));

-- name: computed_of_people
-- Partial results of computed traits of these nodes; of these, or of all.
select node.person_id, computed_trait.trait, count, first_at, first_value, last_at, last_value, total, tally
from node join computed_trait on computed_trait.node_id = node.id
where node.id = any((select :nodes::bigint[])::bigint[]) and computed_trait.trait = any(:partials::text[]);

-- name: points_of_people
select node.person_id, sum(points_balance.points)::bigint as points
from node join points_balance on points_balance.node_id = node.id
where node.id = any((select :nodes::bigint[])::bigint[]) group by node.person_id;

-- name: segments_of_people
-- The live segments these persons are in.
select segment_member.person_id, segment.code from segment_member
join segment on segment.id = segment_member.segment_id and segment.status = 'live'
where segment_member.person_id = any((select :persons::bigint[])::bigint[]) order by segment.code;

-- name: carts_of_people
-- The open cart of each of these persons that was touched last, line by line.
with open_cart as (
    select distinct on (node.person_id) node.person_id, cart.id, cart.code, cart.currency, cart.updated_at
    from node join cart on cart.node_id = node.id and cart.status in ('active', 'checkout')
    where node.id = any((select :nodes::bigint[])::bigint[])
    order by node.person_id, cart.updated_at desc
)
select open_cart.person_id, open_cart.code, open_cart.currency, open_cart.updated_at, variant.sku, cart_line.quantity,
       cart_line.seen_minor
from open_cart left join cart_line on cart_line.cart_id = open_cart.id
left join variant on variant.id = cart_line.variant_id
order by open_cart.person_id, cart_line.added_at, cart_line.variant_id;

-- name: orders_of_people
-- Orders of these persons: those named by their number, and of each person the last one.
with last_order as (
    select distinct on (node.person_id) node.person_id, sales_order.id
    from node join sales_order on sales_order.node_id = node.id
    where node.id = any((select :nodes::bigint[])::bigint[])
    order by node.person_id, sales_order.placed_at desc, sales_order.id desc
), wanted as (
    select node.person_id, sales_order.id, true as named
    from sales_order join node on node.id = sales_order.node_id
    where sales_order.number = any(:numbers::text[]) and node.id = any((select :nodes::bigint[])::bigint[])
    union all
    select person_id, id, false from last_order where id not in (
        select id from sales_order where number = any(:numbers::text[]))
)
select wanted.person_id, wanted.named, sales_order.number, sales_order.status, sales_order.payment_status,
       sales_order.currency, sales_order.subtotal_minor, sales_order.discount_minor, sales_order.shipping_minor,
       sales_order.total_minor, sales_order.placed_at, sales_order.store_id, sales_order.channel,
       order_line.sku, order_line.name, order_line.quantity, order_line.unit_minor, order_line.total_minor as line_minor
from wanted join sales_order on sales_order.id = wanted.id left join order_line on order_line.order_id = sales_order.id
order by wanted.person_id, sales_order.placed_at, sales_order.id, order_line.position;

-- name: images_of_products
-- The first image of each product, and of each variant that has its own.
select distinct on (image.product_id, image.variant_id) image.product_id, image.variant_id, image.url
from product_image image where image.product_id = any((select :products::bigint[])::bigint[])
order by image.product_id, image.variant_id, image.position;

-- name: names_of_products
-- Names in other languages, where a product or a variant has one.
select product_id, variant_id, language, value from product_attribute
where product_id = any((select :products::bigint[])::bigint[]) and name = 'name' and channel is null
  and language = any(:languages::text[]);

-- name: read_template^
select template.id, template.code, template.name, template.kind, template.purpose, template.brand, template.notice, template.version,
       template.draft, template.draft_by, template.draft_at, template.archived_at, template_version.content
from template left join template_version
     on template_version.template_id = template.id and template_version.version = template.version
where template.code = :code::text;

-- name: read_version^
select template.code, template.purpose, template.brand, template_version.version, template_version.content,
       template_version.at, template_version.actor, template_version.note
from template join template_version on template_version.template_id = template.id
where template.code = :code::text and template_version.version = :version::int;

-- name: versions_of
select template.code, template.purpose, template.brand, template_version.version, template_version.content,
       template_version.at, template_version.actor, template_version.note
from template join template_version on template_version.template_id = template.id
where template.code = :code::text order by template_version.version desc limit :most::int;

-- name: list_templates
select template.id, template.code, template.name, template.kind, template.purpose, template.brand, template.notice, template.version,
       template.draft, template.draft_by, template.draft_at, template.archived_at, template_version.content
from template left join template_version
     on template_version.template_id = template.id and template_version.version = template.version
where (:kind::text is null or template.kind = :kind::text) and (:archived::boolean or template.archived_at is null)
  and (:after::text is null or template.code > :after::text)
order by template.code limit :most::int;

-- name: lock_template
-- One writer of a template at a time, also of one that is not there yet.
select pg_advisory_xact_lock(hashtextextended('template ' || :code::text, 0));

-- name: insert_template!
insert into template (code, name, kind, purpose, brand, notice, draft, draft_by, draft_at)
values (:code::text, :name::text, :kind::text, :purpose::text, :brand::text, :notice::text, :draft::jsonb, :actor::text,
        :now::timestamptz);

-- name: update_template!
update template set name = :name::text, purpose = :purpose::text, brand = :brand::text, notice = :notice::text,
    draft = :draft::jsonb,
    draft_by = :actor::text, draft_at = :now::timestamptz
where code = :code::text;

-- name: publish_template$
-- The draft becomes the next version.
with moved as (
    update template set version = version + 1, archived_at = null where code = :code::text returning id, version, draft
)
insert into template_version (template_id, version, content, at, actor, note)
select id, version, draft, :now::timestamptz, :actor::text, :note::text from moved
returning version;

-- name: archive_template!
update template set archived_at = :at::timestamptz where code = :code::text;

-- name: published_now
-- Of the template asked for: what is published, in which brand; and of every block.
select template.code, template.kind, template.purpose, template.brand, template.version from template
where template.version > 0 and (template.code = :code::text or (template.kind = 'block' and template.archived_at is null));

-- name: published_blocks
select template.code, template_version.content
from template join template_version
     on template_version.template_id = template.id and template_version.version = template.version
where template.kind = 'block' and template.archived_at is null and template.code = any(:codes::text[]);

-- name: saying
-- Published templates with a text somewhere in their content.
select template.code, template_version.content from template join template_version
     on template_version.template_id = template.id and template_version.version = template.version
where template.archived_at is null and strpos(template_version.content::text, :text::text) > 0
order by template.code;

-- name: known_codes
select code from template where code = any(:codes::text[]);

-- name: noticing
-- Published messages that answer an event by themselves.
select code, notice, purpose, version from template
where notice is not null and kind = 'message' and version > 0 and archived_at is null order by notice, code;
