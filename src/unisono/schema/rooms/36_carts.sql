-- commerce.carts ------------------------------------------------------------------------------------

create table cart (
    id          uuid primary key default gen_random_uuid(),
    code        text not null unique,
    node_id     bigint,
    status      text not null default 'active' check (status in ('active', 'checkout', 'ordered', 'merged', 'discarded')),
    channel     text not null,
    store_id    text,
    currency    text not null,
    coupons     text[] not null default '{}',
    share_hash  bytea unique,
    order_id    bigint,
    left_as     text check (left_as in ('payment_failed', 'payment_slow', 'left')),
    left_at     timestamptz,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    version     bigint not null default 1
);
create unique index cart_open on cart (node_id) where status in ('active', 'checkout');
create index cart_node on cart (node_id, updated_at desc);
comment on column cart.code is 'Eight characters a clerk can type or scan.';
comment on column cart.left_as is 'How it was abandoned, when it was: told apart because they need different answers.';

create table cart_line (
    cart_id          uuid not null references cart on delete cascade,
    variant_id       bigint not null references variant,
    quantity         int not null check (quantity between 1 and 9999),
    channel          text not null,
    store_id         text,
    seen_minor       bigint not null,
    seen_at          timestamptz not null,
    node_id          bigint,
    note             text,
    added_at         timestamptz not null default now(),
    primary key (cart_id, variant_id)
);
create index cart_line_variant on cart_line (variant_id);
comment on column cart_line.seen_minor is 'Unit price its channel showed when it was added or last looked at.';

create table cart_merge (
    id        bigint generated always as identity primary key,
    cart_id   uuid not null references cart,
    other_id  uuid not null references cart,
    rule      text not null check (rule in ('sum', 'max')),
    before    jsonb not null,
    notices   jsonb not null default '[]',
    at        timestamptz not null default now(),
    actor     text not null,
    undone_at timestamptz,
    undone_by text
);
create index cart_merge_cart on cart_merge (cart_id, id desc);
create index cart_merge_other on cart_merge (other_id);
