-- name: channels_in_use
-- On which channels the company speaks at all.
select distinct channel from channel_account where status <> 'disabled';

-- name: message^
-- Whom a message went to, and where.
select message.id, message.node_id, coalesce(message.address_node, message.node_id) as address_node, message.channel,
       message.channels[1] as wanted_channel, message.account_id, node.namespace, node.value
from message join node on node.id = coalesce(message.address_node, message.node_id)
where message.id = :id;

-- name: asked^
-- The address a request is about, and the words shown with it.
select node.namespace, node.value, entry.text_id, entry.text_version, entry.text_language
from consent_entry entry join node on node.id = entry.node_id
where entry.id = :entry;

-- name: link_of$
-- A link of a message as it left.
select rendered->'links'->>:place::int from message_content where message_id = :id;
