-- name: move_points
-- Add what a batch says and write the changes in the same statement; one row a node, in the order of nodes.
with moved as (
    insert into points_balance as b (node_id, points, at)
    select node_id, points, at
    from unnest(:nodes::bigint[], :points::bigint[], :ats::timestamptz[]) as new (node_id, points, at)
    order by node_id
    on conflict (node_id) do update
    set points = b.points + excluded.points, at = greatest(b.at, excluded.at), version = b.version + 1
    returning node_id, points, at, version
)
insert into change (kind, subject, sequence, node_id, data)
select 'points', 'points:' || moved.node_id, moved.version, moved.node_id,
       jsonb_build_object('points', moved.points, 'moved', new.points, 'at', moved.at)
from moved join unnest(:nodes::bigint[], :points::bigint[]) as new (node_id, points) using (node_id)
returning node_id;

-- name: points_of_nodes$
-- The points of a person: those of all identifiers.
select coalesce(sum(points), 0)::bigint from points_balance where node_id = any (:nodes::bigint[]);
