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
    closed_at   timestamptz,
    closed_by   text
);
create unique index incident_open on incident (kind, sku, channel, store_id) where closed_at is null;
create index incident_last on incident (last_at desc, id desc);
comment on table incident is 'A channel showed something else than the truth of that instant.';

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
    primary key (day, channel, store_id)
);
