-- name: known_places
-- Which of these are places of ours.
select code from location where code = any(:codes::text[]);

-- name: offers_told
-- What was told of these offers, in order of time: the evidence of what every channel could know at an instant.
select subject, at, data from change where subject = any(:subjects::text[]) order by subject, sequence;

-- name: coupons
-- Which promotion these coupons are of and when they may be used.
select coupon.code, promotion.code as promotion, coupon.starts_at, coupon.expires_at, coupon.disabled_at,
       coupon.created_at
from coupon join promotion on promotion.id = coupon.promotion_id where coupon.code = any(:codes::text[]);

-- name: stock_moved
-- Of these skus, those whose stock has changed since an instant: what was shown then is not compared with now.
select distinct sku from unnest(:skus::text[]) as asked (sku)
where exists (select 1 from change where change.at >= :since and change.kind = 'stock'
              and starts_with(change.subject, 'stock:' || asked.sku || '@'));

-- name: open_incidents
-- The open incidents about these skus and offers.
select id, kind, sku, channel, store_id, last_at from incident where closed_at is null and sku = any(:skus::text[]);

-- name: report_incidents
-- Open them, or add to those that are open; in one order, so that two readers never wait for each other.
insert into incident (kind, sku, channel, store_id, shown, truth, first_at, last_at, occurrences, event_id)
select kind, sku, channel, store_id, shown::jsonb, truth::jsonb, first_at, last_at, occurrences, event_id
from unnest(:kinds::text[], :skus::text[], :channels::text[], :stores::text[], :shown::text[], :truths::text[],
    :firsts::timestamptz[], :lasts::timestamptz[], :occurrences::bigint[], :event_ids::bigint[])
     as seen (kind, sku, channel, store_id, shown, truth, first_at, last_at, occurrences, event_id)
order by kind, sku, channel, store_id
on conflict (kind, sku, channel, store_id) where closed_at is null do update set
    first_at = least(incident.first_at, excluded.first_at), last_at = greatest(incident.last_at, excluded.last_at),
    occurrences = incident.occurrences + excluded.occurrences,
    shown = case when excluded.last_at >= incident.last_at then excluded.shown else incident.shown end,
    truth = case when excluded.last_at >= incident.last_at then excluded.truth else incident.truth end,
    event_id = case when excluded.last_at >= incident.last_at then excluded.event_id else incident.event_id end,
    correct_at = case when incident.correct_at > excluded.last_at then incident.correct_at end
returning id, kind, sku, channel, store_id, first_at, last_at, version, xmax = 0 as is_new;

-- name: add_people!
insert into incident_person (incident_id, node_id)
select incident_id, node_id from unnest(:incidents::bigint[], :nodes::bigint[]) as seen (incident_id, node_id)
order by incident_id, node_id on conflict do nothing;

-- name: note_correct!
-- The first time it was shown rightly after it last was not.
update incident set correct_at = seen.at
from unnest(:ids::bigint[], :ats::timestamptz[]) as seen (id, at)
where incident.id = seen.id and incident.closed_at is null and incident.correct_at is null
  and seen.at > incident.last_at;

-- name: add_counts!
insert into coherence_count (day, channel, store_id, compared, differing, unknown)
select day, channel, store_id, compared, differing, unknown
from unnest(:days::date[], :channels::text[], :stores::text[], :compared::bigint[], :differing::bigint[],
    :unknown::bigint[]) as seen (day, channel, store_id, compared, differing, unknown)
order by day, channel, store_id
on conflict (day, channel, store_id) do update set compared = coherence_count.compared + excluded.compared,
    differing = coherence_count.differing + excluded.differing, unknown = coherence_count.unknown + excluded.unknown;

-- name: incidents
-- The latest first; what is null does not filter. People are counted as the persons they are now.
select id, kind, sku, channel, nullif(store_id, '') as store_id, shown, truth, first_at, last_at, occurrences,
       (select count(distinct node.person_id) from incident_person
        join node on node.id = incident_person.node_id where incident_person.incident_id = incident.id) as people,
       event_id, correct_at, closed_at, closed_by
from incident
where (:id::bigint is null or id = :id::bigint)
  and (:open::boolean is null or (closed_at is null) = :open::boolean)
  and (:kind::text is null or kind = :kind::text)
  and (:sku::text is null or sku = :sku::text)
  and (:channel::text is null or channel = :channel::text)
  and (:store_id::text is null or store_id = :store_id::text)
  and (:before_at::timestamptz is null or (last_at, id) < (:before_at::timestamptz, :before_id::bigint))
order by last_at desc, id desc limit :limit;

-- name: lock_incident^
select id, last_at, correct_at, closed_at from incident where id = :id for update;

-- name: close_incident^
update incident set closed_at = :now, closed_by = :actor, version = version + 1
where id = :id and closed_at is null
returning id, kind, sku, channel, store_id, shown, truth, first_at, last_at, occurrences, version;

-- name: counts
select day, channel, nullif(store_id, '') as store_id, compared, differing, unknown
from coherence_count where day >= :since order by day desc, channel, store_id;

-- name: open_by_kind
select kind, count(*) as incidents from incident where closed_at is null group by kind;
