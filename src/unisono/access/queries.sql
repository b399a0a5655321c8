-- name: find_key^
select key.id, key.kind, key.scopes, source.id as source_id, source.name as source_name,
       source.kind as source_kind, source.store_id, source.till_id,
       (key.last_used_at is null or key.last_used_at < now() - interval '1 minute') as unseen
from api_key key join source on source.id = key.source_id
where key.hash = :hash and key.disabled_at is null and source.disabled_at is null
  and (key.expires_at is null or key.expires_at > now());

-- name: insert_source$
insert into source (name, kind, store_id, till_id) values (:name, :kind, :store_id, :till_id) returning id;

-- name: insert_key$
insert into api_key (source_id, kind, hint, public_value, hash, scopes, created_by)
values (:source_id, :kind, :hint, :public_value, :hash, :scopes::text[], :actor) returning id;

-- name: key_by_id^
select key.id, key.kind, key.scopes, key.disabled_at, source.id as source_id, source.kind as source_kind
from api_key key join source on source.id = key.source_id where key.id = :id;

-- name: expire_key!
update api_key set expires_at = least(coalesce(expires_at, :at), :at) where id = :id;

-- name: disable_key$
update api_key set disabled_at = now() where id = :id and disabled_at is null returning id;

-- name: enable_key$
update api_key set disabled_at = null where id = :id and disabled_at is not null returning id;

-- name: touch_key!
update api_key set last_used_at = now() where id = :id;

-- name: sources_with_keys
select source.id as source_id, source.name, source.kind as source_kind, source.store_id, source.till_id,
       source.created_at as source_created_at, key.id as key_id, key.kind, key.hint, key.public_value, key.scopes,
       key.created_at, key.created_by, key.last_used_at, key.expires_at, key.disabled_at
from source left join api_key key on key.source_id = source.id
where source.kind <> 'system'
order by source.id, key.id;

-- name: account_by_id^
select id, email, name, role, store_ids, locale, theme, density, created_at, last_seen_at, disabled_at,
       password_hash is not null as has_password
from account where id = :id;

-- name: account_by_email^
-- For signing in: the only statement that reads a password's hash.
select id, password_hash, disabled_at from account where email = :email;

-- name: accounts
select id, email, name, role, store_ids, locale, theme, density, created_at, last_seen_at, disabled_at,
       password_hash is not null as has_password
from account order by disabled_at is not null, lower(name), id;

-- name: any_account$
select exists (select from account);

-- name: lock_accounts!
-- One at a time where the number of owners matters; ends with the transaction.
select pg_advisory_xact_lock(7104519206);

-- name: insert_account$
insert into account (email, name, role, store_ids) values (:email, :name, :role, :store_ids::text[])
on conflict (email) do nothing returning id;

-- name: set_password!
update account set password_hash = :password_hash where id = :id;

-- name: set_role$
update account set role = :role, store_ids = :store_ids::text[] where id = :id returning id;

-- name: disable_account$
update account set disabled_at = now() where id = :id and disabled_at is null returning id;

-- name: enable_account$
update account set disabled_at = null where id = :id and disabled_at is not null returning id;

-- name: owners_beside$
-- How many others could still run the installation.
select count(*) from account
where role = 'owner' and disabled_at is null and password_hash is not null and id <> :id;

-- name: set_preferences!
update account set locale = coalesce(:locale, locale), theme = coalesce(:theme, theme),
                   density = coalesce(:density, density)
where id = :id;

-- name: insert_invitation!
insert into invitation (hash, account_id, purpose, created_by, expires_at)
values (:hash, :account_id, :purpose, :actor, :expires_at);

-- name: withdraw_invitations!
-- A new link of a kind ends the older ones.
delete from invitation
where purpose = :purpose and account_id is not distinct from :account_id and used_at is null;

-- name: find_invitation^
select invitation.purpose, invitation.account_id, invitation.expires_at, account.email, account.name
from invitation left join account on account.id = invitation.account_id
where invitation.hash = :hash and invitation.used_at is null and invitation.expires_at > :now
  and account.disabled_at is null;

-- name: use_invitation^
-- Once: of two who come together, the second finds nothing.
update invitation set used_at = :now
where hash = :hash and used_at is null and expires_at > :now
  and not exists (select from account where account.id = account_id and account.disabled_at is not null)
returning purpose, account_id;

-- name: insert_session!
insert into session (hash, account_id, csrf, created_at, last_used_at, expires_at, user_agent)
values (:hash, :account_id, :csrf, :now, :now, :expires_at, :user_agent);

-- name: find_session^
select session.csrf, session.created_at, session.last_used_at, session.expires_at,
       account.id, account.email, account.name, account.role, account.store_ids, account.locale, account.theme,
       account.density, account.created_at as account_created_at, account.last_seen_at
from session join account on account.id = session.account_id
where session.hash = :hash and session.expires_at > :now and session.last_used_at > :idle_since
  and account.disabled_at is null;

-- name: touch_session!
with touched as (update session set last_used_at = :now where hash = :hash returning account_id)
update account set last_seen_at = :now from touched where account.id = touched.account_id;

-- name: close_session!
delete from session where hash = :hash;

-- name: close_sessions
delete from session where account_id = :account_id and hash is distinct from :but returning hash;

-- name: sweep_sessions!
delete from session where expires_at <= :now or last_used_at <= :idle_since;

-- name: take_attempt$
-- Count an attempt before the password is looked at, so that a hundred at once are counted too. No row: too early.
insert into sign_in_attempt as attempt (scope, key, failures, last_at, free_at) values (:scope, :key, 1, :now::timestamptz, :now::timestamptz)
on conflict (scope, key) do update set
    failures = case when attempt.last_at < :forgotten_at then 1 else attempt.failures + 1 end,
    last_at = :now,
    free_at = case
        when attempt.last_at < :forgotten_at or attempt.failures + 1 < :free::int then :now::timestamptz
        else :now::timestamptz + least(power(2, least(attempt.failures + 1 - :free::int, 20)), :longest::float8) * interval '1 second'
    end
where attempt.free_at <= :now
returning failures;

-- name: free_at$
select free_at from sign_in_attempt where scope = :scope and key = :key;

-- name: forget_attempts!
delete from sign_in_attempt where scope = :scope and key = :key;

-- name: forgive_attempt!
update sign_in_attempt set failures = greatest(failures - 1, 0), free_at = last_at
where scope = :scope and key = :key;

-- name: sweep_attempts!
delete from sign_in_attempt where last_at < :forgotten_at;

-- name: insert_audit!
insert into audit_entry (actor, action, person_id, detail) values (:actor, :action, :person_id, :detail::jsonb);

-- name: insert_audit_soon!
-- The same, on disk within a fraction of a second: in its own transaction nobody waits for the disk.
with later as (select set_config('synchronous_commit', 'off', true))
insert into audit_entry (actor, action, person_id, detail)
select :actor::text, :action::text, :person_id::bigint, :detail::text::jsonb from later;

-- name: audit_entries
select id, at, actor, action, person_id, detail::text as detail from audit_entry
where (:person_ids::bigint[] is null or person_id = any(:person_ids::bigint[]))
  and (:actor::text is null or actor = :actor)
  and (:before::bigint is null or id < :before)
order by id desc limit :limit;

-- name: company$
select company from installation;

-- name: set_company!
update installation set company = :company;

-- name: lock_idempotency
select pg_advisory_xact_lock(hashtextextended(:scope || chr(10) || :key, 0));

-- name: find_idempotency^
select request_hash, status, body, content_type from idempotency where scope = :scope and key = :key;

-- name: keep_idempotency!
insert into idempotency (scope, key, request_hash, status, body, content_type)
values (:scope, :key, :request_hash, :status, :body, :content_type);

-- name: insert_customer_token!
-- The old ones go by the way: a few a call, so that the table stays as large as the traffic of a quarter of an hour.
with swept as (
    delete from customer_token where hash in (
        select hash from customer_token where expires_at < cast(:now as timestamptz) - interval '1 hour'
        order by expires_at limit 10 for update skip locked)
)
insert into customer_token (hash, node_id, proven, source_id, channel, store_id, created_at, expires_at)
values (:hash, :node_id, :proven, :source_id, :channel, :store_id, :now, :expires_at);

-- name: find_customer_token^
-- Live tokens only.
select node_id, proven, source_id, channel, store_id, expires_at from customer_token
where hash = :hash and expires_at > :now and revoked_at is null;

-- name: revoke_customer_token!
-- Ending one twice is fine.
update customer_token set revoked_at = :now where hash = :hash and revoked_at is null;

-- name: sources_of_kinds
select id from source where id = any(:ids::int[]) and kind = any(:kinds::text[]);
