-- engagement.brand, engagement.templates ------------------------------------------------------------

create table brand (
    code       text primary key,
    version    int not null default 1,
    kit        jsonb not null,
    changed_at timestamptz not null default now(),
    changed_by text not null
);

create table brand_version (
    code    text not null references brand,
    version int not null,
    kit     jsonb not null,
    at      timestamptz not null default now(),
    actor   text not null,
    primary key (code, version)
);

create table template (
    id         int generated always as identity primary key,
    code       text not null unique check (code ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    name       text not null,
    kind       text not null check (kind in ('message', 'block')),
    purpose    text not null default 'marketing' check (purpose in ('marketing', 'transactional', 'service')),
    brand      text not null default 'default',
    notice     text,
    version    int not null default 0,
    draft      jsonb not null,
    draft_by   text not null,
    draft_at   timestamptz not null default now(),
    archived_at timestamptz
);
comment on column template.notice is 'The event this message answers by itself, once published: Order Ready for Pickup.';
comment on column template.version is 'The published one; 0 when none was published yet.';

create table template_version (
    template_id int not null references template,
    version     int not null,
    content     jsonb not null,
    at          timestamptz not null default now(),
    actor       text not null,
    note        text not null default '',
    primary key (template_id, version)
);

-- engagement.channels -------------------------------------------------------------------------------

create table channel_account (
    id          int generated always as identity primary key,
    code        text not null unique check (code ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    kind        text not null,
    channel     text not null,
    name        text not null,
    status      text not null default 'active' check (status in ('active', 'paused', 'disabled')),
    rank        int not null default 100,
    settings    jsonb not null default '{}',
    secrets     bytea,
    per_second  real not null default 10 check (per_second > 0),
    warm_up     jsonb,
    cost_minor  int not null default 0,
    currency    text,
    failures    int not null default 0,
    closed_until timestamptz,
    last_error  text,
    created_at  timestamptz not null default now(),
    created_by  text not null,
    changed_at  timestamptz not null default now()
);
comment on table channel_account is 'An account with a provider: how messages of a channel leave. The lowest active rank of a channel is used.';
comment on column channel_account.secrets is 'Encrypted with the installation''s key; never shown again.';
comment on column channel_account.closed_until is 'The circuit: after failures in a row nothing is handed over before this instant.';

create table provider_call (
    account_id  int not null references channel_account,
    delivery_id text not null,
    received_at timestamptz not null default now(),
    kind        text not null,
    outcome     text not null,
    primary key (account_id, delivery_id)
);
create index provider_call_received on provider_call using brin (received_at);
comment on table provider_call is 'What providers told us, once each.';

create table audience_member (
    id         bigint generated always as identity primary key,
    account_id int not null references channel_account,
    node_id    bigint,
    segment    text,
    email      text,
    phone      text,
    put_at     timestamptz not null,
    check_at   timestamptz not null,
    leaves_at  timestamptz,
    try_at     timestamptz,
    attempts   int not null default 0,
    last_error text
);
create unique index audience_member_once on audience_member (account_id, node_id, segment, email, phone)
    nulls not distinct where leaves_at is null;
create index audience_member_check on audience_member (account_id, check_at) where leaves_at is null;
create index audience_member_leaving on audience_member (account_id, try_at) where leaves_at is not null;
create index audience_member_node on audience_member (node_id);
comment on table audience_member is 'Who may be in an ad audience, written before the advertiser hears of it; gone when he has taken the person out.';
comment on column audience_member.node_id is 'Null once the person was erased.';
comment on column audience_member.segment is 'Whoever leaves it leaves the audience; null: put in by name.';
comment on column audience_member.email is 'As the advertiser has it, like the phone: a SHA-256, by which he takes the person out.';
comment on column audience_member.leaves_at is 'Since when the person is to be taken out.';

create table push_address (
    id         bigint generated always as identity primary key,
    node_id    bigint not null,
    channel    text not null check (channel in ('web_push', 'app_push')),
    endpoint   text not null unique,
    keys       jsonb not null default '{}',
    platform   text,
    created_at timestamptz not null default now(),
    gone_at    timestamptz
);
create index push_address_node on push_address (node_id) where gone_at is null;

create table inbox_item (
    id           bigint generated always as identity primary key,
    node_id      bigint not null,
    message_id   bigint,
    slot         text not null,
    content      jsonb not null,
    starts_at    timestamptz not null,
    ends_at      timestamptz,
    seen_at      timestamptz,
    clicked_at   timestamptz,
    dismissed_at timestamptz
);
create index inbox_item_node on inbox_item (node_id, slot, id desc);
create unique index inbox_item_message on inbox_item (message_id);
comment on table inbox_item is 'What waits for a person on the site and in the app: banners in named slots, the inbox (slot inbox), the chat (slot chat).';

create table staff_task (
    id         bigint generated always as identity primary key,
    node_id    bigint,
    message_id bigint unique,
    kind       text not null check (kind in ('call', 'clerk', 'review', 'other')),
    title      text not null,
    body       text not null default '',
    store_id   text,
    role       text,
    due_at     timestamptz,
    state      text not null default 'open' check (state in ('open', 'done', 'dropped')),
    outcome    text,
    created_at timestamptz not null default now(),
    settled_at timestamptz,
    settled_by text
);
create index staff_task_open on staff_task (due_at, id) where state = 'open';
create index staff_task_node on staff_task (node_id);

create table print_item (
    id         bigint generated always as identity primary key,
    node_id    bigint not null,
    message_id bigint unique,
    kind       text not null check (kind in ('letter', 'till_coupon')),
    code       text not null unique,
    content    jsonb not null,
    document   bytea,
    store_id   text,
    created_at timestamptz not null default now(),
    printed_at timestamptz,
    ends_at    timestamptz
);
create index print_item_node on print_item (node_id);
comment on table print_item is 'Letters waiting for the printer and coupons waiting for a till; code is the personal QR.';
