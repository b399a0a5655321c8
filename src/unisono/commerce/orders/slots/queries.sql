-- name: place^
-- A place that is not closed for good.
select id, code, name, kind, timezone, opening, address, latitude, longitude, ships, picks_up, closed_at
from location where code = :code and closed_at is null;

-- name: slot_rules
select location.code as store_id, rule.kind, rule.resource, rule.slot_minutes, rule.capacity, rule.lead_minutes,
       rule.days_ahead
from slot_rule as rule join location on location.id = rule.location_id
where location.code = :store_id and (:kind::text is null or rule.kind = :kind::text)
  and (:resource::text is null or rule.resource = :resource::text)
order by rule.kind, rule.resource;

-- name: put_rule!
insert into slot_rule (location_id, kind, resource, slot_minutes, capacity, lead_minutes, days_ahead)
values (:location_id, :kind, :resource, :slot_minutes, :capacity, :lead_minutes, :days_ahead)
on conflict (location_id, kind, resource) do update set slot_minutes = excluded.slot_minutes,
    capacity = excluded.capacity, lead_minutes = excluded.lead_minutes, days_ahead = excluded.days_ahead;

-- name: drop_rule!
delete from slot_rule where location_id = :location_id and kind = :kind and resource = :resource;

-- name: slots_between
-- The slots of a place that are rows, with what they hold at an instant; dead holds promise nothing.
select slot.id, slot.resource, slot.starts_at, slot.ends_at, slot.good_id, good.capacity,
       good.held + good.committed - coalesce(dead.quantity, 0) as promised
from capacity_slot as slot join good on good.id = slot.good_id
left join lateral (
    select sum(quantity)::bigint as quantity from hold
    where hold.good_id = good.id and hold.state = 'held' and hold.expires_at <= :now::timestamptz
) as dead on true
where slot.location_id = :location_id and slot.kind = :kind and slot.resource = any(:resources::text[])
  and slot.starts_at < :until::timestamptz and slot.ends_at > :since::timestamptz
order by slot.starts_at;

-- name: insert_slots!
insert into capacity_slot (location_id, kind, resource, starts_at, ends_at, good_id)
select :location_id, :kind, :resource, starts_at, ends_at, good_id
from unnest(:starts::timestamptz[], :ends::timestamptz[], :goods::bigint[]) as new (starts_at, ends_at, good_id)
order by starts_at
on conflict do nothing;

-- name: insert_appointment!
insert into appointment (id, code, node_id, location_id, resource, service, starts_at, ends_at, holds, state, channel,
                         note, confirm_by, created_at)
values (:id, :code, :node_id, :location_id, :resource, :service, :starts_at, :ends_at, :holds, :state, :channel,
        :note, :confirm_by, :now);

-- name: appointments
-- By id, or a list: of a store, of a person's nodes, from an instant on.
select a.id::text as id, a.code, a.node_id, node.person_id, location.code as store_id, location.name as store_name,
       location.timezone, a.resource, a.service, a.starts_at, a.ends_at, a.holds, a.state, a.channel, a.note,
       a.confirm_by, a.created_at, a.settled_at, a.settled_by, a.reason, a.version
from appointment as a join location on location.id = a.location_id join node on node.id = a.node_id
where (:id::uuid is null or a.id = :id::uuid)
  and (:store_ids::text[] is null or location.code = any(:store_ids::text[]))
  and (:nodes::bigint[] is null or a.node_id = any(:nodes::bigint[]))
  and (:since::timestamptz is null or a.ends_at > :since::timestamptz)
  and (:states::text[] is null or a.state = any(:states::text[]))
order by a.starts_at, a.id limit :limit;

-- name: move_appointment^
-- Only out of the states it may leave: of two who try, one wins. A pending one that is called off was never announced.
with old as (select id, state from appointment where id = :id::uuid for update)
update appointment set state = :state, settled_at = :now, settled_by = :actor, reason = :reason, version = version + 1
from old where appointment.id = old.id and old.state = any(:of::text[])
returning old.state <> 'pending' or :state::text = 'booked' as announced;
