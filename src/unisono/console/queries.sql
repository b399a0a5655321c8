-- name: known_stores
-- Stores somebody or something is bound to, or where people were last seen.
select store_id from (
    select store_id from source where store_id is not null
    union
    select unnest(store_ids) from account
    union
    select store_id from (select store_id from person_summary where store_id is not null limit 50000) as seen
) as stores order by store_id limit 500;

-- name: recent_by_source
-- Events of the last 24 hours by source; so many at the most.
select source_id, count(*) as events from (
    select source_id from event where received_at > now() - interval '24 hours' limit :most
) as lately group by source_id;

-- name: failed_by_source
select source_id, count(*) as events from (
    select source_id, received_at from failed_event order by id desc limit :most
) as newest where received_at > now() - interval '24 hours' group by source_id;

-- name: recent_by_hour
select date_trunc('hour', received_at) as hour, count(*) as events from (
    select received_at from event where received_at > now() - interval '24 hours' limit :most
) as lately group by 1;

-- name: failed_by_hour
select date_trunc('hour', received_at) as hour, count(*) as events from (
    select received_at from failed_event order by id desc limit :most
) as newest where received_at > now() - interval '24 hours' group by 1;

-- name: namespace_sizes
-- How many identifiers a namespace has, by the planner's statistics: exact counting would read every node.
select value as namespace, (frequency * (select greatest(reltuples, 0) from pg_class where oid = 'node'::regclass))::bigint
       as identifiers
from pg_stats, unnest(most_common_vals::text::text[], most_common_freqs) as common (value, frequency)
where schemaname = current_schema() and tablename = 'node' and attname = 'namespace';

-- name: database_facts^
select current_setting('server_version') as version, pg_database_size(current_database()) as bytes,
       (select greatest(reltuples, 0)::bigint from pg_class where oid = 'event'::regclass) as events;

-- name: notes_of_persons
-- What these persons did since an instant, a row for each channel and stretch of days: enough for a small staff.
select node.person_id, note.channel, note.occurred_at, note.events, note.purchases
from node cross join lateral (
    select channel, max(occurred_at) as occurred_at, count(*) as events,
           count(*) filter (where name = any(:purchases::text[])) as purchases
    from event where event.node_id = node.id and occurred_at >= :since::timestamptz
    group by channel, date_bin(:bin::interval, occurred_at, :since::timestamptz)
) as note
where node.person_id = any(:persons::bigint[]);

-- name: usage_of_nodes
-- How many events each identifier has, the first and the last.
select node_id, count(*) as events, min(occurred_at) as first_at, max(occurred_at) as last_at
from event where node_id = any(:nodes::bigint[]) group by node_id;

-- name: briefs_of_nodes
select id, namespace, value, person_id from node where id = any(:nodes::bigint[]);

-- name: source_names
select id, name from source where id = any(:ids::int[]);
