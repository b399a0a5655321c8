-- name: lock_definitions!
-- Who writes definitions does so alone.
select pg_advisory_xact_lock(7104519240);

-- name: use_memberships!
-- Shared by all who change memberships one by one; whoever puts a whole segment in place keeps them out meanwhile.
select pg_advisory_xact_lock_shared(7104519241);

-- name: replace_memberships!
select pg_advisory_xact_lock(7104519241);

-- name: lock_persons!
-- One transaction at a time reads what is known of a person and writes what follows. 2,048 locks for all persons, so
-- that the server's table of locks holds those of all workers. In one order for everybody.
select pg_advisory_xact_lock(710451925, slot) from (
    select distinct (person % 2048)::int as slot from unnest(:persons::text::bigint[]) as wanted (person) order by 1
) as slots;

-- name: insert_segment^
insert into segment (code, name, description, definition, created_at, created_by, changed_at)
values (:code, :name, :description, :definition::text::jsonb, :now, :actor, :now)
on conflict (code) do nothing
returning id, code, name, description, status, version, definition, filled_version, created_at, created_by, changed_at;

-- name: update_segment^
-- Another meaning has yet to be counted; the same one under another name is as counted as before.
update segment set name = :name, description = :description, definition = :definition::text::jsonb,
       version = version + 1, changed_at = :now,
       filled_version = case when not :recount::boolean and filled_version = version then version + 1 end
where id = :id
returning id, code, name, description, status, version, definition, filled_version, created_at, created_by, changed_at;

-- name: write_version!
insert into segment_version (segment_id, version, definition, name, at, actor, note)
values (:segment_id, :version, :definition::text::jsonb, :name, :now, :actor, :note);

-- name: set_status^
update segment set status = :status, changed_at = :now,
       filled_version = case when :status = 'live' then null else filled_version end
where id = :id
returning id, code, name, description, status, version, definition, filled_version, created_at, created_by, changed_at;

-- name: find_segment^
select id, code, name, description, status, version, definition, filled_version, created_at, created_by, changed_at
from segment where code = :code;

-- name: lock_segment^
select id, code, name, description, status, version, definition, filled_version, created_at, created_by, changed_at
from segment where code = :code for update;

-- name: list_segments
select segment.id, code, name, description, status, version, definition, filled_version, created_at, created_by,
       changed_at, last.members
from segment left join lateral (
    select members from segment_count where segment_id = segment.id order by day desc limit 1
) as last on true
where (:statuses::text[] is null or status = any(:statuses::text[])) and (:after::text is null or code > :after::text)
order by code limit :limit;

-- name: all_segments
-- Every definition that is not archived.
select id, code, name, status, version, filled_version, definition from segment where status <> 'archived' order by id;

-- name: versions_of
select version, definition, name, at, actor, note from segment_version
where segment_id = :segment_id order by version desc;

-- name: live_marks
-- What the live segments are at this moment, in a few bytes each.
select id, version, filled_version from segment where status = 'live' order by id;

-- name: live_definitions
select id, code, name, version, filled_version, definition from segment where status = 'live' order by id;

-- name: count_members$
select count(*) from segment_member where segment_id = :segment_id;

-- name: members_page
select person_id, since from segment_member
where segment_id = :segment_id and (:after::bigint is null or person_id > :after::bigint)
order by person_id limit :limit;

-- name: segments_of_persons
-- The live segments these nodes' persons are in.
select node.id, segment.code from node
join segment_member on segment_member.person_id = node.person_id
join segment on segment.id = segment_member.segment_id and segment.status = 'live'
where node.id = any(:nodes::bigint[]);

-- name: memberships_of_person
select segment.code, segment.name, segment.version, segment_member.since from segment_member
join segment on segment.id = segment_member.segment_id and segment.status = 'live'
where segment_member.person_id = :person_id order by segment.name, segment.code;

-- name: known_codes
select code from segment where status <> 'archived' and code = any(:codes::text[]);

-- name: history_of
select day, members, entered, departed from segment_count
where segment_id = :segment_id and day >= :since order by day;

-- name: persons_named
-- Whose these ids are now; an id a person once had is a node of somebody else.
select id, person_id from node where id = any(:ids::text::bigint[]);

-- name: nodes_of_persons
select node.id, node.person_id, node.namespace, namespace.level = 'person' as identifies from node
join namespace on namespace.name = node.namespace
where node.person_id = any((select :persons::text::bigint[])::bigint[]);

-- name: memberships
-- Of these persons, present or former, in any segment.
select person_id, segment_id, since from segment_member
where person_id = any((select :persons::text::bigint[])::bigint[]);

-- name: traits_of_nodes
select trait.node_id, trait.name, trait.value, trait.occurred_at, source.kind as source_kind
from trait left join source on source.id = trait.source_id
where trait.node_id = any((select :nodes::text::bigint[])::bigint[]) and trait.name = any(:names::text[]);

-- name: computed_of_nodes
select node_id, trait, count, first_at, first_value, last_at, last_value, total, tally from computed_trait
where node_id = any((select :nodes::text::bigint[])::bigint[]) and trait = any(:partials::text[]);

-- name: consents_of_nodes
select node_id, purpose, channel, status, expires_at, basis, since from consent_state
where node_id = any((select :nodes::text::bigint[])::bigint[]);

-- name: events_of_nodes
-- Of each name as far back as somebody asks; what they hold from ``detail`` on, null for nothing of it.
select event.node_id, event.name, event.occurred_at, event.channel, event.store_id,
       case when event.occurred_at >= wanted.detail then event.properties end as properties
from event
join unnest(:names::text[], :sinces::timestamptz[], :details::timestamptz[]) as wanted (name, since, detail)
    on wanted.name = event.name and event.occurred_at >= wanted.since
where event.node_id = any((select :nodes::text::bigint[])::bigint[]);

-- name: enter
-- Into segments; only those who were not in yet come back.
insert into segment_member (segment_id, person_id, since)
select segment_id, person_id, since
from unnest(:segments::int[], :persons::bigint[], :sinces::timestamptz[]) as new (segment_id, person_id, since)
order by segment_id, person_id
on conflict (segment_id, person_id) do nothing
returning segment_id, person_id;

-- name: leave
delete from segment_member using unnest(:segments::int[], :persons::bigint[]) as old (segment_id, person_id)
where segment_member.segment_id = old.segment_id and segment_member.person_id = old.person_id
returning segment_member.segment_id, segment_member.person_id;

-- name: count_moves!
-- The day's comings and goings. A day begins with the members there are; they are counted only then. In one order for
-- everybody.
insert into segment_count as kept (segment_id, day, members, entered, departed)
select segment_id, :day::date,
       case when exists (select 1 from segment_count known where known.segment_id = moved.segment_id and day = :day::date)
            then 0 else (select count(*) from segment_member where segment_member.segment_id = moved.segment_id) end,
       entered, departed
from unnest(:segments::int[], :entered::bigint[], :departed::bigint[]) as moved (segment_id, entered, departed)
order by segment_id
on conflict (segment_id, day) do update set members = kept.members + excluded.entered - excluded.departed,
    entered = kept.entered + excluded.entered, departed = kept.departed + excluded.departed;

-- name: set_members!
-- Counted afresh.
insert into segment_count (segment_id, day, members)
select :segment_id, :day::date, count(*) from segment_member where segment_id = :segment_id
on conflict (segment_id, day) do update set members = excluded.members;

-- name: mark_filled!
update segment set filled_version = version where id = :id and version = :version and status = 'live';

-- name: count_again!
update segment set filled_version = null where id = :id and status = 'live';

-- name: still_counting$
-- Whether a version is the one to be counted; it stays so until the transaction ends.
select true from segment where id = :id and version = :version and status = 'live'
    and filled_version is distinct from version for share;

-- name: members_of_segment$
select array_agg(person_id) from segment_member where segment_id = :segment_id;

-- name: log_end^
-- The last place below which nothing more is written.
select txid::text::bigint as txid, id from event where txid < pg_snapshot_xmin(pg_current_snapshot())
order by event.txid desc, event.id desc limit 1;

-- name: moved_since
-- Everybody something happened to after a place of the log, and whom joins and splits name.
select event.id, node.person_id, event.type,
       case when event.type = 'identity' then event.properties end as properties
from event join node on node.id = event.node_id
where (event.txid, event.id) > (:txid::text::xid8, :id::bigint);

-- name: write_check!
insert into segment_check (segment_id, at, members, missing, extra)
values (:segment_id, :now, :members, :missing, :extra);

-- name: checks_of
select at, members, missing, extra from segment_check where segment_id = :segment_id order by id desc limit :limit;

-- name: reader_behind$
-- Whether a reader has yet to take in something up to a place of the log.
select exists (
    select 1 from event join log_reader on log_reader.reader = :reader and event.lane % log_reader.lanes = log_reader.lane
    where (event.txid, event.id) > (log_reader.txid, log_reader.event_id)
      and (event.txid, event.id) <= (:txid::text::xid8, :id::bigint)
);
