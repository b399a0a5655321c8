-- name: known_messages
-- Which of these message ids are on the timeline already.
select message_id from event where message_id = any(string_to_array(:message_ids::text, chr(31)));

-- name: follow
-- The next events of a lane in commit order, below the snapshot horizon: a row above it may still be joined by an
-- earlier one from a transaction that has not ended.
select event.txid::text::bigint as txid, event.id, event.lane, event.node_id, node.person_id, event.type, event.name,
       event.channel, event.store_id, event.source_id, event.message_id, event.occurred_at, event.received_at,
       event.properties
from event join node on node.id = event.node_id
where (event.txid, event.id) > (:txid::text::xid8, :id::bigint)
  and (event.txid, event.id) <= (:until_txid::text::xid8, :until_id::bigint)
  and event.txid < pg_snapshot_xmin(pg_current_snapshot())
  and event.lane % :lanes::smallint = :lane::smallint
order by event.txid, event.id
limit :limit;

-- name: follow_all
-- The next events of everybody in commit order up to a settled position; filters that are null do not filter.
select event.txid::text::bigint as txid, event.id, event.lane, event.node_id, node.person_id, event.type, event.name,
       event.channel, event.store_id, event.source_id, event.message_id, event.occurred_at, event.received_at,
       event.properties
from event join node on node.id = event.node_id
where (event.txid, event.id) > (:txid::text::xid8, :id::bigint)
  and (event.txid, event.id) <= (:until_txid::text::xid8, :until_id::bigint)
  and (:types::text[] is null or event.type = any(:types::text[]))
  and (:names::text[] is null or event.name = any(:names::text[]))
  and (:channels::text[] is null or event.channel = any(:channels::text[]))
  and (:person::bigint is null or node.person_id = (select person_id from node where id = :person::bigint))
order by event.txid, event.id
limit :limit;

-- name: log_end^
-- The last settled position, the first transaction that may still write, and whether events stand above it: by the
-- very last one, which is the end of the index under every plan. "Exists" was planned once, when the log was empty, and
-- then read all of it each time (a fifth of a core at 1,000 events/s, measured).
select last.txid::text::bigint as txid, last.id, horizon.xmin::text::bigint as horizon,
       coalesce((select event.txid from event order by event.txid desc, event.id desc limit 1) >= horizon.xmin, false)
           as pending
from (select pg_snapshot_xmin(pg_current_snapshot()) as xmin) as horizon
left join lateral (
    select txid, id from event where event.txid < horizon.xmin order by event.txid desc, event.id desc limit 1
) as last on true;

-- name: persons_of_nodes
-- Whose these nodes are, all in one snapshot.
select id, person_id from node where id = any(:ids::bigint[]);

-- name: lock_lane$
-- One worker works a lane at a time. An advisory lock and no row lock: that would take a transaction number, and
-- everybody who follows the log would wait for the reader's transaction to end.
select pg_try_advisory_xact_lock(hashtextextended(:reader || ' lane ' || :lane::int, 0));

-- name: wait_for_lane!
select pg_advisory_xact_lock(hashtextextended(:reader || ' lane ' || :lane::int, 0));

-- name: hold_lane!
-- As wait_for_lane, until it is let go or the connection ends.
select pg_advisory_lock(hashtextextended(:reader || ' lane ' || :lane::int, 0));

-- name: let_lane_go!
select pg_advisory_unlock(hashtextextended(:reader || ' lane ' || :lane::int, 0));

-- name: lane_position^
-- Where a lane stands and the first transaction that may still write. After the lock, in a statement of its own.
select txid::text::bigint as txid, event_id, pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon
from log_reader where reader = :reader and lane = :lane and lanes = :lanes;

-- name: ensure_reader!
insert into log_reader (reader, lane, lanes, txid, event_id, processed)
values (:reader, :lane, :lanes, :txid::text::xid8, :event_id, :processed)
on conflict (reader, lane) do nothing;

-- name: readers_of
select reader, lane, lanes, txid::text::bigint as txid, event_id, processed from log_reader
where reader = :reader order by lane;

-- name: advance_reader!
update log_reader set txid = :txid::text::xid8, event_id = :event_id, processed = processed + :processed,
       updated_at = now()
where reader = :reader and lane = :lane;

-- name: delete_lanes!
delete from log_reader where reader = :reader;

-- name: parked_persons
-- Of these persons, those who wait: whose parked events they are follows joins and splits.
select distinct node.person_id from parked_event
join event on event.txid = parked_event.txid and event.id = parked_event.event_id
join node on node.id = event.node_id
where parked_event.reader = :reader and node.person_id = any(:persons::bigint[]);

-- name: park_events!
insert into parked_event (reader, person_id, txid, event_id, attempts, first_at, next_try_at, error)
select :reader, person_id, txid::text::xid8, event_id, attempts, :now, next_try_at, error
from unnest(:persons::bigint[], :txids::bigint[], :ids::bigint[], :attempts::int[], :next_tries::timestamptz[],
    :errors::text[]) as late (person_id, txid, event_id, attempts, next_try_at, error)
on conflict (reader, txid, event_id) do nothing;

-- name: oldest_parked
-- The oldest parked event of each person, in the lane it is in, soonest due first.
select person_id, next_try_at from (
    select distinct on (node.person_id) node.person_id, parked_event.next_try_at, event.lane
    from parked_event
    join event on event.txid = parked_event.txid and event.id = parked_event.event_id
    join node on node.id = event.node_id
    where parked_event.reader = :reader
    order by node.person_id, parked_event.txid, parked_event.event_id
) as oldest where lane % :lanes::smallint = :lane::smallint
order by next_try_at limit :limit;

-- name: lock_parked
select parked_event.attempts, parked_event.first_at, parked_event.next_try_at,
       event.txid::text::bigint as txid, event.id, event.lane, event.node_id, node.person_id, event.type, event.name,
       event.channel, event.store_id, event.source_id, event.message_id, event.occurred_at, event.received_at,
       event.properties
from parked_event
join event on event.txid = parked_event.txid and event.id = parked_event.event_id
join node on node.id = event.node_id
where parked_event.reader = :reader and node.person_id = :person_id
order by parked_event.txid, parked_event.event_id limit :limit
for update of parked_event skip locked;

-- name: unpark!
delete from parked_event where reader = :reader and txid = :txid::text::xid8 and event_id = :event_id;

-- name: postpone!
-- The clock of an event that only queued begins with its own first failure.
update parked_event set attempts = attempts + 1, error = :error, next_try_at = :next_try_at,
       first_at = case when attempts = 0 then :now else first_at end
where reader = :reader and txid = :txid::text::xid8 and event_id = :event_id;

-- name: bury!
with dead as (
    delete from parked_event where reader = :reader and txid = :txid::text::xid8 and event_id = :event_id
    returning reader, person_id, txid, event_id, attempts, first_at
)
insert into dead_letter (reader, person_id, txid, event_id, attempts, first_at, died_at, error)
select reader, person_id, txid, event_id, attempts + 1, first_at, :now, :error from dead;

-- name: parked
-- What waits, oldest first, with the event it waits for.
select parked_event.reader, node.person_id, parked_event.event_id, event.name, event.occurred_at,
       parked_event.attempts, parked_event.first_at, parked_event.next_try_at, parked_event.error
from parked_event
join event on event.txid = parked_event.txid and event.id = parked_event.event_id
join node on node.id = event.node_id
order by parked_event.txid, parked_event.event_id limit :limit;

-- name: reader_status
-- Where each lane of each reader stands; what is behind is counted up to 10,000 events.
select log_reader.reader, log_reader.lane, log_reader.lanes, log_reader.processed, log_reader.updated_at,
       late.events as behind, late.oldest as behind_since
from log_reader, lateral (
    select count(*) as events, min(received_at) as oldest from (
        select received_at from event
        where (event.txid, event.id) > (log_reader.txid, log_reader.event_id)
          and event.lane % log_reader.lanes = log_reader.lane
        order by event.txid, event.id limit 10000
    ) as unread
) as late
order by log_reader.reader, log_reader.lane;

-- name: troubles_by_reader
select reader, sum(parked) as parked, sum(dead) as dead from (
    select reader, count(*) as parked, 0 as dead from parked_event group by reader
    union all
    select reader, 0, count(*) from dead_letter where replayed_at is null group by reader
) as troubles group by reader;

-- name: dead_letters
select dead_letter.id, dead_letter.reader, coalesce(node.person_id, dead_letter.person_id) as person_id,
       dead_letter.event_id, dead_letter.attempts, dead_letter.first_at, dead_letter.died_at, dead_letter.error,
       event.name, event.occurred_at
from dead_letter left join event on event.txid = dead_letter.txid and event.id = dead_letter.event_id
left join node on node.id = event.node_id
where dead_letter.replayed_at is null and (:before::bigint is null or dead_letter.id < :before)
  and (:reader::text is null or dead_letter.reader = :reader)
order by dead_letter.id desc limit :limit;

-- name: replay_dead
-- Back among the parked, to be tried at once.
with risen as (
    update dead_letter set replayed_at = now() where id = any(:ids::bigint[]) and replayed_at is null
    returning id, reader, person_id, txid, event_id
), parked as (
    insert into parked_event (reader, person_id, txid, event_id, error)
    select reader, person_id, txid, event_id, :note from risen
    on conflict (reader, txid, event_id) do nothing
)
select id from risen;

-- name: timeline_of_nodes
-- A page of a person's events, newest first, after the key (occurred_at, id); filters that are null do not filter.
-- The nodes come from a subquery so that the planner does not see them: it would plan every call anew for their number
-- (measured 0.6 of 0.77 ms), and there is one good plan.
select event.txid::text::bigint as txid, event.id, event.lane, event.node_id, node.person_id, event.type, event.name,
       event.channel, event.store_id, event.source_id, event.message_id, event.occurred_at, event.received_at,
       event.properties
from event join node on node.id = event.node_id
where event.node_id = any((select :nodes::bigint[])::bigint[])
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

