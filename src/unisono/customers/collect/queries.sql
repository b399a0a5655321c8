-- name: insert_failures!
insert into failed_event (received_at, source_id, code, detail, message_id, name, raw, context)
select * from unnest(:received::timestamptz[], :sources::int[], :codes::text[], :details::text[], :messages::text[],
    :names::text[], :raws::bytea[], :contexts::jsonb[]);

-- name: list_failures
select failed_event.id, failed_event.received_at, failed_event.source_id, source.name as source_name,
       failed_event.code, failed_event.detail, failed_event.message_id, failed_event.name, failed_event.raw,
       failed_event.replayed_at, failed_event.outcome
from failed_event left join source on source.id = failed_event.source_id
where (:open::boolean is null or (failed_event.replayed_at is null) = :open)
  and (:code::text is null or failed_event.code = :code)
  and (:before::bigint is null or failed_event.id < :before)
order by failed_event.id desc limit :limit;

-- name: failures_for_replay
select id, received_at, source_id, raw, context from failed_event
where id = any(:ids::bigint[]) and replayed_at is null order by id for update skip locked;

-- name: open_failure_ids
select id from failed_event where replayed_at is null and (:code::text is null or code = :code)
order by id limit :limit;

-- name: mark_failure!
update failed_event set replayed_at = now(), outcome = :outcome where id = :id;

-- name: count_open_failures
select code, count(*) as count, max(received_at) as last_at from failed_event
where replayed_at is null group by code order by 2 desc;

-- name: source_sender^
select source.id, source.name, source.kind, source.store_id, source.till_id from source where source.id = :id;
