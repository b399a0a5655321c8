-- name: trusted_sources
-- Of these sources those whose key nobody else has, and that tell of what happens now: no browsers, no imports.
select id from source where id = any(:ids::int[]) and kind in ('server', 'till', 'connector', 'system');

-- name: named_notices
-- Kept messages that would answer an event, published or not.
select code, notice, name, purpose, version from template
where notice is not null and kind = 'message' and archived_at is null order by notice, code;
