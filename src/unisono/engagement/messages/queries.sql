-- name: broadcasts_named
-- The codes and names of these broadcasts.
select id, code, name from broadcast where id = any(:ids::int[]);

-- name: broadcast_of_code$
select id from broadcast where code = :code::text;

-- name: coming
-- Messages of a person that are still to be sent, soonest first.
select id from message
where node_id = any(:nodes::bigint[]) and state in ('planned', 'claimed') order by try_at, id limit :many::int;
