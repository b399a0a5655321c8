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

-- customers.timers ----------------------------------------------------------------------------------

create table timer (
    id        bigint generated always as identity primary key,
    kind      text not null,
    key       text not null,
    due_at    timestamptz not null,
    not_after timestamptz,
    payload   jsonb not null default '{}',
    state     text not null default 'pending' check (state in ('pending', 'fired', 'skipped', 'cancelled')),
    settled_at timestamptz,
    outcome   text,
    try_at    timestamptz not null,
    attempts  int not null default 0,
    error     text,
    unique (kind, key)
);
create index timer_due on timer (kind, try_at, id) where state = 'pending';
comment on column timer.try_at is 'When a worker may take it: due_at at first; the end of a worker''s lease, or of a pause after a failure, later.';
comment on column timer.attempts is 'How often it was taken, moved or cancelled: a settlement names the number, so one that was overtaken settles nothing.';
comment on table timer is 'What must happen at an instant: fired once, or skipped with a reason when past not_after.';
