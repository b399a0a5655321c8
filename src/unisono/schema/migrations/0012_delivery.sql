-- engagement.policy ---------------------------------------------------------------------------------

create table contact_policy (
    version int generated always as identity primary key,
    policy  jsonb not null,
    at      timestamptz not null default now(),
    actor   text not null,
    reason  text not null
);
comment on table contact_policy is 'Append-only: the newest version counts.';

create table contact (
    id         bigint generated always as identity primary key,
    key        text not null unique,
    node_id    bigint not null,
    at         timestamptz not null,
    channel    text not null,
    purpose    text not null,
    weight     int not null check (weight >= 0),
    origin     text not null check (origin in ('message', 'staff', 'elsewhere')),
    message_id bigint,
    released_at timestamptz
);
create index contact_node on contact (node_id, at) where released_at is null;
create index contact_message on contact (message_id) where message_id is not null;
comment on column contact.origin is 'A message of ours, one of our people, or another system that sends in our name.';
comment on table contact is 'Every time we came to somebody, whoever it was and by whatever channel: the pressure budget is its sum.';
comment on column contact.released_at is 'The message was surely not sent after all: it weighs nothing.';

create index event_answered on event (node_id, occurred_at desc) where name in (
    'Complaint Opened', 'Complaint Closed', 'Survey Answered', 'Order Delayed', 'Order Delivered',
    'Order Collected', 'Order Cancelled', 'Order Refunded', 'Email Link Clicked', 'Message Link Clicked',
    'Push Notification Tapped', 'Slot Clicked', 'Message Received', 'Call Logged'
);
comment on index event_answered is 'How somebody fares with us and what he answered: asked for every message that is decided.';

-- engagement.delivery, engagement.messages, engagement.broadcasts -----------------------------------

create table sending (
    only_row    boolean primary key default true check (only_row),
    paused_at   timestamptz,
    reason      text,
    fingerprint text,
    changed_at  timestamptz,
    changed_by  text
);
insert into sending default values;
comment on column sending.fingerprint is 'Of the machine and cluster that may send: another one is a copy, and begins paused.';

create table broadcast (
    id           int generated always as identity primary key,
    code         text not null unique check (code ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    name         text not null,
    status       text not null default 'draft'
                 check (status in ('draft', 'scheduled', 'planning', 'running', 'paused', 'stopped')),
    segment      text,
    template     text not null,
    channels     text[] not null,
    purpose      text not null check (purpose in ('marketing', 'service')),
    priority     int not null default 50,
    schedule     jsonb not null default '{}',
    data         jsonb not null default '{}',
    segment_version int,
    template_version int,
    category     text,
    profiled     boolean,
    require_member boolean not null default false,
    not_after_seconds int not null default 21600 check (not_after_seconds between 60 and 2592000),
    starts_at    timestamptz,
    snapshot_at  timestamptz,
    created_at   timestamptz not null default now(),
    created_by   text not null,
    changed_at   timestamptz not null default now(),
    version      bigint not null default 1
);
comment on column broadcast.status is 'What people decided; finished is a question to its messages, not a status (RULES R5).';
comment on column broadcast.profiled is 'Whom it goes to was worked out from what people did; null: as the segment''s rule says.';
comment on column broadcast.require_member is 'Who left the segment before his message is decided gets none.';
comment on column broadcast.not_after_seconds is 'So long after it was due, by the person''s clock where the schedule says so, it is of use.';

create table broadcast_audience (
    broadcast_id int not null references broadcast,
    person_id    bigint not null,
    primary key (broadcast_id, person_id)
);
comment on table broadcast_audience is 'Who was in the segment at the snapshot and has no message yet: each row becomes one, so a planner that dies is taken up where it was.';

create table message (
    id           bigint generated always as identity primary key,
    key          text not null unique,
    node_id      bigint not null,
    broadcast_id int references broadcast,
    origin       text not null check (origin in ('api', 'console', 'broadcast', 'notice', 'system', 'journey')),
    purpose      text not null check (purpose in ('marketing', 'transactional', 'service')),
    profiled     boolean not null default false,
    category     text,
    template     text,
    template_version int,
    content      jsonb,
    data         jsonb not null default '{}',
    channels     text[] not null check (cardinality(channels) > 0),
    language     text,
    priority     int not null default 50,
    local_time   jsonb,
    due_at       timestamptz not null,
    not_after    timestamptz,
    try_at       timestamptz not null,
    state        text not null default 'planned' check (state in
                 ('planned', 'claimed', 'handed_over', 'accepted', 'refused', 'unknown', 'skipped', 'cancelled')),
    reason       text,
    decision     jsonb,
    channel      text,
    address_node bigint,
    account_id   int,
    epoch        bigint not null default 0,
    lease_until  timestamptz,
    attempts     int not null default 0,
    first_try_at timestamptz,
    provider_id  text,
    created_at   timestamptz not null default now(),
    created_by   text not null,
    handed_over_at timestamptz,
    settled_at   timestamptz,
    delivered_at timestamptz,
    opened_at    timestamptz,
    clicked_at   timestamptz,
    failed_at    timestamptz,
    cost_minor   int,
    currency     text,
    check (state not in ('handed_over', 'accepted') or (channel is not null and account_id is not null))
) with (fillfactor = 80);
create index message_due on message (try_at, id) where state = 'planned';
create index message_urgent on message (try_at, id) where state = 'planned' and purpose = 'transactional';
create index message_parked on message (node_id) where state = 'planned' and attempts > 0;
create index message_leased on message (lease_until) where state in ('claimed', 'handed_over');
create index message_node on message (node_id, id desc);
create index message_broadcast on message (broadcast_id, state, id) where broadcast_id is not null;
create index message_provider on message (account_id, provider_id) where provider_id is not null;
comment on table message is 'The send ledger, one row a message: planned, claimed, handed over (written before the network call), then what came of it.';
comment on column message.epoch is 'Counts claims: whoever was overtaken (lease expired, cancelled) writes nothing.';
comment on column message.decision is 'The policy''s answer with the facts it used: why it was sent, held or not sent.';

create table message_content (
    message_id bigint primary key,
    rendered   jsonb not null,
    at         timestamptz not null default now()
);
comment on table message_content is 'What was said, as it left: for the outbox and the customer page.';

create table message_attempt (
    id         bigint generated always as identity primary key,
    message_id bigint not null,
    account_id int not null,
    channel    text not null,
    at         timestamptz not null,
    outcome    text not null,
    code       text,
    detail     text,
    provider_id text
);
create index message_attempt_message on message_attempt (message_id);

create table account_pace (
    account_id int primary key references channel_account on delete cascade,
    next_at    timestamptz not null,
    day        date not null,
    used       int not null default 0
);
comment on table account_pace is 'How far an account''s rate is used up: the next free instant, and the messages of the day (warm-up).';
