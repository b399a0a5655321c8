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
    live_since      timestamptz not null default now(),
    succeeded_at    timestamptz,
    failing_since   timestamptz,
    last_error      text,
    disabled_at     timestamptz,
    disabled_reason text
);
comment on column webhook_endpoint.kinds is 'Kinds of changes it wants; empty means all.';
comment on column webhook_endpoint.secret is 'whsec_ and base64: it must sign, so it is kept as it is.';
comment on column webhook_endpoint.change_id is 'With txid: up to here its deliveries are planned. Set back, it is replayed.';
comment on column webhook_endpoint.live_since is 'Created, replayed or enabled last: propagation is measured of changes after it.';
comment on column webhook_endpoint.failing_since is 'The first failure after its last success; after three days it is disabled.';

create table webhook_delivery (
    id           bigint generated always as identity primary key,
    endpoint_id  int not null references webhook_endpoint on delete cascade,
    message_id   text not null,
    txid         xid8 not null,
    change_id    bigint not null,
    subject      text not null,
    state        text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
    attempts     int not null default 0,
    planned_at   timestamptz not null default now(),
    next_try_at  timestamptz not null default now(),
    first_at     timestamptz,
    delivered_at timestamptz,
    last_status  int,
    last_error   text,
    unique (endpoint_id, message_id)
);
create index webhook_delivery_pending on webhook_delivery (endpoint_id, txid, change_id) where state = 'pending';
create index webhook_delivery_log on webhook_delivery (endpoint_id, id desc);
comment on table webhook_delivery is 'One row a change an endpoint is to be told of; those of one subject leave in order.';
comment on column webhook_delivery.message_id is 'The webhook-id: the same at every try and replay, so that a receiver knows what it has.';

create table propagation (
    minute  timestamptz not null,
    kind    text not null,
    channel text not null,
    bucket  int not null,
    seen    bigint not null,
    primary key (minute, kind, channel, bucket)
);
comment on table propagation is 'How long changes took until a subscriber had them: counts by upper bound in ms, so any percentile of any window.';
