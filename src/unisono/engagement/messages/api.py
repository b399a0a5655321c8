"""Messages over the API: send one, ask what would become of it, the outbox, why, cancel."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.params import JSONBody, Parameter, QueryParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.customers.identity import service as identity
from unisono.customers.web import write
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.model import Filters, Verdict
from unisono.engagement.messages import service
from unisono.engagement.messages.model import MessageAnswer, MessageDetail, MessageWhy, NewMessageRequest, OutboxPage
from unisono.kit.database import Connection, connection
from unisono.kit.i18n import accepted
from unisono.kit.reasons import told
from unisono.kit.settings import Settings
from unisono.kit.web import MAX_ID, PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]
TAGS: Final = ["Messages"]

DryRun = Annotated[bool, QueryParameter(name="dry_run", description="Decide and write it, but do not send it.")]
OfState = Annotated[
    Literal["planned", "claimed", "handed_over", "accepted", "refused", "unknown", "skipped", "cancelled"] | None,
    QueryParameter(name="state", description="Only these."),
]
Text = Annotated[str | None, Parameter(max_length=80, description="Only these.")]
OfPurpose = Annotated[
    Literal["marketing", "transactional", "service"] | None, QueryParameter(name="purpose", description="Only these.")
]
OfOrigin = Annotated[
    Literal["api", "console", "broadcast", "notice", "system", "journey"] | None,
    QueryParameter(name="origin", description="Only these."),
]
OfPerson = Annotated[
    int | None, QueryParameter(name="person_id", ge=1, le=MAX_ID, description="Only messages to this person.")
]
Before = Annotated[int | None, QueryParameter(name="before", ge=1, le=MAX_ID, description="The id of the last seen.")]
Limit = Annotated[int, Parameter(ge=1, le=200)]


def language(request: AnyRequest) -> str:
    """The language reasons are told in."""
    return accepted(request.headers.get("accept-language")) or "en"


@post(
    "/api/messages",
    guards=[requires("messages:send")],
    tags=TAGS,
    responses=PROBLEMS,
    response_description="The message that was planned, or (200) what would become of it.",
    summary="Send a message",
)
async def send_message(
    request: AnyRequest, data: JSONBody[NewMessageRequest], dry_run: DryRun = False
) -> Response[MessageAnswer]:
    """Send one message to one person, from a template or with a content of one's own. The contact policy decides when
    and by which channel, or that it is not sent. Takes an Idempotency-Key; a ``key`` of one's own makes the same fact
    one message for ever. With ``dry_run`` nothing is sent: the answer says what would become of it, and why."""
    settings: Settings = request.app.state.settings
    actor, now = caller(request).actor, now_of(request)
    rulebook = await request.app.state.committer.rulebook()
    if dry_run:
        async with connection(request.app.state.pool) as conn:
            found = await service.preview(conn, data, now=now, settings=settings, rulebook=rulebook)
            await audit.record(conn, actor=actor, action="message.preview", person_id=found.person_id, wait=False)
        return Response(told(found, language(request), settings.timezone), status_code=200)

    async def act(conn: Connection) -> MessageAnswer:
        made = await service.send(conn, data, actor=actor, origin="api", now=now, settings=settings, rulebook=rulebook)
        if made.new:
            await audit.record(
                conn, actor=actor, action="message.send", person_id=made.person_id, detail={"message": made.id}
            )
        return made

    return await write(request, act, status=201)


@get("/api/messages", guards=[requires("voice:read")], tags=TAGS, responses=PROBLEMS, summary="The outbox")
async def list_messages(
    request: AnyRequest,
    of_state: OfState = None,
    channel: Text = None,
    purpose: OfPurpose = None,
    origin: OfOrigin = None,
    reason: Text = None,
    broadcast: Text = None,
    person_id: OfPerson = None,
    before: Before = None,
    limit: Limit = 50,
) -> OutboxPage:
    """Everything planned, held, sent and not sent, newest first, with why."""
    async with connection(request.app.state.pool) as conn:
        nodes = None
        if person_id is not None:
            person = await identity.resolve(conn, person_id)
            nodes = tuple(row["id"] for row in await identity.nodes_of(conn, person))
            await audit.record(conn, actor=caller(request).actor, action="message.list", person_id=person, wait=False)
        filters = Filters(
            state=of_state,
            channel=_plain(channel),
            purpose=purpose,
            origin=origin,
            reason=_plain(reason),
            broadcast_id=None if broadcast is None else await service.broadcast_id(conn, broadcast),
            nodes=nodes,
        )
        found = await service.outbox(conn, filters, before=before, limit=limit)
        people = sorted({row.message.person_id for row in found.rows if row.message.person_id is not None})
        if people and person_id is None:
            actor = caller(request).actor
            await audit.record(conn, actor=actor, action="people.list", detail={"people": people}, wait=False)
    return told(found, language(request), request.app.state.settings.timezone)


def _plain(text: str | None) -> str | None:
    return None if text is None else text.replace("\x00", "")


@get(
    "/api/messages/{message_id:int}",
    guards=[requires("voice:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="One message",
)
async def read_message(request: AnyRequest, message_id: PathId) -> MessageDetail:
    """The decision with the facts it used, every attempt, what happened to it. What it said is shown to who may see
    contacts."""
    found = await _read(request, message_id, content=caller(request).may("people:contact"))
    return told(found, language(request), request.app.state.settings.timezone)


@get(
    "/api/messages/{message_id:int}/why",
    guards=[requires("voice:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="Why a message was sent, or not",
)
async def read_why(request: AnyRequest, message_id: PathId) -> MessageWhy:
    """What decided, in the reader's language, channel by channel, with the facts used."""
    found = service.why(await _read(request, message_id, content=False))
    return told(found, language(request), request.app.state.settings.timezone)


async def _read(request: AnyRequest, message_id: int, *, content: bool) -> MessageDetail:
    actor = caller(request).actor
    async with connection(request.app.state.pool) as conn:
        found = await service.detail(conn, message_id, content=content)
        person, detail = found.message.person_id, {"message": message_id}
        await audit.record(conn, actor=actor, action="message.read", person_id=person, detail=detail, wait=False)
    return found


@post(
    "/api/messages/{message_id:int}/cancel",
    guards=[requires("messages:send")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Cancel a message",
)
async def cancel_message(request: AnyRequest, message_id: PathId) -> Response[MessageDetail]:
    """Keep a message from leaving; cancelling twice is cancelling once. 409 ``message_gone`` when it was handed over.
    Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> MessageDetail:
        found = await service.cancel(conn, message_id, now=now)
        await audit.record(
            conn,
            actor=actor,
            action="message.cancel",
            person_id=found.message.person_id,
            detail={"message": message_id},
        )
        return told(found, language(request), request.app.state.settings.timezone)

    return await write(request, act)


class Settling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody knows of a message nobody knew of."""

    verdict: Verdict
    """``arrived``, ``lost``, or ``again``: it is sent once more, and the person may get it twice."""
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    """How you know, or why; it stands in the audit."""


@post(
    "/api/messages/{message_id:int}/settle",
    guards=[requires("messages:send")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Say what became of an unknown message",
)
async def settle_message(request: AnyRequest, message_id: PathId, data: JSONBody[Settling]) -> Response[MessageDetail]:
    """Of a message that is ``unknown`` alone: it arrived, it was lost, or it is to go once more. 409
    ``message_not_unknown`` when it is known what became of it, ``message_too_late`` when it is of no use any more.
    Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> MessageDetail:
        await delivery.settle_unknown(conn, message_id, data.verdict, why=data.reason, actor=actor, now=now)
        found = await service.detail(conn, message_id, content=False)
        return told(found, language(request), request.app.state.settings.timezone)

    return await write(request, act)


routes: list[ControllerRouterHandler] = [
    send_message,
    list_messages,
    read_message,
    read_why,
    cancel_message,
    settle_message,
]
