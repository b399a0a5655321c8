-- customers.privacy ---------------------------------------------------------------------------------

create table privacy_request (
    id           bigint generated always as identity primary key,
    kind         text not null check (kind in ('access', 'erasure', 'proof')),
    state        text not null default 'open' check (state in ('open', 'running', 'done', 'refused', 'failed')),
    person_id    bigint,
    reason       text not null default '',
    requested_at timestamptz not null default now(),
    requested_by text not null,
    due_at       timestamptz not null,
    settled_at   timestamptz,
    receipt      jsonb not null default '{}',
    archive      bytea
);
create index privacy_request_person on privacy_request (person_id);
comment on column privacy_request.receipt is 'What was done, counted by table; of an erasure nothing that names anybody.';
comment on column privacy_request.archive is 'The zip of an access request, until it expires.';

create table tombstone (
    digest    bytea primary key,
    namespace text not null,
    erased_at timestamptz not null,
    request_id bigint
);
comment on table tombstone is 'Keyed digests of erased identifiers: what happened before erased_at never comes back under them.';
