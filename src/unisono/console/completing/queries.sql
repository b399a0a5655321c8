-- name: sizes^
-- The planner's estimates, to take a sample of some hundred thousand rows and no more.
select (select greatest(reltuples, 0)::bigint from pg_class where oid = 'trait'::regclass) as traits,
       (select greatest(reltuples, 0)::bigint from pg_class where oid = 'event'::regclass) as events;

-- name: trait_names
-- Traits people have, those of most people first.
select name, count(*) as times from trait tablesample system (:percent::real) repeatable (1)
group by name order by times desc, name limit :most;

-- name: trait_values
-- What a trait is, what most people have first; of a list each of its elements.
select element #>> '{}' as value, count(*) as times
from trait tablesample system (:percent::real) repeatable (1),
     jsonb_path_query(trait.value, :path::text::jsonpath) as element
where trait.name = :name and jsonb_typeof(element) in ('string', 'number', 'boolean')
group by 1 order by times desc, value limit :most;

-- name: event_names
-- What happens, the most frequent first.
select name, count(*) as times from event tablesample system (:percent::real) repeatable (1)
where type <> 'identity' group by name order by times desc, name limit :most;

-- name: event_fields
-- Which properties these events carry, and which the elements of their lists do.
with looked as (
    select properties from event tablesample system (:percent::real) repeatable (1)
    where name = any(:names::text[]) and jsonb_typeof(properties) = 'object' limit :look
), outer_keys as (
    select key, value from looked, jsonb_each(properties)
), keys as (
    select key as path from outer_keys where jsonb_typeof(value) not in ('array', 'object')
    union all
    select outer_keys.key || '[].' || inner_key from outer_keys,
           jsonb_path_query(outer_keys.value, '$[*] ? (@.type() == "object")') as element,
           jsonb_object_keys(element) as inner_key
    where jsonb_typeof(outer_keys.value) = 'array'
)
select path, count(*) as times from keys group by path order by times desc, path limit :most;

-- name: event_values
-- What a property of these events is, the most frequent first.
with looked as (
    select properties from event tablesample system (:percent::real) repeatable (1)
    where name = any(:names::text[]) and properties is not null limit :look
)
select element #>> '{}' as value, count(*) as times
from looked, jsonb_path_query(properties, :path::text::jsonpath) as element
where jsonb_typeof(element) in ('string', 'number', 'boolean')
group by 1 order by times desc, value limit :most;

-- name: event_stores
select store_id as value, count(*) as times from (
    select store_id from event tablesample system (:percent::real) repeatable (1)
    where name = any(:names::text[]) and store_id is not null limit :look
) as looked group by store_id order by times desc, value limit :most;

-- name: event_channels
select channel as value, count(*) as times from (
    select channel from event tablesample system (:percent::real) repeatable (1)
    where name = any(:names::text[]) limit :look
) as looked group by channel order by times desc, value limit :most;

-- name: segment_days
-- The size of these segments by day, and the last one written down before the first of these days.
select segment_id, day, members from segment_count
where segment_id = any(:segments::int[]) and day >= :since
union all
select * from (
    select distinct on (segment_id) segment_id, day, members from segment_count
    where segment_id = any(:segments::int[]) and day < :since order by segment_id, day desc
) as before
order by segment_id, day;

-- name: located_stores
select code, name from location where latitude is not null and longitude is not null order by name limit 500;
