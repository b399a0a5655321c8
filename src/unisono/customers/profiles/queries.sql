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
-- The nodes come from a subquery, here and below, so that one plan serves every call: see timeline_of_nodes.
select trait.node_id, trait.name, trait.value, trait.occurred_at, trait.source_id, source.name as source_name,
       source.kind as source_kind
from trait left join source on source.id = trait.source_id
where trait.node_id = any((select :nodes::bigint[])::bigint[])
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
select person_id, name, identified, first_at, last_at, events, orders, value_minor, currency, channels,
       store_id
from person_summary where person_id = any(:persons::bigint[]);

-- name: seen_in_stores
-- Of these persons, those with an event in one of these stores.
select distinct node.person_id from node
where node.person_id = any(:persons::bigint[])
  and exists (select 1 from event where event.node_id = node.id and event.store_id = any(:stores::text[]));

-- name: list_by_last
select person_id, name, identified, first_at, last_at, events, orders, value_minor, currency, channels,
       store_id
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
select person_id, name, identified, first_at, last_at, events, orders, value_minor, currency, channels,
       store_id
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

-- name: computed_of_nodes
select node_id, trait, count, first_at, first_value, last_at, last_value, total, tally
from computed_trait where node_id = any((select :nodes::bigint[])::bigint[]);

-- name: add_computed!
-- Add partial results to those that are there; the same sum as ``Partial.add``, in the database.
insert into computed_trait as known (node_id, trait, count, first_at, first_value, last_at, last_value, total, tally)
select node_id, trait, count, first_at, nullif(first_value, '')::jsonb, last_at, nullif(last_value, '')::jsonb,
       total, tally::jsonb
from unnest(:nodes::text::bigint[], :traits::text::text[], :counts::text::bigint[], :first_ats::timestamptz[],
            string_to_array(:first_values::text, chr(31)), :last_ats::timestamptz[],
            string_to_array(:last_values::text, chr(31)), :totals::text::numeric[],
            string_to_array(:tallies::text, chr(31)))
    as fresh (node_id, trait, count, first_at, first_value, last_at, last_value, total, tally)
on conflict (node_id, trait) do update set
    count = known.count + excluded.count,
    first_at = least(known.first_at, excluded.first_at),
    first_value = case
        when known.first_at is null or excluded.first_at < known.first_at
          or (excluded.first_at = known.first_at
              and excluded.first_value::text collate "C" < known.first_value::text collate "C")
        then excluded.first_value else known.first_value end,
    last_at = greatest(known.last_at, excluded.last_at),
    last_value = case
        when known.last_at is null or excluded.last_at > known.last_at
          or (excluded.last_at = known.last_at
              and excluded.last_value::text collate "C" > known.last_value::text collate "C")
        then excluded.last_value else known.last_value end,
    total = known.total + excluded.total,
    tally = case when excluded.tally = '{}' then known.tally else (
        select coalesce(jsonb_object_agg(value, amount), '{}') from (
            select value, sum(amount::numeric) as amount from (
                select * from jsonb_each_text(known.tally) union all select * from jsonb_each_text(excluded.tally)
            ) as both_sides (value, amount)
            group by value order by abs(sum(amount::numeric)) desc, value limit :most
        ) as summed) end;

-- name: declared_traits
select trait, definition, currency, partial, filled_at from computed_declaration order by trait;

-- name: declare_trait!
insert into computed_declaration (trait, definition, currency, partial, filled_at)
values (:trait, :definition::jsonb, :currency, :partial, case when :filled then now() end)
on conflict (trait) do update set definition = excluded.definition, currency = excluded.currency,
    partial = excluded.partial, filled_at = excluded.filled_at
where computed_declaration.partial <> excluded.partial
   or computed_declaration.definition <> excluded.definition;

-- name: forget_traits!
delete from computed_declaration where trait <> all(:traits::text[]);

-- name: begin_filling!
update computed_declaration set filled_at = null where partial = any(:partials::text[]);

-- name: mark_filled!
update computed_declaration set filled_at = now() where partial = any(:partials::text[]);

-- name: drop_partials!
-- Partial results that are to be counted anew, and those no trait is read from any more.
delete from computed_trait
where trait = any(:partials::text[]) or trait not in (select partial from computed_declaration);

-- name: not_taken_in
-- Events the reader stands behind but has not taken in: parked, or given up.
select txid::text::bigint as txid, event_id from parked_event where reader = :reader
union
select txid::text::bigint, event_id from dead_letter where reader = :reader and replayed_at is null;

-- name: person_ids
select distinct person_id from node where person_id > :after order by person_id limit :limit;

-- name: refresh_lock!
select pg_advisory_xact_lock(7104519205);

-- name: persons_with_names
-- These persons, those the nodes belong to now, and the name traits of all of them.
select person.person_id, trait.name, trait.value, trait.occurred_at, source.kind as source_kind, trait.node_id
from (
    select unnest(:persons::text::bigint[]) as person_id
    union
    select node.person_id from node where node.id = any(:nodes::text::bigint[])
) as person
left join (
    node join trait on trait.node_id = node.id
        and trait.name in ('name', 'firstName', 'first_name', 'lastName', 'last_name')
    left join source on source.id = trait.source_id
) on node.person_id = person.person_id;

-- name: refresh_summaries!
-- Write the summaries of these persons from what their nodes hold now.
with member as materialized (
    select node.person_id, node.id, namespace.level = 'person' as identified
    from node join namespace on namespace.name = node.namespace
    where node.person_id = any(:persons::text::bigint[])
), part as materialized (
    select member.person_id, computed_trait.trait, computed_trait.count, computed_trait.first_at,
           computed_trait.last_at, computed_trait.tally
    from member join computed_trait on computed_trait.node_id = member.id
    where computed_trait.trait = any(array[:touches, :messages, :orders, :value, :store])
), whole as (
    select person_id,
           min(first_at) filter (where trait = :touches) as first_at,
           max(last_at) filter (where trait = :touches) as last_at,
           sum(count) filter (where trait in (:touches, :messages)) as events,
           sum(count) filter (where trait = :orders) as orders
    from part group by person_id
), spent as (
    select distinct on (person_id) person_id, key as currency, sum(minor::bigint) as value_minor
    from part, jsonb_each_text(tally) as amount (key, minor) where trait = :value
    group by person_id, key
    order by person_id, key = :currency desc, sum(minor::bigint) desc, key collate "C"
), channel as (
    select person_id, array_agg(distinct key order by key) as channels
    from part, jsonb_object_keys(tally) as key where trait = :touches group by person_id
), store as (
    select distinct on (person_id) person_id, key as store_id
    from part, jsonb_each_text(tally) as visit (key, times) where trait = :store
    group by person_id, key order by person_id, sum(times::bigint) desc, key collate "C"
), named as (
    select * from unnest(:named::text::bigint[], string_to_array(:names::text, chr(31))) as said (person_id, name)
)
insert into person_summary
    (person_id, name, identified, first_at, last_at, events, orders, value_minor, currency, channels, store_id)
select person.person_id, named.name, person.identified, whole.first_at, whole.last_at, coalesce(whole.events, 0),
       coalesce(whole.orders, 0), coalesce(spent.value_minor, 0), spent.currency, coalesce(channel.channels, '{}'),
       store.store_id
from (select person_id, bool_or(identified) as identified from member group by person_id) as person
left join whole using (person_id) left join spent using (person_id) left join channel using (person_id)
left join store using (person_id) left join named using (person_id)
on conflict (person_id) do update set name = excluded.name, identified = excluded.identified,
    first_at = excluded.first_at, last_at = excluded.last_at, events = excluded.events, orders = excluded.orders,
    value_minor = excluded.value_minor, currency = excluded.currency, channels = excluded.channels,
    store_id = excluded.store_id, refreshed_at = now();

-- name: drop_ghosts!
-- A person is named by one of its nodes: a summary under a node that now belongs to somebody else is a ghost.
delete from person_summary using node
where person_summary.person_id = node.id and node.person_id <> node.id
  and (node.person_id = any(:persons::text::bigint[]) or node.id = any(:persons::text::bigint[]));

-- name: announcements_of_nodes
-- What was announced and what settles it, newest first. The names are those of the index event_announced, word for
-- word: only so is it used.
select event.id, event.occurred_at, event.name, event.channel, event.store_id, event.properties
from unnest(:nodes::bigint[]) as wanted (id)
join event on event.node_id = wanted.id
where event.name in (
    'Product Reserved', 'Reservation Collected', 'Reservation Expired', 'Reservation Cancelled',
    'Order Ready for Pickup', 'Order Collected', 'Order Cancelled',
    'Appointment Booked', 'Appointment Kept', 'Appointment Missed', 'Appointment Cancelled'
)
order by event.occurred_at desc, event.id desc limit :limit;

-- name: trait_values
-- Every trait ever told of these nodes.
select name, value from trait where node_id = any(:nodes::bigint[]);
