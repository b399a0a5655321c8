-- name: insert_request$
insert into privacy_request (kind, state, person_id, reason, settings, requested_at, requested_by, due_at)
values (:kind, :state, :person::bigint, :reason, :settings::jsonb, :now, :actor, :due)
returning id;

-- name: request^
select id, kind, state, person_id, reason, settings, requested_at, requested_by, due_at, settled_at, expires_at,
       progress, receipt, material
from privacy_request where id = :id;

-- name: lock_request^
select id, kind, state, person_id, reason, settings, requested_at, requested_by, due_at, settled_at, expires_at,
       progress, receipt, material
from privacy_request where id = :id for update;

-- name: requests
select id, kind, state, person_id, reason, settings, requested_at, requested_by, due_at, settled_at, expires_at,
       progress, receipt, null::bytea as material
from privacy_request
where (:state::text is null or state = :state) and (:kind::text is null or kind = :kind)
  and (:persons::bigint[] is null or person_id = any(:persons::bigint[])) and (:before::bigint is null or id < :before)
order by id desc limit :limit;

-- name: set_state!
update privacy_request set state = :state, settings = :settings::jsonb,
    settled_at = case when :state in ('done', 'refused', 'failed') then :now::timestamptz end
where id = :id;

-- name: keep_material!
-- The erasure itself is done: what is left is to look for what nobody knows the owner of.
update privacy_request set material = :material, progress = :progress::jsonb, receipt = :receipt::jsonb,
    person_id = null, reason = '', settings = '{}'
where id = :id;

-- name: keep_progress!
update privacy_request set progress = :progress::jsonb, receipt = :receipt::jsonb where id = :id;

-- name: settle!
update privacy_request set state = 'done', settled_at = :now, receipt = :receipt::jsonb,
    expires_at = :expires::timestamptz
where id = :id and state = 'running';

-- name: forget_material!
update privacy_request set material = null, receipt = :receipt::jsonb where id = :id;

-- name: nodes_of_person
select node.id, node.namespace, node.value, namespace.level, namespace.normaliser
from node join namespace on namespace.name = node.namespace
where node.person_id = (select person_id from node where id = :person)
order by namespace.priority, node.id;

-- name: nodes_named
select id, namespace, value from node where id = any(:ids::bigint[]) order by id;

-- name: insert_part!
-- Only while somebody waits for it: once its person is erased, nothing of a copy is written any more.
insert into privacy_archive (request_id, part, data)
select id, :part::int, :data::bytea from privacy_request where id = :request and state = 'running' for share;

-- name: part$
select data from privacy_archive where request_id = :request and part = :part;

-- name: drop_parts!
delete from privacy_archive where request_id = :request;

-- name: expired_archives
-- Copies nobody may fetch any more.
select id from privacy_request where kind = 'access' and expires_at <= :now::timestamptz;

-- name: end_archives!
with gone as (delete from privacy_archive where request_id = any(:ids::bigint[]))
update privacy_request set expires_at = null where id = any(:ids::bigint[]);

-- name: overdue$
-- Requests that should have been settled by law.
select count(*) from privacy_request where state in ('open', 'running') and due_at < :now::timestamptz;

-- name: keys_of_tables
-- The columns of each primary key, so that a row can be found again.
select class.relname as name, array_agg(attribute.attname::text order by place.ordinality) as columns,
       array_agg(format_type(attribute.atttypid, attribute.atttypmod) order by place.ordinality) as types
from pg_index join pg_class class on class.oid = pg_index.indrelid
cross join unnest(pg_index.indkey::int2[]) with ordinality as place (number, ordinality)
join pg_attribute attribute on attribute.attrelid = class.oid and attribute.attnum = place.number
where pg_index.indisprimary and class.relnamespace = 'public'::regnamespace and class.relname = any(:tables::text[])
group by class.relname;

-- name: column_types
select class.relname as name, attribute.attname::text as column_name,
       format_type(attribute.atttypid, attribute.atttypmod) as type
from pg_attribute attribute join pg_class class on class.oid = attribute.attrelid
where class.relnamespace = 'public'::regnamespace and class.relname = any(:tables::text[])
  and attribute.attnum > 0 and not attribute.attisdropped;

-- name: instant$
select greatest(:now::timestamptz, clock_timestamp());

-- name: living_again
-- The identifiers of whoever goes by one of these identifiers now: somebody new.
select sibling.id from node join node sibling on sibling.person_id = node.person_id
join unnest(:namespaces::text[], :values::text[]) as erased (namespace, value)
    on erased.namespace = node.namespace and erased.value = node.value;

-- name: old_purchases^
-- Purchases whose detail is older than the law lets it be used.
select count(*) as beyond_profiling, count(*) filter (where occurred_at < :marketing::timestamptz) as beyond_marketing
from event where name = any(:names::text[]) and occurred_at < :profiling::timestamptz;
