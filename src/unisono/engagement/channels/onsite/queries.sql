-- name: insert_item$
-- Put something where the person will find it; the same message is there once.
insert into inbox_item (node_id, message_id, slot, content, starts_at, ends_at)
values (:node_id::bigint, :message_id::bigint, :slot::text, :content::jsonb, :starts_at::timestamptz,
        :ends_at::timestamptz)
on conflict (message_id) do nothing
returning id;

-- name: waiting_items
-- What is in a slot for somebody at an instant, newest first.
select id, node_id, message_id, slot, content, starts_at, ends_at, seen_at, clicked_at
from inbox_item
where node_id = any(:nodes::bigint[]) and slot = :slot::text and id < :before::bigint
  and dismissed_at is null and starts_at <= :now::timestamptz and (ends_at is null or ends_at > :now::timestamptz)
order by id desc
limit :most::int;

-- name: unseen_count$
-- How many of a slot nobody has looked at yet.
select count(*)
from inbox_item
where node_id = any(:nodes::bigint[]) and slot = :slot::text and seen_at is null
  and dismissed_at is null and starts_at <= :now::timestamptz and (ends_at is null or ends_at > :now::timestamptz);

-- name: lock_item^
-- One thing of somebody's, held until the transaction ends.
select id, node_id, message_id, slot, content, starts_at, ends_at, seen_at, clicked_at, dismissed_at
from inbox_item
where id = :id::bigint and node_id = any(:nodes::bigint[])
for update;

-- name: mark_item!
-- What became of it; the first time counts.
update inbox_item
set seen_at = coalesce(seen_at, :seen_at::timestamptz),
    clicked_at = coalesce(clicked_at, :clicked_at::timestamptz),
    dismissed_at = coalesce(dismissed_at, :dismissed_at::timestamptz)
where id = :id::bigint;
