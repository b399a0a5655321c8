-- access: who may do what ------------------------------------------------------------------------

create table source (
    id          int generated always as identity primary key,
    name        text not null,
    kind        text not null check (kind in ('browser', 'app', 'server', 'till', 'import', 'connector', 'system')),
    store_id    text,
    till_id     text,
    created_at  timestamptz not null default now(),
    disabled_at timestamptz,
    check (kind <> 'till' or (store_id is not null and till_id is not null))
);
comment on table source is 'Where events come from: a site, an app, a till, an import.';

create table api_key (
    id           int generated always as identity primary key,
    source_id    int not null references source,
    kind         text not null check (kind in ('write', 'till', 'secret')),
    hint         text not null,
    public_value text,
    hash         bytea not null unique,
    scopes       text[] not null default '{}',
    created_at   timestamptz not null default now(),
    created_by   text not null,
    last_used_at timestamptz,
    expires_at   timestamptz,
    disabled_at  timestamptz,
    check (kind <> 'secret' or public_value is null)
);
comment on column api_key.hash is 'sha256 of the key: keys are 160 random bits, so no slow hash is needed.';
comment on column api_key.last_used_at is 'To the minute: noted while a process looks the key up.';
comment on column api_key.public_value is 'Write keys stand in every page of the shop: they are public and shown again.';

create table account (
    id            int generated always as identity primary key,
    email         text not null unique,
    name          text not null,
    role          text not null check (role in ('owner', 'marketer', 'agent', 'clerk', 'analyst', 'privacy_officer')),
    store_ids     text[] not null default '{}',
    password_hash text,
    locale        text,
    theme         text,
    density       text,
    created_at    timestamptz not null default now(),
    last_seen_at  timestamptz,
    disabled_at   timestamptz,
    check (email = lower(email)),
    check (role <> 'clerk' or cardinality(store_ids) > 0)
);
comment on column account.store_ids is 'Stores whose people a clerk may meet; other roles meet everyone.';

create table invitation (
    hash       bytea primary key,
    account_id int references account,
    purpose    text not null check (purpose in ('first_run', 'invite', 'reset')),
    created_at timestamptz not null default now(),
    created_by text not null,
    expires_at timestamptz not null,
    used_at    timestamptz,
    check ((purpose = 'first_run') = (account_id is null))
);
comment on column invitation.hash is 'sha256 of the 256 random bits in the link.';

create table session (
    hash         bytea primary key,
    account_id   int not null references account,
    csrf         text not null,
    created_at   timestamptz not null default now(),
    last_used_at timestamptz not null default now(),
    expires_at   timestamptz not null,
    user_agent   text
);
create index session_account on session (account_id);
comment on column session.hash is 'sha256 of the 256 random bits in the cookie.';

create table sign_in_attempt (
    scope    text not null check (scope in ('account', 'address')),
    key      text not null,
    failures int not null,
    last_at  timestamptz not null,
    free_at  timestamptz not null,
    primary key (scope, key)
);
comment on table sign_in_attempt is 'Failed sign-ins in a row; the next attempt waits until free_at.';

create table installation (
    only_row boolean primary key default true check (only_row),
    company  text not null default ''
);
insert into installation default values;

create table audit_entry (
    id        bigint generated always as identity primary key,
    at        timestamptz not null default now(),
    actor     text not null,
    action    text not null,
    person_id bigint,
    detail    jsonb not null default '{}'
);
create index audit_entry_person on audit_entry (person_id, id desc);
comment on table audit_entry is 'Who looked at or changed what, reads of people included.';

create table idempotency (
    scope        text not null,
    key          text not null,
    request_hash bytea not null,
    status       int not null,
    body         bytea not null,
    content_type text not null,
    created_at   timestamptz not null default now(),
    primary key (scope, key)
);
comment on table idempotency is 'First answer to each Idempotency-Key; a replay gets the same bytes.';

-- access: customers' own tokens ---------------------------------------------------------------------

create table customer_token (
    hash       bytea primary key,
    node_id    bigint not null,
    proven     boolean not null,
    source_id  int not null references source,
    channel    text not null,
    store_id   text,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    check (expires_at <= created_at + interval '15 minutes')
);
create index customer_token_expired on customer_token (expires_at);
comment on column customer_token.proven is 'A server or a till vouches for who it is; a browser alone never reaches what is somebody''s.';
comment on table customer_token is 'What a shop front holds for one visitor: it reads and changes only what is his, for 15 minutes at most.';
