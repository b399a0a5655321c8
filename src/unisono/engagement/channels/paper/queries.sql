-- name: insert_print$
-- Something to be printed; the same message makes one.
insert into print_item (node_id, message_id, kind, code, content, store_id, created_at, ends_at)
values (:node_id::bigint, :message_id::bigint, :kind::text, :code::text, :content::jsonb, :store_id::text,
        :created_at::timestamptz, :ends_at::timestamptz)
on conflict (message_id) do nothing
returning id;

-- name: list_letters
-- Letters that are printed, or not yet; the oldest first.
select id, node_id, message_id, code, content, created_at, printed_at
from print_item
where kind = 'letter' and (printed_at is not null) = :printed::boolean and id > :after::bigint
  and (ends_at is null or printed_at is not null or ends_at > :now::timestamptz)
order by id
limit :most::int;

-- name: letters_by_id
-- These letters, in the order of their ids.
select id, node_id, message_id, code, content, created_at, printed_at
from print_item
where kind = 'letter' and id = any(:ids::bigint[])
order by id;

-- name: mark_letters!
-- They are on paper; the first time counts.
update print_item
set printed_at = :now::timestamptz
where kind = 'letter' and printed_at is null and id = any(:ids::bigint[]);

-- name: waiting_coupons
-- Coupons a till of a store prints for somebody, the ones that end soonest first.
select id, node_id, message_id, code, content, store_id, created_at, ends_at
from print_item
where node_id = any(:nodes::bigint[]) and kind = 'till_coupon' and printed_at is null
  and (store_id is null or store_id = :store_id::text) and (ends_at is null or ends_at > :now::timestamptz)
order by ends_at, id
limit 20;

-- name: coupon_for_update^
-- One coupon of somebody's, held until the transaction ends.
select id, node_id, message_id, code, content, store_id, created_at, ends_at, printed_at
from print_item
where id = :id::bigint and node_id = any(:nodes::bigint[]) and kind = 'till_coupon'
  and (store_id is null or store_id = :store_id::text)
for update;

-- name: mark_coupon!
-- It is on paper: from here on it is not printed again.
update print_item set printed_at = :now::timestamptz where id = :id::bigint and printed_at is null;

-- name: letter_by_code^
-- The letter somebody scanned.
select message_id, content ->> 'target' as target from print_item where code = :code::text and kind = 'letter';
