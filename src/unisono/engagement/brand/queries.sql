-- name: read_brand^
select code, version, kit, changed_at, changed_by from brand where code = :code::text;

-- name: list_brands
select code, version, kit, changed_at, changed_by from brand order by code;

-- name: lock_brand
-- One writer of a brand at a time, also of one that is not there yet.
select pg_advisory_xact_lock(hashtextextended('brand ' || :code::text, 0));

-- name: write_brand^
insert into brand as kept (code, version, kit, changed_at, changed_by)
values (:code::text, 1, :kit::jsonb, :now::timestamptz, :actor::text)
on conflict (code) do update set version = kept.version + 1, kit = excluded.kit, changed_at = excluded.changed_at,
    changed_by = excluded.changed_by
returning code, version, kit, changed_at, changed_by;

-- name: write_version!
insert into brand_version (code, version, kit, at, actor)
select code, version, kit, changed_at, changed_by from brand where code = :code::text;

-- name: versions_of
select code, version, kit, at, actor from brand_version where code = :code::text order by version desc limit :most::int;

-- name: company$
select company from installation;
