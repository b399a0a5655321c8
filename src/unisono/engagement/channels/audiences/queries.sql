-- name: identifiers_of
-- What others may know these persons by.
select person_id, namespace, value
from node
where person_id = any(:persons::text::bigint[]) and namespace in ('email', 'phone', 'user_id') and not shared
order by person_id, id;

-- name: traits_of
-- What is said of these persons' names and addresses.
select node.person_id, trait.node_id, trait.name, trait.value, trait.occurred_at,
       source.name as source_name, source.kind as source_kind
from node
join trait on trait.node_id = node.id
left join source on source.id = trait.source_id
where node.person_id = any(:persons::text::bigint[])
  and (trait.name = any(:names::text[]) or trait.name like 'address.%');

-- name: members_of
-- The people of a segment, by their ids.
select member.person_id
from segment_member member
join segment on segment.id = member.segment_id
where segment.code = :code::text and member.person_id > :after::bigint
order by member.person_id
limit :most::int;

-- name: note_members
-- Who may be in an audience from now on, and whether that is new.
insert into audience_member (account_id, node_id, segment, email, phone, put_at, check_at)
select :account_id::int, node_id, :segment::text, email, phone, :now::timestamptz, :check_at::timestamptz
from unnest(:nodes::text::bigint[], :emails::text[], :phones::text[]) as new (node_id, email, phone)
on conflict (account_id, node_id, segment, email, phone) where leaves_at is null
do update set check_at = excluded.check_at
returning id, xmax = 0 as new;

-- name: unleave!
-- What was to be taken out by these hashes is put in again: it is not taken out by them any more.
update audience_member
set email = case when email = any(:emails::text[]) then null else email end,
    phone = case when phone = any(:phones::text[]) then null else phone end
where account_id = :account_id::int and leaves_at is not null
  and (email = any(:emails::text[]) or phone = any(:phones::text[]));

-- name: drop_members!
delete from audience_member where id = any(:ids::text::bigint[]);

-- name: forget_members!
-- The persons of these identifiers were taken out.
delete from audience_member
where account_id = :account_id::int and node_id in (
    select own.id from node named join node own on own.person_id = named.person_id
    where named.id = any(:nodes::text::bigint[])
);

-- name: recheck
-- Something happened to these people: whether they may stay is looked at now.
update audience_member set check_at = least(check_at, :now::timestamptz)
where leaves_at is null and node_id in (
    select own.id from node named join node own on own.person_id = named.person_id
    where named.id = any(:nodes::text::bigint[])
)
returning account_id;

-- name: due_members
-- Whose stay is to be looked at: the person (none when he was erased) and whether he is in the segment still; null
-- while nobody knows, because it is being counted.
select member.id, node.person_id,
       case when member.segment is null then true
            when segment.status is distinct from 'live' then false
            when segment.filled_version is distinct from segment.version then null
            else exists (select 1 from segment_member inside
                         where inside.segment_id = segment.id and inside.person_id = node.person_id) end as belongs
from audience_member member
left join node on node.id = member.node_id
left join segment on segment.code = member.segment
where member.account_id = :account_id::int and member.leaves_at is null and member.check_at <= :now::timestamptz
order by member.check_at, member.id limit :many
for update of member;

-- name: stay!
update audience_member set check_at = stay.until
from unnest(:ids::text::bigint[], :untils::timestamptz[]) as stay (id, until) where audience_member.id = stay.id;

-- name: leave!
update audience_member set leaves_at = :now::timestamptz, try_at = :now::timestamptz
where id = any(:ids::text::bigint[]) and leaves_at is null;

-- name: drop_doubles!
-- Who leaves one segment and is in the audience by another stays in it; and who was put in again.
delete from audience_member leaving
where account_id = :account_id::int and leaves_at is not null and (email is null and phone is null or exists (
    select 1 from audience_member staying
    join node on node.id = staying.node_id
    join node own on own.person_id = node.person_id
    where own.id = leaving.node_id and staying.account_id = leaving.account_id and staying.leaves_at is null
));

-- name: leaving_members
-- Who is to be taken out next.
select id, email, phone from audience_member
where account_id = :account_id::int and leaves_at is not null and try_at <= :now::timestamptz
order by try_at, id limit :many;

-- name: try_later!
update audience_member set attempts = attempts + 1, last_error = :error::text,
       try_at = :now::timestamptz + least(make_interval(secs => 60 * power(2, least(attempts, 9))), interval '6 hours')
where id = any(:ids::text::bigint[]) and leaves_at is not null;

-- name: next_instant$
-- When there is something to do about an audience again.
select least(min(check_at) filter (where leaves_at is null), min(try_at) filter (where leaves_at is not null))
from audience_member where account_id = :account_id::int;

-- name: accounts_leaving
-- Audiences that somebody who was erased is to be taken out of.
select distinct account_id from audience_member where leaves_at is not null and node_id is null;

-- name: kinds_of
-- What accounts are.
select id, kind from channel_account where id = any(:ids::int[]);

-- name: standing^
-- How an audience stands.
select count(*) filter (where leaves_at is null) as members, count(*) filter (where leaves_at is not null) as leaving,
       min(leaves_at) as leaving_since,
       (array_agg(last_error order by try_at desc) filter (where last_error is not null))[1] as last_error
from audience_member where account_id = :account_id::int;

-- name: segment_exists$
-- Whether there is such a segment.
select exists (select 1 from segment where code = :code::text);
