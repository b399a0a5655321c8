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
create index timer_due on timer (try_at, id) where state = 'pending';
comment on column timer.try_at is 'When a worker may take it: due_at at first; the end of a worker''s lease, or of a pause after a failure, later.';
comment on column timer.attempts is 'How often it was taken, moved or cancelled: a settlement names the number, so one that was overtaken settles nothing.';
comment on table timer is 'What must happen at an instant: fired once, or skipped with a reason when past not_after.';

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

-- commerce.holds: one primitive for every limited thing ---------------------------------------------

create table good (
    id        bigint generated by default as identity primary key,
    kind      text not null check (kind in ('stock', 'slot', 'coupon', 'budget', 'cap', 'points')),
    key       text not null,
    capacity  bigint not null check (capacity >= 0),
    held      bigint not null default 0 check (held >= 0),
    committed bigint not null default 0 check (committed >= 0),
    at_risk   bigint not null default 0 check (at_risk >= 0),
    version   bigint not null default 0,
    unique (kind, key),
    constraint promised_within_capacity check (held + committed <= capacity + at_risk)
) with (fillfactor = 70);
comment on table good is 'Everything limited: units of a sku in a place, a slot, uses of a coupon, a budget. No promise beyond capacity.';
comment on column good.capacity is 'Of stock: the units on hand that can be sold.';
comment on column good.committed is 'Promised for good, not yet handed over (stock), or used up (coupons, slots, budgets).';
comment on column good.at_risk is 'Promises the shop itself has put in danger by selling what was promised; somebody must settle them.';

create table hold (
    id             uuid primary key default gen_random_uuid(),
    good_id        bigint not null references good,
    quantity       bigint not null check (quantity > 0),
    state          text not null default 'held'
                   check (state in ('held', 'committed', 'consumed', 'released', 'expired')),
    node_id        bigint,
    key            text not null,
    position       int not null default 0,
    reason         text not null,
    reference      text,
    taken_at       timestamptz not null,
    expires_at     timestamptz,
    settled_at     timestamptz,
    settled_reason text,
    unique (key, position),
    check ((state = 'held') = (settled_at is null))
);
create index hold_live on hold (good_id, expires_at) where state = 'held';
create index hold_due on hold (expires_at) where state = 'held';
create index hold_good on hold (good_id) where state in ('held', 'committed');
create index hold_reference on hold (reference);
create index hold_node on hold (node_id) where state in ('held', 'committed');
comment on column hold.state is 'held -> committed | released | expired; committed -> consumed (handed over) | released (given back).';
comment on column hold.key is 'Idempotency key of the request: asking again with it gives the same holds.';
comment on column hold.position is 'Which ask of the request it answers.';
comment on column hold.expires_at is 'From this instant the hold is dead, whether or not anybody has noticed; null lasts until settled.';
comment on column hold.reference is 'What it is for, as order:1204, cart:… or reservation:….';
