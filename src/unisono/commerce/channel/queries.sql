-- name: customer_of
-- Nodes of these identifiers, their persons, and whether the person is somebody.
select node.id, node.namespace, node.value, node.person_id,
       exists (select 1 from node other join namespace on namespace.name = other.namespace
               where other.person_id = node.person_id and namespace.level = 'person') as known
from unnest(:namespaces::text[], :values::text[]) as wanted (namespace, value)
join node on node.namespace = wanted.namespace and node.value = wanted.value;

-- name: is_known$
-- Whether the person has an identifier beyond devices.
select exists (select 1 from node join namespace on namespace.name = node.namespace
               where node.person_id = :person_id and namespace.level = 'person');
