-- name: identifiers
select id, namespace, value, person_id from node where id = any(:nodes::bigint[]);

-- name: account_names
select id, name from channel_account where id = any(:ids::int[]);

-- name: latest_entries
select entry.node_id, node.person_id, entry.purpose, entry.channel, entry.action, entry.basis, entry.source,
       entry.actor, entry.at, entry.text_id, entry.text_version, entry.text_language, entry.expires_at
from consent_entry entry left join node on node.id = entry.node_id
order by entry.id desc limit :most::int;

-- name: blocked
-- Addresses nothing, or no marketing, goes to; after a position.
select suppression.node_id, node.person_id, suppression.channel, suppression.reason, suppression.purposes,
       suppression.at, suppression.source, suppression.detail, suppression.lifted_at, suppression.lifted_by
from suppression left join node on node.id = suppression.node_id
where (:reason::text is null or suppression.reason = :reason::text)
  and (suppression.lifted_at is not null) = :lifted::boolean
  and (:node::bigint is null or (suppression.node_id, suppression.channel, suppression.reason)
      < (:node::bigint, :channel::text, :last_reason::text))
order by suppression.node_id desc, suppression.channel desc, suppression.reason desc
limit :most::int;

-- name: subjects
select message_id, left(coalesce(rendered ->> 'subject', rendered ->> 'title', rendered ->> 'text',
                                 rendered ->> 'body'), 120) as subject
from message_content where message_id = any(:ids::bigint[]);

-- name: first_reasons
select id, decision -> 'reasons' -> 0 as reason, decision -> 'sending' as sending
from message where id = any(:ids::bigint[]);

-- name: segment_names
select code, name from segment where code = any(:codes::text[]);

-- name: template_names
select code, name from template where code = any(:codes::text[]);
