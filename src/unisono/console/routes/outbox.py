"""The outbox: everything planned, held, sent and not sent; one message with its why."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.contexts import sends
from unisono.console.deeds import Deed, press
from unisono.console.pages import AnyRequest, form_of, page, pool_of, words_of
from unisono.console.routes.message_lines import lines
from unisono.console.routes.paths import pattern
from unisono.console.routes.products import asked
from unisono.console.routes.reader import audited
from unisono.console.sent import account_names, addresses_told, people_named, template_names
from unisono.console.views import sends as views
from unisono.console.views.saying import CHANNELS, ORIGINS, PURPOSES, choices
from unisono.console.words import Words
from unisono.customers.identity import service as identity
from unisono.engagement.channels.model import CHANNELS as ALL
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.model import Filters, Verdict
from unisono.engagement.messages import service as messages
from unisono.engagement.messages.words import label
from unisono.kit.database import Connection, connection, transaction
from unisono.kit.errors import BadRequest, NotFound
from unisono.kit.marking import N_
from unisono.kit.reasons import in_words

SECTION = "outbox"
PAGE_SIZE = 50
STATES = ("planned", "accepted", "skipped", "refused", "unknown", "cancelled")
SENT_PURPOSES = ("marketing", "transactional", "service")
FILTERS = ("state", "channel", "purpose", "origin", "broadcast", "reason", "person")


def _wish(request: AnyRequest) -> dict[str, str]:
    wish = {name: asked(request, name, 80) for name in FILTERS}
    known = {"state": (*STATES, "claimed", "handed_over"), "channel": ALL, "purpose": SENT_PURPOSES, "origin": ORIGINS}
    for name, values in known.items():
        if wish[name] not in values:
            wish[name] = ""
    if not wish["person"].isdecimal() or len(wish["person"]) > 18:
        wish["person"] = ""
    return wish


async def _filters(conn: Connection, wish: dict[str, str]) -> Filters:
    nodes = None
    if wish["person"]:
        person = await identity.resolve(conn, int(wish["person"]))
        nodes = tuple(row["id"] for row in await identity.nodes_of(conn, person))
    return Filters(
        state=wish["state"] or None,
        channel=wish["channel"] or None,
        purpose=wish["purpose"] or None,
        origin=wish["origin"] or None,
        reason=wish["reason"] or None,
        broadcast_id=await messages.broadcast_id(conn, wish["broadcast"]) if wish["broadcast"] else None,
        nodes=nodes,
    )


def _sentence(wish: dict[str, str], words: Words) -> str:
    _ = words.gettext
    parts = [_(views.STATES[wish["state"]][0])] if wish["state"] else []
    parts += [_(CHANNELS[wish["channel"]])] if wish["channel"] else []
    parts += [_(PURPOSES[wish["purpose"]])] if wish["purpose"] else []
    parts += [_(ORIGINS[wish["origin"]])] if wish["origin"] else []
    parts += [wish["broadcast"]] if wish["broadcast"] else []
    parts += [in_words(label(wish["reason"]), words.language, words.zone.key)] if wish["reason"] else []
    parts += [_("one person")] if wish["person"] else []
    return ", ".join(parts)


@get(links.OUTBOX, guards=[requires("voice:read")], include_in_schema=False)
async def show_outbox(request: AnyRequest) -> Response[str]:
    """Messages, newest first, each with its reason."""
    principal, wish, before = caller(request), _wish(request), asked(request, "before", 18)
    words = words_of(request, principal)
    async with transaction(pool_of(request)) as conn:
        found = await messages.outbox(
            conn,
            await _filters(conn, wish),
            before=int(before) if before.isdecimal() else None,
            limit=PAGE_SIZE,
        )
        rows = await lines(conn, found.rows, principal, words)
        people = sorted({row.person.person_id for row in rows if row.person})
        if people:
            await audited(conn, principal, "people.list", people=people)
    sentence = _sentence(wish, words)
    view = sends.Outbox(
        rows=rows,
        paging=contexts.Paging(
            shown=len(rows),
            previous_href=links.with_query(links.OUTBOX, wish) if before else None,
            next_href=links.with_query(links.OUTBOX, {**wish, "before": found.next}) if found.next else None,
        ),
        states=_state_chips(wish, words),
        channels=choices(CHANNELS, wish["channel"], words, ALL),
        purposes=choices(PURPOSES, wish["purpose"], words, SENT_PURPOSES),
        origins=choices(ORIGINS, wish["origin"], words),
        kept={name: wish[name] for name in ("state", "broadcast", "reason", "person")},
        any_messages=bool(rows or sentence or before),
        filter_sentence=sentence,
    )
    return await page(request, view, title=words.gettext("Outbox"), section=SECTION)


def _state_chips(wish: dict[str, str], words: Words) -> list[contexts.Chip]:
    def chip(text: str, state: str) -> contexts.Chip:
        href = links.with_query(links.OUTBOX, {**wish, "state": state})
        return contexts.Chip(label=text, href=href, selected=wish["state"] == state)

    return [
        chip(words.gettext("Everything"), ""),
        *(chip(words.gettext(views.STATES[state][0]), state) for state in STATES),
    ]


@get(pattern(links.message, "message_id"), guards=[requires("voice:read")], include_in_schema=False)
async def show_message(request: AnyRequest, message_id: FromPath[int]) -> Response[str]:
    """One message: what was said, why it went or did not, what came of it."""
    principal = caller(request)
    words, contacts = words_of(request, principal), caller(request).may("people:contact")
    async with transaction(pool_of(request)) as conn:
        found = await messages.detail(conn, message_id, content=contacts)
        row = found.message
        people = await people_named(conn, [row.person_id], principal, words)
        accounts = await account_names(conn, [row.account_id, *(one.account_id for one in found.attempts)])
        templates = await template_names(conn, [row.template])
        addresses = await addresses_told(conn, [row.address_node], words, contacts=contacts)
        await audited(conn, principal, "message.read", row.person_id, message=message_id)
    view = views.message_page(
        found,
        words,
        person=people.get(row.person_id) if row.person_id is not None else None,
        accounts=accounts,
        address=addresses.get(row.address_node or 0, ("", 0))[0],
        template=templates.get(row.template or "", row.template or ""),
        contacts=contacts,
        may_cancel=principal.may("messages:send"),
    )
    return await page(request, view, title=view.title, section=SECTION)


@post(
    pattern(links.message_cancel, "message_id"),
    guards=[requires("messages:send")],
    include_in_schema=False,
    status_code=200,
)
async def cancel_message(request: AnyRequest, message_id: FromPath[int]) -> Response[Any]:
    """Keep it from leaving."""
    form, now, words = await form_of(request), now_of(request), words_of(request, caller(request))

    async def act(conn: Connection) -> Deed:
        found = await messages.cancel(conn, message_id, now=now)
        return Deed(
            text=words.gettext("It will not be sent."),
            href=links.message(message_id),
            action="message.cancel",
            person_id=found.message.person_id,
            detail={"message": message_id},
        )

    return await press(request, form, act, back=links.message(message_id))


VERDICTS: dict[str, tuple[Verdict, str]] = {
    "arrived": ("arrived", N_("It counts as sent.")),
    "lost": ("lost", N_("It counts as not arrived, and weighs nothing.")),
    "again": ("again", N_("It is sent once more.")),
}
"""What somebody may say of a message nobody knows of, and what that means."""


@post(
    pattern(links.message_settle, "message_id"),
    guards=[requires("messages:send")],
    include_in_schema=False,
    status_code=200,
)
async def settle_message(request: AnyRequest, message_id: FromPath[int]) -> Response[Any]:
    """It arrived, it was lost, or it is to go once more."""
    form, now, words = await form_of(request), now_of(request), words_of(request, caller(request))
    actor = caller(request).actor

    async def act(conn: Connection) -> Deed:
        known, why = VERDICTS.get(form.get("verdict", "")), form.get("reason", "").strip()
        if known is None or not why:
            raise BadRequest("Say what became of it, and how you know.", code="verdict_missing")
        verdict, text = known
        row = await delivery.settle_unknown(conn, message_id, verdict, why=why, actor=actor, now=now)
        return Deed(text=words.gettext(text), href=links.message(message_id), action=None, person_id=row.person_id)

    return await press(request, form, act, back=links.message(message_id))


routes: list[ControllerRouterHandler] = [show_outbox, show_message, cancel_message, settle_message]


@get(
    pattern(links.message_said, "message_id"),
    guards=[requires("people:contact"), requires("voice:read")],
    include_in_schema=False,
)
async def show_said(request: AnyRequest, message_id: FromPath[int]) -> Response[str]:
    """The HTML as it left, for a frame without rights: nothing in it is counted or leads anywhere."""
    async with connection(pool_of(request)) as conn:
        found = await messages.detail(conn, message_id, content=True)
    html = (found.content or {}).get("html")
    if not isinstance(html, str):
        raise NotFound("There is no HTML of it.", code="http_404")
    return Response(views.harmless(html), media_type="text/html")


frames: list[ControllerRouterHandler] = [show_said]
"""Shown in a frame of the console: they get the headers of a frame."""
