-- name: identifiers
-- The identifiers of nodes, as text.
select id, namespace, value from node where id = any(:ids::bigint[]);

-- name: own_source$
-- The source our own evidence is kept under.
select id from source where kind = 'system' order by id limit 1;
