-- name: start_payment^
-- Nothing comes back when the key was used before.
with made as (
    insert into payment (order_id, reference, provider, method, amount_minor, currency, state, key, detail, created_at,
                         updated_at)
    values (:order_id, :reference, :provider, :method, :amount, :currency, 'pending', :key, :detail::text::jsonb,
            :now, :now)
    on conflict (key) do nothing
    returning id
)
insert into payment_entry (payment_id, at, action, outcome, amount_minor, key)
select id, :now, 'authorise', 'started', :amount, :key from made
returning id as entry_id, payment_id;

-- name: start_entry$
insert into payment_entry (payment_id, at, action, outcome, amount_minor, key)
values (:payment_id::uuid, :now, :action, 'started', :amount, :key)
returning id;

-- name: entry_by_key^
select id, payment_id from payment_entry where key = :key and outcome = 'started' order by id limit 1;

-- name: settle_entry!
insert into payment_entry (payment_id, at, action, outcome, amount_minor, provider_id, key, detail)
values (:payment_id::uuid, :now, :action, :outcome, :amount, :provider_id, :key, :detail);

-- name: outcome_of_key$
-- The final outcome of a call, null while there is none: "unknown" is not final.
select outcome from payment_entry
where payment_id = :payment_id::uuid and key = :key and outcome in ('done', 'declined') limit 1;

-- name: last_outcome$
select outcome from payment_entry where payment_id = :payment_id::uuid and key = :key order by id desc limit 1;

-- name: update_payment!
update payment set state = :state, captured_minor = :captured, refunded_minor = :refunded,
       provider_id = coalesce(:provider_id, provider_id), updated_at = :now
where id = :id::uuid;

-- name: assign_payment!
update payment set order_id = :order_id, updated_at = :now where id = :id::uuid;

-- name: payment_by_id^
select * from payment where id = :id::uuid;

-- name: lock_payment^
select * from payment where id = :id::uuid for update;

-- name: payment_by_key^
select * from payment where key = :key;

-- name: payments_of_order
select * from payment where order_id = :order_id order by created_at, id;

-- name: payments_of_reference
select * from payment where reference = :reference order by created_at, id;

-- name: entries_of_payments
select * from payment_entry where payment_id = any(:ids::uuid[]) order by id;

-- name: entry_by_id^
select * from payment_entry where id = :id;

-- name: owed_by_payment
-- What is asked for already and not answered yet: it must not be asked for again.
select entry.action, sum(entry.amount_minor)::bigint as amount from payment_entry as entry
where entry.payment_id = :id::uuid and entry.outcome = 'started' and entry.action in ('capture', 'refund', 'void')
  and not exists (select from payment_entry as after where after.payment_id = entry.payment_id
                  and after.key = entry.key and after.outcome in ('done', 'declined'))
group by entry.action;

-- name: waiting_entries
-- Started calls of a payment that have no final outcome.
select entry.id, entry.action, entry.amount_minor, entry.at from payment_entry as entry
where entry.payment_id = :id::uuid and entry.outcome = 'started'
  and not exists (select from payment_entry as after where after.payment_id = entry.payment_id
                  and after.key = entry.key and after.outcome in ('done', 'declined'))
order by entry.id;
