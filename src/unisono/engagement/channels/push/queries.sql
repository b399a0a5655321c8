-- name: register_address$
-- A browser or a phone takes notifications for an identifier; who is signed in on it now is who gets them.
insert into push_address (node_id, channel, endpoint, keys, platform, created_at)
values (:node_id::bigint, :channel::text, :endpoint::text, :keys::jsonb, :platform::text, :now::timestamptz)
on conflict (endpoint) do update
set node_id = excluded.node_id, channel = excluded.channel, keys = excluded.keys, platform = excluded.platform,
    created_at = excluded.created_at, gone_at = null
returning id;

-- name: drop_oldest!
-- Nobody has more than so many browsers: the oldest beyond them are given up.
update push_address
set gone_at = :now::timestamptz
where id in (
    select id from push_address
    where node_id = :node_id::bigint and channel = :channel::text and gone_at is null
    order by created_at desc, id desc
    offset :kept::int
);

-- name: mark_gone!
-- These take no notifications any more.
update push_address
set gone_at = :now::timestamptz
where endpoint = any(:endpoints::text[]) and gone_at is null;

-- name: addresses_of_persons
-- Every address of the persons of these identifiers, each identifier's own first, then the newest.
select named.id as asked_id, address.id, address.node_id, address.channel, address.endpoint, address.keys,
       address.platform, address.created_at
from node as named
join node as own on own.person_id = named.person_id
join push_address as address on address.node_id = own.id
where named.id = any(:nodes::text::bigint[]) and address.channel = :channel::text and address.gone_at is null
order by named.id, address.node_id <> named.id, address.created_at desc, address.id desc;
