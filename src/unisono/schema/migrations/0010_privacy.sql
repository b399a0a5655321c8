-- customers.privacy ---------------------------------------------------------------------------------

create table privacy_request (
    id           bigint generated always as identity primary key,
    kind         text not null check (kind in ('access', 'erasure')),
    state        text not null default 'open' check (state in ('open', 'running', 'done', 'refused', 'failed')),
    person_id    bigint,
    reason       text not null default '',
    settings     jsonb not null default '{}',
    requested_at timestamptz not null default now(),
    requested_by text not null,
    due_at       timestamptz not null,
    settled_at   timestamptz,
    expires_at   timestamptz,
    progress     jsonb not null default '{}',
    receipt      jsonb not null default '{}',
    material     bytea
);
create index privacy_request_person on privacy_request (person_id);
comment on column privacy_request.receipt is 'What was done, counted by table; of an erasure nothing that names anybody.';
comment on column privacy_request.progress is 'How far it is, so that whoever takes it over goes on from there.';
comment on column privacy_request.material is 'Encrypted: what an erasure still looks for. Gone when it has ended.';
comment on column privacy_request.expires_at is 'When the copy made for an access request is thrown away.';

create table privacy_archive (
    request_id bigint not null references privacy_request on delete cascade,
    part       int not null,
    data       bytea not null,
    primary key (request_id, part)
);
comment on table privacy_archive is 'The zip of an access request in encrypted pieces, until it expires.';

create table tombstone (
    digest     bytea primary key,
    namespace  text not null,
    erased_at  timestamptz not null,
    request_id bigint
);
comment on table tombstone is 'Keyed digests of erased identifiers: what happened before erased_at never comes back under them.';

alter table node add column not_before timestamptz;
comment on column node.not_before is 'The identifier was erased then: it began anew, and nothing older is taken under it.';
