-- name: insert_task$
-- A task; the same message makes one.
insert into staff_task (node_id, message_id, kind, title, body, store_id, role, due_at, created_at)
values (:node_id::bigint, :message_id::bigint, :kind::text, :title::text, :body::text, :store_id::text, :role::text,
        :due_at::timestamptz, :created_at::timestamptz)
on conflict (message_id) do nothing
returning id;

-- name: list_tasks
-- Tasks of a state, the most urgent first; after a position (due_at, id).
select task.id, task.node_id, node.person_id, task.message_id, task.kind, task.title, task.body, task.store_id,
       task.role, task.due_at, task.state, task.outcome, task.created_at, task.settled_at, task.settled_by,
       case when node.namespace in ('phone', 'whatsapp') then node.value end as phone
from staff_task task
left join node on node.id = task.node_id
where task.state = :state::text
  and (:kind::text is null or task.kind = :kind::text)
  and (:stores::text[] is null or task.store_id = any(:stores::text[]))
  and (:nodes::bigint[] is null or task.node_id = any(:nodes::bigint[]))
  and (coalesce(task.due_at, 'infinity'::timestamptz), task.id)
      > (case when :after_id::bigint = 0 then '-infinity' else coalesce(:after_due::timestamptz, 'infinity') end,
         :after_id::bigint)
order by coalesce(task.due_at, 'infinity'::timestamptz), task.id
limit :most::int;

-- name: find_task^
-- One task.
select task.id, task.node_id, node.person_id, task.message_id, task.kind, task.title, task.body, task.store_id,
       task.role, task.due_at, task.state, task.outcome, task.created_at, task.settled_at, task.settled_by,
       case when node.namespace in ('phone', 'whatsapp') then node.value end as phone
from staff_task task
left join node on node.id = task.node_id
where task.id = :id::bigint;

-- name: settle_task!
-- Whoever is first settles it.
update staff_task
set state = :state::text, outcome = :outcome::text, settled_at = :now::timestamptz, settled_by = :actor::text
where id = :id::bigint and state = 'open';
