-- name: write_traits!
insert into trait (node_id, name, source_id, value, occurred_at)
select node_id, name, source_id, value::jsonb, occurred_at
from unnest(:nodes::text::bigint[], string_to_array(:names::text, chr(31)), :sources::text::int[],
            string_to_array(:values::text, chr(31)), :ats::timestamptz[])
    as said (node_id, name, source_id, value, occurred_at)
on conflict (node_id, name, source_id) do update set value = excluded.value, occurred_at = excluded.occurred_at
where excluded.occurred_at > trait.occurred_at
   or (excluded.occurred_at = trait.occurred_at and excluded.value <> trait.value);

-- name: write_search_entries!
insert into search_entry (node_id, field, text, grams)
select node_id, field, text, grams::int[]
from unnest(:nodes::text::bigint[], :fields::text::text[], string_to_array(:texts::text, chr(31)),
            string_to_array(:grams::text, chr(31))) as entry (node_id, field, text, grams)
on conflict (node_id, field) do update set text = excluded.text, grams = excluded.grams
where search_entry.text <> excluded.text;

-- name: traits_of_nodes
select trait.node_id, trait.name, trait.value, trait.occurred_at, trait.source_id, source.name as source_name,
       source.kind as source_kind
from trait left join source on source.id = trait.source_id
where trait.node_id = any(:nodes::bigint[])
order by trait.name, trait.occurred_at;

-- name: search_nodes
-- Nodes with an entry that contains the word: GIN finds the candidates, LIKE confirms.
select search_entry.node_id, node.person_id, search_entry.field, search_entry.text
from search_entry join node on node.id = search_entry.node_id
where search_entry.grams @> :grams::int[] and search_entry.text like :pattern
limit :limit;

-- name: search_within
-- Of these persons, those with an entry that contains the word.
select distinct node.person_id
from node join search_entry on search_entry.node_id = node.id
where node.person_id = any(:persons::bigint[]) and search_entry.text like :pattern;

-- name: entries_of_persons
-- What a list shows of each person: the texts it is found by and the identifiers.
select node.person_id, node.id as node_id, node.namespace, node.value
from node join namespace on namespace.name = node.namespace
where node.person_id = any(:persons::bigint[])
order by node.person_id, namespace.priority, node.id;

-- name: name_traits_of_persons
select node.person_id, trait.name, trait.value, trait.occurred_at, source.kind as source_kind
from node join trait on trait.node_id = node.id left join source on source.id = trait.source_id
where node.person_id = any(:persons::bigint[])
  and trait.name in ('name', 'firstName', 'first_name', 'lastName', 'last_name')
order by trait.occurred_at;

-- name: summaries_of_persons
select person_id, name, identified, first_at, last_at, events, orders, value_minor, channels, store_id
from person_summary where person_id = any(:persons::bigint[]);

-- name: seen_in_stores
-- Of these persons, those with an event in one of these stores.
select distinct node.person_id from node
where node.person_id = any(:persons::bigint[])
  and exists (select 1 from event where event.node_id = node.id and event.store_id = any(:stores::text[]));

-- name: list_by_last
select person_id, name, identified, first_at, last_at, events, orders, value_minor, channels, store_id
from person_summary
where (:identified::boolean is null or identified = :identified)
  and (:channel::text is null or channels @> array[:channel::text])
  and (:store::text is null or store_id = :store)
  and (:stores::text[] is null or exists (
        select 1 from node join event on event.node_id = node.id
        where node.person_id = person_summary.person_id and event.store_id = any(:stores::text[])))
  and (:after_at::timestamptz is null or (last_at, -person_id) < (:after_at::timestamptz, -(:after_id::bigint)))
  and last_at is not null
order by last_at desc, person_id limit :limit;

-- name: list_by_value
select person_id, name, identified, first_at, last_at, events, orders, value_minor, channels, store_id
from person_summary
where (:identified::boolean is null or identified = :identified)
  and (:channel::text is null or channels @> array[:channel::text])
  and (:store::text is null or store_id = :store)
  and (:stores::text[] is null or exists (
        select 1 from node join event on event.node_id = node.id
        where node.person_id = person_summary.person_id and event.store_id = any(:stores::text[])))
  and (:after_value::bigint is null or (value_minor, -person_id) < (:after_value::bigint, -(:after_id::bigint)))
order by value_minor desc, person_id limit :limit;

-- name: summary_count$
select greatest(reltuples, 0)::bigint from pg_class where oid = 'person_summary'::regclass;

-- name: exact_summary_count$
select count(*) from person_summary;

-- name: nodes_with_persons
select id, namespace, value, person_id from node where id = any(:ids::bigint[]);

-- name: members_of_persons
select id, person_id, namespace from node where person_id = any(:persons::bigint[]);

-- name: lock_computed
-- The partial results these nodes have, locked in one order against another lane.
select node_id, trait, count, first_at, first_value, last_at, last_value, total, tally
from computed_trait where node_id = any(:nodes::bigint[]) order by node_id, trait for update;

-- name: computed_of_nodes
select node_id, trait, count, first_at, first_value, last_at, last_value, total, tally
from computed_trait where node_id = any(:nodes::bigint[]);

-- name: write_computed!
insert into computed_trait (node_id, trait, count, first_at, first_value, last_at, last_value, total, tally)
select * from unnest(:nodes::bigint[], :traits::text[], :counts::bigint[], :first_ats::timestamptz[],
    :first_values::jsonb[], :last_ats::timestamptz[], :last_values::jsonb[], :totals::numeric[], :tallies::jsonb[])
on conflict (node_id, trait) do update set count = excluded.count, first_at = excluded.first_at,
    first_value = excluded.first_value, last_at = excluded.last_at, last_value = excluded.last_value,
    total = excluded.total, tally = excluded.tally;

-- name: write_summaries!
insert into person_summary (person_id, name, identified, first_at, last_at, events, orders, value_minor, channels, store_id)
select person_id, name, identified, first_at, last_at, events, orders, value_minor,
       coalesce(string_to_array(nullif(channels, ''), ','), '{}'), store_id
from unnest(:persons::bigint[], :names::text[], :identified::boolean[], :first_ats::timestamptz[],
    :last_ats::timestamptz[], :events::bigint[], :orders::bigint[], :values::bigint[], :channels::text[],
    :stores::text[])
    as now (person_id, name, identified, first_at, last_at, events, orders, value_minor, channels, store_id)
on conflict (person_id) do update set name = excluded.name, identified = excluded.identified,
    first_at = excluded.first_at, last_at = excluded.last_at, events = excluded.events, orders = excluded.orders,
    value_minor = excluded.value_minor, channels = excluded.channels, store_id = excluded.store_id,
    refreshed_at = now();

-- name: delete_summaries!
delete from person_summary where person_id = any(:persons::bigint[]);
