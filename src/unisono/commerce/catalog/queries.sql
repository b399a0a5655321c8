-- name: lock_catalogue
-- One writer of the catalogue at a time, until the transaction ends: barcodes, kits and the tree are rules over many
-- rows, which no constraint can hold.
select pg_advisory_xact_lock(:key::bigint);

-- name: variants
-- Variants with what pricing, promotions and stock want to know of them.
with recursive wanted as materialized (
    select variant.id, variant.sku, variant.product_id, variant.name as own_name, variant.options, variant.tax_class,
           variant.is_kit, variant.prep_minutes, variant.status, variant.on_sale_since, variant.price_version,
           product.code as product_code, product.name as product_name, product.brand, product.category_id,
           product.status as product_status, tax_class.rate_bp
    from variant join product on product.id = variant.product_id join tax_class on tax_class.code = variant.tax_class
    where variant.id = any(:ids::bigint[]) or variant.sku = any(:skus::text[])
), chain as (
    select id as leaf, parent_id, array[code] as codes from category
    where id in (select category_id from wanted)
    union all
    select chain.leaf, category.parent_id, category.code || chain.codes
    from chain join category on category.id = chain.parent_id
)
select wanted.*, chain.codes as category_codes, tags.value as tags
from wanted
left join chain on chain.leaf = wanted.category_id and chain.parent_id is null
left join product_attribute tags on tags.product_id = wanted.product_id and tags.variant_id is null
    and tags.name = 'tags' and tags.channel is null and tags.language is null;

-- name: sku_of_code$
-- The sku of a code somebody scanned or typed: a sku first, then a barcode in the likeliest form.
select sku from (
    select variant.sku, 0 as place from variant where variant.sku = :code
    union all
    select variant.sku, array_position(:barcodes::text[], barcode.code)
    from barcode join variant on variant.id = barcode.variant_id where barcode.code = any(:barcodes::text[])
) as found
order by place limit 1;

-- name: components
-- What is in kits, down to what is no kit itself; quantities multiplied along the way.
with recursive part as (
    select kit_id as root, component_id, quantity::bigint as quantity from kit_component
    where kit_id = any(:ids::bigint[])
    union all
    select part.root, inner_part.component_id, part.quantity * inner_part.quantity
    from part join kit_component inner_part on inner_part.kit_id = part.component_id
)
select root, component_id, sum(quantity)::bigint as quantity
from part where not exists (select 1 from kit_component where kit_id = part.component_id)
group by root, component_id order by root, component_id;

-- name: load_products
select product.code, product.name, product.brand, category.code as category, product.status, product.description
from product left join category on category.id = product.category_id
where product.code = any(:codes::text[]);

-- name: load_variants
-- The variants of these products, and those with these skus.
select variant.sku, product.code as product, variant.name, variant.options, variant.status, variant.tax_class,
       variant.is_kit, variant.prep_minutes, variant.on_sale_since
from variant join product on product.id = variant.product_id
where variant.id in (
    select id from variant where sku = any(:skus::text[])
    union
    select variant.id from variant join product on product.id = variant.product_id
    where product.code = any(:codes::text[])
);

-- name: load_barcodes
-- These barcodes, and all of these variants.
select barcode.code, variant.sku from barcode join variant on variant.id = barcode.variant_id
where barcode.code in (
    select code from barcode where code = any(:codes::text[])
    union
    select barcode.code from barcode join variant on variant.id = barcode.variant_id
    where variant.sku = any(:skus::text[])
);

-- name: load_attributes
select product.code as product, variant.sku, attribute.name, attribute.channel, attribute.language, attribute.value
from product_attribute attribute join product on product.id = attribute.product_id
left join variant on variant.id = attribute.variant_id
where product.code = any(:codes::text[]);

-- name: load_images
select product.code as product, image.url, image.alt, variant.sku
from product_image image join product on product.id = image.product_id
left join variant on variant.id = image.variant_id
where product.code = any(:codes::text[])
order by product.code, image.position;

-- name: load_kits
-- Every kit: whether one contains itself is a question about all of them.
select kit.sku as kit, component.sku as component, kit_component.quantity
from kit_component join variant kit on kit.id = kit_component.kit_id
join variant component on component.id = kit_component.component_id;

-- name: load_categories
select category.code, parent.code as parent, category.names
from category left join category parent on parent.id = category.parent_id;

-- name: load_tax_classes
select code from tax_class;

-- name: insert_products!
insert into product (code, name, brand, category_id, status, description)
select given.code, given.name, given.brand, category.id, given.status, given.description
from unnest(:codes::text[], :names::text[], :brands::text[], :categories::text[], :statuses::text[],
            :descriptions::text[]) as given (code, name, brand, category, status, description)
left join category on category.code = given.category;

-- name: update_products
-- Write these products and move their versions.
update product set name = given.name, brand = given.brand, category_id = category.id, status = given.status,
    description = given.description, updated_at = now(), version = product.version + 1
from unnest(:codes::text[], :names::text[], :brands::text[], :categories::text[], :statuses::text[],
            :descriptions::text[]) as given (code, name, brand, category, status, description)
left join category on category.code = given.category
where product.code = given.code
returning product.code, product.version;

-- name: insert_variants!
insert into variant (product_id, sku, name, options, status, tax_class, is_kit, prep_minutes, on_sale_since)
select product.id, given.sku, given.name, given.options, given.status, given.tax_class, given.is_kit,
       given.prep_minutes, given.on_sale_since
from unnest(:products::text[], :skus::text[], :names::text[], :options::jsonb[], :statuses::text[],
            :tax_classes::text[], :kits::boolean[], :minutes::int[], :since::timestamptz[])
    as given (product, sku, name, options, status, tax_class, is_kit, prep_minutes, on_sale_since)
join product on product.code = given.product;

-- name: update_variants!
update variant set name = given.name, options = given.options, status = given.status, tax_class = given.tax_class,
    is_kit = given.is_kit, prep_minutes = given.prep_minutes, on_sale_since = given.on_sale_since, updated_at = now()
from unnest(:skus::text[], :names::text[], :options::jsonb[], :statuses::text[],
            :tax_classes::text[], :kits::boolean[], :minutes::int[], :since::timestamptz[])
    as given (sku, name, options, status, tax_class, is_kit, prep_minutes, on_sale_since)
where variant.sku = given.sku;

-- name: drop_barcodes!
-- Barcodes of these variants that they shall not have any more.
delete from barcode using variant
where variant.id = barcode.variant_id and variant.sku = any(:owners::text[]) and barcode.code <> all(:codes::text[]);

-- name: write_barcodes!
insert into barcode (code, variant_id)
select given.code, variant.id from unnest(:codes::text[], :skus::text[]) as given (code, sku)
join variant on variant.sku = given.sku
on conflict (code) do update set variant_id = excluded.variant_id where barcode.variant_id <> excluded.variant_id;

-- name: drop_components!
delete from kit_component using variant where variant.id = kit_component.kit_id and variant.sku = any(:kits::text[]);

-- name: write_components!
insert into kit_component (kit_id, component_id, quantity)
select kit.id, component.id, given.quantity
from unnest(:kits::text[], :components::text[], :quantities::int[]) as given (kit, component, quantity)
join variant kit on kit.sku = given.kit join variant component on component.sku = given.component;

-- name: drop_attributes!
delete from product_attribute attribute
using unnest(:products::text[], :skus::text[], :names::text[], :channels::text[], :languages::text[])
    as given (product, sku, name, channel, language)
join product on product.code = given.product left join variant on variant.sku = given.sku
where attribute.product_id = product.id and attribute.variant_id is not distinct from variant.id
  and attribute.name = given.name and attribute.channel is not distinct from given.channel
  and attribute.language is not distinct from given.language;

-- name: write_attributes!
insert into product_attribute (product_id, variant_id, name, channel, language, value)
select product.id, variant.id, given.name, given.channel, given.language, given.value
from unnest(:products::text[], :skus::text[], :names::text[], :channels::text[], :languages::text[], :values::jsonb[])
    as given (product, sku, name, channel, language, value)
join product on product.code = given.product left join variant on variant.sku = given.sku
on conflict (product_id, variant_id, name, channel, language) do update set value = excluded.value;

-- name: drop_images!
delete from product_image using product
where product.id = product_image.product_id and product.code = any(:products::text[]);

-- name: write_images!
insert into product_image (product_id, variant_id, position, url, alt)
select product.id, variant.id, given.position, given.url, given.alt
from unnest(:products::text[], :skus::text[], :positions::int[], :urls::text[], :alts::jsonb[])
    as given (product, sku, position, url, alt)
join product on product.code = given.product left join variant on variant.sku = given.sku;

-- name: refresh_search!
-- The words of these products: name, variants and codes weigh most, then brand and categories, then attributes, then
-- the description; each as Italian, as English and as written, all without accents. Beside them stand what a search is
-- narrowed by, as words nobody can type: =active for the status, @shoes for each category it is in.
with recursive wanted as materialized (
    select id, code, name, brand, category_id, description, status from product where code = any(:codes::text[])
), chain as (
    select id as leaf, parent_id, code, names from category where id in (select category_id from wanted)
    union all
    select chain.leaf, category.parent_id, category.code, category.names
    from chain join category on category.id = chain.parent_id
), category_words as materialized (
    -- Once a category, not once a product.
    select leaf, array_to_tsvector(array(select '@' || code from chain where chain.leaf = named.leaf)) ||
           setweight(to_tsvector('italian', words) || to_tsvector('english', words) || to_tsvector('simple', words), 'B')
               as words
    from (
        select chain.leaf, regexp_replace(
            normalize(lower(string_agg(name.value, ' ')), nfkd), '[\u0300-\u036f]', '', 'g'
        ) as words
        from chain, jsonb_each_text(chain.names) as name group by chain.leaf
    ) as named
), variant_words as (
    select variant.product_id, string_agg(nullif(variant.sku, wanted.code), ' ') as skus,
           string_agg(concat_ws(' ', variant.name, option.words), ' ') as words
    from variant join wanted on wanted.id = variant.product_id
    left join lateral (
        select string_agg(value, ' ') as words from jsonb_each_text(variant.options) where variant.options <> '{}'
    ) as option on true
    group by variant.product_id
), attribute_words as (
    select attribute.product_id,
           string_agg(attribute.value #>> '{}', ' ') filter (where attribute.name = 'name') as names,
           string_agg(attribute.value #>> '{}', ' ') filter (where attribute.name <> 'name') as words
    from product_attribute attribute join wanted on wanted.id = attribute.product_id
    where jsonb_typeof(attribute.value) in ('string', 'array')
    group by attribute.product_id
), texts as materialized (
    select wanted.id, wanted.status, category_words.words as category,
           regexp_replace(normalize(lower(concat_ws(
               ' ', wanted.code, variant_words.skus, wanted.name, attribute_words.names, variant_words.words
           )), nfkd), '[\u0300-\u036f]', '', 'g') as a,
           regexp_replace(normalize(lower(wanted.brand), nfkd), '[\u0300-\u036f]', '', 'g') as b,
           regexp_replace(normalize(lower(attribute_words.words), nfkd), '[\u0300-\u036f]', '', 'g') as c,
           regexp_replace(normalize(lower(wanted.description), nfkd), '[\u0300-\u036f]', '', 'g') as d
    from wanted
    left join variant_words on variant_words.product_id = wanted.id
    left join category_words on category_words.leaf = wanted.category_id
    left join attribute_words on attribute_words.product_id = wanted.id
)
insert into product_search (product_id, words)
select id,
    array_to_tsvector(array['=' || status]) || setweight(to_tsvector('italian', a) || to_tsvector('english', a) || to_tsvector('simple', a), 'A')
    || coalesce(setweight(to_tsvector('simple', b), 'B'), '') || coalesce(category, '')
    || coalesce(setweight(to_tsvector('italian', c) || to_tsvector('english', c) || to_tsvector('simple', c), 'C'), '')
    || coalesce(setweight(to_tsvector('italian', d) || to_tsvector('english', d) || to_tsvector('simple', d), 'D'), '')
from texts
on conflict (product_id) do update set words = excluded.words where product_search.words <> excluded.words;

-- name: products_in_categories
-- The codes of the products in these categories and below them.
with recursive tree as (
    select id from category where code = any(:codes::text[])
    union
    select category.id from category join tree on category.parent_id = tree.id
)
select product.code from product where product.category_id in (select id from tree);

-- name: write_categories!
insert into category (code, names)
select * from unnest(:codes::text[], :names::jsonb[])
on conflict (code) do update set names = excluded.names;

-- name: place_categories!
update category set parent_id = parent.id
from unnest(:codes::text[], :parents::text[]) as given (code, parent)
left join category parent on parent.code = given.parent
where category.code = given.code and category.parent_id is distinct from parent.id;

-- name: read_product^
-- A product with the codes and names of its categories, from the root down.
with recursive chain as (
    select category.parent_id, array[category.code] as codes, jsonb_build_array(category.names) as names
    from product join category on category.id = product.category_id where product.code = :code
    union all
    select category.parent_id, category.code || chain.codes, jsonb_build_array(category.names) || chain.names
    from chain join category on category.id = chain.parent_id
)
select product.id, product.code, product.name, product.brand, product.description, product.status, product.version,
       chain.codes as category_codes, chain.names as category_names
from product left join chain on chain.parent_id is null
where product.code = :code;

-- name: read_variants
-- The variants of a product with their barcodes.
select variant.id, variant.sku, variant.name, variant.options, variant.status, variant.tax_class, tax_class.rate_bp,
       variant.is_kit, variant.prep_minutes, variant.on_sale_since,
       array(select code from barcode where barcode.variant_id = variant.id order by code) as barcodes
from variant join tax_class on tax_class.code = variant.tax_class
where variant.product_id = :product_id
order by variant.id;

-- name: read_components
-- What kits consist of, one level down, as people read it.
select kit_component.kit_id, variant.sku, product.name as product_name, variant.name as own_name, variant.options,
       kit_component.quantity
from kit_component join variant on variant.id = kit_component.component_id
join product on product.id = variant.product_id
where kit_component.kit_id = any(:ids::bigint[])
order by kit_component.kit_id, variant.sku;

-- name: read_categories
-- The tree, with how many products are in each node itself.
with recursive tree as (
    select id, code, parent_id, null::text as parent, names, array[code] as path from category where parent_id is null
    union all
    select category.id, category.code, category.parent_id, tree.code, category.names, tree.path || category.code
    from tree join category on category.parent_id = tree.id
)
select tree.code, tree.parent, tree.names, tree.path,
       (select count(*) from product where product.category_id = tree.id) as products
from tree order by tree.path;

-- name: category_exists$
select exists (select 1 from category where code = :code);

-- name: search
-- Exact codes first, then by rank; the words before the last in any of their forms, the last one also as a beginning.
with asked as materialized (
    select case when numnode(plainto_tsquery(:config::text::regconfig, :first)) = 0 then ''::tsquery
                else plainto_tsquery('italian', :first) || plainto_tsquery('english', :first)
                     || plainto_tsquery('simple', :first) end
           && (plainto_tsquery('italian', :last) || plainto_tsquery('english', :last)
               || to_tsquery('simple', :beginning)) as query
), exact as materialized (
    select product_id from variant where sku = :code
    union
    select variant.product_id from barcode join variant on variant.id = barcode.variant_id
    where barcode.code = any(:barcodes::text[])
    union
    select id from product where product.code = :code
), candidates as (
    -- A word that more products have than anybody can look at is not worth ranking all of them.
    select product_id, words, asked.query from asked, product_search
    where numnode(asked.query) > 0 and words @@ (asked.query && :narrowed::text::tsquery)
    limit :most::int
), hits as (
    select product_id, 2000000000 as score
    from exact join product_search using (product_id) where words @@ :narrowed::text::tsquery
    union all
    select product_id, (ts_rank('{0.02, 0.1, 0.4, 1}', words, query, 1) * 100000000)::int
    from candidates where product_id not in (select product_id from exact)
), page as (
    select product_id, score from hits
    where :after_score::int is null or score < :after_score
       or (score = :after_score and product_id > :after_id::bigint)
    order by score desc, product_id limit :limit::int
)
select page.score, product.id, product.code, product.name, product.brand, category.code as category, product.status,
       array(select sku from variant where variant.product_id = product.id order by variant.id limit 50) as skus,
       (select url from product_image image where image.product_id = product.id order by position limit 1) as image
from page join product on product.id = page.product_id
left join category on category.id = product.category_id
order by page.score desc, page.product_id;

-- name: list_products
-- Products by code.
with recursive tree as (
    select id from category where code = :category
    union
    select category.id from category join tree on category.parent_id = tree.id
)
select product.id, product.code, product.name, product.brand, category.code as category, product.status,
       array(select sku from variant where variant.product_id = product.id order by variant.id limit 50) as skus,
       (select url from product_image image where image.product_id = product.id order by position limit 1) as image
from product left join category on category.id = product.category_id
where product.status = any(:statuses::text[]) and (:after::text is null or product.code > :after)
  and (:category::text is null or product.category_id in (select id from tree))
order by product.code limit :limit::int;

-- name: count_catalogue^
-- How many products and variants there are.
select (select count(*) from product) as products, (select count(*) from variant) as variants;

-- name: count_skus$
-- How many of these skus there are.
select count(*) from variant where sku = any(:skus::text[]);

-- name: analyse!
analyze product, variant, product_search;
