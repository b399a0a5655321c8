-- name: known_messages
-- Which of these message ids are on the timeline already.
select message_id from event where message_id = any(:message_ids::text[]);

-- name: follow
-- The next events of some lanes in commit order, below the snapshot horizon: a row above it may still be joined by
-- an earlier one from a transaction that has not ended.
select event.txid::text::bigint as txid, event.id, event.lane, event.node_id, node.person_id, event.type, event.name,
       event.channel, event.store_id, event.source_id, event.message_id, event.occurred_at, event.received_at,
       event.properties
from event join node on node.id = event.node_id
where (event.txid, event.id) > (:txid::text::xid8, :id::bigint)
  and event.txid < pg_snapshot_xmin(pg_current_snapshot())
  and event.lane % :lanes::smallint = :lane::smallint
order by event.txid, event.id
limit :limit;

-- name: horizon$
-- First transaction that may still write: everything below is settled.
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint;

-- name: last_position^
select txid::text::bigint as txid, id from event
where txid < pg_snapshot_xmin(pg_current_snapshot()) order by txid desc, id desc limit 1;

-- name: ensure_reader!
insert into log_reader (reader, lane, lanes, txid, event_id)
values (:reader, :lane, :lanes, :txid::text::xid8, :event_id)
on conflict (reader, lane) do nothing;

-- name: readers_of
select reader, lane, lanes, txid::text::bigint as txid, event_id from log_reader where reader = :reader order by lane
for update;

-- name: lock_reader^
-- One worker works a lane at a time; others go on to the next.
select txid::text::bigint as txid, event_id from log_reader
where reader = :reader and lane = :lane and lanes = :lanes for update skip locked;

-- name: advance_reader!
update log_reader set txid = :txid::text::xid8, event_id = :event_id, processed = processed + :processed,
       updated_at = now()
where reader = :reader and lane = :lane;

-- name: delete_lanes!
delete from log_reader where reader = :reader;

-- name: parked_persons
select distinct person_id from parked_event where reader = :reader and person_id = any(:persons::bigint[]);

-- name: park_events!
insert into parked_event (reader, person_id, txid, event_id, attempts, next_try_at, error)
select :reader, person_id, txid::text::xid8, event_id, :attempts, now() + make_interval(secs => :pause::float8), :error
from unnest(:persons::bigint[], :txids::bigint[], :ids::bigint[]) as late (person_id, txid, event_id)
on conflict (reader, txid, event_id) do nothing;

-- name: due_parked
-- The persons whose oldest parked event is due.
select person_id from (
    select distinct on (person_id) person_id, next_try_at
    from parked_event where reader = :reader order by person_id, txid, event_id
) as oldest where next_try_at <= now() limit :limit;

-- name: lock_parked
select parked_event.txid::text::bigint as parked_txid, parked_event.event_id, parked_event.attempts,
       parked_event.first_at,
       event.txid::text::bigint as txid, event.id, event.lane, event.node_id, node.person_id, event.type, event.name,
       event.channel, event.store_id, event.source_id, event.message_id, event.occurred_at, event.received_at,
       event.properties
from parked_event
join event on event.txid = parked_event.txid and event.id = parked_event.event_id
join node on node.id = event.node_id
where parked_event.reader = :reader and parked_event.person_id = :person_id
order by parked_event.txid, parked_event.event_id limit :limit
for update of parked_event skip locked;

-- name: unpark!
delete from parked_event where reader = :reader and txid = :txid::text::xid8 and event_id = :event_id;

-- name: postpone!
update parked_event set attempts = attempts + 1, error = :error,
       next_try_at = now() + make_interval(secs => :pause::float8)
where reader = :reader and txid = :txid::text::xid8 and event_id = :event_id;

-- name: bury!
with dead as (
    delete from parked_event where reader = :reader and txid = :txid::text::xid8 and event_id = :event_id
    returning reader, person_id, txid, event_id, attempts, first_at
)
insert into dead_letter (reader, person_id, txid, event_id, attempts, first_at, error)
select reader, person_id, txid, event_id, attempts + 1, first_at, :error from dead;

-- name: reader_status
-- Where each reader stands: events behind are estimated by id, which runs with the log.
select reader, lane, lanes, txid::text::bigint as txid, event_id, processed, updated_at,
       (select count(*) from parked_event where parked_event.reader = log_reader.reader) as parked,
       (select count(*) from dead_letter where dead_letter.reader = log_reader.reader and replayed_at is null) as dead
from log_reader order by reader, lane;

-- name: behind^
-- How far a position is behind the end of the log; counts at most 10,000.
select count(*) as events, min(received_at) as oldest from (
    select received_at from event
    where (txid, id) > (:txid::text::xid8, :id::bigint) and lane % :lanes::smallint = :lane::smallint
    order by txid, id limit 10000
) as late;

-- name: dead_letters
select dead_letter.id, dead_letter.reader, dead_letter.person_id, dead_letter.event_id, dead_letter.attempts,
       dead_letter.first_at, dead_letter.died_at, dead_letter.error, dead_letter.replayed_at, event.name
from dead_letter left join event on event.txid = dead_letter.txid and event.id = dead_letter.event_id
where dead_letter.replayed_at is null and (:before::bigint is null or dead_letter.id < :before)
order by dead_letter.id desc limit :limit;

-- name: replay_dead!
-- Back among the parked, to be tried at once.
with risen as (
    update dead_letter set replayed_at = now() where id = any(:ids::bigint[]) and replayed_at is null
    returning reader, person_id, txid, event_id
)
insert into parked_event (reader, person_id, txid, event_id, error)
select reader, person_id, txid, event_id, 'replayed by hand' from risen
on conflict (reader, txid, event_id) do nothing;

-- name: timeline_of_nodes
-- A page of a person's events, newest first, after the key (occurred_at, id); filters that are null do not filter.
select event.txid::text::bigint as txid, event.id, event.lane, event.node_id, node.person_id, event.type, event.name,
       event.channel, event.store_id, event.source_id, event.message_id, event.occurred_at, event.received_at,
       event.properties
from event join node on node.id = event.node_id
where event.node_id = any(:nodes::bigint[])
  and (:before_at::timestamptz is null
       or (event.occurred_at, event.id) < (:before_at::timestamptz, :before_id::bigint))
  and (:since::timestamptz is null or event.occurred_at >= :since::timestamptz)
  and (:until::timestamptz is null or event.occurred_at < :until::timestamptz)
  and (:channels::text[] is null or event.channel = any(:channels::text[]))
  and (:types::text[] is null or event.type = any(:types::text[]))
  and (:names::text[] is null or event.name = any(:names::text[]))
  and (:stores::text[] is null or event.store_id = any(:stores::text[]))
order by event.occurred_at desc, event.id desc
limit :limit;

-- name: event_by_id^
-- One event whole, raw parts included.
select event.txid::text::bigint as txid, event.id, event.node_id, node.person_id, node.namespace, node.value,
       event.type, event.name, event.channel, event.store_id, event.source_id, source.name as source_name,
       event.message_id, event.occurred_at, event.received_at, event.sent_at, event.original_at,
       event.identifiers, event.properties, event.context
from event join node on node.id = event.node_id left join source on source.id = event.source_id
where event.id = :id;

-- name: recent_events
-- The end of the log, newest first, for the live screen.
select event.txid::text::bigint as txid, event.id, event.lane, event.node_id, node.person_id, event.type, event.name,
       event.channel, event.store_id, event.source_id, event.message_id, event.occurred_at, event.received_at,
       event.properties
from event join node on node.id = event.node_id
where (:before_txid::bigint is null or (event.txid, event.id) < (:before_txid::text::xid8, :before_id::bigint))
  and (:name::text is null or event.name = :name)
  and (:channel::text is null or event.channel = :channel)
  and (:type::text is null or event.type = :type)
order by event.txid desc, event.id desc limit :limit;

-- name: staff_notes
-- A person's events as notes, evenly thinned to a limit: newest first.
select event.id, event.occurred_at, event.name, event.channel, event.type, event.properties
from event where node_id = any(:nodes::bigint[])
  and occurred_at >= :since::timestamptz and occurred_at < :until::timestamptz
order by occurred_at desc limit :limit;

-- name: first_event_at$
select min(first_at) from (
    select (select occurred_at from event where node_id = wanted.id order by occurred_at, id limit 1) as first_at
    from unnest(:nodes::bigint[]) as wanted (id)
) as firsts;

-- name: count_of_nodes$
select count(*) from event where node_id = any(:nodes::bigint[]);

-- name: stores_of_nodes
select distinct store_id from event where node_id = any(:nodes::bigint[]) and store_id is not null;

-- name: log_size^
select count(*) as events, max(received_at) as last_at from event;

-- name: log_estimate$
select greatest(reltuples, 0)::bigint from pg_class where oid = 'event'::regclass;
