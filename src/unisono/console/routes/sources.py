"""Sources and keys: what may send, and how."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access import audit, keys
from unisono.access.guards import caller, now_of, requires
from unisono.access.keys import KeyRing, SourceKind
from unisono.console import contexts, figures, links
from unisono.console.pages import AnyRequest, all_of, form_of, go, page, pool_of, safe_path, words_of
from unisono.console.routes.paths import pattern
from unisono.console.routes.team import public_address
from unisono.console.views.problems import problem_of
from unisono.console.views.sources import key_groups, key_rows, samples, scope_choices, write_key_of
from unisono.console.views.team import store_choices
from unisono.kit.database import connection, transaction
from unisono.kit.errors import BadRequest, UnisonoError

SECTION = "sources"

SOURCE_KINDS: dict[str, SourceKind] = {"write": "browser", "till": "till", "secret": "server"}
"""Kind of key in the form -> kind of the source it is made for."""


def _forget_keys(request: AnyRequest) -> None:
    ring: KeyRing = request.app.state.key_ring
    ring.forget()


async def _show(
    request: AnyRequest,
    *,
    new_key: contexts.NewKey | None = None,
    error: UnisonoError | None = None,
    form: dict[str, str] | None = None,
    scopes: list[str] | None = None,
) -> Response[str]:
    principal = caller(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        sources = await keys.list_sources(conn)
    used = await figures.usage(request)
    drafts = form or {}
    endpoint, after = public_address(request), request.query_params.get("after", "")
    kind: Any = drafts.get("kind") if drafts.get("kind") in SOURCE_KINDS else "write"
    view = contexts.Sources(
        groups=key_groups(
            key_rows(sources, accepted=used.accepted, failed=used.failed, now=now_of(request)),
            words,
            query=request.query_params.get("till", "").replace("\x00", "").strip()[:100],
            after=int(after) if after.isdecimal() and len(after) < 10 else 0,
            opened=request.query_params.get("open") == "tills",
        ),
        more_events=used.more,
        samples=samples(endpoint, write_key_of(sources), words),
        new_key=new_key,
        stores=store_choices(await figures.stores(request), drafts.get("store", "")),
        scopes=scope_choices(words, scopes if scopes is not None else ("events:write",)),
        can_manage=principal.may("sources:manage"),
        problem=problem_of(words, error) if error else None,
        draft_name=drafts.get("name", ""),
        draft_kind=kind,
        endpoint=endpoint,
    )
    title = words.gettext("Sources and keys")
    return await page(request, view, title=title, section=SECTION, status=error.status if error else 200)


@get(links.SOURCES, guards=[requires("sources:read")], include_in_schema=False)
async def show_sources(request: AnyRequest) -> Response[str]:
    """Every key, and how to send the first event."""
    return await _show(request)


@post(links.KEYS, guards=[requires("sources:manage")], include_in_schema=False)
async def create_key(request: AnyRequest) -> Response[str]:
    """Make a source with its key; a secret is shown this once."""
    principal = caller(request)
    form, scopes = await form_of(request), await all_of(request, "scopes")
    kind = SOURCE_KINDS.get(form.get("kind", ""), "browser")
    try:
        async with transaction(pool_of(request)) as conn:
            made = await keys.create_source(
                conn,
                name=form.get("name", "")[:200],
                kind=kind,
                actor=principal.actor,
                store_id=form.get("store", "").strip() or None if kind == "till" else None,
                till_id=form.get("till", "").strip() or None if kind == "till" else None,
                scopes=frozenset(scopes) if kind == "server" else frozenset(),
            )
            await audit.record(
                conn,
                actor=principal.actor,
                action="key.create",
                detail={"key": made.id, "source": form.get("name", ""), "kind": made.kind, "scopes": scopes},
            )
    except BadRequest as error:
        return await _show(request, error=error, form=form, scopes=scopes)
    shown = contexts.NewKey(name=form.get("name", "").strip(), value=made.key, kind=made.kind)
    return await _show(request, new_key=shown)


@post(pattern(links.key_rotate, "key_id"), guards=[requires("sources:manage")], include_in_schema=False)
async def rotate_key(request: AnyRequest, key_id: FromPath[int]) -> Response[str]:
    """Give a key a successor; the old one works for another day."""
    principal = caller(request)
    async with transaction(pool_of(request)) as conn:
        made = await keys.rotate_key(conn, key_id, actor=principal.actor)
        await audit.record(conn, actor=principal.actor, action="key.rotate", detail={"key": key_id, "new": made.id})
        name = next(source["name"] for source in await keys.list_sources(conn) if source["id"] == made.source_id)
    _forget_keys(request)
    shown = contexts.NewKey(name=name, value=made.key, kind=made.kind, old_until=now_of(request) + keys.GRACE)
    return await _show(request, new_key=shown)


@post(pattern(links.key_disable, "key_id"), guards=[requires("sources:manage")], include_in_schema=False)
async def disable_key(request: AnyRequest, key_id: FromPath[int]) -> Response[Any]:
    """Stop a key at once."""
    principal = caller(request)
    async with transaction(pool_of(request)) as conn:
        await keys.disable_key(conn, key_id)
        await audit.record(conn, actor=principal.actor, action="key.disable", detail={"key": key_id})
    _forget_keys(request)
    text = words_of(request, principal).gettext("The key is disabled: what comes with it is refused.")
    back = safe_path((await form_of(request)).get("next"), links.SOURCES)
    return go(request, back, text, tone="warning", undo_href=links.key_enable(key_id))


@post(pattern(links.key_enable, "key_id"), guards=[requires("sources:manage")], include_in_schema=False)
async def enable_key(request: AnyRequest, key_id: FromPath[int]) -> Response[Any]:
    """Take a disabling back."""
    principal = caller(request)
    async with transaction(pool_of(request)) as conn:
        await keys.enable_key(conn, key_id)
        await audit.record(conn, actor=principal.actor, action="key.enable", detail={"key": key_id})
    _forget_keys(request)
    back = safe_path((await form_of(request)).get("next"), links.SOURCES)
    return go(request, back, words_of(request, principal).gettext("The key works again."))


routes: list[ControllerRouterHandler] = [show_sources, create_key, rotate_key, disable_key, enable_key]
