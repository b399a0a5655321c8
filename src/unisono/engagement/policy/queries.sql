-- name: persons_of
-- Whose these identifiers are now; those that are gone are not in it.
select id, person_id from node where id = any((select :ids::bigint[])::bigint[]);

-- name: lock_people
-- Whoever decides about these persons waits for whoever is deciding; always in one order, so that nobody deadlocks.
select pg_advisory_xact_lock(hashtextextended('contact of ' || person_id, 0))
from (select distinct person_id from unnest(:persons::bigint[]) as wanted (person_id) order by 1) as wanted;

-- name: nodes_of_people
-- Every identifier of the persons, strongest first. The ids come from a subquery so that one plan serves every call.
select node.id, node.namespace, node.person_id, namespace.level
from node join namespace on namespace.name = node.namespace
where node.person_id = any((select :persons::bigint[])::bigint[])
order by namespace.priority, node.id;

-- name: push_addresses
select distinct node_id, channel from push_address
where node_id = any((select :nodes::bigint[])::bigint[]) and gone_at is null;

-- name: said_traits
-- What policy asks of traits.
select trait.node_id, trait.name, trait.value, trait.occurred_at, source.kind as source_kind
from trait left join source on source.id = trait.source_id
where trait.node_id = any((select :nodes::bigint[])::bigint[])
  and trait.name = any(:names::text[]);

-- name: heard_zones
-- The zone each identifier's newest event named: a phone that travels says where it is.
select heard.node_id, zone, at
from unnest(:nodes::bigint[]) as heard (node_id)
cross join lateral (
    select context ->> 'timezone' as zone, occurred_at as at from event
    where event.node_id = heard.node_id and occurred_at > :since and jsonb_typeof(context -> 'timezone') = 'string'
    order by occurred_at desc, id desc limit 1
) as newest;

-- name: home_stores
select person_id, store_id from person_summary
where person_id = any((select :persons::bigint[])::bigint[]) and store_id is not null;

-- name: contacts_since
select node_id, at, channel, purpose, weight, origin from contact
where node_id = any((select :nodes::bigint[])::bigint[]) and at > :since and released_at is null;

-- name: planned_before
-- Other messages of them that wait to be decided.
select id, node_id, try_at, priority, purpose, channels from message
where node_id = any((select :nodes::bigint[])::bigint[]) and state = 'planned' and try_at < :until
  and purpose <> 'transactional';

-- name: signals_since
-- What says how they fare with us, and what they answered; an index holds just these events.
select node_id, name, occurred_at, properties from event
where node_id = any((select :nodes::bigint[])::bigint[]) and occurred_at > :since
  and name in ('Complaint Opened', 'Complaint Closed', 'Survey Answered', 'Order Delayed', 'Order Delivered',
               'Order Collected', 'Order Cancelled', 'Order Refunded', 'Email Link Clicked', 'Message Link Clicked',
               'Push Notification Tapped', 'Slot Clicked', 'Message Received', 'Call Logged');

-- name: overdue_orders
-- Orders of theirs that should have been there, or ready, by now and are not.
select sales_order.node_id, sales_order.number, min(fulfilment.promised_at) as promised_at
from sales_order join fulfilment on fulfilment.order_id = sales_order.id
where sales_order.node_id = any((select :nodes::bigint[])::bigint[]) and sales_order.status in ('open', 'ready')
  and fulfilment.promised_at < :now
  and (fulfilment.state in ('planned', 'picking') or fulfilment.kind = 'ship' and fulfilment.state = 'shipped')
group by sales_order.node_id, sales_order.number;

-- name: answered_contacts
-- Contacts by channel, and those of them the person came by within a day of, under whatever identifier.
select mine.person_id, contact.channel, count(*) as contacts, count(*) filter (where exists (
    select 1 from node as other join event on event.node_id = other.id
    where other.person_id = mine.person_id and event.channel in ('web', 'app', 'store')
      and event.occurred_at > contact.at and event.occurred_at <= contact.at + :within::interval
)) as visits
from contact join node as mine on mine.id = contact.node_id
where contact.node_id = any((select :nodes::bigint[])::bigint[]) and contact.at > :since
  and contact.released_at is null
group by mine.person_id, contact.channel;

-- name: active_accounts
-- Of each channel the account its messages leave by.
select distinct on (channel) channel, code from channel_account where status = 'active' order by channel, rank, id;

-- name: book!
-- A message that is decided anew takes the place of what was booked for it before.
insert into contact (key, node_id, at, channel, purpose, weight, origin, message_id)
select * from unnest(:keys::text[], :nodes::bigint[], :ats::timestamptz[], :channels::text[], :purposes::text[],
                     :weights::int[], :origins::text[], :messages::bigint[])
on conflict (key) do update set node_id = excluded.node_id, at = excluded.at, channel = excluded.channel,
    purpose = excluded.purpose, weight = excluded.weight, released_at = null;

-- name: release!
update contact set released_at = :now where message_id = any(:messages::bigint[]) and released_at is null;

-- name: count_again!
update contact set released_at = null where message_id = any(:messages::bigint[]) and released_at is not null;

-- name: settled_tasks
-- Of these tasks, those that were a contact of their own: a message's call was counted when it was decided.
select id, kind, message_id from staff_task where id = any(:ids::bigint[]);

-- name: newest_policy^
select version, policy, at, actor, reason from contact_policy order by version desc limit 1;

-- name: policy_of_version^
select version, policy, at, actor, reason from contact_policy where version = :version;

-- name: policies
select version, policy, at, actor, reason from contact_policy
where :before::int is null or version < :before order by version desc limit :limit;

-- name: lock_policy
select pg_advisory_xact_lock(hashtextextended('contact policy', 0));

-- name: add_policy^
insert into contact_policy (policy, at, actor, reason) values (:policy::text::jsonb, :at, :actor, :reason)
returning version;

-- name: decide_again$
-- What the policy of before held is looked at again, and the workers are told.
with again as (
    update message set try_at = :now where state = 'planned' and try_at > :now and decision->>'outcome' = 'hold'
    returning id
)
select pg_notify('unisono_messages', '') is not null from again limit 1;
