-- engagement.brand, engagement.templates ------------------------------------------------------------

create table brand (
    code       text primary key,
    version    int not null default 1,
    kit        jsonb not null,
    changed_at timestamptz not null default now(),
    changed_by text not null
);

create table brand_version (
    code    text not null references brand,
    version int not null,
    kit     jsonb not null,
    at      timestamptz not null default now(),
    actor   text not null,
    primary key (code, version)
);

create table template (
    id         int generated always as identity primary key,
    code       text not null unique check (code ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    name       text not null,
    kind       text not null check (kind in ('message', 'block')),
    purpose    text not null default 'marketing' check (purpose in ('marketing', 'transactional', 'service')),
    brand      text not null default 'default',
    notice     text,
    version    int not null default 0,
    draft      jsonb not null,
    draft_by   text not null,
    draft_at   timestamptz not null default now(),
    archived_at timestamptz
);
comment on column template.notice is 'The event this message answers by itself, once published: Order Ready for Pickup.';
comment on column template.version is 'The published one; 0 when none was published yet.';

create table template_version (
    template_id int not null references template,
    version     int not null,
    content     jsonb not null,
    at          timestamptz not null default now(),
    actor       text not null,
    note        text not null default '',
    primary key (template_id, version)
);
