"""Why these identifiers are one person, and taking a link back."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, requires
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, form_of, go, page, pool_of, words_of
from unisono.console.routes.paths import pattern
from unisono.console.routes.reader import audited, person_in_scope, rights_of
from unisono.console.views import people as views
from unisono.customers.identity import service as identity
from unisono.customers.profiles import service as profiles
from unisono.customers.timeline import service as timeline
from unisono.kit.database import connection, transaction
from unisono.kit.errors import NotFound
from unisono.kit.sql import load

_sql = load("unisono.console")

SECTION = "people"


@get(pattern(links.person_why, "person_id"), guards=[requires("identity:read")], include_in_schema=False)
async def show_why(request: AnyRequest, person_id: FromPath[int]) -> Response[str]:
    """Why these identifiers are one person."""
    principal = caller(request)
    words, rights = words_of(request, principal), rights_of(principal)
    async with transaction(pool_of(request)) as conn:
        person = await person_in_scope(conn, principal, person_id)
        profile = await profiles.profile(conn, person)
        nodes = [identifier.node_id for identifier in profile.identifiers]
        changes = await identity.changes_of(conn, nodes)
        evidence = await identity.links_of(conn, nodes)
        mentioned = {node for change in changes for node in (*change["moved"], *change["kept"])}
        mentioned |= {node for link in evidence for node in (link["node_a"], link["node_b"])}
        briefs = {row["id"]: row for row in await _sql.briefs_of_nodes(conn, nodes=sorted(mentioned))}
        usage = {row["node_id"]: row for row in await _sql.usage_of_nodes(conn, nodes=nodes)}
        await audited(conn, principal, "person.read", person, screen="why")
    rows = [views.change_row(change, briefs, words, rights=rights) for change in changes]
    rows += [row for link in evidence if (row := views.evidence_row(link, briefs, words, rights=rights, person=person))]
    known_as = [(identifier.namespace, identifier.value) for identifier in profile.identifiers]
    view = contexts.PersonLinks(
        person_id=person,
        name=views.display_name(profile.name, known_as, words, contacts=rights.contacts),
        identifiers=views.identifier_rows(profile.identifiers, words, contacts=rights.contacts, usage=usage),
        links=rows,
    )
    return await page(request, view, title=view.name, section=SECTION)


@post(pattern(links.person_split, "person_id"), guards=[requires("identity:undo")], include_in_schema=False)
async def split(request: AnyRequest, person_id: FromPath[int]) -> Response[Any]:
    """Take a link back: what only it held together becomes two people."""
    principal = caller(request)
    words = words_of(request, principal)
    form = await form_of(request)
    async with transaction(pool_of(request)) as conn:
        person = await person_in_scope(conn, principal, person_id)
        nodes = [row["id"] for row in await identity.nodes_of(conn, person)]
        evidence = await identity.links_of(conn, nodes)
        link = next((row for row in evidence if str(row["id"]) == form.get("link")), None)
        if link is None or link["refused_by"] is not None:
            raise NotFound("There is no such link.", code="link_not_found")
        leaving = views.leaving(link, evidence, person) & set(nodes)
        stays, left = await identity.split(conn, person, leaving, actor=principal.actor, reason="split at a link")
        change = (await identity.changes_of(conn, sorted(leaving)))[0]
        detail = {"other": left, "nodes": sorted(leaving)}
        await audit.record(conn, actor=principal.actor, action="identity.split", person_id=stays, detail=detail)
    async with connection(pool_of(request)) as conn:
        await timeline.announce(conn)
    text = words.gettext("They are two people again.")
    return go(request, links.person_why(stays), text, undo_href=links.link_undo(change["id"]))


routes: list[ControllerRouterHandler] = [show_why, split]
