"""Joining people and grouping households by hand: who, why, and the way back."""

from __future__ import annotations

from typing import Any, Literal

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, requires
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, form_of, go, page, pool_of, safe_path, words_of
from unisono.console.routes.paths import pattern
from unisono.console.routes.reader import audited, person_in_scope, rights_of
from unisono.console.views import people as views
from unisono.console.views.labels import brief
from unisono.console.views.problems import problem_of
from unisono.console.words import Words
from unisono.customers.identity import service as identity
from unisono.customers.profiles import service as profiles
from unisono.customers.profiles.service import Found
from unisono.customers.timeline import service as timeline
from unisono.kit.database import Connection, connection, transaction
from unisono.kit.errors import BadRequest, UnisonoError

MOST_FOUND = 12


def _name(found: Found, words: Words, *, contacts: bool) -> str:
    return views.display_name(found.name, found.identifiers, words, contacts=contacts)


async def _households(conn: Connection, person: int, words: Words) -> list[contexts.HouseholdCard]:
    rows = await identity.household_of(conn, person)
    names = await profiles.names_of(conn, [row["person_id"] for row in rows])
    cards: dict[int, list[contexts.HouseholdMember]] = {}
    titles = {row["id"]: row["name"] for row in rows}
    for row in rows:
        member = row["person_id"]
        name = names.get(member) or words.gettext("Person %(number)s") % {"number": member}
        cards.setdefault(row["id"], []).append(
            contexts.HouseholdMember(person_id=member, name=name, href=links.person(member), reason=row["role"] or "")
        )
    return [contexts.HouseholdCard(household_id=id, name=titles[id], members=members) for id, members in cards.items()]


async def _show(
    request: AnyRequest, person_id: int, *, form: dict[str, str] | None = None, error: UnisonoError | None = None
) -> Response[str]:
    principal, drafts = caller(request), form or {}
    words, contacts = words_of(request, principal), rights_of(principal).contacts
    wanted = drafts.get("q") or str(request.query_params.get("q", ""))
    query = wanted.replace("\x00", "").strip()[:200]
    async with transaction(pool_of(request)) as conn:
        person = await person_in_scope(conn, principal, person_id)
        me = (await profiles.describe(conn, [person]))[0]
        found: list[Found] = []
        if query:
            stores = None if principal.stores is None else sorted(principal.stores)
            found = await profiles.search(conn, query, stores=stores, limit=MOST_FOUND + 1)
            await audited(conn, principal, "people.search", query=query, people=[one.id for one in found])
        households = await _households(conn, person, words)
    deed: Literal["join", "household"] = "household" if drafts.get("deed") == "household" else "join"
    view = contexts.Together(
        person_id=person,
        name=_name(me, words, contacts=contacts),
        query=query,
        searched=bool(query),
        candidates=[
            contexts.Candidate(
                person_id=one.id,
                name=_name(one, words, contacts=contacts),
                identifiers=[brief(*pair, words, contacts=contacts) for pair in one.identifiers[:3]],
                chosen=str(one.id) == drafts.get("other"),
            )
            for one in found
            if one.id != person
        ],
        households=households,
        deed=deed,
        reason=drafts.get("reason", ""),
        household_name=drafts.get("name", ""),
        problem=problem_of(words, error) if error else None,
    )
    title = words.gettext("Who belongs together")
    return await page(request, view, title=title, section="people", status=error.status if error else 200)


@get(pattern(links.person_together, "person_id"), guards=[requires("identity:undo")], include_in_schema=False)
async def show_together(request: AnyRequest, person_id: FromPath[int]) -> Response[str]:
    """Find somebody who belongs with this person."""
    return await _show(request, person_id)


async def _join(conn: Connection, person: int, other: int, reason: str, principal: Principal) -> tuple[int, int]:
    """(the person they are now, the change that can be undone)."""
    nodes = [row["id"] for row in await identity.nodes_of(conn, other)]
    one = await identity.join(conn, person, other, actor=principal.actor, reason=reason)
    change = (await identity.changes_of(conn, nodes))[0]
    detail = {"other": other, "reason": reason}
    await audit.record(conn, actor=principal.actor, action="person.join", person_id=one, detail=detail)
    return one, int(change["id"])


async def _group(
    conn: Connection, person: int, other: int, name: str, reason: str, principal: Principal
) -> tuple[int, int]:
    """(the household, who came into it): the person's household if there is one, else a new one."""
    present = await identity.household_of(conn, person)
    if present:
        household = int(present[0]["id"])
        await identity.add_to_household(conn, household, other, actor=principal.actor, reason=reason)
    else:
        household = await identity.group_household(conn, name, [person, other], actor=principal.actor, reason=reason)
    action = "household.add" if present else "household.group"
    detail = {"household": household, "other": other, "reason": reason}
    await audit.record(conn, actor=principal.actor, action=action, person_id=person, detail=detail)
    return household, other


async def _announce(request: AnyRequest) -> None:
    async with connection(pool_of(request)) as conn:
        await timeline.announce(conn)


@post(pattern(links.person_together, "person_id"), guards=[requires("identity:undo")], include_in_schema=False)
async def put_together(request: AnyRequest, person_id: FromPath[int]) -> Response[Any]:
    """Join two people, or make them one household."""
    principal, form = caller(request), await form_of(request)
    words, chosen = words_of(request, principal), form.get("other", "")
    reason = form.get("reason", "")
    try:
        if not chosen.isdecimal() or len(chosen) > 18:
            raise BadRequest("Choose the other person.", code="nobody_chosen")
        if form.get("sure") != "yes":
            raise BadRequest("Check who they are first.", code="not_checked")
        async with transaction(pool_of(request)) as conn:
            person = await person_in_scope(conn, principal, person_id)
            other = await person_in_scope(conn, principal, int(chosen))
            if form.get("deed") == "household":
                household, member = await _group(conn, person, other, form.get("name", ""), reason, principal)
                text, undo = words.gettext("They are one household."), links.household_remove(household, member)
            else:
                person, change = await _join(conn, person, other, reason, principal)
                text, undo = words.gettext("They are one person."), links.link_undo(change)
    except UnisonoError as error:
        return await _show(request, person_id, form=form, error=error)
    await _announce(request)
    return go(request, links.person(person), text, undo_href=undo)


async def _move(request: AnyRequest, household: int, person_id: int, *, come: bool) -> Response[Any]:
    principal, form = caller(request), await form_of(request)
    words = words_of(request, principal)
    # The undo of a toast has no field for a reason: it is one.
    reason = form.get("reason", "").strip() or "undone"
    async with transaction(pool_of(request)) as conn:
        person = await person_in_scope(conn, principal, person_id)
        move = identity.add_to_household if come else identity.remove_from_household
        await move(conn, household, person, actor=principal.actor, reason=reason)
        action = "household.add" if come else "household.remove"
        detail = {"household": household, "reason": reason}
        await audit.record(conn, actor=principal.actor, action=action, person_id=person, detail=detail)
    await _announce(request)
    back = safe_path(form.get("next"), links.person(person))
    if come:
        text, undo = words.gettext("Back in the household."), links.household_remove(household, person)
    else:
        text, undo = words.gettext("No longer in the household."), links.household_add(household, person)
    return go(request, back, text, undo_href=undo)


@post(links.HOUSEHOLD_ADD, guards=[requires("identity:undo")], include_in_schema=False)
async def add_member(request: AnyRequest, household: FromPath[int], person_id: FromPath[int]) -> Response[Any]:
    """Put somebody into a household."""
    return await _move(request, household, person_id, come=True)


@post(links.HOUSEHOLD_REMOVE, guards=[requires("identity:undo")], include_in_schema=False)
async def remove_member(request: AnyRequest, household: FromPath[int], person_id: FromPath[int]) -> Response[Any]:
    """Take somebody out of a household."""
    return await _move(request, household, person_id, come=False)


routes: list[ControllerRouterHandler] = [show_together, put_together, add_member, remove_member]
