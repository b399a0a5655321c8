"""The door of messages: ask for one, see what would become of it, look at what became of it, cancel it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from unisono.customers.identity import service as identity
from unisono.customers.identity.normalise import UnusableIdentifier
from unisono.customers.identity.rulebook import Rulebook, read_rulebook
from unisono.customers.identity.service import PersonNotFound
from unisono.engagement.brand import service as brands
from unisono.engagement.channels.model import CHANNELS
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.model import Filters, MessageRow, MessageStatus, NewMessage
from unisono.engagement.messages.errors import BadMessage, MessageConflict
from unisono.engagement.messages.model import (
    ANY,
    MessageAnswer,
    MessageDetail,
    MessageWhy,
    NewMessageRequest,
    OutboxPage,
    OutboxRow,
    StateAt,
)
from unisono.engagement.messages.words import label
from unisono.engagement.policy import asking
from unisono.engagement.policy import service as policies
from unisono.engagement.policy.facts import Company
from unisono.engagement.policy.limits import expanded
from unisono.engagement.policy.model import Asked, Decision, MessagePurpose, Policy
from unisono.engagement.templates import service as templates
from unisono.engagement.templates.builtin import builtins
from unisono.engagement.templates.errors import ContentMissing, TemplateNotFound
from unisono.engagement.templates.model import SHARED, Content, TemplatePreview
from unisono.kit.database import Connection
from unisono.kit.errors import NotFound
from unisono.kit.reasons import Reason
from unisono.kit.settings import Settings
from unisono.kit.sql import load

_sql = load("unisono.engagement.messages")

YEARS: Final = timedelta(days=3660)
"""No message is planned further away than this."""

WAITING: Final = ("planned", "claimed")
"""States in which a message can be cancelled still."""


class Said(msgspec.Struct, frozen=True):
    """What a message says, wherever that is kept."""

    content: Content
    purpose: MessagePurpose
    brand: str


class Person(msgspec.Struct, frozen=True):
    """To whom: the identifier that was named, and whose it is."""

    node_id: int
    person_id: int


# Asking for one --------------------------------------------------------------------------------------------


async def send(
    conn: Connection,
    request: NewMessageRequest,
    *,
    actor: str,
    origin: Literal["api", "console"],
    now: datetime,
    settings: Settings,
    rulebook: Rulebook | None = None,
) -> MessageAnswer:
    """Plan a message inside the caller's transaction; a key that was used before is answered with its message.

    Raises BadMessage, BadTemplate, TemplateNotFound, ContentMissing, PersonNotFound, MessageConflict.
    """
    check(request, now)
    person = await recipient(conn, request, settings, rulebook)
    said = await what(conn, request, settings)
    channels = speaking(said.content, request.channels, (await policies.current(conn)).policy)
    key = f"api:{request.key}" if request.key is not None else f"once:{uuid.uuid4()}"
    wanted = NewMessage(
        key=key,
        node_id=person.node_id,
        origin=origin,
        purpose=said.purpose,
        channels=channels,
        due_at=max(request.at or now, now),
        created_by=actor,
        template=request.template,
        template_version=request.template_version,
        content=None if request.content is None else msgspec.to_builtins(request.content),
        data=request.data,
        language=request.language,
        priority=request.priority,
        profiled=request.profiled,
        category=request.category,
        local_time=request.local_time,
        not_after=request.not_after,
    )
    planned = await delivery.plan(conn, [wanted], now=now)
    if not planned:
        raise PersonNotFound("There is no such person any more.")
    if not planned[0].new:
        await _same_person(conn, planned[0].id, person)
    return MessageAnswer(
        id=planned[0].id, key=request.key, new=planned[0].new, person_id=person.person_id, channels=channels
    )


async def _same_person(conn: Connection, message_id: int, person: Person) -> None:
    [before] = await delivery.rows(conn, [message_id])
    if before.person_id != person.person_id:
        raise MessageConflict(
            "This key made a message to somebody else.",
            code="key_reused",
            hint="A key names one fact: put the customer's number into it.",
        )


async def preview(
    conn: Connection,
    request: NewMessageRequest,
    *,
    now: datetime,
    settings: Settings,
    rulebook: Rulebook | None = None,
) -> MessageAnswer:
    """What would become of a message at its time, and what it would say; nothing is written. Raises as `send`."""
    check(request, now)
    person = await recipient(conn, request, settings, rulebook)
    said = await what(conn, request, settings)
    channels = speaking(said.content, request.channels, (await policies.current(conn)).policy)
    at = max(request.at or now, now)
    asked = Asked(
        message_id=0,
        node_id=person.node_id,
        purpose=said.purpose,
        channels=channels,
        due_at=at,
        priority=request.priority,
        profiled=request.profiled,
        category=request.category,
        language=request.language,
        not_after=request.not_after,
        local_time=request.local_time,
    )
    decision = (await asking.explain(conn, [asked], company=Company.of(settings), now=at)).get(0)
    if decision is None:
        raise PersonNotFound("There is no such person any more.")
    shown = await _shown(conn, request, said, person, decision.channel or channels[0], now, settings)
    return MessageAnswer(
        id=None,
        key=request.key,
        new=True,
        person_id=person.person_id,
        channels=channels,
        decision=decision,
        rendered=shown.rendered,
        findings=shown.findings,
    )


async def _shown(
    conn: Connection,
    request: NewMessageRequest,
    said: Said,
    person: Person,
    channel: str,
    now: datetime,
    settings: Settings,
) -> TemplatePreview:
    return await templates.preview(
        conn,
        said.content,
        purpose=said.purpose,
        brand=said.brand,
        channel=channel,
        language=request.language,
        node_id=person.node_id,
        data=request.data,
        settings=settings,
        now=now,
    )


def check(request: NewMessageRequest, now: datetime) -> None:
    """What the shape alone does not say. Raises BadMessage."""
    if (request.to is None) == (request.person_id is None) or (request.to is not None and len(request.to) != 1):
        raise BadMessage("Name one identifier or one person.", code="recipient_missing")
    if (request.template is None) == (request.content is None):
        raise BadMessage("A message has a template or a content.", code="content_missing")
    if request.content is not None and request.purpose is None:
        raise BadMessage("A content of one's own needs a purpose.", code="purpose_missing")
    if request.template_version is not None and request.template is None:
        raise BadMessage("A content of one's own has no version.", code="version_without_template")
    for text in (request.key, request.category):
        if text is not None and not text.isprintable():
            raise BadMessage("A key and a category are plain text.", code="bad_text")
    check_times(now, request.at, request.not_after)
    if request.local_time is not None and abs(request.local_time.date - now.date()) > YEARS:
        raise BadMessage("That is more than ten years away.", code="bad_time")
    if request.not_after is not None and request.not_after < max(request.at or now, now):
        raise BadMessage("It would be too late before it is due.", code="bad_not_after")


def check_times(now: datetime, *times: datetime | None) -> None:
    """Raises BadMessage for a time without zone, or further away than anybody plans."""
    for one in times:
        if one is not None and one.tzinfo is None:
            raise BadMessage("A time needs its zone.", code="time_without_zone")
        if one is not None and not now - YEARS <= one <= now + YEARS:
            raise BadMessage("That is more than ten years away.", code="bad_time")


async def recipient(
    conn: Connection, request: NewMessageRequest, settings: Settings, rulebook: Rulebook | None = None
) -> Person:
    """Whom a request is for. Raises BadRequest (``bad_identifier``), PersonNotFound."""
    if request.to is None:
        person = await identity.resolve(conn, request.person_id or 0)
        return Person(person, person)
    [(namespace, value)] = request.to.items()
    return await known(conn, namespace, value, rulebook or await read_rulebook(conn, settings.country))


async def known(conn: Connection, namespace: str, value: str, rulebook: Rulebook) -> Person:
    """The identifier of a namespace and value, and whose it is. Raises BadRequest, PersonNotFound."""
    person = await identity.find(conn, f"{namespace}:{value}", rulebook=rulebook)
    try:
        spelled = rulebook.key(namespace, value).value
    except UnusableIdentifier as error:
        raise BadMessage(f"It cannot be looked up: {error}.", code="bad_identifier") from None
    nodes = await identity.nodes_of(conn, person)
    own = (row["id"] for row in nodes if row["namespace"] == namespace and row["value"] == spelled)
    return Person(next(own, person), person)


async def what(conn: Connection, request: NewMessageRequest, settings: Settings) -> Said:
    """What a request says, and for what purpose. Raises TemplateNotFound, BadTemplate, MessageConflict."""
    if request.template is None:
        assert request.content is not None
        assert request.purpose is not None
        made = await templates.renderers(
            conn, template=None, content=request.content, purpose=request.purpose, settings=settings
        )
        made.check()
        return Said(request.content, request.purpose, brands.DEFAULT)
    number = request.template_version
    if number is None:
        number = await published(conn, request.template)
    version = await templates.version(conn, request.template, number)
    return Said(version.content, purpose_of(version.purpose, request.purpose), version.brand)


async def published(conn: Connection, template: str) -> int:
    """The version of a template that is sent: 0 for one that comes with the product, until another is published in its
    place. Raises TemplateNotFound."""
    found = await templates.get(conn, template)
    if found.kind != "message":
        raise TemplateNotFound(f"{template} is a block, no message.")
    if found.archived_at is not None:
        raise TemplateNotFound(f"{template} is out of use.", code="template_archived", hint="Publish it again.")
    if found.version == 0 and template not in builtins():
        raise TemplateNotFound(f"No template {template!r} is published.", hint="Publish it first.")
    return found.version


def purpose_of(own: MessagePurpose, wanted: MessagePurpose | None) -> MessagePurpose:
    """The purpose a message of a template has. Raises MessageConflict for a promotion that is to pass for another."""
    if wanted is not None and own == "marketing" and wanted != "marketing":
        raise MessageConflict("Its template is a promotion: it cannot go as anything else.", code="purpose_mismatch")
    return wanted or own


def speaking(content: Content, channels: Sequence[str], policy: Policy) -> tuple[str, ...]:
    """The channels a message may go by, in order: those asked for. ``any`` is the policy's order, as far as there is
    something to say; if there is nothing on any of them, wherever there is. Raises BadMessage, ContentMissing."""
    unknown = [channel[:40] for channel in channels if channel not in (*CHANNELS, ANY)]
    if unknown:
        raise BadMessage(f"There is no channel {unknown[0]}.", code="channel_unknown")
    own = {channel for channel, said in content.items() if said}
    spoken = {channel for channel in CHANNELS if channel in own or SHARED.get(channel) in own}
    silent = [channel for channel in channels if channel != ANY and channel not in spoken]
    if silent or not spoken:
        raise ContentMissing(f"It says nothing on {silent[0] if silent else 'any channel'}.")
    found = tuple(channel for channel in expanded(channels, policy) if channel in spoken)
    return found or tuple(channel for channel in CHANNELS if channel in spoken)


# Looking ---------------------------------------------------------------------------------------------------


async def outbox(conn: Connection, filters: Filters, *, before: int | None = None, limit: int = 50) -> OutboxPage:
    """Messages, newest first; ``before`` is the ``next`` of the page before."""
    page = await delivery.page(conn, filters, before=before, limit=limit)
    return OutboxPage(await _listed(conn, page.messages), page.next)


async def future(conn: Connection, person_id: int, *, limit: int = 20) -> list[OutboxRow]:
    """What a person is still to get, soonest first. Raises PersonNotFound."""
    nodes = [row["id"] for row in await identity.nodes_of(conn, await identity.resolve(conn, person_id))]
    ids = [row["id"] for row in await _sql.coming(conn, nodes=nodes, many=limit)]
    rows = await delivery.rows(conn, ids)
    return await _listed(conn, sorted(rows, key=lambda row: (row.try_at, row.id)))


async def _listed(conn: Connection, rows: Sequence[MessageRow]) -> list[OutboxRow]:
    names = await _broadcasts(conn, rows)
    listed = []
    for row in rows:
        code, name = names.get(row.broadcast_id, (None, None))
        why = label(row.reason) if row.reason else None
        listed.append(OutboxRow(message=row, broadcast=code, broadcast_name=name, why=why))
    return listed


async def _broadcasts(conn: Connection, rows: Iterable[MessageRow]) -> dict[int | None, tuple[str, str]]:
    """Code and name of the broadcasts these are of."""
    ids = sorted({row.broadcast_id for row in rows if row.broadcast_id is not None})
    found = await _sql.broadcasts_named(conn, ids=ids) if ids else []
    return {row["id"]: (row["code"], row["name"]) for row in found}


async def broadcast_id(conn: Connection, code: str) -> int:
    """The number of a broadcast. Raises NotFound."""
    number: int | None = await _sql.broadcast_of_code(conn, code=code.replace("\x00", ""))
    if number is None:
        raise NotFound(f"There is no broadcast {code[:63]!r}.", code="broadcast_not_found")
    return number


async def detail(conn: Connection, message_id: int, *, content: bool) -> MessageDetail:
    """One message with everything; ``content`` says whether what it said is shown too. Raises NotFound."""
    status = await delivery.status(conn, message_id)
    row = status.message
    named = (await _broadcasts(conn, [row])).get(row.broadcast_id)
    decision, sending = _decided(status.decision)
    return MessageDetail(
        message=row,
        broadcast=named[0] if named else None,
        broadcast_name=named[1] if named else None,
        reasons=_reasons(row, decision, sending),
        decision=decision,
        sending=sending,
        attempts=status.attempts,
        content=status.content if content else None,
        states=_states(status),
        can_cancel=row.state in WAITING,
    )


def why(found: MessageDetail) -> MessageWhy:
    """Why a message went, waits or was not sent."""
    decision = found.decision
    return MessageWhy(
        message_id=found.message.id,
        state=found.message.state,
        reasons=found.reasons,
        channels=decision.channels if decision else (),
        facts=decision.facts if decision else {},
    )


def _decided(kept: Mapping[str, Any] | None) -> tuple[Decision | None, Reason | None]:
    """The policy's answer, and what was found after it."""
    if not kept:
        return None, None
    found = kept.get("sending")
    answer = {name: value for name, value in kept.items() if name != "sending"}
    return (
        msgspec.convert(answer, Decision) if answer else None,
        msgspec.convert(found, Reason) if found else None,
    )


def _reasons(row: MessageRow, decision: Decision | None, sending: Reason | None) -> tuple[Reason, ...]:
    said = decision.reasons if decision else ()
    if sending is not None:
        return (sending, *said)
    if row.reason and row.reason not in {reason.code for reason in said}:
        return (label(row.reason), *said)
    return said


def _states(status: MessageStatus) -> list[StateAt]:
    row = status.message
    happened: list[tuple[str, datetime | None]] = [
        ("planned", row.created_at),
        ("handed_over", row.handed_over_at),
        (row.state, row.settled_at),
        ("delivered", row.delivered_at),
        ("opened", row.opened_at),
        ("clicked", row.clicked_at),
        ("failed", row.failed_at),
    ]
    # Sorting keeps the order of what happened at one instant.
    return sorted((StateAt(state, at) for state, at in happened if at is not None), key=lambda one: one.at)


async def cancel(conn: Connection, message_id: int, *, now: datetime) -> MessageDetail:
    """Keep a message from leaving, inside the caller's transaction; cancelling twice is cancelling once.

    Raises NotFound, MessageConflict (``message_gone``) when it was handed over or is over.
    """
    stopped = await delivery.cancel(conn, [message_id], now=now)
    found = await detail(conn, message_id, content=False)
    if not stopped and found.message.state != "cancelled":
        raise MessageConflict(
            f"It cannot be stopped any more: {found.message.state.replace('_', ' ')}.", code="message_gone"
        )
    return found
