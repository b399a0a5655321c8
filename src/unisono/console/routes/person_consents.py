"""What one person agreed to: what holds and why, recorded, withdrawn, blocked, unblocked."""

from __future__ import annotations

import textwrap
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import Principal, caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.contexts import consents as shown
from unisono.console.deeds import Deed, run_and_go
from unisono.console.pages import AnyRequest, form_of, page, pool_of, words_of
from unisono.console.routes.paths import pattern
from unisono.console.routes.reader import audited, person_in_scope
from unisono.console.sent import people_named
from unisono.console.views import consents as views
from unisono.console.views.commerce import problem_with_reasons
from unisono.console.views.labels import brief
from unisono.console.views.privacy import request_row
from unisono.console.views.saying import channel_name
from unisono.console.words import Words
from unisono.customers.consent import service, texts
from unisono.customers.consent.confirming import needs_confirmation, request_opt_in
from unisono.customers.consent.errors import BadConsent, TextNotFound
from unisono.customers.consent.model import ADDRESSES, ANY, CHANNELS, PURPOSES, Entry, NewEntry, Suppression
from unisono.customers.consent.overview import PersonConsents, channels_of, overview
from unisono.customers.consent.proof import Address, addresses_of
from unisono.customers.privacy import service as privacy
from unisono.kit.database import Connection, connection, transaction
from unisono.kit.errors import UnisonoError

HISTORY = 100
SOURCE = "console"
PROVEN = ("marketing", "profiling", "third_party", "tracking", "statistics")


def _entry(one: Entry) -> dict[str, Any]:
    return msgspec.structs.asdict(one)


def _waiting(found: PersonConsents, words: Words) -> list[shown.EntryRow]:
    return [
        shown.EntryRow(
            at=one.created_at,
            badge=views.status_badge("requested", words),
            what=views.place(one.purpose, one.channel, words),
            source="",
            actor="",
            expires_at=one.expires_at,
        )
        for one in found.waiting
    ]


def _address_choices(found: PersonConsents, words: Words, *, contacts: bool) -> list[contexts.Choice]:
    """Addresses by channel: ``node/channel``."""
    return [
        contexts.Choice(
            value=f"{one.node_id}/{channel}",
            label=f"{channel_name(channel, words)} "
            f"{brief(one.namespace, one.value or '', words, contacts=contacts).value}",
        )
        for one in found.addresses
        for channel in ADDRESSES.get(one.namespace, ())
    ]


def _places(found: PersonConsents, words: Words) -> list[contexts.Choice]:
    """What something can be said about: ``purpose/channel``."""
    known = [("marketing", channel) for channel in channels_of(found.addresses)]
    known += [(purpose, ANY) for purpose in PURPOSES if purpose not in ("marketing", "contract")]
    return [
        contexts.Choice(value=f"{purpose}/{channel}", label=views.place(purpose, channel, words))
        for purpose, channel in known
    ]


async def _requests(conn: Connection, found: PersonConsents, words: Words) -> list[shown.RequestRow]:
    """What the person asked for, under whichever of the ids."""
    rows = await privacy.requests(conn, persons=[one.node_id for one in found.addresses], limit=10)
    return [request_row(one, {}, words) for one in rows]


async def _view(
    conn: Connection, request: AnyRequest, principal: Principal, person: int, words: Words
) -> shown.PersonConsents:
    contacts = principal.may("people:contact")
    found = await overview(conn, person, now=now_of(request))
    entries = await service.entries_of(conn, [one.node_id for one in found.addresses], limit=HISTORY)
    addresses = {
        one.node_id: (brief(one.namespace, one.value or "", words, contacts=contacts).value, person)
        for one in found.addresses
    }
    rows = [views.holding_row(one, found, words, contacts=contacts) for one in found.holdings]
    every = await texts.all_texts(conn)
    asked = await _requests(conn, found, words) if principal.may("privacy:manage") else []
    link = (await people_named(conn, [person], principal, words)).get(person)
    return shown.PersonConsents(
        person=link or contexts.PersonLink(person_id=person, name=words.gettext("Somebody")),
        holdings=[row for row in rows if row.purpose == "marketing"],
        others=[row for row in rows if row.purpose != "marketing"],
        blocks=[views.block_row(one, found, words, contacts=contacts) for one in found.suppressions],
        waiting=_waiting(found, words),
        history=[views.entry_row(_entry(one), words, addresses=addresses) for one in entries],
        addresses=_address_choices(found, words, contacts=contacts),
        texts=[
            contexts.Choice(
                value=f"{one.id}/{one.version}/{one.language}",
                label=f"{one.id} {one.version}, {one.language}: {textwrap.shorten(one.body, 60, placeholder='…')}",
            )
            for one in every
        ],
        channels=_places(found, words),
        proofs=[(views.purpose_name(purpose, words), links.person_proof(person, purpose)) for purpose in PROVEN],
        can_write=principal.may("consents:write"),
        can_unblock=principal.may("privacy:manage"),
        can_request=principal.may("privacy:manage"),
        requests=asked,
    )


async def _show(
    request: AnyRequest, person_id: int, error: UnisonoError | None = None, part: str = ""
) -> Response[str]:
    principal = caller(request)
    words = words_of(request, principal)
    async with transaction(pool_of(request)) as conn:
        person = await person_in_scope(conn, principal, person_id)
        view = await _view(conn, request, principal, person, words)
        await audited(conn, principal, "consent.read", person)
    if error is not None:
        view = msgspec.structs.replace(view, problem=problem_with_reasons(words, error), part=part)
    title = words.gettext("What %(name)s agreed to") % {"name": view.person.name}
    return await page(request, view, title=title, section="people", status=error.status if error else 200)


@get(pattern(links.person_consents, "person_id"), guards=[requires("consents:read")], include_in_schema=False)
async def show_consents(request: AnyRequest, person_id: FromPath[int]) -> Response[str]:
    """What holds, under which address, and every entry of the ledger."""
    return await _show(request, person_id)


# What is said -------------------------------------------------------------------------------------------


def _under(addresses: Sequence[Address], channel: str) -> list[int]:
    """The identifiers something about a channel is said under."""
    if channel in {on for mine in ADDRESSES.values() for on in mine}:
        return [one.node_id for one in addresses if channel in ADDRESSES.get(one.namespace, ())]
    return [one.node_id for one in addresses[:1]]


def _text_named(name: str) -> dict[str, Any]:
    text, _, rest = name.partition("/")
    version, _, language = rest.partition("/")
    if not (text and version.isdecimal() and language):
        return {}
    return {"text_id": text, "text_version": int(version), "text_language": language}


async def _say(
    conn: Connection, principal: Principal, person: int, form: dict[str, str], words: Words, now: datetime
) -> Deed:
    purpose, _, channel = form.get("place", "").partition("/")
    action = form.get("action")
    if purpose not in PURPOSES or action not in ("granted", "refused"):
        raise BadConsent("Say what it is about, and yes or no.")
    nodes = _under(await addresses_of(conn, person), channel)
    if not nodes:
        raise BadConsent("The person has no such address.", code="no_address")
    said = _text_named(form.get("text", ""))
    if said and tuple(said.values()) not in await texts.texts_named(conn, {tuple(said.values())}):
        raise TextNotFound("There is no such text.")
    deed, proof = uuid.uuid4(), form.get("proof", "").strip()[:300]
    wanted = [
        NewEntry(
            node_id=node,
            purpose=purpose,
            channel=channel,
            action="granted" if action == "granted" else "refused",
            key=f"console:{deed}:{node}",
            source=SOURCE,
            actor=principal.actor,
            at=now,
            proof={"how": proof} if proof else {},
            via="store" if principal.stores is not None else "service",
            **said,
        )
        for node in nodes
    ]
    rules = await service.legal(conn)
    asked = [one for one in wanted if needs_confirmation(one, rules)]
    for one in asked:
        await request_opt_in(conn, one, now=now)
    await service.record(conn, [one for one in wanted if one not in asked], now=now)
    what = views.place(purpose, channel, words)
    if asked:
        text = words.gettext("%(what)s: asked to confirm it.") % {"what": what}
    elif action == "granted":
        text = words.gettext("%(what)s: agreed, from now on.") % {"what": what}
    else:
        text = words.gettext("%(what)s: refused, from now on.") % {"what": what}
    detail = {"purpose": purpose, "channel": channel, "status": action}
    return Deed(text=text, href="", action="consent.say", person_id=person, detail=detail)


async def _withdraw(
    conn: Connection, principal: Principal, person: int, form: dict[str, str], words: Words, now: datetime
) -> Deed:
    purpose, channel = form.get("purpose", "marketing"), form.get("channel", "")
    if purpose not in PURPOSES:
        raise BadConsent("There is no such purpose.")
    nodes = [one.node_id for one in await addresses_of(conn, person)]
    made = await service.withdraw(
        conn,
        nodes,
        channel=channel or None,
        purposes=(purpose,),
        source=SOURCE,
        actor=principal.actor,
        now=now,
        via="store" if principal.stores is not None else "service",
    )
    what = views.place(purpose, channel, words) if channel else views.purpose_name(purpose, words)
    text = words.gettext("%(what)s: withdrawn. Nothing that has not left will go.") % {"what": what}
    detail = {"purpose": purpose, "channel": channel, "count": len(made)}
    return Deed(text=text, href="", action="consent.withdraw", person_id=person, detail=detail)


async def _address_named(conn: Connection, person: int, node: str, channel: str) -> int:
    mine = {one.node_id for one in await addresses_of(conn, person)}
    if not node.isdecimal() or len(node) > 18 or int(node) not in mine or channel not in (*CHANNELS, ANY):
        raise BadConsent("That identifier is not this person's.", code="not_his_identifier")
    return int(node)


async def _block(
    conn: Connection, principal: Principal, person: int, form: dict[str, str], words: Words, now: datetime
) -> Deed:
    node, _, channel = form.get("address", "").partition("/")
    one = Suppression(
        node_id=await _address_named(conn, person, node, channel),
        channel=channel,
        reason="manual",
        purposes="all" if form.get("purposes") == "all" else "marketing",
        at=now,
        source=principal.actor,
        detail=form.get("detail", "").strip()[:300] or None,
    )
    await service.suppress(conn, [one], now=now)
    text = words.gettext("Blocked: %(what)s.") % {"what": words.gettext(views.BLOCKS[one.purposes])}
    detail = {"channel": channel, "reason": one.detail or ""}
    return Deed(text=text, href="", action="consent.suppress", person_id=person, detail=detail)


async def _unblock(
    conn: Connection, principal: Principal, person: int, form: dict[str, str], words: Words, now: datetime
) -> Deed:
    channel, why = form.get("channel", ""), form.get("why", "").strip()[:500]
    node = await _address_named(conn, person, form.get("node", ""), channel)
    if not why:
        raise BadConsent("Say why.", code="reason_missing")
    await service.lift(conn, [(node, channel)], actor=principal.actor, now=now)
    detail = {"channel": channel, "reason": why}
    text = words.gettext("Unblocked; what was withdrawn stays withdrawn.")
    return Deed(text=text, href="", action="consent.unsuppress", person_id=person, detail=detail)


PARTS = {
    "say": (_say, "consents:write"),
    "withdraw": (_withdraw, "consents:write"),
    "block": (_block, "consents:write"),
    "unblock": (_unblock, "privacy:manage"),
}


@post(
    pattern(links.person_consents, "person_id"),
    guards=[requires("consents:write")],
    include_in_schema=False,
    status_code=200,
)
async def change_consents(request: AnyRequest, person_id: FromPath[int]) -> Response[Any]:
    """Record, withdraw, block or unblock; each is an entry that stays."""
    principal, form, now = caller(request), await form_of(request), now_of(request)
    words, part = words_of(request, principal), form.get("part", "")
    async with connection(pool_of(request)) as conn:
        person = await person_in_scope(conn, principal, person_id)
    try:
        if part not in PARTS or not principal.may(PARTS[part][1]):
            raise BadConsent("That cannot be done here.")

        async def act(conn: Connection) -> Deed:
            deed = await PARTS[part][0](conn, principal, person, form, words, now)
            return msgspec.structs.replace(deed, href=links.person_consents(person))

        return await run_and_go(request, form, act)
    except UnisonoError as error:
        return await _show(request, person, error, part)


routes: list[ControllerRouterHandler] = [show_consents, change_consents]
