-- name: insert_endpoint$
insert into webhook_endpoint (name, url, secret, kinds, txid, change_id, created_at, created_by, live_since)
values (:name, :url, :secret, :kinds::text[], :txid::text::xid8, :change_id, :now, :actor, :now)
returning id;

-- name: endpoints
-- All, or one.
select id, name, url, kinds, secret, previous_secret, previous_until, txid::text::bigint as txid, change_id,
       created_at, created_by, live_since, succeeded_at, failing_since, last_error, disabled_at, disabled_reason
from webhook_endpoint where :id::int is null or id = :id::int order by id;

-- name: change_endpoint!
update webhook_endpoint set name = :name, url = :url, kinds = :kinds::text[] where id = :id;

-- name: enable_endpoint!
update webhook_endpoint set disabled_at = null, disabled_reason = null, failing_since = null, last_error = null,
       live_since = :now
where id = :id;

-- name: disable_endpoint!
update webhook_endpoint set disabled_at = :now, disabled_reason = :reason where id = :id and disabled_at is null;

-- name: delete_endpoint!
delete from webhook_endpoint where id = :id;

-- name: rotate_secret!
update webhook_endpoint set previous_secret = secret, previous_until = :until, secret = :secret where id = :id;

-- name: set_position!
-- Back: what lies after is planned again, and what was delivered or died of it is pending again when that is done.
update webhook_endpoint set txid = :txid::text::xid8, change_id = :change_id, live_since = :now where id = :id;

-- name: position_at^
-- The place before the first change written at or after an instant.
select txid::text::bigint as txid, id - 1 as id from change where at >= :since order by txid, id limit 1;

-- name: plan$
-- The next changes an endpoint wants become deliveries and its position moves, both or neither. The endpoint's row is
-- locked first, so a replay asked for meanwhile comes before or after, and is not lost. Returns how many were read.
with endpoint as (
    select id, kinds, txid, change_id from webhook_endpoint where id = :id and disabled_at is null for update
), page as (
    select change.txid, change.id, change.kind, change.subject
    from change
    where (change.txid, change.id) > ((select txid from endpoint), (select change_id from endpoint))
      and change.txid < pg_snapshot_xmin(pg_current_snapshot())
      and (change.txid, change.id) <= (:until_txid::text::xid8, :until_id::bigint)
    order by change.txid, change.id limit :limit
), planned as (
    insert into webhook_delivery (endpoint_id, message_id, txid, change_id, subject, planned_at, next_try_at)
    select endpoint.id, 'chg_' || page.txid::text || '-' || page.id, page.txid, page.id, page.subject, :now, :now
    from page, endpoint
    where endpoint.kinds = '{}' or page.kind = any(endpoint.kinds)
    order by page.txid, page.id
    on conflict (endpoint_id, message_id) do update set state = 'pending', attempts = 0, first_at = null,
        planned_at = excluded.planned_at, next_try_at = excluded.next_try_at, delivered_at = null
), reached as (
    select txid, id from page order by txid desc, id desc limit 1
), moved as (
    update webhook_endpoint set txid = reached.txid, change_id = reached.id
    from reached, endpoint where webhook_endpoint.id = endpoint.id
)
select count(*) from page;

-- name: waiting
-- The oldest pending deliveries of an endpoint in the order of the changes, subjects that are at work or parked aside.
select delivery.id, delivery.message_id, delivery.attempts, delivery.first_at, delivery.next_try_at,
       change.txid::text::bigint as txid, change.id as change_id, change.kind, change.subject, change.sequence,
       change.at, change.node_id, change.data
from webhook_delivery as delivery join change on change.txid = delivery.txid and change.id = delivery.change_id
where delivery.endpoint_id = :endpoint_id and delivery.state = 'pending'
  and not (delivery.subject = any(:aside::text[]))
order by delivery.txid, delivery.change_id limit :limit;

-- name: write_tries!
update webhook_delivery set state = tried.state, attempts = webhook_delivery.attempts + 1,
       first_at = coalesce(webhook_delivery.first_at, tried.at), next_try_at = tried.next_try_at,
       delivered_at = case when tried.state = 'delivered' then tried.at end,
       last_status = tried.status, last_error = tried.error
from unnest(:ids::bigint[], :states::text[], :ats::timestamptz[], :next_tries::timestamptz[], :statuses::int[],
    :errors::text[]) as tried (id, state, at, next_try_at, status, error)
where webhook_delivery.id = tried.id and webhook_delivery.state = 'pending';

-- name: endpoint_succeeded$
-- Written now and then while all is well, at once when it failed before; whether it did.
with before as (select failing_since from webhook_endpoint where id = :id)
update webhook_endpoint set succeeded_at = :now, failing_since = null, last_error = null
where id = :id and (failing_since is not null or succeeded_at is null or succeeded_at < :noted_before)
returning (select failing_since from before) is not null;

-- name: endpoint_failed$
-- Since when it fails: its first failure after its last success.
update webhook_endpoint set failing_since = coalesce(failing_since, :now), last_error = :error where id = :id
returning failing_since;

-- name: hasten!
-- The receiver is back: what waits for it need wait no longer.
update webhook_delivery set next_try_at = :now
where endpoint_id = :endpoint_id and state = 'pending' and next_try_at > :now;

-- name: deliveries
-- The log of an endpoint's deliveries, newest first.
select id, message_id, subject, state, attempts, planned_at, next_try_at, first_at, delivered_at, last_status,
       last_error
from webhook_delivery
where endpoint_id = :endpoint_id and (:state::text is null or state = :state::text)
  and (:before::bigint is null or id < :before::bigint)
order by id desc limit :limit;

-- name: count_deliveries
-- What waits and what died, by endpoint; the oldest change that waits.
select endpoint_id, count(*) filter (where state = 'pending') as pending, count(*) filter (where state = 'dead') as dead,
       min(planned_at) filter (where state = 'pending') as oldest
from webhook_delivery where state in ('pending', 'dead') group by endpoint_id;

-- name: forget_deliveries!
-- Those long delivered, some at a time.
delete from webhook_delivery where id in (
    select id from webhook_delivery where state = 'delivered' and delivered_at < :before order by id limit 10000
);

-- name: take_lead$
-- One process delivers; the others stand by until its connection ends.
select pg_try_advisory_lock(hashtextextended('unisono webhooks', 0));
