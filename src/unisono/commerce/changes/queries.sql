-- name: insert_changes!
-- Several at once; the sequence of a subject has no gap because its version moves in the same transaction.
insert into change (kind, subject, sequence, node_id, data)
select kind, subject, sequence, node_id, data::jsonb
from unnest(:kinds::text[], :subjects::text[], :sequences::bigint[], :nodes::bigint[], :data::text[])
     as new (kind, subject, sequence, node_id, data);
