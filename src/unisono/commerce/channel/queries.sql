-- name: customer_of
-- Nodes of these identifiers, their persons, and whether the person is somebody.
select node.id, node.namespace, node.value, node.person_id,
       exists (select 1 from node other join namespace on namespace.name = other.namespace
               where other.person_id = node.person_id and namespace.level = 'person') as known
from unnest(:namespaces::text[], :values::text[]) as wanted (namespace, value)
join node on node.namespace = wanted.namespace and node.value = wanted.value;

-- name: is_known$
-- Whether the person has an identifier beyond devices.
select exists (select 1 from node join namespace on namespace.name = node.namespace
               where node.person_id = :person_id and namespace.level = 'person');

-- name: product_id_of$
-- A product by its code, or by the sku of one of its variants.
select coalesce(
    (select id from product where code = cast(:code as text)),
    (select product_id from variant where sku = cast(:code as text)));

-- name: insert_review^
-- Once a person and product: writing again changes the text and asks for approval again.
insert into product_review (product_id, node_id, rating, title, body, verified, channel, at, key)
values (:product_id, :node_id, :rating, :title, :body, :verified, :channel, :at, :key)
on conflict (key) do update
set rating = excluded.rating, title = excluded.title, body = excluded.body, verified = excluded.verified,
    channel = excluded.channel, at = excluded.at, status = 'pending'
returning id, (xmax = 0) as created;

-- name: has_bought$
-- Whether the person has an order line of the product that was not cancelled.
select exists (
    select 1 from sales_order o
    join order_line l on l.order_id = o.id and l.quantity > l.cancelled
    join variant v on v.id = l.variant_id
    where o.node_id = any (:nodes::bigint[]) and v.product_id = :product_id);

-- name: reviews_of
-- Published reviews of a product, newest first; from the next id on.
select id, rating, title, body, verified, channel, at from product_review
where product_id = :product_id and status = 'published' and (cast(:before as bigint) is null or id < :before)
order by id desc limit :limit;

-- name: rating_of^
-- Mean and number of published ratings.
select count(*) as reviews, coalesce(sum(rating), 0) as total, count(*) filter (where verified) as verified
from product_review where product_id = :product_id and status = 'published';

-- name: reviews_waiting
-- Reviews nobody has looked at, oldest first.
select r.id, r.rating, r.title, r.body, r.verified, r.channel, r.at, p.code, p.name
from product_review r join product p on p.id = r.product_id
where r.status = 'pending' order by r.id limit :limit;

-- name: judge_review^
-- Publish or refuse.
update product_review r set status = :status from product p
where r.id = :id and p.id = r.product_id
returning r.id, r.status, r.node_id, r.rating, p.code, p.name;

-- name: zone_of_store$
-- The IANA zone of a place.
select timezone from location where code = :code;

-- name: feed_page
-- Variants on sale in the order of their ids, with what a feed says of them; from the next id on.
with recursive path as (
    select id, parent_id, array[coalesce(names ->> :language, names ->> 'en', code)] as names from category
    where parent_id is null
    union all
    select category.id, category.parent_id,
           path.names || coalesce(category.names ->> :language, category.names ->> 'en', category.code)
    from category join path on path.id = category.parent_id
)
select v.id, v.sku, v.options, v.is_kit, p.code, coalesce(v.name, p.name) as name, p.description, p.brand, path.names,
       array(select code from barcode where variant_id = v.id order by code) as barcodes,
       array(select url from product_image i where i.product_id = p.id and (i.variant_id is null or i.variant_id = v.id)
             order by i.variant_id is null, i.position) as images
from variant v join product p on p.id = v.product_id
left join path on path.id = p.category_id
where v.status = 'active' and p.status = 'active' and v.id > :after
  and (cast(:product as text) is null or p.code = :product)
order by v.id limit :limit;
