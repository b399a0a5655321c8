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

-- customers.timeline: the spine --------------------------------------------------------------------

create table event (
    txid        xid8 not null default pg_current_xact_id(),
    id          bigint generated always as identity,
    lane        smallint not null,
    node_id     bigint not null,
    type        text not null,
    name        text not null,
    channel     text not null,
    store_id    text,
    source_id   int,
    message_id  text collate "C" not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    sent_at     timestamptz,
    original_at timestamptz,
    identifiers jsonb,
    properties  jsonb,
    context     jsonb,
    primary key (txid, id)
);
create unique index event_message on event (message_id);
create index event_node on event (node_id, occurred_at desc, id desc);
create index event_announced on event (node_id, occurred_at desc, id desc) where name in (
    'Product Reserved', 'Reservation Collected', 'Reservation Expired', 'Reservation Cancelled',
    'Order Ready for Pickup', 'Order Collected', 'Order Cancelled',
    'Appointment Booked', 'Appointment Kept', 'Appointment Missed', 'Appointment Cancelled'
);
create index event_id on event using brin (id) with (pages_per_range = 16, autosummarize = on);
create index event_received on event using brin (received_at) with (pages_per_range = 16, autosummarize = on);
comment on index event_announced is 'What is to come of a person, and what settles it: the till asks at every look-up.';
comment on table event is 'Everything that happened, once. (txid, id) below the snapshot horizon is the order readers follow.';
comment on column event.lane is 'Person at the time of writing, modulo 64: fixed, so no reader can miss an event whose person changes.';
comment on column event.occurred_at is 'Skew-corrected and never later than received_at plus the tolerated skew.';

create table failed_event (
    id          bigint generated always as identity primary key,
    received_at timestamptz not null default now(),
    source_id   int,
    code        text not null,
    detail      text not null,
    message_id  text,
    name        text,
    raw         bytea not null,
    context     jsonb not null default '{}',
    replayed_at timestamptz,
    outcome     text
);
create index failed_event_open on failed_event (id desc) where replayed_at is null;

create table log_reader (
    reader     text not null,
    lane       smallint not null,
    lanes      smallint not null,
    txid       xid8 not null,
    event_id   bigint not null,
    processed  bigint not null default 0,
    updated_at timestamptz not null default now(),
    primary key (reader, lane)
);

create table parked_event (
    reader      text not null,
    person_id   bigint not null,
    txid        xid8 not null,
    event_id    bigint not null,
    attempts    int not null default 0,
    first_at    timestamptz not null default now(),
    next_try_at timestamptz not null default now(),
    error       text not null,
    primary key (reader, txid, event_id)
);
create index parked_event_person on parked_event (reader, person_id);
create index parked_event_due on parked_event (reader, next_try_at);

create table dead_letter (
    id          bigint generated always as identity primary key,
    reader      text not null,
    person_id   bigint not null,
    txid        xid8 not null,
    event_id    bigint not null,
    attempts    int not null,
    first_at    timestamptz not null,
    died_at     timestamptz not null default now(),
    error       text not null,
    replayed_at timestamptz
);

-- customers.identity -------------------------------------------------------------------------------

create table namespace (
    name           text primary key,
    level          text not null check (level in ('person', 'device')),
    priority       int not null unique,
    max_per_person int check (max_per_person > 0),
    sharing_cap    int not null check (sharing_cap > 0),
    normaliser     text not null default 'plain' check (normaliser in ('plain', 'email', 'phone', 'card')),
    identifies     boolean not null default false,
    searchable     boolean not null default true,
    label          text not null
);
comment on column namespace.max_per_person is '1 makes the namespace unique: a link that would give one person two values is refused.';
comment on column namespace.sharing_cap is 'An identifier linked with more partners of one stronger namespace than this is shared: it stops linking.';
comment on column namespace.identifies is 'Holding one makes a person identified; a hint never joins two of those.';

create table blocked_value (
    namespace text not null,
    pattern   text not null,
    reason    text not null,
    primary key (namespace, pattern)
);
comment on table blocked_value is 'Values that are nobody: matched whole, case ignored, * stands for any run; namespace * means all.';

create table identity_setting (
    only_row boolean primary key default true check (only_row),
    version  bigint not null default 1
);
insert into identity_setting default values;

create table node (
    id          bigint generated by default as identity primary key,
    namespace   text not null,
    value       text not null,
    person_id   bigint not null,
    cluster_id  bigint not null,
    shared      boolean not null default false,
    contested   boolean not null default false,
    decided     boolean not null default false,
    source_id   int,
    created_at  timestamptz not null default now(),
    unique (namespace, value)
);
create index node_person on node (person_id);
create index node_cluster on node (cluster_id);
comment on column node.person_id is 'The representative node of the person: a pure function of nodes, links, decisions and rules.';
comment on column node.cluster_id is 'Superset of what links could ever join: the part of the graph one replay must read.';
comment on table node is 'Identifiers. No foreign keys on the hot path: nodes are never deleted but by erasure, and a check per row costs more than the row.';
comment on column node.decided is 'A person has decided about it: a replay must ask the decisions.';
comment on column node.contested is 'Some link of its cluster is refused: the order of links matters, so fresh evidence calls for a replay.';

create table link (
    id          bigint generated always as identity primary key,
    node_a      bigint not null,
    node_b      bigint not null,
    strength    text not null check (strength in ('proof', 'hint')),
    source_id   int,
    reason      text not null,
    message_id  text,
    first_at    timestamptz not null,
    last_at     timestamptz not null,
    refused_by  text,
    unique (node_a, node_b),
    check (node_a <> node_b)
) with (fillfactor = 85);
create index link_node_b on link (node_b);
create index link_refused on link (id desc) where refused_by is not null;
comment on column link.refused_by is 'Rule that keeps this link from counting at present; null when it counts.';

create table identity_decision (
    id         bigint generated always as identity primary key,
    kind       text not null check (kind in ('join', 'split')),
    at         timestamptz not null default now(),
    actor      text not null,
    reason     text not null,
    side_a     bigint[] not null,
    side_b     bigint[] not null,
    voided_at  timestamptz,
    voided_by  text
);
create index identity_decision_a on identity_decision using gin (side_a) where voided_at is null;
create index identity_decision_b on identity_decision using gin (side_b) where voided_at is null;
comment on table identity_decision is 'What people decided: join keeps the sides together, split keeps them apart, until voided.';

create table identity_change (
    id          bigint generated always as identity primary key,
    at          timestamptz not null default now(),
    kind        text not null check (kind in ('join', 'split')),
    person_id   bigint not null,
    other_id    bigint not null,
    moved       bigint[] not null,
    kept        bigint[] not null,
    actor       text not null,
    reason      text not null,
    link_id     bigint,
    decision_id bigint,
    undone_at   timestamptz,
    undone_by   text
);
create index identity_change_person on identity_change (person_id, id desc);
comment on table identity_change is 'Audit of persons that came together or apart: moved nodes went from other_id to person_id (join) or back.';

create table household (
    id         bigint generated always as identity primary key,
    name       text not null,
    created_at timestamptz not null default now(),
    created_by text not null
);

create table household_member (
    household_id bigint not null references household on delete cascade,
    node_id      bigint not null references node,
    role         text,
    added_at     timestamptz not null default now(),
    added_by     text not null,
    primary key (household_id, node_id)
);
create index household_member_node on household_member (node_id);

-- customers.profiles -------------------------------------------------------------------------------

create table trait (
    node_id     bigint not null,
    name        text not null,
    source_id   int not null,
    value       jsonb not null,
    occurred_at timestamptz not null,
    primary key (node_id, name, source_id)
) with (fillfactor = 85);

create table search_entry (
    node_id bigint not null,
    field   text not null,
    text    text not null,
    grams   int[] not null,
    primary key (node_id, field)
);
create index search_entry_grams on search_entry using gin (grams);
comment on table search_entry is 'Three-character pieces of names and identifiers as integers: part-of-word search without an extension.';

create table computed_trait (
    node_id     bigint not null,
    trait       text not null,
    count       bigint not null default 0,
    first_at    timestamptz,
    first_value jsonb,
    last_at     timestamptz,
    last_value  jsonb,
    total       numeric not null default 0,
    tally       jsonb not null default '{}',
    primary key (node_id, trait)
) with (fillfactor = 80);
comment on table computed_trait is 'Partial results per node; a person''s value is their sum, so merges and splits cost nothing.';

create table computed_declaration (
    trait      text primary key,
    definition jsonb not null,
    currency   text not null,
    partial    text not null,
    filled_at  timestamptz
);
comment on table computed_declaration is 'The computed traits as the reader keeps them; filled_at is null until the past is counted too.';
comment on column computed_declaration.partial is 'Which rows of computed_trait hold its partial results: named by meaning, shared by traits that ask the same.';

create table person_summary (
    person_id    bigint primary key,
    name         text,
    identified   boolean not null,
    first_at     timestamptz,
    last_at      timestamptz,
    events       bigint not null default 0,
    orders       bigint not null default 0,
    value_minor  bigint not null default 0,
    currency     text,
    channels     text[] not null default '{}',
    store_id     text,
    refreshed_at timestamptz not null default now()
) with (fillfactor = 80);
create index person_summary_last on person_summary (last_at desc, person_id);
create index person_summary_value on person_summary (value_minor desc, person_id);
comment on column person_summary.currency is 'Of value_minor: the installation''s if anything was spent in it, else the one most was spent in.';
comment on table person_summary is 'One row a person for lists, kept by a reader; the customer page and the API read the truth itself.';

-- defaults -----------------------------------------------------------------------------------------

insert into namespace
    (name, level, priority, max_per_person, sharing_cap, normaliser, identifies, searchable, label) values
    ('user_id',      'person', 10,  1,    20, 'plain', true,  true,  'User id'),
    ('loyalty_card', 'person', 20,  3,    10, 'card',  true,  true,  'Loyalty card'),
    ('email',        'person', 30,  5,    10, 'email', false, true,  'E-mail'),
    ('phone',        'person', 40,  5,    10, 'phone', false, true,  'Phone'),
    ('whatsapp',     'person', 50,  3,    10, 'phone', true,  true,  'WhatsApp'),
    ('messenger',    'person', 60,  3,    10, 'plain', true,  true,  'Messenger'),
    ('instagram',    'person', 70,  3,    10, 'plain', true,  true,  'Instagram'),
    ('telegram',     'person', 80,  3,    10, 'plain', true,  true,  'Telegram'),
    ('idfa',         'device', 110, null, 10, 'plain', false, false, 'Apple advertising id'),
    ('gaid',         'device', 120, null, 10, 'plain', false, false, 'Google advertising id'),
    ('device_id',    'device', 130, null, 10, 'plain', false, false, 'Device'),
    ('anonymous_id', 'device', 140, null, 10, 'plain', false, false, 'Browser');

insert into blocked_value (namespace, pattern, reason) values
    ('*', 'undefined', 'what JavaScript writes for a missing value'),
    ('*', 'null', 'what programs write for a missing value'),
    ('*', 'none', 'what programs write for a missing value'),
    ('*', 'nil', 'what programs write for a missing value'),
    ('*', 'nan', 'what programs write for a missing value'),
    ('*', 'n/a', 'what people write for a missing value'),
    ('*', 'not-specified', 'what people write for a missing value'),
    ('*', 'unknown', 'what people write for a missing value'),
    ('*', '[object object]', 'what JavaScript writes for an object'),
    ('*', 'object', 'what JavaScript writes for an object'),
    ('*', 'true', 'a flag, not an identifier'),
    ('*', 'false', 'a flag, not an identifier'),
    ('*', '0', 'what programs write for a missing number'),
    ('*', '-1', 'what programs write for a missing number'),
    ('*', 'guest', 'everybody who has not signed in'),
    ('*', 'anonymous', 'everybody who has not signed in'),
    ('*', 'user_null', 'what some SDKs write for a missing value'),
    ('*', 'test', 'somebody trying things out'),
    ('*', 'default', 'what programs write for a missing value'),
    ('email', 'test@test.com', 'somebody trying things out'),
    ('email', 'noreply@*', 'nobody reads it'),
    ('email', 'no-reply@*', 'nobody reads it');

insert into source (name, kind) values ('Unisono', 'system');
