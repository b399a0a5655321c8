-- name: namespaces
-- Every namespace, strongest first.
select name, level, priority, max_per_person, sharing_cap, normaliser, identifies, searchable, label
from namespace order by priority;

-- name: blocked_values
select namespace, pattern, reason from blocked_value order by namespace, pattern;

-- name: rules_version$
select version from identity_setting;

-- name: find_nodes
-- The nodes of these (namespace, value) pairs that exist. Lists travel as one text, a unit separator between the
-- values: an array costs the driver a type check for every element.
select node.id, node.namespace, node.value, node.person_id, node.cluster_id, node.shared, node.contested, node.decided,
       node.not_before
from unnest(string_to_array(:namespaces::text, chr(31)), string_to_array(:values::text, chr(31)))
    as wanted (namespace, value)
join node on node.namespace = wanted.namespace and node.value = wanted.value;

-- name: reserve_nodes
-- Ids for nodes to come, so that they can be written once, with the person they belong to; and when each was erased, if
-- it ever was: asked along the way, so that knowing costs no statement.
select nextval('node_id_seq') as id, tombstone.erased_at
from unnest(:digests::bytea[]) with ordinality as wanted (digest, position)
left join tombstone on tombstone.digest = wanted.digest
order by wanted.position;

-- name: begin_anew!
-- Identifiers that were erased and are somebody again: nothing older is taken under them.
update node set not_before = anew.erased_at
from unnest(:ids::bigint[], :erased::timestamptz[]) as anew (id, erased_at) where node.id = anew.id;

-- name: put_tombstones!
insert into tombstone (digest, namespace, erased_at, request_id)
select digest, namespace, :now::timestamptz, :request::bigint
from unnest(:digests::bytea[], :namespaces::text[]) as erased (digest, namespace)
on conflict (digest) do update set erased_at = greatest(tombstone.erased_at, excluded.erased_at),
    request_id = excluded.request_id;

-- name: create_nodes!
-- Lost races end in a unique violation: the caller tries the transaction again.
insert into node (id, namespace, value, person_id, cluster_id, shared, contested, source_id)
select * from unnest(
    :ids::text::bigint[], string_to_array(:namespaces::text, chr(31)), string_to_array(:values::text, chr(31)),
    :persons::text::bigint[], :clusters::text::bigint[], :shared::text::boolean[], :contested::text::boolean[],
    :sources::text::int[]
);

-- name: lock_clusters
-- Keep the rules as they are, and serialise everyone who links within these clusters, until the transaction ends.
select pg_advisory_xact_lock_shared(:rules::bigint)
union all
select pg_advisory_xact_lock(cluster_id)
from (select unnest(:clusters::text::bigint[]) as cluster_id order by 1) as wanted;

-- name: nodes_by_id
select id, namespace, value, person_id, cluster_id, shared, contested, decided
from node where id = any(:ids::bigint[]);

-- name: clusters_around
-- Every node of the clusters these nodes are in now.
select id, namespace, value, person_id, cluster_id, shared, contested, decided
from node where cluster_id = any(array(select cluster_id from node where id = any(:ids::text::bigint[])));

-- name: links_among
-- The links of these nodes. Both ends are among them but for shared identifiers, whose namespace is ``beyond``.
select link.node_a as a, link.node_b as b, link.last_at as at, link.strength, link.refused_by,
       other.namespace as beyond
from link left join node other on other.id = link.node_b and other.shared
where link.node_a = any(:ids::text::bigint[])
union all
select link.node_a, link.node_b, link.last_at, link.strength, link.refused_by, other.namespace
from link join node other on other.id = link.node_a and other.shared
where link.node_b = any(:ids::text::bigint[]) and link.node_a <> all(:ids::text::bigint[]);

-- name: decisions_touching
select id, kind, side_a, side_b, at from identity_decision
where voided_at is null and (side_a && :ids::bigint[] or side_b && :ids::bigint[]);

-- name: mark_decided!
update node set decided = true where id = any(:ids::bigint[]) and not decided;

-- name: record_links
-- Write evidence: a new link, or a later or stronger sighting of a known one. What comes back decides something: a
-- link never seen before, or one in a contested cluster, where the order of links matters.
insert into link (node_a, node_b, strength, source_id, reason, message_id, first_at, last_at, refused_by)
select * from unnest(
    :a::text::bigint[], :b::text::bigint[], :strengths::text::text[], :sources::text::int[], :reasons::text::text[],
    string_to_array(:messages::text, chr(31), ''), :ats::timestamptz[], :ats::timestamptz[],
    string_to_array(:rules::text, chr(31), '')
)
on conflict (node_a, node_b) do update set
    first_at = least(link.first_at, excluded.first_at),
    last_at = greatest(link.last_at, excluded.last_at),
    strength = case when excluded.strength = 'proof' then 'proof' else link.strength end
where excluded.last_at > link.last_at or excluded.strength > link.strength
returning node_a, node_b,
    xmax = 0 or exists (select 1 from node where node.id = link.node_b and (node.contested or node.shared)) as decides;

-- name: write_persons!
update node set person_id = now.person_id, cluster_id = now.cluster_id, shared = now.shared, contested = now.contested
from unnest(:ids::text::bigint[], :persons::text::bigint[], :clusters::text::bigint[], :shared::text::boolean[],
            :contested::text::boolean[]) as now (id, person_id, cluster_id, shared, contested)
where node.id = now.id;

-- name: write_refusals!
update link set refused_by = now.rule
from unnest(:a::bigint[], :b::bigint[], :rules::text[]) as now (a, b, rule)
where link.node_a = now.a and link.node_b = now.b;

-- name: record_changes!
insert into identity_change (kind, person_id, other_id, moved, kept, actor, reason, decision_id)
select kind, person_id, other_id,
       (select array_agg(x::bigint) from jsonb_array_elements_text(moved) as t (x)),
       (select coalesce(array_agg(x::bigint), '{}') from jsonb_array_elements_text(kept) as t (x)),
       actor, reason, decision_id
from jsonb_to_recordset(:rows::jsonb) as entry (
    kind text, person_id bigint, other_id bigint, moved jsonb, kept jsonb, actor text, reason text, decision_id bigint
);

-- name: person_of_node$
select person_id from node where id = :id;

-- name: person_of_identifier$
select person_id from node where namespace = :namespace and value = :value;

-- name: nodes_of_person
-- Every identifier of a person with where it came from and the links that hold it.
select node.id, node.namespace, node.value, node.shared, node.created_at, source.name as source_name,
       source.kind as source_kind, namespace.level, namespace.identifies
from node left join source on source.id = node.source_id
join namespace on namespace.name = node.namespace
where node.person_id = :person_id
order by namespace.priority, node.id;

-- name: links_of_nodes
select link.id, link.node_a, link.node_b, link.strength, link.reason, link.message_id, link.first_at, link.last_at,
       link.refused_by, source.name as source_name
from link left join source on source.id = link.source_id
where link.node_a = any(:ids::bigint[]) or link.node_b = any(:ids::bigint[])
order by link.last_at desc limit 500;

-- name: changes_of_nodes
select id, at, kind, person_id, other_id, moved, kept, actor, reason, undone_at, undone_by
from identity_change where moved && :ids::bigint[] or kept && :ids::bigint[]
order by id desc limit 100;

-- name: recent_changes
-- Joins and splits of all persons, newest first.
select id, at, kind, person_id, other_id, moved, kept, actor, reason, undone_at, undone_by
from identity_change where (:before::bigint is null or id < :before)
order by id desc limit :limit;

-- name: change_for_update^
select id, at, kind, person_id, other_id, moved, kept, actor, reason, decision_id, undone_at, undone_by
from identity_change where id = :id for update;

-- name: mark_undone!
update identity_change set undone_at = now(), undone_by = :actor where id = :id;

-- name: insert_decision<!
insert into identity_decision (kind, actor, reason, side_a, side_b)
values (:kind, :actor, :reason, :side_a::bigint[], :side_b::bigint[])
returning id;

-- name: void_opposed
-- A new decision ends older ones that say the contrary of any pair it speaks of.
update identity_decision set voided_at = now(), voided_by = :actor
where voided_at is null and kind = :kind
  and ((side_a && :side_a::bigint[] and side_b && :side_b::bigint[])
    or (side_a && :side_b::bigint[] and side_b && :side_a::bigint[]))
returning id, side_a, side_b;

-- name: void_decision!
update identity_decision set voided_at = now(), voided_by = :actor where id = :id and voided_at is null;

-- name: void_remains!
-- What was decided beside a decision, to keep what remained of those it ended, goes with it.
update identity_decision set voided_at = now(), voided_by = :actor
where voided_at is null and id <> :id and at = (select at from identity_decision where id = :id);

-- name: revive_ended!
-- What a decision ended in its own transaction counts again when the decision itself is taken away.
update identity_decision set voided_at = null, voided_by = null
where id <> :id and voided_at = (select at from identity_decision where id = :id);

-- name: refused_links
-- Links that do not count at present, with the rule that says so, newest first.
select link.id, link.node_a, link.node_b, link.refused_by, link.strength, link.reason, link.last_at,
       a.namespace as a_namespace, a.value as a_value, a.person_id as a_person,
       b.namespace as b_namespace, b.value as b_value, b.person_id as b_person
from link join node a on a.id = link.node_a join node b on b.id = link.node_b
where link.refused_by is not null and (:before::bigint is null or link.id < :before)
order by link.id desc limit :limit;

-- name: shared_identifiers
select node.id, node.namespace, node.value, node.person_id, node.created_at,
       (select count(*) from link where node_b = node.id or node_a = node.id) as links
from node where node.shared order by node.id desc limit :limit;

-- name: all_nodes
select id, namespace, value, person_id, cluster_id, shared, contested, decided from node;

-- name: all_links
select node_a as a, node_b as b, last_at as at, strength, refused_by from link;

-- name: lock_all!
-- Keep every writer of the graph out while it is rebuilt.
lock table node, link, identity_decision in share row exclusive mode;

-- name: bump_version!
update identity_setting set version = version + 1;

-- name: upsert_namespace!
insert into namespace (name, level, priority, max_per_person, sharing_cap, normaliser, identifies, searchable, label)
values (:name, :level, :priority, :max_per_person, :sharing_cap, :normaliser, :identifies, :searchable, :label)
on conflict (name) do update set level = excluded.level, priority = excluded.priority,
    max_per_person = excluded.max_per_person, sharing_cap = excluded.sharing_cap, normaliser = excluded.normaliser,
    identifies = excluded.identifies, searchable = excluded.searchable, label = excluded.label;

-- name: insert_blocked!
insert into blocked_value (namespace, pattern, reason) values (:namespace, :pattern, :reason)
on conflict (namespace, pattern) do update set reason = excluded.reason;

-- name: delete_blocked!
delete from blocked_value where namespace = :namespace and pattern = :pattern;

-- name: create_household<!
insert into household (name, created_by) values (:name, :actor) returning id;

-- name: household_of_person
select household.id, household.name, household.created_at, member.node_id, node.person_id, member.role
from household_member mine
join node mine_node on mine_node.id = mine.node_id and mine_node.person_id = :person_id
join household on household.id = mine.household_id
join household_member member on member.household_id = household.id
join node on node.id = member.node_id
order by household.id, node.person_id;

-- name: household_exists$
select true from household where id = :id;

-- name: add_household_member!
insert into household_member (household_id, node_id, role, added_by) values (:household_id, :node_id, :role, :actor)
on conflict (household_id, node_id) do update set role = excluded.role;

-- name: remove_household_member!
delete from household_member where household_id = :household_id
  and node_id in (select id from node where person_id = :person_id);

-- name: persons_of_nodes
-- Whose these nodes are now.
select id, person_id from node where id = any (:ids::text::bigint[]);

-- name: neighbours
-- What else is in the clusters of these nodes or at the other end of their links.
select other.id from node join node other on other.cluster_id = node.cluster_id
where node.id = any(:nodes::bigint[]) and other.id <> all(:nodes::bigint[])
union
select node_b from link where node_a = any(:nodes::bigint[]) and node_b <> all(:nodes::bigint[])
union
select node_a from link where node_b = any(:nodes::bigint[]) and node_a <> all(:nodes::bigint[]);

-- name: trim_decisions!
-- Take identifiers out of what was decided, where it still says something of two others.
update identity_decision set side_a = left_over.a, side_b = left_over.b, reason = '[erased]'
from identity_decision old, lateral (
    select array(select unnest(old.side_a) except select unnest(:nodes::bigint[])) as a,
           array(select unnest(old.side_b) except select unnest(:nodes::bigint[])) as b
) as left_over
where old.id = identity_decision.id and old.voided_at is null
  and (old.side_a && :nodes::bigint[] or old.side_b && :nodes::bigint[])
  and cardinality(left_over.a) + cardinality(left_over.b) > 1;

-- name: drop_empty_households!
delete from household where not exists (select 1 from household_member where household_id = household.id);

-- name: shared_beside
-- Identifiers others use too that these were seen with: they are nobody's alone.
select distinct node.id, node.namespace, node.value from link
join node on node.id = case when link.node_a = any(:nodes::bigint[]) then link.node_b else link.node_a end
where (link.node_a = any(:nodes::bigint[]) or link.node_b = any(:nodes::bigint[]))
  and node.shared and node.id <> all(:nodes::bigint[])
order by node.namespace, node.value;
