-- commerce.changes: what channels must know of ------------------------------------------------------

create table change (
    txid     xid8 not null default pg_current_xact_id(),
    id       bigint generated always as identity,
    kind     text not null,
    subject  text not null,
    sequence bigint not null,
    at       timestamptz not null default clock_timestamp(),
    node_id  bigint,
    data     jsonb not null,
    primary key (txid, id)
);
create unique index change_subject on change (subject, sequence);
create index change_at on change using brin (at) with (autosummarize = on);
comment on table change is 'One row a change of a thing, written with it; (txid, id) below the snapshot horizon is the order of the feed.';
comment on column change.sequence is 'The version of the subject: 1, 2, 3 without gaps, so a channel that misses one knows and reads again.';
comment on column change.node_id is 'Whose cart, order or reservation it is; null for prices, offers and stock.';

create table webhook_endpoint (
    id              int generated always as identity primary key,
    name            text not null,
    url             text not null,
    secret          text not null,
    previous_secret text,
    previous_until  timestamptz,
    kinds           text[] not null default '{}',
    txid            xid8 not null,
    change_id       bigint not null,
    created_at      timestamptz not null default now(),
    created_by      text not null,
    failing_since   timestamptz,
    disabled_at     timestamptz,
    disabled_reason text
);
comment on column webhook_endpoint.kinds is 'Kinds of changes it wants; empty means all.';
comment on column webhook_endpoint.secret is 'whsec_ and base64: it must sign, so it is kept as it is.';

create table webhook_delivery (
    id           bigint generated always as identity primary key,
    endpoint_id  int not null references webhook_endpoint on delete cascade,
    message_id   text not null,
    txid         xid8 not null,
    change_id    bigint not null,
    state        text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
    attempts     int not null default 0,
    next_try_at  timestamptz not null default now(),
    first_at     timestamptz not null default now(),
    delivered_at timestamptz,
    last_status  int,
    last_error   text,
    unique (endpoint_id, message_id)
);
create index webhook_delivery_due on webhook_delivery (endpoint_id, next_try_at) where state = 'pending';

create table propagation (
    minute  timestamptz not null,
    kind    text not null,
    channel text not null,
    bucket  int not null,
    seen    bigint not null,
    primary key (minute, kind, channel, bucket)
);
comment on table propagation is 'How long changes took until a subscriber had them: counts by upper bound in ms, so any percentile of any window.';
