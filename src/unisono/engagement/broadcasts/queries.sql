-- Keeping ------------------------------------------------------------------------------------------

-- name: find_broadcast^
-- A broadcast, and whether anybody of it is still to be decided about.
select broadcast.*,
       exists (select 1 from broadcast_audience where broadcast_audience.broadcast_id = broadcast.id)
       or exists (select 1 from message where message.broadcast_id = broadcast.id
                  and message.state in ('planned', 'claimed', 'handed_over')) as waiting
from broadcast where code = :code::text;

-- name: list_broadcasts
-- Broadcasts, newest first.
select broadcast.*,
       exists (select 1 from broadcast_audience where broadcast_audience.broadcast_id = broadcast.id)
       or exists (select 1 from message where message.broadcast_id = broadcast.id
                  and message.state in ('planned', 'claimed', 'handed_over')) as waiting
from broadcast
where (:status::text is null or status = :status::text) and (:before::int is null or id < :before::int)
order by id desc limit :many::int;

-- name: lock_broadcast^
-- A broadcast that nobody else presses a button of, and nobody plans, until the transaction ends.
select id, status, version, starts_at, snapshot_at from broadcast where code = :code::text for no key update;

-- name: lock_broadcast_by_id^
select id, status, starts_at from broadcast where id = :id for no key update;

-- name: share_broadcast^
-- A broadcast whose status stays as it is until the transaction ends.
select id, code, status, template, template_version, channels, purpose, priority, category, profiled,
       not_after_seconds, schedule, data, starts_at, created_by
from broadcast where id = :id for share;

-- name: insert_broadcast$
insert into broadcast (code, name, segment, template, channels, purpose, priority, category, profiled, require_member,
                       not_after_seconds, schedule, data, created_at, created_by, changed_at)
values (:code, :name, :segment, :template, :channels::text[], :purpose, :priority, :category, :profiled,
        :require_member, :not_after_seconds, :schedule::jsonb, :data::jsonb, :now, :actor, :now)
on conflict (code) do nothing returning id;

-- name: update_broadcast!
update broadcast set name = :name, segment = :segment, template = :template, channels = :channels::text[],
       purpose = :purpose, priority = :priority, category = :category, profiled = :profiled,
       require_member = :require_member, not_after_seconds = :not_after_seconds, schedule = :schedule::jsonb,
       data = :data::jsonb, changed_at = :now, version = version + 1
where id = :id;

-- name: delete_broadcast!
delete from broadcast where id = :id;

-- name: launch_broadcast!
update broadcast set status = 'scheduled', schedule = :schedule::jsonb, starts_at = :starts_at,
       segment_version = :segment_version, template_version = :template_version, profiled = :profiled,
       changed_at = :now, version = version + 1
where id = :id;

-- name: set_status!
update broadcast set status = :status, starts_at = case when :fresh::boolean then null else greatest(starts_at, :begins::timestamptz) end,
       segment_version = case when :fresh::boolean then null else segment_version end,
       template_version = case when :fresh::boolean then null else template_version end,
       changed_at = :now, version = version + 1
where id = :id;

-- name: audience_left$
select exists (select 1 from broadcast_audience where broadcast_id = :id);

-- Planning -----------------------------------------------------------------------------------------

-- name: find_for_snapshot^
select broadcast.status, broadcast.starts_at, broadcast.segment, broadcast.segment_version, segment.id as segment_id,
       segment.status = 'live' and segment.version = broadcast.segment_version
           and segment.filled_version = segment.version as kept,
       (select definition from segment_version
        where segment_version.segment_id = segment.id and segment_version.version = broadcast.segment_version
       ) as definition
from broadcast left join segment on segment.code = broadcast.segment where broadcast.id = :id;

-- name: members_now$
select array_agg(person_id) from segment_member where segment_id = :segment_id;

-- name: fix_audience!
insert into broadcast_audience (broadcast_id, person_id) select :id, unnest(:persons::bigint[]) on conflict do nothing;

-- name: begin_planning!
update broadcast set status = 'planning', snapshot_at = :now, changed_at = :now, version = version + 1 where id = :id;

-- name: end_planning!
update broadcast set status = 'running', changed_at = :now, version = version + 1 where id = :id;

-- name: take_audience
-- The next of the audience, passing over those another planner has: the persons they are now, each once, that have no
-- message of this broadcast yet. Who was erased is left out.
with taken as (
    select person_id from broadcast_audience where broadcast_id = :id order by person_id limit :many::int
    for update skip locked
), gone as (
    delete from broadcast_audience using taken
    where broadcast_audience.broadcast_id = :id and broadcast_audience.person_id = taken.person_id
    returning broadcast_audience.person_id
)
select coalesce(person.person_id, 0) as person_id, count(*) as taken
from gone left join node person on person.id = gone.person_id and not exists (
    select 1 from node own join message on message.node_id = own.id and message.broadcast_id = :id
    where own.person_id = person.person_id
)
group by 1;

-- name: drop_audience!
delete from broadcast_audience where broadcast_id = :id and person_id in (
    select person_id from broadcast_audience where broadcast_id = :id limit :many::int for update skip locked
);

-- name: not_handed_over
select id from message where broadcast_id = :id and state in ('planned', 'claimed') limit :many::int;

-- Claiming -----------------------------------------------------------------------------------------

-- name: not_admitted
-- Of claimed messages those whose person has the broadcast by another identifier, or left a segment he had to stay in.
with asked as (
    select message.id, message.broadcast_id, node.person_id
    from message join node on node.id = message.node_id where message.id = any(:ids::bigint[])
)
select asked.id, 'same_person' as reason, other.id as other, null as segment
from asked join node own on own.person_id = asked.person_id
join message other on other.node_id = own.id and other.broadcast_id = asked.broadcast_id and other.id <> asked.id
where other.state in ('claimed', 'handed_over', 'accepted', 'unknown')
   or other.state = 'planned' and other.id < asked.id
union all
select asked.id, 'left_segment', null, segment.name
from asked join broadcast on broadcast.id = asked.broadcast_id and broadcast.require_member
join segment on segment.code = broadcast.segment and segment.status = 'live'
where not exists (select 1 from segment_member
                  where segment_member.segment_id = segment.id and segment_member.person_id = asked.person_id);

-- Looking ------------------------------------------------------------------------------------------

-- name: progress_of
-- The messages of broadcasts by state and reason.
select broadcast_id, state, reason, count(*) as messages, count(decision) as decided, count(delivered_at) as delivered,
       count(opened_at) as opened, count(clicked_at) as clicked, count(failed_at) as failed,
       coalesce(sum(cost_minor), 0)::bigint as cost_minor
from message where broadcast_id = any(:ids::int[]) group by broadcast_id, state, reason;

-- name: without_message
-- How many of each audience have no message yet.
select broadcast_id, count(*) as people from broadcast_audience where broadcast_id = any(:ids::int[])
group by broadcast_id;

-- name: in_force
-- Broadcasts that will still look at a segment, or write with a template.
select code, name, segment from broadcast
where (segment = any(:segments::text[]) or template = :template::text) and (
    status in ('scheduled', 'planning', 'paused')
    or status = 'running' and exists (
        select 1 from message where message.broadcast_id = broadcast.id and message.state in ('planned', 'claimed'))
) order by code;
