-- name: lock_sources!
-- One load at a time makes sources; ends with the transaction.
select pg_advisory_xact_lock(7104519299);

-- name: enrolled_at^
-- When the first household known from an earlier load was enrolled: tells how far that load moved the data.
select message_id, occurred_at from event where message_id = any(:message_ids::text[]) order by message_id limit 1;

-- name: people_of_sources$
-- Persons these sources speak of.
select count(distinct node.person_id) from node where node.source_id = any(:sources::int[]);

-- name: events_of_sources
-- What these sources wrote, by name.
select event.name, count(*) as count from event where event.source_id = any(:sources::int[])
group by event.name order by 2 desc, 1;

-- name: joins_of_sources$
-- Persons brought together by what these sources said.
select count(*) from event where event.name = 'Person Joined' and event.source_id = any(:sources::int[]);

-- name: receipts_total$
-- What all receipts add up to, in major units.
select sum((properties->>'total')::numeric) from event where name = 'Receipt Issued';
