-- engagement.policy ---------------------------------------------------------------------------------

create table contact_policy (
    version int generated always as identity primary key,
    policy  jsonb not null,
    at      timestamptz not null default now(),
    actor   text not null,
    reason  text not null
);
comment on table contact_policy is 'Append-only: the newest version counts.';

create table contact (
    id         bigint generated always as identity primary key,
    key        text not null unique,
    node_id    bigint not null,
    at         timestamptz not null,
    channel    text not null,
    purpose    text not null,
    weight     int not null check (weight >= 0),
    origin     text not null check (origin in ('message', 'staff', 'elsewhere')),
    message_id bigint,
    released_at timestamptz
);
create index contact_node on contact (node_id, at) where released_at is null;
create index contact_message on contact (message_id) where message_id is not null;
comment on column contact.origin is 'A message of ours, one of our people, or another system that sends in our name.';
comment on table contact is 'Every time we came to somebody, whoever it was and by whatever channel: the pressure budget is its sum.';
comment on column contact.released_at is 'The message was surely not sent after all: it weighs nothing.';

create index event_answered on event (node_id, occurred_at desc) where name in (
    'Complaint Opened', 'Complaint Closed', 'Survey Answered', 'Order Delayed', 'Order Delivered',
    'Order Collected', 'Order Cancelled', 'Order Refunded', 'Email Link Clicked', 'Message Link Clicked',
    'Push Notification Tapped', 'Slot Clicked', 'Message Received', 'Call Logged'
);
comment on index event_answered is 'How somebody fares with us and what he answered: asked for every message that is decided.';
