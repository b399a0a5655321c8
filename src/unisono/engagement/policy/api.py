"""The contact policy over the API: what counts, who changed it, how a person stands, what would become of a message."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post, put
from litestar.params import JSONBody, Parameter, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.customers.identity import service as identity
from unisono.customers.identity.service import PersonNotFound
from unisono.customers.profiles.meeting import person_within
from unisono.customers.web import write
from unisono.engagement.channels.model import CHANNELS
from unisono.engagement.policy import asking
from unisono.engagement.policy import service as policies
from unisono.engagement.policy.asking import Standing
from unisono.engagement.policy.checking import check
from unisono.engagement.policy.facts import Company
from unisono.engagement.policy.model import Asked, Decision, LocalTime, MessagePurpose, Policy, PolicyVersion
from unisono.engagement.policy.reading import Change, differences
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest
from unisono.kit.i18n import accepted
from unisono.kit.reasons import told
from unisono.kit.web import MAX_ID, PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]

TAGS: Final = ["Contact policy"]
YEARS: Final = timedelta(days=3660)
"""No message is thought of further away than this."""

Number = Annotated[int, PathParameter(ge=0, le=policies.MAX_VERSION, description="0 is the package's own.")]


class PolicyInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy to count from now on, and why."""

    policy: Policy
    reason: str
    version: int | None = None
    """The version it was made from: another one by now refuses it."""


class PolicyDifference(msgspec.Struct, frozen=True):
    """What changed between two versions."""

    before: int
    after: int
    changes: list[Change]


class Thought(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message that is only thought of: who, what, when."""

    person: Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)] | None = None
    identifier: Annotated[str, msgspec.Meta(max_length=400)] | None = None
    """Instead of ``person``: ``email:mario@example.it``."""
    purpose: MessagePurpose = "marketing"
    channels: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=30)] = ("any",)
    profiled: bool = False
    category: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    priority: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 50
    at: datetime | None = None
    """The instant it is decided at; now when missing."""
    not_after: datetime | None = None
    local_time: LocalTime | None = None
    policy: Policy | None = None
    """What would be if this policy counted."""


@get("/api/policy", guards=[requires("voice:read")], tags=TAGS, responses=PROBLEMS, summary="The contact policy")
async def read_policy(request: AnyRequest) -> PolicyVersion:
    """The policy that counts: weights, budgets, caps, quiet hours, sell or help, preference."""
    async with connection(request.app.state.pool) as conn:
        return await policies.current(conn)


@put(
    "/api/policy",
    guards=[requires("voice:write")],
    tags=TAGS,
    responses=PROBLEMS,
    response_description="The version that counts now.",
    summary="Change the contact policy",
)
async def change_policy(request: AnyRequest, data: JSONBody[PolicyInput]) -> Response[PolicyVersion]:
    """Make a policy count, with the reason for it. It is checked whole; every message decided from then on obeys it.
    Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> PolicyVersion:
        saved = await policies.save(conn, data.policy, actor=actor, reason=data.reason, now=now, expected=data.version)
        detail = {"version": saved.version, "reason": saved.reason}
        await audit.record(conn, actor=actor, action="policy.save", detail=detail)
        return saved

    return await write(request, act)


@get(
    "/api/policy/versions",
    guards=[requires("voice:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="The contact policy's versions",
)
async def policy_versions(
    request: AnyRequest,
    before: Annotated[
        int | None, Parameter(ge=0, le=policies.MAX_VERSION, description="The version of the last one seen.")
    ] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> list[PolicyVersion]:
    """What the policy was, newest first, who made it so and why; the package's own comes last."""
    async with connection(request.app.state.pool) as conn:
        return await policies.versions(conn, before=before, limit=limit)


@get(
    "/api/policy/versions/{version:int}",
    guards=[requires("voice:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="One version of the contact policy",
)
async def policy_version(request: AnyRequest, version: Number) -> PolicyVersion:
    """The policy as it was."""
    async with connection(request.app.state.pool) as conn:
        return await policies.version(conn, version)


@get(
    "/api/policy/differences",
    guards=[requires("voice:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="What changed between two versions",
)
async def policy_differences(
    request: AnyRequest,
    before: Annotated[int, QueryParameter(name="from", ge=0, le=policies.MAX_VERSION)],
    after: Annotated[int, QueryParameter(name="to", ge=0, le=policies.MAX_VERSION)],
) -> PolicyDifference:
    """Every value that differs, by its path."""
    async with connection(request.app.state.pool) as conn:
        old, new = await policies.version(conn, before), await policies.version(conn, after)
    return PolicyDifference(before, after, differences(old.policy, new.policy))


@get(
    "/api/people/{person_id:int}/contact",
    guards=[requires("people:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="How a person stands with the contact policy",
)
async def person_contact(request: AnyRequest, person_id: PathId) -> Standing:
    """What counts now: budgets and caps used, quiet hours, why promotion is mute, the preferred channel, and for each
    channel the next instant at which a promotion may be sent."""
    principal, now = caller(request), now_of(request)
    async with connection(request.app.state.pool) as conn:
        person = await person_within(conn, principal, person_id)
        found = await asking.standing(conn, person, company=Company.of(request.app.state.settings), now=now)
        if found is None:
            raise PersonNotFound(f"There is no person {person_id}.")
        await audit.record(conn, actor=principal.actor, action="person.contact", person_id=person, wait=False)
    return told(found, _language(request), found.zone.name)


@post(
    "/api/policy/simulate",
    guards=[requires("voice:read")],
    tags=TAGS,
    responses=PROBLEMS,
    response_description="What would be decided.",
    status_code=200,
    summary="What would become of a message",
)
async def simulate(request: AnyRequest, data: JSONBody[Thought]) -> Decision:
    """Decide a message that is only thought of, at an instant of one's choice: by which channel it would go, or why not
    and until when. Nothing is sent or counted. Consents and the past are those of now."""
    at = _instant(data, now_of(request))
    _check(data, at)
    async with connection(request.app.state.pool) as conn:
        person = await _person(conn, request, data)
        asked = Asked(
            message_id=0,
            node_id=person,
            purpose=data.purpose,
            channels=data.channels,
            due_at=at,
            priority=data.priority,
            profiled=data.profiled,
            category=data.category,
            not_after=data.not_after,
            local_time=data.local_time,
        )
        company = Company.of(request.app.state.settings)
        decisions = await asking.explain(conn, [asked], company=company, now=at, policy=data.policy)
        await audit.record(conn, actor=caller(request).actor, action="policy.simulate", person_id=person, wait=False)
    if 0 not in decisions:
        raise PersonNotFound(f"There is no person {person}.")
    zone = decisions[0].facts["zone"].name
    return told(decisions[0], _language(request), zone)


async def _person(conn: Connection, request: AnyRequest, data: Thought) -> int:
    if (data.person is None) == (data.identifier is None):
        raise BadRequest("Name either a person or an identifier.", code="recipient_missing")
    if data.person is not None:
        return await identity.resolve(conn, data.person)
    rulebook = await request.app.state.committer.rulebook()
    return await identity.find(conn, data.identifier or "", rulebook=rulebook)


def _instant(data: Thought, now: datetime) -> datetime:
    at = data.at or now
    for one in (at, data.not_after):
        if one is not None and one.tzinfo is None:
            raise BadRequest("A time needs its zone.", code="time_without_zone")
        if one is not None and not now - YEARS <= one <= now + YEARS:
            raise BadRequest("That is more than ten years away.", code="bad_time")
    return at


def _check(data: Thought, at: datetime) -> None:
    unknown = [channel[:40] for channel in data.channels if channel not in (*CHANNELS, "any")]
    if unknown:
        raise BadRequest(f"There is no channel {', '.join(unknown)}.", code="channel_unknown")
    if data.local_time is not None and abs(data.local_time.date - at.date()) > YEARS:
        raise BadRequest("That is more than ten years away.", code="bad_time")
    if data.policy is not None:
        check(data.policy)


def _language(request: AnyRequest) -> str:
    return accepted(request.headers.get("accept-language")) or "en"


routes: list[ControllerRouterHandler] = [
    read_policy,
    change_policy,
    policy_versions,
    policy_version,
    policy_differences,
    person_contact,
    simulate,
]
