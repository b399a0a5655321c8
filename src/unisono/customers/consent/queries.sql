-- name: lock_exclusively
-- Wait for whoever hands a message over to these addresses, and keep others off until the transaction ends. Addresses
-- share 512 locks, so that an import of many takes no more than the server has room for.
select pg_advisory_xact_lock(:space::int, lock::int)
from (select distinct id % 512 as lock from unnest(:nodes::text::bigint[]) as wanted (id) order by 1) as sorted;

-- name: lock_shared
-- As many as like hand over to these addresses; whoever withdraws waits.
select pg_advisory_xact_lock_shared(:space::int, lock::int)
from (select distinct id % 512 as lock from unnest(:nodes::text::bigint[]) as wanted (id) order by 1) as sorted;

-- name: siblings
-- All identifiers of the persons these belong to.
select distinct sibling.id from node join node sibling on sibling.person_id = node.person_id
where node.id = any(:nodes::text::bigint[]);

-- name: nodes_of_persons
-- All identifiers of these persons, each person's strongest first.
select node.person_id, node.id, node.namespace, node.value, node.shared, namespace.level
from node join namespace on namespace.name = node.namespace
where node.person_id = any(:persons::text::bigint[])
order by node.person_id, namespace.priority, node.id;

-- name: nodes_by_id
select node.id, node.person_id, node.namespace
from node join namespace on namespace.name = node.namespace
where node.id = any(:nodes::text::bigint[])
order by node.person_id, namespace.priority, node.id;

-- name: nodes_of_identifiers
-- Which nodes these are; none for what nobody has.
select node.id, node.namespace, node.value
from unnest(:namespaces::text[], :values::text[]) as wanted (namespace, value)
join node on node.namespace = wanted.namespace and node.value = wanted.value;

-- name: insert_entries
-- Add entries; those whose key is there already stay as they are and do not come back.
insert into consent_entry (
    key, node_id, purpose, channel, action, basis, text_id, text_version, text_language, source, actor, proof,
    order_ref, category, at, recorded_at, expires_at
)
select key, node_id, purpose, channel, action, basis, text_id, text_version, text_language, source, actor, proof,
       order_ref, category, at, :now::timestamptz, expires_at
from jsonb_to_recordset(:entries::jsonb) as entry (
    key text, node_id bigint, purpose text, channel text, action text, basis text, text_id text, text_version int,
    text_language text, source text, actor text, proof jsonb, order_ref text, category text, at timestamptz,
    expires_at timestamptz
)
on conflict (key) do nothing
returning key;

-- name: entries_by_key
select * from consent_entry where key = any(:keys::text[]);

-- name: entry_by_id^
select * from consent_entry where id = :id;

-- name: entries_beside
-- Every entry of the (node, purpose, channel) that these nodes have entries of.
select entry.* from unnest(:nodes::text::bigint[], :purposes::text[], :channels::text[]) as wanted (node_id, purpose, channel)
join consent_entry entry on entry.node_id = wanted.node_id and entry.purpose = wanted.purpose
    and entry.channel = wanted.channel;

-- name: entries_of_nodes
-- What was said under these identifiers, newest first; of one purpose, or of all.
select * from consent_entry
where node_id = any(:nodes::text::bigint[]) and (:purpose::text is null or purpose = :purpose::text)
order by at desc, id desc limit :limit::int;

-- name: keep_states!
-- The fold of what changed.
insert into consent_state (node_id, purpose, channel, status, basis, categories, since, expires_at, entry_id)
select node_id, purpose, channel, status, basis,
       array(select jsonb_array_elements_text(categories) order by 1), since, expires_at, entry_id
from jsonb_to_recordset(:states::jsonb) as state (
    node_id bigint, purpose text, channel text, status text, basis text, categories jsonb, since timestamptz,
    expires_at timestamptz, entry_id bigint
)
on conflict (node_id, purpose, channel) do update set
    status = excluded.status, basis = excluded.basis, categories = excluded.categories, since = excluded.since,
    expires_at = excluded.expires_at, entry_id = excluded.entry_id;

-- name: states_of_nodes
select * from consent_state where node_id = any(:nodes::text::bigint[]);

-- name: suppressions_of_nodes
select * from suppression where node_id = any(:nodes::text::bigint[]) and lifted_at is null;

-- name: registers_of_nodes
select * from register_check where node_id = any(:nodes::text::bigint[]);

-- name: suppress
-- Block addresses; one that was lifted is in force again, one in force keeps its beginning. What comes back is new.
insert into suppression (node_id, channel, reason, purposes, at, source, detail)
select node_id, channel, reason, purposes, at, source, detail
from jsonb_to_recordset(:suppressions::jsonb) as one (
    node_id bigint, channel text, reason text, purposes text, at timestamptz, source text, detail text
)
on conflict (node_id, channel, reason) do update set
    purposes = case when suppression.purposes = 'all' and suppression.lifted_at is null then 'all'
                    else excluded.purposes end,
    at = excluded.at, source = excluded.source, detail = excluded.detail, lifted_at = null, lifted_by = null
where suppression.lifted_at < excluded.at
   or suppression.lifted_at is null and suppression.purposes = 'marketing' and excluded.purposes = 'all'
returning node_id, channel, reason;

-- name: lift
-- Unblock addresses, of one reason or of any.
update suppression set lifted_at = :now::timestamptz, lifted_by = :actor::text
from unnest(:nodes::text::bigint[], :channels::text[]) as wanted (node_id, channel)
where suppression.node_id = wanted.node_id and suppression.channel = wanted.channel and suppression.lifted_at is null
  and suppression.reason = any(:reasons::text[])
returning suppression.node_id, suppression.channel, suppression.reason;

-- name: overrides
select name, value, reason, at, actor from legal_setting order by name;

-- name: set_override!
insert into legal_setting (name, value, reason, at, actor)
values (:name, :value::jsonb, :reason, :now, :actor)
on conflict (name) do update set value = excluded.value, reason = excluded.reason, at = excluded.at,
    actor = excluded.actor;

-- name: drop_override!
delete from legal_setting where name = :name;

-- name: keep_checks
-- Later looks replace earlier ones; what comes back was kept.
insert into register_check (node_id, channel, checked_at, listed, source)
select node_id, :channel::text, checked_at, listed, :source::text
from unnest(:nodes::text::bigint[], :ats::timestamptz[], :listed::boolean[]) as look (node_id, checked_at, listed)
on conflict (node_id, channel) do update set
    checked_at = excluded.checked_at, listed = excluded.listed, source = excluded.source
where register_check.checked_at <= excluded.checked_at
returning node_id, channel, checked_at, listed, source;

-- name: lock_text
-- Versions of one text are numbered one after the other.
select pg_advisory_xact_lock(hashtextextended('consent_text:' || :id::text, 0));

-- name: insert_texts
insert into consent_text (id, version, language, purpose, channels, body, created_at, created_by)
select :id::text, :version::int, language, :purpose::text, :channels::text[], body, :now::timestamptz, :actor::text
from unnest(:languages::text[], :bodies::text[]) as wanted (language, body)
returning id, version, language, purpose, channels, body, created_at, created_by;

-- name: latest_texts
-- The newest version of a text, or of all.
select id, version, language, purpose, channels, body, created_at, created_by from consent_text text
where (:id::text is null or id = :id::text)
  and version = (select max(version) from consent_text other where other.id = text.id)
order by id, language;

-- name: text_versions
select id, version, language, purpose, channels, body, created_at, created_by from consent_text
where id = :id order by version desc, language;

-- name: texts_named
select text.id, text.version, text.language, text.purpose, text.channels, text.body, text.created_at, text.created_by
from unnest(:ids::text[], :versions::int[], :languages::text[]) as wanted (id, version, language)
join consent_text text using (id, version, language);

-- name: open_request^
-- A request somebody made a moment ago and nobody has answered.
select entry_id, node_id, purpose, channel, created_at, expires_at, used_at from opt_in_request
where node_id = :node_id and purpose = :purpose and channel = :channel and used_at is null
  and expires_at > :now::timestamptz and created_at > :since::timestamptz
order by entry_id desc limit 1;

-- name: insert_request^
insert into opt_in_request (entry_id, node_id, purpose, channel, created_at, expires_at)
values (:entry_id, :node_id, :purpose, :channel, :now, :expires_at)
on conflict (entry_id) do update set expires_at = opt_in_request.expires_at
returning entry_id, node_id, purpose, channel, created_at, expires_at, used_at;

-- name: request_by_entry^
select entry_id, node_id, purpose, channel, created_at, expires_at, used_at from opt_in_request
where entry_id = :entry_id;

-- name: use_request!
update opt_in_request set used_at = :now where entry_id = :entry_id and used_at is null;

-- name: requests_of_nodes
-- What waits to be confirmed, newest first.
select entry_id, node_id, purpose, channel, created_at, expires_at, used_at from opt_in_request
where node_id = any(:nodes::text::bigint[]) and used_at is null and expires_at > :now::timestamptz
order by entry_id desc;
