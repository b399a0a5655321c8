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
