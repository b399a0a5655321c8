-- name: accounts
-- Accounts by channel and rank; all or those named.
select id, code, kind, channel, name, status, rank, settings::text as settings, secrets, per_second,
       warm_up::text as warm_up, cost_minor, currency, failures, closed_until, last_error, created_at, created_by,
       changed_at
from channel_account
where (:ids::int[] is null or id = any(:ids::int[]))
  and (:code::text is null or code = :code::text)
  and (:channels::text[] is null or channel = any(:channels::text[]))
order by channel, rank, id;

-- name: lock_account^
-- The account, kept from others who change it.
select id, secrets from channel_account where code = :code::text for update;

-- name: insert_account$
-- A new account; nothing when the code is taken.
insert into channel_account (code, kind, channel, name, status, rank, settings, secrets, per_second, warm_up,
                             cost_minor, currency, created_at, created_by, changed_at)
values (:code::text, :kind::text, :channel::text, :name::text, :status::text, :rank::int, :settings::jsonb,
        :secrets::bytea, :per_second::real, :warm_up::jsonb, :cost_minor::int, :currency::text, :now::timestamptz,
        :actor::text, :now::timestamptz)
on conflict (code) do nothing
returning id;

-- name: change_account!
-- Changed settings give the account a fresh start: its circuit is closed again.
update channel_account
set name = :name::text, status = :status::text, rank = :rank::int, settings = :settings::jsonb,
    secrets = :secrets::bytea, per_second = :per_second::real, warm_up = :warm_up::jsonb,
    cost_minor = :cost_minor::int, currency = :currency::text, changed_at = :now::timestamptz, failures = 0,
    closed_until = null, last_error = null
where id = :id::int;

-- name: failed!
-- One more failure in a row of the account's own fault.
update channel_account
set failures = failures + 1, last_error = :error::text, closed_until = :closed_until::timestamptz
where id = :id::int;

-- name: succeeded!
-- It works again; written only when something was wrong.
update channel_account set failures = 0, last_error = null, closed_until = null
where id = :id::int and (failures > 0 or closed_until is not null);

-- name: take_calls
-- Which of the things a provider tells we have not heard yet.
insert into provider_call (account_id, delivery_id, received_at, kind, outcome)
select :account_id::int, delivery_id, :now::timestamptz, kind, :outcome::text
from unnest(:delivery_ids::text[], :kinds::text[]) as told (delivery_id, kind)
order by delivery_id
on conflict do nothing
returning delivery_id;

-- name: forget_calls!
-- Long ago: no provider tells it again.
delete from provider_call where ctid = any(array(
    select ctid from provider_call where received_at < :before limit :many
));

-- name: forget_push_addresses!
-- Gone since long; whoever comes back registers anew.
delete from push_address where id = any(array(
    select id from push_address where gone_at < :before limit :many
));

-- name: calls_since
-- How many things of which kind an account's provider told us, and when last.
select kind, count(*)::int as number, max(received_at) as last_at
from provider_call
where account_id = :account_id::int and received_at >= :since::timestamptz
group by kind order by kind;

-- name: own_source$
-- The source our own evidence is kept under.
select id from source where kind = 'system' order by id limit 1;

-- name: nodes_of_addresses
-- The nodes of addresses, those that are known.
select namespace, value, id
from node
where (namespace, value) in (select namespace, value
                             from unnest(:namespaces::text[], :values::text[]) as named (namespace, value));
