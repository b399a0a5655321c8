"""People over the API: one profile, one timeline, search. Every read of a person is audited.

A read is a handful of statements and no transaction around them: each round trip counts at a till (measured with nine
of them instead of sixteen: a third less time a profile call).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.params import FromQuery, Parameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, requires
from unisono.customers.identity import service as identity
from unisono.customers.identity.rulebook import Rulebook
from unisono.customers.profiles import service as profiles
from unisono.customers.profiles.meeting import person_within, require_within
from unisono.customers.profiles.service import Found, Profile, TimelineItem
from unisono.customers.timeline.service import Filters, parse_page_key
from unisono.kit.database import Connection, connection
from unisono.kit.web import PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]

Limit = Annotated[int, Parameter(ge=1, le=200, description="How many at the most.")]
Many = Annotated[list[str] | None, Parameter(description="Any of these; may be given several times.")]


class TimelinePage(msgspec.Struct, frozen=True):
    """Some of a person's events, newest first; ``next`` is the ``before`` of the following page."""

    person_id: int
    events: list[TimelineItem]
    next: str | None


class SearchResult(msgspec.Struct, frozen=True):
    """People found, best first."""

    people: list[Found]


async def _audited(conn: Connection, principal: Principal, action: str, person: int | None, **detail: Any) -> None:
    # The answer need not wait for the disk because of its audit.
    await audit.record(conn, actor=principal.actor, action=action, person_id=person, detail=detail, wait=False)


@get(
    "/api/people",
    guards=[requires("people:read")],
    tags=["People"],
    responses=PROBLEMS,
    summary="One person by an identifier",
)
async def person_by_identifier(
    request: AnyRequest,
    identifier: Annotated[str, Parameter(description="namespace:value, as email:mario@example.it", max_length=400)],
) -> Profile:
    """The person an identifier belongs to, with traits, computed traits, the next 5 and the last 50 items."""
    principal = caller(request)
    # The rules of intake, at most a second old: an identifier is spelled here as it was there.
    rulebook: Rulebook = await request.app.state.committer.rulebook()
    async with connection(request.app.state.pool) as conn:
        person = await identity.find(conn, identifier, rulebook=rulebook)
        await require_within(conn, principal, person)
        found = await profiles.profile_of(conn, person)
        await _audited(conn, principal, "person.read", person, by=identifier.partition(":")[0])
    return found


@get(
    "/api/people/{person_id:int}",
    guards=[requires("people:read")],
    tags=["People"],
    responses=PROBLEMS,
    summary="One person by id",
)
async def person_by_id(request: AnyRequest, person_id: PathId) -> Profile:
    """A person by any id it has or had: after a join the old ids lead to the person of now."""
    principal = caller(request)
    async with connection(request.app.state.pool) as conn:
        person = await person_within(conn, principal, person_id)
        found = await profiles.profile_of(conn, person)
        await _audited(conn, principal, "person.read", person)
    return found


@get(
    "/api/people/search", guards=[requires("people:read")], tags=["People"], responses=PROBLEMS, summary="Search people"
)
async def search_people(
    request: AnyRequest,
    q: Annotated[str, Parameter(description="Part of name, phone, e-mail, card or id", max_length=200)],
    limit: Limit = 20,
) -> SearchResult:
    """People by part of a name, phone, e-mail or card: two characters find beginnings, three or more any part."""
    principal = caller(request)
    async with connection(request.app.state.pool) as conn:
        stores = sorted(principal.stores) if principal.stores is not None else None
        found = await profiles.search(conn, q, stores=stores, limit=limit)
        await _audited(conn, principal, "people.search", None, query=q.replace("\x00", ""), found=len(found))
    return SearchResult(found)


@get(
    "/api/people/{person_id:int}/timeline",
    guards=[requires("people:read")],
    tags=["People"],
    responses=PROBLEMS,
    summary="A person's timeline",
)
async def person_timeline(
    request: AnyRequest,
    person_id: PathId,
    channel: Many = None,
    type: Many = None,
    name: Many = None,
    store: Many = None,
    since: FromQuery[datetime | None] = None,
    until: FromQuery[datetime | None] = None,
    before: Annotated[str | None, Parameter(description="``next`` of the page before.", max_length=60)] = None,
    limit: Limit = 50,
) -> TimelinePage:
    """Everything that happened, in any channel, newest first, in keyset pages."""
    principal = caller(request)
    filters = Filters(
        channels=tuple(channel or ()),
        types=tuple(type or ()),
        names=tuple(name or ()),
        stores=tuple(store or ()),
        since=since,
        until=until,
    )
    async with connection(request.app.state.pool) as conn:
        person = await person_within(conn, principal, person_id)
        page = await profiles.timeline_page(conn, person, filters=filters, before=parse_page_key(before), limit=limit)
        await _audited(conn, principal, "person.timeline", person)
    return TimelinePage(person, [profiles.as_item(event) for event in page.events], page.next)


routes: list[ControllerRouterHandler] = [person_by_identifier, search_people, person_by_id, person_timeline]
