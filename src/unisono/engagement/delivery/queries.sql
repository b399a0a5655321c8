-- Planning ------------------------------------------------------------------------------------------

-- name: insert_messages
-- What is planned for identifiers that exist; a key planned before stays as it is. Those due soon wake the workers.
with wanted as (
    select * from unnest(
        :keys::text[], :nodes::bigint[], :broadcasts::int[], :origins::text[], :purposes::text[], :profiled::boolean[],
        :categories::text[], :templates::text[], :versions::int[], :contents::text[], :datas::text[],
        :channels::text[], :languages::text[], :priorities::int[], :local_times::text[], :due_ats::timestamptz[],
        :not_afters::timestamptz[], :actors::text[]
    ) as t (key, node_id, broadcast_id, origin, purpose, profiled, category, template, template_version, content, data,
            channels, language, priority, local_time, due_at, not_after, created_by)
), made as (
    insert into message (key, node_id, broadcast_id, origin, purpose, profiled, category, template, template_version,
                         content, data, channels, language, priority, local_time, due_at, not_after, try_at,
                         created_at, created_by)
    select key, node_id, broadcast_id, origin, purpose, profiled, category, template, template_version,
           content::jsonb, data::jsonb, string_to_array(channels, ','), language, priority, local_time::jsonb, due_at,
           not_after, due_at, :now::timestamptz, created_by
    from wanted where exists (select 1 from node where node.id = wanted.node_id)
    on conflict (key) do nothing
    returning id, key
), told as (
    select pg_notify('unisono_messages', '')
    where exists (select 1 from wanted where due_at <= :soon::timestamptz)
)
select id, key, (select count(*) from told) >= 0 as new from made;

-- name: known_messages
select id, key from message where key = any(:keys::text[]);

-- name: cancel_messages
-- Those not handed over yet; whoever holds them writes nothing any more. What may have left already stays unknown.
update message set state = case when attempts > 0 and exists (
           select 1 from message_attempt where message_id = message.id and outcome = 'unknown'
       ) then 'unknown' else 'cancelled' end,
       reason = :reason, settled_at = :now, epoch = epoch + 1, lease_until = null
where state in ('planned', 'claimed') and (id = any(:ids::bigint[]) or broadcast_id = :broadcast_id::int)
returning id, state;

-- name: settle_by_hand^
-- What somebody knows of a message nobody knew of: it is over, or it goes once more. Who held it writes nothing.
update message set state = :state, reason = :reason, epoch = epoch + 1, lease_until = null,
       try_at = case when :state = 'planned' then :now::timestamptz else try_at end,
       settled_at = case when :state <> 'planned' then :now::timestamptz end,
       decision = coalesce(decision, '{}') || jsonb_build_object('sending', :found::jsonb)
where id = :id and state = 'unknown'
returning channel, address_node, handed_over_at;

-- name: release_broadcast!
-- What waits because its broadcast was paused waits no longer.
update message set try_at = greatest(due_at, :now::timestamptz), reason = null
where broadcast_id = :broadcast_id and state = 'planned' and reason = 'broadcast_paused';

-- Claiming ------------------------------------------------------------------------------------------

-- name: lock_due
-- The next messages that are due, soonest first, passing over those others hold.
select message.id, message.key, message.node_id, message.broadcast_id, message.origin, message.purpose,
       message.profiled, message.category, message.template, message.template_version, message.content, message.data,
       message.channels, message.language, message.priority, message.local_time, message.due_at, message.not_after,
       message.channel, message.address_node, message.account_id, message.epoch, message.attempts,
       message.first_try_at,
       message.attempts > 0 and exists (
           select 1 from message_attempt where message_id = message.id and outcome = 'unknown'
       ) as again
from message
where message.state = 'planned' and message.try_at <= :now
order by message.try_at, message.id limit :many
for update skip locked;

-- name: lock_urgent
-- As lock_due, of the messages people wait for.
select message.id, message.key, message.node_id, message.broadcast_id, message.origin, message.purpose,
       message.profiled, message.category, message.template, message.template_version, message.content, message.data,
       message.channels, message.language, message.priority, message.local_time, message.due_at, message.not_after,
       message.channel, message.address_node, message.account_id, message.epoch, message.attempts,
       message.first_try_at,
       message.attempts > 0 and exists (
           select 1 from message_attempt where message_id = message.id and outcome = 'unknown'
       ) as again
from message
where message.state = 'planned' and message.purpose = 'transactional' and message.try_at <= :now
order by message.try_at, message.id limit :many
for update skip locked;

-- name: broadcasts_now
-- How these broadcasts stand, and stay until the transaction ends.
select id, code, status from broadcast where id = any(:ids::int[]) order by id for share;

-- name: refused_channels
-- Channels that these messages were refused on for good, and why.
select message_id, channel, coalesce(code, outcome) as why from message_attempt
where message_id = any(:ids::bigint[]) and outcome = 'refused';

-- name: parked_persons
-- Persons with a message that waits for another try at a provider: what else is theirs waits behind it.
select node.person_id, message.account_id, max(message.try_at) as until
from node own join node on node.person_id = own.person_id
join message on message.node_id = node.id and message.state = 'planned' and message.attempts > 0
where own.id = any(:nodes::bigint[]) and message.try_at > :now and message.account_id is not null
  and message.id <> all(:ids::bigint[])
group by node.person_id, message.account_id;

-- name: write_decisions!
update message set state = d.state, reason = d.reason, decision = d.decision::jsonb, channel = d.channel,
       address_node = d.address_node, account_id = d.account_id, try_at = coalesce(d.try_at, message.try_at),
       epoch = message.epoch + 1,
       lease_until = case when d.state = 'claimed' then :lease_until::timestamptz end,
       settled_at = case when d.state in ('skipped', 'unknown', 'cancelled') then :now::timestamptz end
from unnest(:ids::bigint[], :states::text[], :reasons::text[], :decisions::text[], :channels::text[],
            :addresses::bigint[], :accounts::int[], :try_ats::timestamptz[])
    as d (id, state, reason, decision, channel, address_node, account_id, try_at)
where message.id = d.id;

-- name: next_due^
-- When the next message is due, and when the next lease ends.
select (select min(try_at) from message where state = 'planned') as due,
       (select min(lease_until) from message where state in ('claimed', 'handed_over')) as lease;

-- Handing over --------------------------------------------------------------------------------------

-- name: share_sending!
-- Nobody pauses anything until the transaction ends.
select pg_advisory_xact_lock_shared(:lock::bigint);

-- name: is_paused$
-- In a statement of its own: one that has waited for a lock sees what was before it waited.
select paused_at is not null from sending;

-- name: persons_now
-- Whose these identifiers are; of an erased one nothing comes back.
select id, person_id from node where id = any(:nodes::bigint[]);

-- name: hand_over
-- Written before anything leaves: only what is still ours, not paused, not past its end.
update message set state = 'handed_over', handed_over_at = :now, lease_until = :lease_until,
       first_try_at = coalesce(first_try_at, :now), reason = null
from unnest(:ids::bigint[], :epochs::bigint[]) as held (id, epoch)
where message.id = held.id and message.epoch = held.epoch and message.state = 'claimed'
  and message.lease_until > :now and (message.not_after is null or message.not_after >= :now)
  and not exists (select 1 from broadcast where broadcast.id = message.broadcast_id and status in ('paused', 'stopped'))
returning message.id;

-- name: write_contents!
insert into message_content (message_id, rendered, at)
select id, rendered::jsonb, :now from unnest(:ids::bigint[], :contents::text[]) as said (id, rendered)
on conflict (message_id) do update set rendered = excluded.rendered, at = excluded.at;

-- name: put_back
-- Claimed messages that cannot go now, and are tried again, or never: those that were still ours.
update message set state = b.state, reason = b.reason, try_at = coalesce(b.try_at, message.try_at),
       decision = case when b.found is null then message.decision
                       else coalesce(message.decision, '{}') || jsonb_build_object('sending', b.found::jsonb) end,
       lease_until = null, settled_at = case when b.state <> 'planned' then :now::timestamptz end
from unnest(:ids::bigint[], :epochs::bigint[], :states::text[], :reasons::text[], :try_ats::timestamptz[],
            :founds::text[]) as b (id, epoch, state, reason, try_at, found)
where message.id = b.id and message.epoch = b.epoch and message.state in ('claimed', 'handed_over')
returning message.id;

-- Settling ------------------------------------------------------------------------------------------

-- name: settle
-- What came of what was handed over. An acceptance counts also after the lease, as long as nobody took it up again.
update message set state = o.state, reason = o.reason, provider_id = coalesce(o.provider_id, message.provider_id),
       attempts = message.attempts + 1, try_at = coalesce(o.try_at, message.try_at), lease_until = null,
       first_try_at = case when o.reason = 'next_channel' then null else message.first_try_at end,
       settled_at = case when o.state <> 'planned' then :now::timestamptz end,
       cost_minor = coalesce(o.cost, message.cost_minor), currency = coalesce(o.currency, message.currency)
from unnest(:ids::bigint[], :epochs::bigint[], :states::text[], :reasons::text[], :provider_ids::text[],
            :try_ats::timestamptz[], :costs::int[], :currencies::text[])
    as o (id, epoch, state, reason, provider_id, try_at, cost, currency)
where message.id = o.id and message.epoch = o.epoch
  and (message.state = 'handed_over' or o.state = 'accepted' and message.state in ('unknown', 'planned'))
returning message.id;

-- name: add_costs!
-- What acceptances cost that the provider's receipt had told of before they were written down.
update message set cost_minor = o.cost, currency = o.currency, attempts = message.attempts + 1,
       provider_id = coalesce(message.provider_id, o.provider_id)
from unnest(:ids::bigint[], :epochs::bigint[], :provider_ids::text[], :costs::int[], :currencies::text[])
    as o (id, epoch, provider_id, cost, currency)
where message.id = o.id and message.epoch = o.epoch and message.state = 'accepted' and message.cost_minor is null;

-- name: broadcast_segments
-- Whom these broadcasts are for.
select id, segment from broadcast where id = any(:ids::int[]);

-- name: write_attempts!
insert into message_attempt (message_id, account_id, channel, at, outcome, code, detail, provider_id)
select tried.* from unnest(:ids::bigint[], :accounts::int[], :channels::text[], :ats::timestamptz[], :outcomes::text[],
                           :codes::text[], :details::text[], :provider_ids::text[]) as tried (message_id)
where exists (select 1 from message where message.id = tried.message_id);

-- Leases --------------------------------------------------------------------------------------------

-- name: take_back
-- Claims whose worker is gone: nothing has left, they are due again.
update message set state = 'planned', lease_until = null, reason = null, try_at = :now
where id in (select id from message where state = 'claimed' and lease_until < :now limit :many for update skip locked)
returning id;

-- name: lock_lost
-- Handed over by a worker that is gone: nobody can say whether they left.
select message.id, message.purpose, message.account_id, message.channel, message.handed_over_at,
       exists (select 1 from message_attempt where message_id = message.id and outcome = 'unknown') as again
from message where state = 'handed_over' and lease_until < :now limit :many for update skip locked;

-- name: write_lost!
update message set state = lost.state, reason = lost.reason, lease_until = null, attempts = attempts + 1,
       try_at = case when lost.state = 'planned' then :now::timestamptz else try_at end,
       settled_at = case when lost.state <> 'planned' then :now::timestamptz end
from unnest(:ids::bigint[], :states::text[], :reasons::text[]) as lost (id, state, reason)
where message.id = lost.id;

-- Accounts ------------------------------------------------------------------------------------------

-- name: reserve^
-- The instant from which this many messages of an account may leave, one every 1/rate seconds; later ones wait longer.
insert into account_pace as pace (account_id, next_at, day, used)
values (:account_id, :now::timestamptz + make_interval(secs => :seconds::float8), :day::date, :many::int)
on conflict (account_id) do update set
    next_at = greatest(pace.next_at, :now::timestamptz) + make_interval(secs => :seconds::float8),
    used = case when pace.day = excluded.day then pace.used else 0 end + :many::int, day = excluded.day
returning greatest(next_at - make_interval(secs => :seconds::float8), :now::timestamptz) as start, used;

-- name: used_today
select account_id, used from account_pace where account_id = any(:ids::int[]) and day = :day::date;

-- Looking -------------------------------------------------------------------------------------------

-- name: message_rows
select message.id, message.key, message.node_id, node.person_id, message.broadcast_id, message.origin,
       message.purpose, message.template, message.channels, message.priority, message.due_at, message.try_at,
       message.not_after, message.state, message.reason, message.channel, message.address_node, message.account_id,
       message.attempts, message.created_at, message.created_by, message.handed_over_at, message.settled_at,
       message.delivered_at, message.opened_at, message.clicked_at, message.failed_at, message.cost_minor,
       message.currency
from message left join node on node.id = message.node_id
where (:state::text is null or message.state = :state::text)
  and (:channel::text is null or coalesce(message.channel, message.channels[1]) = :channel::text)
  and (:purpose::text is null or message.purpose = :purpose::text)
  and (:broadcast_id::int is null or message.broadcast_id = :broadcast_id::int)
  and (:reason::text is null or message.reason = :reason::text)
  and (:origin::text is null or message.origin = :origin::text)
  and (:nodes::bigint[] is null or message.node_id = any(:nodes::bigint[]))
  and (:before::bigint is null or message.id < :before::bigint)
  and (:ids::bigint[] is null or message.id = any(:ids::bigint[]))
order by message.id desc limit :limit;

-- name: decision_of^
select message.decision, message_content.rendered
from message left join message_content on message_content.message_id = message.id where message.id = :id;

-- name: attempts_of
select account_id, channel, at, outcome, code, detail, provider_id
from message_attempt where message_id = :id order by id;

-- name: count_states
select state, reason, count(*) as messages, count(delivered_at) as delivered, count(opened_at) as opened,
       count(clicked_at) as clicked, count(failed_at) as failed, coalesce(sum(cost_minor), 0)::bigint as cost_minor
from message where broadcast_id = :broadcast_id group by state, reason;

-- Sending -------------------------------------------------------------------------------------------

-- name: sending^
select paused_at, reason, fingerprint, changed_at, changed_by from sending;

-- name: hold_sending$
select pg_advisory_xact_lock(:lock::bigint) is not null;

-- name: pause_sending!
update sending set paused_at = coalesce(paused_at, :now), reason = :reason, changed_at = :now, changed_by = :actor;

-- name: resume_sending!
update sending set paused_at = null, reason = null, fingerprint = :fingerprint, changed_at = :now,
       changed_by = :actor;

-- name: cluster^
select (select system_identifier::text from pg_control_system()) as cluster, oid::text as database,
       datname::text as name, host(inet_server_addr()) as address,
       (select setting from pg_settings where pg_settings.name = 'data_directory') as folder
from pg_database where datname = current_database();

-- name: transaction_now$
select pg_snapshot_xmax(pg_current_snapshot())::text;

-- Rendering -----------------------------------------------------------------------------------------

-- name: addresses
select id, namespace, value from node where id = any(:nodes::bigint[]);

-- name: last_answers
-- When somebody wrote to us last from these addresses, within the days any channel's window is long.
select node_id, properties ->> 'channel' as channel, max(occurred_at) as at from event
where node_id = any(:nodes::bigint[]) and name = 'Message Received' and occurred_at > now() - interval '8 days'
group by node_id, properties ->> 'channel';

-- Reconciling ---------------------------------------------------------------------------------------

-- name: messages_told_of
-- Messages that have left, or may have, by our id or by the provider's.
select message.id, message.account_id, message.provider_id, message.channel, message.address_node, node.person_id,
       message.handed_over_at, broadcast.code as campaign
from message left join node on node.id = message.address_node
left join broadcast on broadcast.id = message.broadcast_id
where message.channel is not null and message.handed_over_at is not null and (
    message.id = any(:ids::bigint[]) or message.provider_id is not null and (message.account_id, message.provider_id) in (
        select account_id, provider_id from unnest(:accounts::int[], :provider_ids::text[]) as t (account_id, provider_id)
    )
);

-- name: messages_read
-- What was taken by an account for an address before somebody there had read all there was.
select read.place, message.id, message.account_id, message.provider_id, message.channel, message.address_node,
       node.person_id, message.handed_over_at, broadcast.code as campaign
from unnest(:places::int[], :accounts::int[], :addresses::text[], :untils::timestamptz[])
    as read (place, account_id, address, until)
join node on node.value = read.address
join message on message.node_id = any(select own.id from node own where own.person_id = node.person_id)
     and message.address_node = node.id and message.account_id = read.account_id and message.channel = node.namespace
left join broadcast on broadcast.id = message.broadcast_id
where message.state = 'accepted' and message.opened_at is null and message.handed_over_at <= read.until
  and message.handed_over_at > read.until - interval '30 days';

-- name: settle_found
-- What was unknown, also where it waits for its second try, and is known now. Who still holds one of these writes the
-- same, or nothing.
update message set state = found.state, reason = case when found.state = 'refused' then 'refused' end,
       lease_until = null, settled_at = :now,
       provider_id = coalesce(message.provider_id, found.provider_id)
from unnest(:ids::bigint[], :states::text[], :provider_ids::text[]) as found (id, state, provider_id)
where message.id = found.id and (
    message.state = 'unknown'
    or message.state = 'planned' and message.attempts > 0 and exists (
        select 1 from message_attempt where message_id = message.id and outcome = 'unknown'
    )
    or message.state = 'handed_over' and found.state = 'accepted'
)
returning message.id;

-- name: note_events
-- First times only; which columns are new.
with told as (
    select id, min(at) filter (where what = 'delivered') as delivered, min(at) filter (where what = 'opened') as opened,
           min(at) filter (where what = 'clicked') as clicked, min(at) filter (where what = 'failed') as failed
    from unnest(:ids::bigint[], :columns::text[], :ats::timestamptz[]) as t (id, what, at) group by id
), before as (
    select message.id, delivered_at, opened_at, clicked_at, failed_at from message join told using (id) for update of message
), noted as (
    update message set delivered_at = coalesce(message.delivered_at, told.delivered),
           opened_at = coalesce(message.opened_at, told.opened), clicked_at = coalesce(message.clicked_at, told.clicked),
           failed_at = coalesce(message.failed_at, told.failed)
    from told join before using (id) where message.id = told.id
)
select told.id, told.delivered is not null and before.delivered_at is null as delivered,
       told.opened is not null and before.opened_at is null as opened,
       told.clicked is not null and before.clicked_at is null as clicked,
       told.failed is not null and before.failed_at is null as failed
from told join before using (id);

-- name: told_before
select message_id from event where message_id = any(:keys::text[]);
