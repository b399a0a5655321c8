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

-- name: segment_exists$
-- Whether there is such a segment.
select exists (select 1 from segment where code = :code::text);
