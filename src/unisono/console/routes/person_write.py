"""A message to one person, written here: the policy's answer stands there before anything is sent."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.contexts import sends
from unisono.console.deeds import Deed, run_and_go
from unisono.console.pages import AnyRequest, form_of, page, pool_of, settings_of, words_of
from unisono.console.routes.paths import pattern
from unisono.console.routes.reader import audited, person_in_scope
from unisono.console.sent import people_named
from unisono.console.views.commerce import problem_with_reasons
from unisono.console.views.saying import CHANNELS, PURPOSES, choices, decision_card
from unisono.console.views.sends import parts_of
from unisono.console.words import Words
from unisono.engagement.messages import service as messages
from unisono.engagement.messages.errors import BadMessage, MessageConflict
from unisono.engagement.messages.model import MessageAnswer, NewMessageRequest
from unisono.engagement.templates import service as templates
from unisono.kit.database import Connection, connection, transaction
from unisono.kit.errors import UnisonoError

SENT_PURPOSES = ("service", "transactional", "marketing")

WRITTEN: dict[str, tuple[str, ...]] = {
    "email": ("subject", "text"),
    "sms": ("text",),
    "whatsapp": ("text",),
    "messenger": ("text",),
    "instagram": ("text",),
    "telegram": ("text",),
    "app_push": ("title", "text", "url"),
    "web_push": ("title", "text", "url"),
    "onsite": ("title", "text", "url"),
    "mail": ("subject", "text"),
    "call": ("title", "text"),
    "clerk": ("title", "text"),
}
"""Channels one can write on here, and what a message on them is made of."""

BODIES = {"email": "blocks", "app_push": "body", "web_push": "body", "onsite": "body", "call": "body", "clerk": "body"}
"""What the text is on a channel; ``text`` elsewhere."""


async def _templates(conn: Connection, chosen: str) -> list[contexts.Choice]:
    found = await templates.page(conn, kind="message", limit=200)
    return [
        contexts.Choice(value=one.code, label=one.name, selected=one.code == chosen)
        for one in found
        if one.version or one.builtin
    ]


def request_of(person: int, form: dict[str, str], language: str) -> NewMessageRequest:
    """What a form asks to be sent. Raises BadMessage."""
    channel, purpose = form.get("channel", ""), form.get("purpose", "")
    plain: dict[str, Any] = {"person_id": person, "channels": [channel] if channel in WRITTEN else ["any"]}
    if form.get("template"):
        plain["template"] = form["template"]
    else:
        if channel not in WRITTEN:
            raise BadMessage("Choose a channel.", code="channel_missing", field="channel")
        plain |= {"content": {channel: {language: _said(channel, form)}}, "purpose": purpose}
    try:
        return msgspec.convert(plain, NewMessageRequest)
    except msgspec.ValidationError as error:
        raise BadMessage(str(error)) from None


def _said(channel: str, form: dict[str, str]) -> dict[str, Any]:
    # Browsers end lines with CR LF.
    text, title = form.get("text", "").replace("\r\n", "\n").strip(), form.get("subject", "").strip()
    if not text:
        raise BadMessage("Write something.", code="text_missing", field="text")
    said: dict[str, Any] = {}
    fields = WRITTEN[channel]
    if title and "subject" in fields:
        said["subject"] = title
    if title and "title" in fields:
        said["title"] = title
    if "url" in fields and form.get("url", "").strip():
        said["url"] = form["url"].strip()
    body = BODIES.get(channel, "text")
    paragraphs = [part.strip() for part in text.split("\n\n") if part.strip()]
    said[body] = [{"is": "text", "text": part} for part in paragraphs] if body == "blocks" else text
    return said


async def _show(
    request: AnyRequest,
    person_id: int,
    values: dict[str, str],
    *,
    answer: MessageAnswer | None = None,
    error: UnisonoError | None = None,
) -> Response[str]:
    principal = caller(request)
    words = words_of(request, principal)
    async with transaction(pool_of(request)) as conn:
        person = await person_in_scope(conn, principal, person_id)
        link = (await people_named(conn, [person], principal, words)).get(person)
        known = await _templates(conn, values.get("template", ""))
        await audited(conn, principal, "person.read", person, screen="write")
    view = sends.Compose(
        person=link or contexts.PersonLink(person_id=person, name=words.gettext("Somebody")),
        values=values,
        templates=known,
        channels=choices(CHANNELS, values.get("channel", "email"), words, WRITTEN),
        purposes=choices(PURPOSES, values.get("purpose", "service"), words, SENT_PURPOSES),
        problem=problem_with_reasons(words, error) if error else None,
    )
    if answer is not None:
        view = _answered(view, answer, words)
    title = words.gettext("Write to %(name)s") % {"name": view.person.name}
    return await page(request, view, title=title, section="people", status=error.status if error else 200)


def _answered(view: sends.Compose, answer: MessageAnswer, words: Words) -> sends.Compose:
    rendered = msgspec.to_builtins(answer.rendered) if answer.rendered else None
    return msgspec.structs.replace(
        view,
        decision=decision_card(answer.decision, words) if answer.decision else None,
        said=parts_of(rendered and {**rendered, "html": None}, words),
        findings=[(one.severity, one.reason) for one in answer.findings],
        may_send=_may(answer),
    )


def _may(answer: MessageAnswer) -> bool:
    """Whether it would leave, now or later, and the brand has nothing against it."""
    goes = answer.decision is not None and answer.decision.outcome != "skip"
    return goes and all(one.severity != "block" for one in answer.findings)


@get(pattern(links.person_write, "person_id"), guards=[requires("messages:send")], include_in_schema=False)
async def show_write(request: AnyRequest, person_id: FromPath[int]) -> Response[str]:
    """The form."""
    return await _show(request, person_id, {"key": uuid.uuid4().hex})


@post(
    pattern(links.person_write, "person_id"),
    guards=[requires("messages:send")],
    include_in_schema=False,
    status_code=200,
)
async def write(request: AnyRequest, person_id: FromPath[int]) -> Response[Any]:
    """Look at what would become of it, or send it: what would not leave is not planned."""
    principal, form, now = caller(request), await form_of(request), now_of(request)
    words, settings = words_of(request, principal), settings_of(request)
    async with connection(pool_of(request)) as conn:
        person = await person_in_scope(conn, principal, person_id)
    try:
        wanted = request_of(person, form, words.language)
        async with transaction(pool_of(request)) as conn:
            answer = await messages.preview(conn, wanted, now=now, settings=settings)
        if form.get("do") != "send":
            return await _show(request, person, form, answer=answer)
        if not _may(answer):
            error = MessageConflict("It would not leave as things stand.", code="message_would_not_go")
            return await _show(request, person, form, answer=answer, error=error)

        async def act(conn: Connection) -> Deed:
            made = await messages.send(
                conn, wanted, actor=principal.actor, origin="console", now=now, settings=settings
            )
            return Deed(
                text=words.gettext("It is on its way; what comes of it stands here."),
                href=links.message(made.id or 0),
                action="message.send",
                person_id=person,
                detail={"message": made.id or 0},
            )

        return await run_and_go(request, form, act)
    except UnisonoError as error:
        return await _show(request, person, form, error=error)


routes: list[ControllerRouterHandler] = [show_write, write]
