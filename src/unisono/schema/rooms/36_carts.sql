-- commerce.carts ------------------------------------------------------------------------------------

create table cart (
    id           uuid primary key default gen_random_uuid(),
    code         text not null unique,
    node_id      bigint,
    status       text not null default 'active' check (status in ('active', 'checkout', 'ordered', 'merged', 'discarded')),
    channel      text not null,
    store_id     text,
    currency     text not null check (currency ~ '^[A-Z]{3}$'),
    coupons      text[] not null default '{}',
    share_hash   bytea unique,
    order_id     bigint,
    paying_until timestamptz,
    paying_for   text,
    trouble      text check (trouble in ('payment_failed', 'payment_slow')),
    left_as      text check (left_as in ('payment_failed', 'payment_slow', 'left')),
    left_at      timestamptz,
    idle_timer   bigint,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    version      bigint not null default 1,
    check ((left_as is null) = (left_at is null))
);
create unique index cart_open on cart (node_id) where status in ('active', 'checkout');
create index cart_node on cart (node_id, updated_at desc);
comment on table cart is 'What somebody wants to buy: one open cart an identifier, merged where identifiers are one person.';
comment on column cart.code is 'Eight characters a clerk can type or scan.';
comment on column cart.share_hash is 'SHA-256 of the token of its link; the token itself is nowhere.';
comment on column cart.paying_for is 'The checkout it is being paid in, as its holds and uses name it.';
comment on column cart.paying_until is 'A checkout holds it until then; afterwards it is active again, whether or not anybody has noticed.';
comment on column cart.trouble is 'What went wrong with its last payment: why it is left, if it is left.';
comment on column cart.idle_timer is 'Second (since 1970) of the timer that is waiting to find it abandoned; null when none is.';
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
comment on column cart_line.node_id is 'Who put it in: when people come apart it follows its identifier.';

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
    undone_by text,
    undone_as text check (undone_as in ('asked', 'split')),
    check (cart_id <> other_id),
    check ((undone_at is null) = (undone_as is null))
);
create index cart_merge_cart on cart_merge (cart_id, id desc);
create index cart_merge_other on cart_merge (other_id, id desc);
comment on column cart_merge.before is 'Both carts as they were, and what each line gained: enough to take them apart again.';
comment on column cart_merge.undone_as is 'A merge undone because somebody asked is not made again by itself; one undone by a split is, if they are joined again.';

create table cart_setting (
    only_row     boolean primary key default true check (only_row),
    idle_minutes int not null default 60 check (idle_minutes between 1 and 43200),
    merge_rule   text not null default 'sum' check (merge_rule in ('sum', 'max'))
);
insert into cart_setting default values;
comment on column cart_setting.idle_minutes is 'Nothing done to a cart for so long: it counts as abandoned.';
