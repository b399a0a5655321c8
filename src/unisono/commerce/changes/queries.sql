-- name: insert_changes!
-- Several at once; the sequence of a subject has no gap because its version moves in the same transaction.
insert into change (kind, subject, sequence, node_id, data)
select kind, subject, sequence, node_id, data::jsonb
from unnest(:kinds::text[], :subjects::text[], :sequences::bigint[], :nodes::bigint[], :data::text[])
     as new (kind, subject, sequence, node_id, data);

-- name: changes_end^
-- The last settled position of the changes, and whether some stand above it; written as the log's ``log_end`` is.
select last.txid::text::bigint as txid, last.id,
       coalesce((select change.txid from change order by change.txid desc, change.id desc limit 1) >= horizon.xmin, false)
           as pending
from (select pg_snapshot_xmin(pg_current_snapshot()) as xmin) as horizon
left join lateral (
    select txid, id from change where txid < horizon.xmin order by txid desc, id desc limit 1
) as last on true;

-- name: follow_changes
-- The next changes in commit order up to a settled position; filters that are null do not filter. What is somebody's
-- is told to those who are, at this moment, the same person.
select change.txid::text::bigint as txid, change.id, change.kind, change.subject, change.sequence, change.at,
       change.node_id, change.data
from change
where (change.txid, change.id) > (:txid::text::xid8, :id::bigint)
  and (change.txid, change.id) <= (:until_txid::text::xid8, :until_id::bigint)
  and (:kinds::text[] is null or change.kind = any(:kinds::text[]))
  and (:subjects::text[] is null or change.subject = any(:subjects::text[]))
  and (:skus::text[] is null or case change.kind
           when 'price' then substr(change.subject, 7)
           when 'stock' then regexp_replace(substr(change.subject, 7), '@[^@]*$', '')
           else change.data ->> 'sku' end = any(:skus::text[]))
  and (:locations::text[] is null or case change.kind
           when 'stock' then regexp_replace(change.subject, '^.*@', '')
           when 'slot' then split_part(substr(change.subject, 6), '/', 1)
           else coalesce(change.data ->> 'location', change.data ->> 'store_id') end = any(:locations::text[]))
  and (:nodes::bigint[] is null
       or (change.node_id is null and change.kind = any(:open_kinds::text[]))
       or exists (select 1 from node as theirs join node as mine on mine.person_id = theirs.person_id
                  where theirs.id = change.node_id and mine.id = any(:nodes::bigint[])))
order by change.txid, change.id
limit :limit;

-- name: present_change^
-- The last change of a subject.
select change.txid::text::bigint as txid, change.id, change.kind, change.subject, change.sequence, change.at,
       change.node_id, change.data
from change where subject = :subject order by sequence desc limit 1;

-- name: forget_changes^
-- Of the next changes in order those go that were overtaken before an instant, so that how every subject stood at any
-- time after it stays known; what a webhook is still to be told of stays too. Where the next ones begin.
with part as materialized (
    select txid, id, subject, sequence, at from change
    where (txid, id) > (:txid::text::xid8, :id::bigint) order by txid, id limit :many::int
), gone as (
    delete from change using part
    where change.txid = part.txid and change.id = part.id and part.at < :before
      and exists (select 1 from change newer where newer.subject = part.subject and newer.sequence > part.sequence
                  and newer.at < :before)
      and not exists (select 1 from webhook_delivery waiting where waiting.state = 'pending'
                      and waiting.txid = part.txid and waiting.change_id = part.id)
    returning 1
)
select last.txid::text::bigint as txid, last.id, (select count(*) from part where part.at < :before) as old,
       (select count(*) from gone) as gone
from (select txid, id from part order by txid desc, id desc limit 1) as last;

-- name: database_time$
select clock_timestamp();

-- name: add_propagation!
-- What a process has measured since it last said; several add to the same counts.
insert into propagation (minute, kind, channel, bucket, seen)
select minute, kind, channel, bucket, seen
from unnest(:minutes::timestamptz[], :kinds::text[], :channels::text[], :buckets::int[], :seen::bigint[])
     as new (minute, kind, channel, bucket, seen)
order by minute, kind, channel, bucket
on conflict (minute, kind, channel, bucket) do update set seen = propagation.seen + excluded.seen;

-- name: forget_propagation!
delete from propagation where minute < :before;

-- name: propagation_since
-- Counts by bound, of each kind in each channel, and of all kinds together (kind null) and all channels (both null).
select kind, channel, bucket, sum(seen)::bigint as seen from propagation where minute >= :since
group by grouping sets ((kind, channel, bucket), (channel, bucket), (bucket))
order by channel nulls first, kind nulls first, bucket;
