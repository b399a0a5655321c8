-- customers.timers: a kind with a million pending timers is not in the way of the others.
drop index timer_due;
create index timer_due on timer (kind, try_at, id) where state = 'pending';

-- customers.segments --------------------------------------------------------------------------------

create table segment (
    id          int generated always as identity primary key,
    code        text not null unique check (code ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    name        text not null,
    description text not null default '',
    status      text not null default 'draft' check (status in ('draft', 'live', 'archived')),
    version     int not null default 1,
    definition  jsonb not null,
    filled_version int,
    created_at  timestamptz not null default now(),
    created_by  text not null,
    changed_at  timestamptz not null default now()
);
comment on column segment.filled_version is 'The version whose members are all known; null while a new one is being counted.';

create table segment_version (
    segment_id int not null references segment,
    version    int not null,
    definition jsonb not null,
    name       text not null,
    at         timestamptz not null default now(),
    actor      text not null,
    note       text not null default '',
    primary key (segment_id, version)
);

create table segment_member (
    segment_id int not null references segment,
    person_id  bigint not null,
    since      timestamptz not null,
    primary key (segment_id, person_id)
);
create index segment_member_person on segment_member (person_id);
comment on table segment_member is 'Who is in, now. Comings and goings are events: Segment Entered, Segment Left.';

create table segment_count (
    segment_id int not null references segment,
    day        date not null,
    members    bigint not null,
    entered    bigint not null default 0,
    departed   bigint not null default 0,
    primary key (segment_id, day)
);

create table segment_check (
    id         bigint generated always as identity primary key,
    segment_id int not null references segment,
    at         timestamptz not null,
    members    bigint not null,
    missing    bigint not null,
    extra      bigint not null
);
comment on table segment_check is 'The nightly proof: the members kept against the members counted afresh.';
