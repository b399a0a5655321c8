"""Segments over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.params import JSONBody, Parameter, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.customers.profiles.service import names_of
from unisono.customers.segments import asking
from unisono.customers.segments import service as segments
from unisono.customers.segments.asking import Explanation, PreviewRequest, SegmentPreview
from unisono.customers.segments.counting import ReachOf
from unisono.customers.segments.model import World
from unisono.customers.segments.ports import Use
from unisono.customers.segments.service import (
    Changes,
    Check,
    DayCount,
    Membership,
    NewSegment,
    Segment,
    SegmentVersion,
    Status,
)
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.web import PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]

PathCode = Annotated[str, PathParameter(min_length=1, max_length=80)]
Limit = Annotated[int, Parameter(ge=1, le=200)]
After = Annotated[str | None, Parameter(max_length=80, description="The code of the last one seen.")]
AfterPerson = Annotated[
    int | None, Parameter(ge=0, le=2**63 - 1, description="``next`` of the page before: a person's id.")
]
Only = Annotated[Status | None, QueryParameter(name="status", description="Only those of this status.")]
Version = Annotated[int | None, Parameter(ge=1, le=2**31 - 1, description="The version one has seen: another refuses.")]
Days = Annotated[int, Parameter(ge=1, le=1000)]
Language = Annotated[
    Literal["en", "it"], QueryParameter(description="Of sentences; codes and values are the same in every one.")
]
Note = Annotated[str, Meta(max_length=500)]


class SegmentRequest(NewSegment, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A segment to be."""

    note: Note = ""
    publish: bool = False
    """Let it live at once."""


class SegmentChange(Changes, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What becomes different, and a note why."""

    note: Note = ""


class ExplainRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule nobody saved, and of whom it is asked."""

    rule: dict[str, Any]
    person_id: Annotated[int, Meta(ge=1, le=2**63 - 1)]


class NamedMember(msgspec.Struct, frozen=True):
    """A person in a segment."""

    person_id: int
    name: str | None
    since: datetime


class MembersPage(msgspec.Struct, frozen=True):
    """Some members by person id; ``next`` is the ``after`` of the following page."""

    members: list[NamedMember]
    next: int | None


class SegmentHistory(msgspec.Struct, frozen=True):
    """How many were in, who came and went, day by day; and the last nightly proofs."""

    days: list[DayCount]
    checks: list[Check]


@get("/api/segments", guards=[requires("segments:read")], tags=["Segments"], responses=PROBLEMS, summary="Segments")
async def list_segments(
    request: AnyRequest, only: Only = None, after: After = None, limit: Limit = 50
) -> list[Segment]:
    """Segments by code."""
    statuses: list[Status] = [] if only is None else [only]
    async with connection(request.app.state.pool) as conn:
        return await segments.list_segments(conn, statuses=statuses, after=after, limit=limit)


@post(
    "/api/segments",
    guards=[requires("segments:write")],
    tags=["Segments"],
    responses=PROBLEMS,
    status_code=201,
    summary="Make a segment",
)
async def create_segment(request: AnyRequest, data: JSONBody[SegmentRequest]) -> Response[Segment]:
    """Make a segment, as a draft or live at once. Takes an Idempotency-Key. Answers the segment."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Segment:
        made = await segments.create(conn, data, actor=actor, now=now, note=data.note)
        if data.publish:
            made = await segments.publish(conn, data.code, now=now)
        await _audit(conn, actor, "segment.create", made)
        return made

    return await write(request, act, status=201)


@post(
    "/api/segments/preview",
    guards=[requires("segments:read")],
    tags=["Segments"],
    responses=PROBLEMS,
    status_code=200,
    summary="Try a rule",
)
async def preview_rule(
    request: AnyRequest, data: JSONBody[PreviewRequest], language: Language = "en"
) -> SegmentPreview:
    """How many a rule would let in, part by part, and if asked some of them and whom channels reach; nothing is
    written."""
    async with connection(request.app.state.pool) as conn:
        settings = request.app.state.settings
        found = await asking.preview(conn, data, settings, now=now_of(request), language=language)
        if found.samples:
            detail = {"people": sorted(one.person_id for one in found.samples)}
            await audit.record(conn, actor=caller(request).actor, action="segment.samples", detail=detail, wait=False)
    return found


@get(
    "/api/segments/{code:str}",
    guards=[requires("segments:read")],
    tags=["Segments"],
    responses=PROBLEMS,
    summary="One segment",
)
async def read_segment(request: AnyRequest, code: PathCode) -> Segment:
    """A segment as it stands, its members counted now."""
    async with connection(request.app.state.pool) as conn:
        found = await segments.find(conn, code)
        return msgspec.structs.replace(found, members=await segments.count_members(conn, found.id))


@post(
    "/api/segments/{code:str}",
    guards=[requires("segments:write")],
    tags=["Segments"],
    responses=PROBLEMS,
    status_code=200,
    summary="Change a segment",
)
async def change_segment(
    request: AnyRequest, code: PathCode, data: JSONBody[SegmentChange], expected_version: Version = None
) -> Response[Segment]:
    """Give it another name, description or rule; a live one is counted anew. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Segment:
        changed = await segments.change(
            conn, code, data, actor=actor, now=now, note=data.note, expected_version=expected_version
        )
        await _audit(conn, actor, "segment.change", changed)
        return changed

    return await write(request, act)


@post(
    "/api/segments/{code:str}/publish",
    guards=[requires("segments:write")],
    tags=["Segments"],
    responses=PROBLEMS,
    status_code=200,
    summary="Let a segment live",
)
async def publish_segment(request: AnyRequest, code: PathCode) -> Response[Segment]:
    """Its members are counted, then kept up to the second. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Segment:
        published = await segments.publish(conn, code, now=now)
        await _audit(conn, actor, "segment.publish", published)
        return published

    return await write(request, act)


@post(
    "/api/segments/{code:str}/archive",
    guards=[requires("segments:write")],
    tags=["Segments"],
    responses=PROBLEMS,
    status_code=200,
    summary="Let a segment rest",
)
async def archive_segment(request: AnyRequest, code: PathCode) -> Response[Segment]:
    """Nobody is in it any more; it may be published again. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Segment:
        archived = await segments.archive(conn, code, now=now)
        await _audit(conn, actor, "segment.archive", archived)
        return archived

    return await write(request, act)


async def _audit(conn: Connection, actor: str, action: str, segment: Segment) -> None:
    detail = {"segment": segment.code, "version": segment.version}
    await audit.record(conn, actor=actor, action=action, detail=detail)


@get(
    "/api/segments/{code:str}/versions",
    guards=[requires("segments:read")],
    tags=["Segments"],
    responses=PROBLEMS,
    summary="A segment's versions",
)
async def segment_versions(request: AnyRequest, code: PathCode) -> list[SegmentVersion]:
    """What a segment was, newest first, who made it so and why."""
    async with connection(request.app.state.pool) as conn:
        return await segments.versions_of(conn, code)


@get(
    "/api/segments/{code:str}/members",
    guards=[requires("segments:read")],
    tags=["Segments"],
    responses=PROBLEMS,
    summary="Who is in a segment",
)
async def segment_members(
    request: AnyRequest, code: PathCode, after: AfterPerson = None, limit: Limit = 50
) -> MembersPage:
    """Members with their names, in keyset pages."""
    async with connection(request.app.state.pool) as conn:
        segment = await segments.find(conn, code)
        page, following = await segments.members_page(conn, segment.id, after=after, limit=limit)
        names = await names_of(conn, [member.person_id for member in page])
        actor = caller(request).actor
        detail = {"segment": segment.code, "members": len(page)}
        await audit.record(conn, actor=actor, action="segment.members", detail=detail, wait=False)
    return MembersPage([NamedMember(one.person_id, names.get(one.person_id), one.since) for one in page], following)


@get(
    "/api/segments/{code:str}/history",
    guards=[requires("segments:read")],
    tags=["Segments"],
    responses=PROBLEMS,
    summary="A segment through time",
)
async def segment_history(request: AnyRequest, code: PathCode, days: Days = 90) -> SegmentHistory:
    """Members, comings and goings of each day on which something moved, and the last nightly proofs."""
    async with connection(request.app.state.pool) as conn:
        segment = await segments.find(conn, code)
        since = segments.days_back(now_of(request), days)
        return SegmentHistory(
            await segments.history(conn, segment.id, since=since), await segments.checks(conn, segment.id)
        )


@get(
    "/api/segments/{code:str}/reach",
    guards=[requires("segments:read")],
    tags=["Segments"],
    responses=PROBLEMS,
    summary="Whom channels reach of a segment",
)
async def segment_reach(request: AnyRequest, code: PathCode) -> list[ReachOf]:
    """Of its members, whom marketing may reach by channel; of many members estimated from some."""
    async with connection(request.app.state.pool) as conn:
        segment = await segments.find(conn, code)
        return await asking.reach_of(conn, segment.id, now=now_of(request))


@get(
    "/api/segments/{code:str}/used-by",
    guards=[requires("segments:read")],
    tags=["Segments"],
    responses=PROBLEMS,
    summary="What asks about a segment",
)
async def segment_uses(request: AnyRequest, code: PathCode) -> list[Use]:
    """Other segments, promotions, price lists, messages: whatever is in force and asks about it."""
    async with connection(request.app.state.pool) as conn:
        return await segments.used_by(conn, code)


@get(
    "/api/segments/{code:str}/people/{person_id:int}",
    guards=[requires("segments:read"), requires("people:read")],
    tags=["Segments"],
    responses=PROBLEMS,
    summary="Why somebody is in a segment",
)
async def explain_member(
    request: AnyRequest, code: PathCode, person_id: PathId, language: Language = "en"
) -> Explanation:
    """Why a person is in or is not: the rule step by step, what was seen of him, and when that may change."""
    settings = request.app.state.settings
    async with connection(request.app.state.pool) as conn:
        found = await asking.explain_segment(conn, code, person_id, settings, now=now_of(request), language=language)
        await _seen(conn, request, found.person_id, segment=code)
    return found


@post(
    "/api/segments/explain",
    guards=[requires("segments:read"), requires("people:read")],
    tags=["Segments"],
    responses=PROBLEMS,
    status_code=200,
    summary="Would somebody match?",
)
async def explain_unsaved(
    request: AnyRequest, data: JSONBody[ExplainRequest], language: Language = "en"
) -> Explanation:
    """Whether a rule nobody saved holds for a person, step by step; nothing is written."""
    settings, now = request.app.state.settings, now_of(request)
    async with connection(request.app.state.pool) as conn:
        rule, _ = await segments.usable_rule(conn, data.rule, World())
        found = await asking.explain_rule(conn, rule, data.person_id, settings, now=now, language=language)
        await _seen(conn, request, found.person_id)
    return found


async def _seen(conn: Connection, request: AnyRequest, person: int, **detail: Any) -> None:
    actor = caller(request).actor
    await audit.record(conn, actor=actor, action="segment.explain", person_id=person, detail=detail, wait=False)


@get(
    "/api/people/{person_id:int}/segments",
    guards=[requires("segments:read"), requires("people:read")],
    tags=["Segments"],
    responses=PROBLEMS,
    summary="The segments a person is in",
)
async def person_segments(request: AnyRequest, person_id: PathId) -> list[Membership]:
    """Live segments by name, since when; any id the person has or had."""
    async with connection(request.app.state.pool) as conn:
        found = await segments.memberships(conn, person_id)
        actor = caller(request).actor
        await audit.record(conn, actor=actor, action="segment.memberships", person_id=person_id, wait=False)
    return found


routes: list[ControllerRouterHandler] = [
    list_segments,
    create_segment,
    preview_rule,
    read_segment,
    change_segment,
    publish_segment,
    archive_segment,
    segment_versions,
    segment_members,
    segment_history,
    segment_reach,
    segment_uses,
    explain_member,
    explain_unsaved,
    person_segments,
]
