"""Identity: rules, joins with their way back, refused joins, shared identifiers."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, requires
from unisono.console import contexts, figures, links
from unisono.console.pages import AnyRequest, form_of, go, page, pool_of, safe_path, settings_of, words_of
from unisono.console.routes.paths import pattern
from unisono.console.routes.reader import audited, rights_of
from unisono.console.views.identity import person_link, rule_rows, shared_row, tiles, violation_row
from unisono.console.views.people import change_row
from unisono.customers.identity import service as identity
from unisono.customers.profiles import service as profiles
from unisono.customers.timeline import service as timeline
from unisono.kit.database import Connection, connection, transaction
from unisono.kit.errors import Conflict, NotFound
from unisono.kit.sql import load

_sql = load("unisono.console")

SECTION = "identity"
PAGE_SIZE = 25
MOST_SHARED = 100


def _before(request: AnyRequest, name: FromPath[str]) -> int | None:
    text = request.query_params.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _paging(name: str, rows: list[Any], before: int | None) -> contexts.Paging | None:
    more = len(rows) > PAGE_SIZE
    if not more and before is None:
        return None
    return contexts.Paging(
        shown=min(len(rows), PAGE_SIZE),
        previous_href=links.IDENTITY if before is not None else None,
        next_href=links.with_query(links.IDENTITY, {name: rows[PAGE_SIZE - 1]["id"]}) if more else None,
    )


@get(links.IDENTITY, guards=[requires("identity:read")], include_in_schema=False)
async def show_identity(request: AnyRequest) -> Response[str]:
    """What joins people, what never does, and every join with its way back."""
    principal = caller(request)
    words, rights = words_of(request, principal), rights_of(principal)
    joins_before, refused_before = _before(request, "joins"), _before(request, "refused")
    sizes = await figures.namespace_sizes(request)
    async with transaction(pool_of(request)) as conn:
        rulebook = await identity.rulebook(conn, settings_of(request).country)
        changes = await identity.recent_changes(conn, before=joins_before, limit=PAGE_SIZE + 1)
        refused = await identity.refused_links(conn, before=refused_before, limit=PAGE_SIZE + 1)
        shared = await identity.shared_identifiers(conn, limit=MOST_SHARED)
        nodes = {node for change in changes for node in (*change["moved"], *change["kept"])}
        briefs = {row["id"]: row for row in await _sql.briefs_of_nodes(conn, nodes=sorted(nodes))}
        owners = [
            next((briefs[node]["person_id"] for node in change["kept"] if node in briefs), None)
            for change in changes[:PAGE_SIZE]
        ]
        mentioned = {owner for owner in owners if owner is not None}
        mentioned |= {link[side] for link in refused for side in ("a_person", "b_person")}
        names = await profiles.names_of(conn, sorted(mentioned))
        await audited(conn, principal, "identity.read")
    view = contexts.Identity(
        rules=rule_rows(rulebook, sizes, words),
        violations=[violation_row(link, names, words, contacts=rights.contacts) for link in refused[:PAGE_SIZE]],
        shared=[shared_row(node, words, contacts=rights.contacts) for node in shared],
        joins=[change_row(change, briefs, words, rights=rights) for change in changes[:PAGE_SIZE]],
        join_persons=[None if owner is None else person_link(owner, names, words) for owner in owners],
        tiles=tiles(joins=changes, shared=shared, refused=refused, full=PAGE_SIZE + 1, words=words),
        violations_paging=_paging("refused", refused, refused_before),
        joins_paging=_paging("joins", changes, joins_before),
    )
    return await page(request, view, title=words.gettext("Identity"), section=SECTION)


async def _change(conn: Connection, change_id: int) -> Any:
    """A join or split of the audit. Raises NotFound."""
    rows = await identity.recent_changes(conn, before=change_id + 1, limit=1)
    if not rows or rows[0]["id"] != change_id:
        raise NotFound(f"There is no change {change_id}.", code="change_not_found")
    return rows[0]


@post(pattern(links.link_undo, "change_id"), guards=[requires("identity:undo")], include_in_schema=False)
async def undo(request: AnyRequest, change_id: FromPath[int]) -> Response[Any]:
    """Take a join or a split back: timelines part or come together again, nothing is lost."""
    principal = caller(request)
    words = words_of(request, principal)
    async with transaction(pool_of(request)) as conn:
        change = await _change(conn, change_id)
        await identity.undo(conn, change_id, actor=principal.actor, reason="undone")
        await audit.record(
            conn,
            actor=principal.actor,
            action="identity.undo",
            person_id=change["person_id"],
            detail={"change": change_id, "kind": change["kind"]},
        )
    async with connection(pool_of(request)) as conn:
        await timeline.announce(conn)
    back = safe_path((await form_of(request)).get("next"), links.IDENTITY)
    text = words.gettext("They are two people again.")
    if change["kind"] == "split":
        text = words.gettext("They are one person again.")
    return go(request, back, text, undo_href=links.link_redo(change_id))


@post(pattern(links.link_redo, "change_id"), guards=[requires("identity:undo")], include_in_schema=False)
async def redo(request: AnyRequest, change_id: FromPath[int]) -> Response[Any]:
    """Put back what was undone: the change that undid it is undone in its turn."""
    principal = caller(request)
    async with transaction(pool_of(request)) as conn:
        change = await _change(conn, change_id)
        if change["undone_at"] is None:
            raise Conflict("It counts already.", code="nothing_to_undo")
        both = {*change["moved"], *change["kept"]}
        since = [
            later
            for later in await identity.changes_of(conn, sorted(both))
            if later["id"] > change_id
            and later["kind"] != change["kind"]
            and later["undone_at"] is None
            and both & {*later["moved"]}
            and both & {*later["kept"]}
        ]
        if not since:
            raise Conflict("There is nothing left to undo.", code="nothing_to_undo")
        await identity.undo(conn, since[0]["id"], actor=principal.actor, reason="undone")
        await audit.record(
            conn,
            actor=principal.actor,
            action="identity.redo",
            person_id=change["person_id"],
            detail={"change": change_id, "kind": change["kind"]},
        )
    async with connection(pool_of(request)) as conn:
        await timeline.announce(conn)
    back = safe_path((await form_of(request)).get("next"), links.IDENTITY)
    return go(request, back, words_of(request, principal).gettext("It is as it was before."))


routes: list[ControllerRouterHandler] = [show_identity, undo, redo]
