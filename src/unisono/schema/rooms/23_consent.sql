-- customers.consent ---------------------------------------------------------------------------------

create table consent_text (
    id         text not null,
    version    int not null check (version > 0),
    language   text not null,
    purpose    text not null,
    channels   text[] not null default '{}',
    body       text not null,
    created_at timestamptz not null default now(),
    created_by text not null,
    primary key (id, version, language)
);
comment on table consent_text is 'The exact words people agreed to: a version is never changed.';

create table consent_entry (
    id           bigint generated always as identity primary key,
    key          text not null unique,
    node_id      bigint not null,
    purpose      text not null check (purpose in ('contract', 'marketing', 'profiling', 'third_party', 'tracking', 'statistics')),
    channel      text not null,
    action       text not null check (action in ('requested', 'granted', 'confirmed', 'refused', 'withdrawn', 'expired')),
    basis        text not null check (basis in ('consent', 'soft_opt_in', 'contract', 'legitimate_interest', 'legal_obligation')),
    text_id      text,
    text_version int,
    text_language text,
    source       text not null,
    actor        text not null,
    proof        jsonb not null default '{}',
    order_ref    text,
    category     text,
    at           timestamptz not null,
    recorded_at  timestamptz not null default clock_timestamp(),
    expires_at   timestamptz,
    check (basis <> 'soft_opt_in' or (channel = 'email' and purpose = 'marketing' and order_ref is not null)),
    check (action not in ('granted', 'confirmed') or expires_at is null or expires_at > at)
);
create index consent_entry_node on consent_entry (node_id, purpose, channel, at, id);
comment on table consent_entry is 'Append-only: what was asked, given, refused, withdrawn, for which purpose, channel and address. The state is a fold.';
comment on column consent_entry.channel is 'email, sms, ...; any for purposes that are not about a channel.';
comment on column consent_entry.order_ref is 'Soft opt-in: the sale it comes from; category: what may be told about.';

create table consent_state (
    node_id    bigint not null,
    purpose    text not null,
    channel    text not null,
    status     text not null check (status in ('requested', 'granted', 'refused', 'withdrawn', 'expired')),
    basis      text not null,
    categories text[] not null default '{}',
    since      timestamptz not null,
    expires_at timestamptz,
    entry_id   bigint not null,
    primary key (node_id, purpose, channel)
);
create index consent_state_expiry on consent_state (expires_at) where status = 'granted' and expires_at is not null;
comment on table consent_state is 'The fold of consent_entry, kept in the transaction of each entry; a test holds them equal.';

create table suppression (
    node_id   bigint not null,
    channel   text not null,
    reason    text not null check (reason in ('hard_bounce', 'complaint', 'opt_out', 'register', 'gone', 'manual')),
    purposes  text not null check (purposes in ('all', 'marketing')),
    at        timestamptz not null,
    source    text not null,
    detail    text,
    lifted_at timestamptz,
    lifted_by text,
    primary key (node_id, channel, reason)
);
comment on table suppression is 'Addresses nothing (or no marketing) goes to: a hard bounce or a complaint blocks all purposes, an opt-out marketing.';

create table register_check (
    node_id    bigint not null,
    channel    text not null check (channel in ('call', 'mail')),
    checked_at timestamptz not null,
    listed     boolean not null,
    source     text not null,
    primary key (node_id, channel)
);
comment on table register_check is 'When a number or an address was last held against the opposition register, and what it said.';

create table opt_in_request (
    entry_id   bigint primary key,
    node_id    bigint not null,
    purpose    text not null,
    channel    text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);
create index opt_in_request_node on opt_in_request (node_id, purpose, channel);
comment on table opt_in_request is 'Consents asked for and not confirmed yet; the link that confirms carries the entry''s id, signed.';

create table legal_setting (
    name    text primary key,
    value   jsonb not null,
    reason  text not null,
    at      timestamptz not null default now(),
    actor   text not null
);
comment on table legal_setting is 'Legal defaults somebody switched, and why. What is not here is as the law has it.';
