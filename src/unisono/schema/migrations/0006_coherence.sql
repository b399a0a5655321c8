-- commerce.coherence --------------------------------------------------------------------------------

create table incident (
    id          bigint generated always as identity primary key,
    kind        text not null check (kind in ('price', 'offer', 'availability')),
    sku         text not null,
    channel     text not null,
    store_id    text not null default '',
    shown       jsonb not null,
    truth       jsonb not null,
    first_at    timestamptz not null,
    last_at     timestamptz not null,
    occurrences bigint not null default 1,
    event_id    bigint not null,
    correct_at  timestamptz,
    version     bigint not null default 1,
    closed_at   timestamptz,
    closed_by   text
);
create unique index incident_open on incident (kind, sku, channel, store_id) where closed_at is null;
create index incident_last on incident (last_at desc, id desc);
comment on table incident is 'A channel showed something else than the truth of that instant.';
comment on column incident.sku is 'For an offer: the code of the promotion or coupon.';
comment on column incident.correct_at is 'When the channel was first seen to show it rightly since it last did not.';
comment on column incident.version is 'Moves when it opens and when it closes: each is a change.';

create table incident_person (
    incident_id bigint not null references incident on delete cascade,
    node_id     bigint not null,
    primary key (incident_id, node_id)
);

create table coherence_count (
    day      date not null,
    channel  text not null,
    store_id text not null default '',
    compared bigint not null default 0,
    differing bigint not null default 0,
    unknown  bigint not null default 0,
    primary key (day, channel, store_id)
);
comment on column coherence_count.unknown is 'Shown, and not compared: no such sku or offer here, or no truth of that instant to compare with.';
