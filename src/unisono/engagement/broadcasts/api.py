"""Broadcasts over the API: write, look at the audience, launch, follow, pause, resume, stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.params import JSONBody, Parameter, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.customers.web import write
from unisono.engagement.broadcasts import audience, progress, service
from unisono.engagement.broadcasts.model import (
    Broadcast,
    BroadcastAudience,
    BroadcastInput,
    BroadcastPage,
    BroadcastProgress,
    BroadcastRow,
    BroadcastSchedule,
    BroadcastStatus,
)
from unisono.engagement.messages.api import language
from unisono.engagement.templates.model import Channel
from unisono.kit.database import Connection, connection
from unisono.kit.reasons import Anything, told
from unisono.kit.settings import Settings
from unisono.kit.web import PROBLEMS

AnyRequest = Request[Any, Any, Any]
TAGS: Final = ["Broadcasts"]
WRITE: Final[dict[str, Any]] = {
    "guards": [requires("broadcasts:send")],
    "tags": TAGS,
    "responses": PROBLEMS,
    "status_code": 200,
}
READ: Final[dict[str, Any]] = {"guards": [requires("voice:read")], "tags": TAGS, "responses": PROBLEMS}

Code = Annotated[str, PathParameter(description="1 to 63 small letters, digits, - and _.")]
Version = Annotated[
    int | None,
    QueryParameter(name="version", ge=1, le=2**31 - 1, description="The version one has read: a later one refuses it."),
]
OfStatus = Annotated[BroadcastStatus | None, QueryParameter(name="status", description="Only these.")]
Before = Annotated[int | None, Parameter(ge=1, le=2**31 - 1, description="The id of the last one seen.")]
Limit = Annotated[int, Parameter(ge=1, le=100)]
Sample = Annotated[
    int, QueryParameter(name="sample", ge=1, le=audience.MOST, description="Persons the policy is asked of.")
]


class LaunchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When it begins, if not as it was written, and the version that was reviewed."""

    schedule: BroadcastSchedule | None = None
    version: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None


class BroadcastTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To whom a test goes: an identifier written ``namespace:value``."""

    to: Annotated[str, msgspec.Meta(min_length=3, max_length=400)]
    channel: Channel = "email"


class BroadcastTested(msgspec.Struct, frozen=True):
    """The message that was planned."""

    message_id: int


@get("/api/broadcasts", **READ, summary="Broadcasts")
async def list_broadcasts(
    request: AnyRequest, status: OfStatus = None, before: Before = None, limit: Limit = 20
) -> BroadcastPage:
    """Broadcasts, newest first, with how far each is."""
    async with connection(request.app.state.pool) as conn:
        found = await service.page(conn, status=status, before=before, limit=limit + 1)
        rows = await progress.of(conn, found[:limit], now=now_of(request))
    return _told(request, BroadcastPage(rows, found[limit - 1].id if len(found) > limit else None))


@put("/api/broadcasts/{code:str}", **WRITE, summary="Write a broadcast")
async def save_broadcast(
    request: AnyRequest, code: Code, data: JSONBody[BroadcastInput], version: Version = None
) -> Response[Broadcast]:
    """Make a draft, or change one. 409 ``broadcast_started`` once it was launched, ``version_conflict`` when somebody
    changed it since ``version``. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Broadcast:
        saved = await service.save(conn, code, data, actor=actor, now=now, expected_version=version)
        await audit.record(conn, actor=actor, action="broadcast.save", detail={"broadcast": code})
        return saved

    return await write(request, act)


@get("/api/broadcasts/{code:str}", **READ, summary="One broadcast")
async def read_broadcast(request: AnyRequest, code: Code) -> BroadcastRow:
    """A broadcast, and how far it is."""
    return _told(request, await _row(request, code))


@get("/api/broadcasts/{code:str}/progress", **READ, summary="How far a broadcast is")
async def read_progress(request: AnyRequest, code: Code) -> BroadcastProgress:
    """From the audience to who clicked, and why who was not sent it was not. The persons behind a row are in the
    outbox: ``/api/messages?broadcast=<code>&state=<state>&reason=<reason>``."""
    return _told(request, (await _row(request, code)).progress)


async def _row(request: AnyRequest, code: str) -> BroadcastRow:
    async with connection(request.app.state.pool) as conn:
        found = await service.get(conn, code)
        return (await progress.of(conn, [found], now=now_of(request)))[0]


def _told(request: AnyRequest, value: Anything) -> Anything:
    return told(value, language(request), request.app.state.settings.timezone)


@delete("/api/broadcasts/{code:str}", **{**WRITE, "status_code": 204}, summary="Throw a draft away")
async def delete_broadcast(request: AnyRequest, code: Code) -> None:
    """A draft alone: 409 ``broadcast_started`` once it was launched."""
    actor = caller(request).actor

    async def act(conn: Connection) -> dict[str, str]:
        await service.remove(conn, code)
        await audit.record(conn, actor=actor, action="broadcast.delete", detail={"broadcast": code})
        return {}

    await write(request, act)


@post("/api/broadcasts/audience", **{**READ, "status_code": 200}, summary="Whom a broadcast would reach")
async def preview_audience(
    request: AnyRequest, data: JSONBody[BroadcastInput], sample: Sample = audience.SAMPLE
) -> BroadcastAudience:
    """The contact policy asked of the audience of a broadcast nobody has saved: who would get it now, who later, who
    not, and why. Of a large one a sample is asked, and its size said. Nothing is sent or counted."""
    return await _audience(request, data, sample)


@post("/api/broadcasts/{code:str}/audience", **{**READ, "status_code": 200}, summary="Whom it would reach")
async def broadcast_audience(request: AnyRequest, code: Code, sample: Sample = audience.SAMPLE) -> BroadcastAudience:
    """The contact policy asked of the audience of a broadcast, as it stands now. Nothing is sent or counted."""
    async with connection(request.app.state.pool) as conn:
        found = await service.get(conn, code)
    return await _audience(request, input_of(found), sample)


def input_of(found: Broadcast) -> BroadcastInput:
    """What somebody would write to make this broadcast."""
    fields = {name: getattr(found, name) for name in BroadcastInput.__struct_fields__}
    return BroadcastInput(**fields)


async def _audience(request: AnyRequest, said: BroadcastInput, sample: int) -> BroadcastAudience:
    settings: Settings = request.app.state.settings
    async with connection(request.app.state.pool) as conn:
        found = await audience.preview(conn, said, now=now_of(request), settings=settings, sample=sample)
    return told(found, language(request), settings.timezone)


@post(
    "/api/broadcasts/{code:str}/test",
    **{**WRITE, "status_code": 201},
    summary="Send a test of a broadcast",
)
async def test_broadcast(request: AnyRequest, code: Code, data: JSONBody[BroadcastTest]) -> Response[BroadcastTested]:
    """Send what is published to one address that is known, as a service message. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)
    rulebook = await request.app.state.committer.rulebook()
    key = f"{code}:{actor}:{request.headers.get('idempotency-key') or now.isoformat()}"[:200]

    async def act(conn: Connection) -> BroadcastTested:
        number = await service.send_test(
            conn, code, to=data.to, channel=data.channel, actor=actor, key=key, now=now, rulebook=rulebook
        )
        detail = {"broadcast": code, "message": number}
        await audit.record(conn, actor=actor, action="broadcast.test", detail=detail)
        return BroadcastTested(number)

    return await write(request, act, status=201)


@post("/api/broadcasts/{code:str}/launch", **WRITE, summary="Launch a broadcast")
async def launch_broadcast(request: AnyRequest, code: Code, data: JSONBody[LaunchRequest]) -> Response[Broadcast]:
    """Let it go, at once, at an instant, or at a time of each person's clock. The versions of segment and template are
    frozen now, the audience when it begins. Launching twice is launching once. Takes an Idempotency-Key."""
    settings: Settings = request.app.state.settings

    async def act(conn: Connection, actor: str, now: datetime) -> Broadcast:
        return await service.launch(
            conn,
            code,
            actor=actor,
            now=now,
            settings=settings,
            schedule=data.schedule,
            expected_version=data.version,
        )

    return await _press(request, code, "launch", act)


@post("/api/broadcasts/{code:str}/unschedule", **WRITE, summary="Take a launch back")
async def unschedule_broadcast(request: AnyRequest, code: Code) -> Response[Broadcast]:
    """What has not begun is a draft again. Takes an Idempotency-Key."""
    return await _press(request, code, "unschedule", lambda conn, _, now: service.unschedule(conn, code, now=now))


@post("/api/broadcasts/{code:str}/pause", **WRITE, summary="Pause a broadcast")
async def pause_broadcast(request: AnyRequest, code: Code) -> Response[Broadcast]:
    """From the answer on nothing more of it is handed over. Its messages go on growing old: past ``not_after_seconds``
    they are skipped. Pausing twice is pausing once. Takes an Idempotency-Key."""
    return await _press(request, code, "pause", lambda conn, _, now: service.pause(conn, code, now=now))


@post("/api/broadcasts/{code:str}/resume", **WRITE, summary="Resume a broadcast")
async def resume_broadcast(request: AnyRequest, code: Code) -> Response[Broadcast]:
    """Go on where it was paused. Takes an Idempotency-Key."""
    return await _press(request, code, "resume", lambda conn, _, now: service.resume(conn, code, now=now))


@post("/api/broadcasts/{code:str}/stop", **WRITE, summary="Stop a broadcast")
async def stop_broadcast(request: AnyRequest, code: Code) -> Response[Broadcast]:
    """From the answer on nothing more of it is handed over, ever; what is planned is cancelled within seconds.
    Stopping twice is stopping once. Takes an Idempotency-Key."""
    return await _press(request, code, "stop", lambda conn, _, now: service.stop(conn, code, now=now))


Pressed = Callable[[Connection, str, datetime], Awaitable[Broadcast]]


async def _press(request: AnyRequest, code: str, deed: str, pressed: Pressed) -> Response[Broadcast]:
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> Broadcast:
        found = await pressed(conn, actor, now)
        await audit.record(
            conn, actor=actor, action=f"broadcast.{deed}", detail={"broadcast": code, "status": found.status}
        )
        return found

    return await write(request, act)


routes: list[ControllerRouterHandler] = [
    list_broadcasts,
    save_broadcast,
    preview_audience,
    read_broadcast,
    read_progress,
    delete_broadcast,
    broadcast_audience,
    test_broadcast,
    launch_broadcast,
    unschedule_broadcast,
    pause_broadcast,
    resume_broadcast,
    stop_broadcast,
]
