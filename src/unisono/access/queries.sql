-- name: find_key^
select key.id, key.kind, key.scopes, source.id as source_id, source.name as source_name,
       source.kind as source_kind, source.store_id, source.till_id
from api_key key join source on source.id = key.source_id
where key.hash = :hash and key.disabled_at is null and source.disabled_at is null
  and (key.expires_at is null or key.expires_at > now());

-- name: insert_source$
insert into source (name, kind, store_id, till_id) values (:name, :kind, :store_id, :till_id) returning id;

-- name: insert_key$
insert into api_key (source_id, kind, hint, public_value, hash, scopes, created_by)
values (:source_id, :kind, :hint, :public_value, :hash, :scopes::text[], :actor) returning id;

-- name: key_by_id^
select key.id, key.kind, key.scopes, key.disabled_at, source.id as source_id, source.kind as source_kind
from api_key key join source on source.id = key.source_id where key.id = :id;

-- name: expire_key!
update api_key set expires_at = least(coalesce(expires_at, :at), :at) where id = :id;

-- name: disable_key$
update api_key set disabled_at = now() where id = :id and disabled_at is null returning id;

-- name: sources_with_keys
select source.id as source_id, source.name, source.kind as source_kind, source.store_id, source.till_id,
       source.created_at as source_created_at, key.id as key_id, key.kind, key.hint, key.public_value, key.scopes,
       key.created_at, key.created_by, key.expires_at, key.disabled_at
from source left join api_key key on key.source_id = source.id
where source.kind <> 'system'
order by source.id, key.id;

-- name: source_by_name^
select source.id, source.kind from source where name = :name and disabled_at is null order by id limit 1;

-- name: system_source$
select id from source where kind = 'system' order by id limit 1;
