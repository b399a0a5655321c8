-- commerce.points -----------------------------------------------------------------------------------

create table points_balance (
    node_id bigint primary key,
    points  bigint not null default 0,
    at      timestamptz not null,
    version bigint not null default 1
) with (fillfactor = 85);
comment on table points_balance is 'Points as the events of the loyalty programme tell them, an identifier a row; a person''s are their sum.';
comment on column points_balance.version is 'Sequence of the subject points:<node> on the change feed.';
