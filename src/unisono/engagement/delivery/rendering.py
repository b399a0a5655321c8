"""From a claimed message to what leaves: the template, the person's facts, the links, the brand's word on it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog

from unisono.customers.consent import rules as consent_rules
from unisono.customers.consent import service as consent
from unisono.customers.timeline.lanes import guarded
from unisono.engagement.brand import rules as brand
from unisono.engagement.brand.errors import BrandNotFound
from unisono.engagement.brand.model import Said
from unisono.engagement.channels.hooks import reference_of
from unisono.engagement.channels.model import AddressInvalid, Button, Device, Outgoing
from unisono.engagement.channels.push import service as push
from unisono.engagement.channels.registry import adapter_of
from unisono.engagement.delivery import reasons
from unisono.engagement.delivery.desk import Desk
from unisono.engagement.delivery.linking import Links, asked_to_confirm, confirmation, tracked
from unisono.engagement.delivery.model import Claimed
from unisono.engagement.templates import facts as template_facts
from unisono.engagement.templates import service as templates
from unisono.engagement.templates.errors import BadTemplate, ContentMissing, RenderFailed, TemplateNotFound
from unisono.engagement.templates.model import Asked, Content, Rendered
from unisono.engagement.templates.rendering import Renderer, Renderers
from unisono.kit.database import Connection
from unisono.kit.reasons import Reason
from unisono.kit.sql import load

log = structlog.get_logger("unisono.delivery")

_sql = load("unisono.engagement.delivery")

AT_A_STRETCH: Final = 20
"""Messages rendered before others get their turn."""

PUSH: Final[tuple[push.PushChannel, ...]] = ("web_push", "app_push")
WINDOWED: Final = ("whatsapp", "messenger", "instagram")

_decode = msgspec.json.Decoder().decode
_content = msgspec.json.Decoder(Content).decode
_encode = msgspec.json.Encoder().encode


class Ready(msgspec.Struct, frozen=True):
    """A message as it will leave, and as it is kept."""

    claimed: Claimed
    outgoing: Outgoing
    kept: str


class Unfit(msgspec.Struct, frozen=True):
    """A message that cannot leave as it is, and why."""

    claimed: Claimed
    reason: Reason


class Address(msgspec.Struct, frozen=True):
    """Where a message goes; of push the first device, and the others."""

    text: str
    data: Mapping[str, Any] = {}
    devices: tuple[Device, ...] = ()


class _Bench(msgspec.Struct):
    """What was loaded for the messages of a batch."""

    renderer: dict[int, Renderer]
    renderers: dict[int, Renderers]
    contexts: dict[int, dict[str, Any]]
    addresses: dict[int, Address]
    answers: dict[tuple[int, str], Any]
    may_track: set[int]


async def render(desk: Desk, batch: Sequence[Claimed]) -> tuple[list[Ready], list[Unfit]]:
    """Render a batch. Raises Unavailable."""
    unfit: list[Unfit] = []
    async with guarded(desk.pool) as conn:
        bench = await _load(conn, desk, batch, unfit)
    left = {one.claimed.id for one in unfit}
    ready: list[Ready] = []
    for number, claimed in enumerate(batch):
        if claimed.id not in left:
            made = _one(desk, claimed, bench)
            ready.append(made) if isinstance(made, Ready) else unfit.append(made)
        if number % AT_A_STRETCH == AT_A_STRETCH - 1:
            await asyncio.sleep(0)
    return ready, unfit


async def _load(conn: Connection, desk: Desk, batch: Sequence[Claimed], unfit: list[Unfit]) -> _Bench:
    renderers = await _renderers(conn, desk, batch, unfit)
    renderer: dict[int, Renderer] = {}
    for claimed in batch:
        if claimed.id not in renderers:
            continue
        try:
            renderer[claimed.id] = renderers[claimed.id].of(claimed.channel, claimed.language)
        except (ContentMissing, BadTemplate) as error:
            unfit.append(Unfit(claimed, reasons.bad_content(error.detail)))
    fit = [claimed for claimed in batch if claimed.id in renderer]
    return _Bench(
        renderer,
        renderers,
        await _contexts(conn, desk, fit, renderer),
        await _addresses(conn, fit),
        await _answers(conn, fit),
        await _trackable(conn, desk, fit),
    )


async def _renderers(
    conn: Connection, desk: Desk, batch: Sequence[Claimed], unfit: list[Unfit]
) -> dict[int, Renderers]:
    """Each message's template; one look for all of the same."""
    known: dict[Any, Renderers | Reason] = {}
    found: dict[int, Renderers] = {}
    for claimed in batch:
        name = (claimed.template, claimed.template_version, claimed.content, claimed.purpose)
        if name not in known:
            try:
                known[name] = await templates.renderers(
                    conn,
                    template=claimed.template,
                    version=claimed.template_version,
                    content=None if claimed.content is None else _content(claimed.content),
                    purpose=claimed.purpose,
                    settings=desk.settings,
                )
            except (BadTemplate, TemplateNotFound, ContentMissing, BrandNotFound) as error:
                known[name] = reasons.bad_content(error.detail)
            except msgspec.ValidationError as error:
                known[name] = reasons.bad_content(str(error))
        one = known[name]
        if isinstance(one, Reason):
            unfit.append(Unfit(claimed, one))
        else:
            found[claimed.id] = one
    return found


async def _contexts(
    conn: Connection, desk: Desk, batch: Sequence[Claimed], renderer: Mapping[int, Renderer]
) -> dict[int, dict[str, Any]]:
    """The variables of each message; those of one renderer are loaded together."""
    groups: dict[int, list[Claimed]] = defaultdict(list)
    for claimed in batch:
        groups[id(renderer[claimed.id])].append(claimed)
    contexts: dict[int, dict[str, Any]] = {}
    for group in groups.values():
        one = renderer[group[0].id]
        asked = [
            Asked(
                key=claimed.id,
                node_id=claimed.node_id,
                data=_decode(claimed.data),
                language=one.language,
                channel=claimed.channel,
            )
            for claimed in group
        ]
        contexts |= await template_facts.contexts(
            conn, asked, needs=one.needs, settings=desk.settings, now=desk.clock()
        )
    return contexts


async def _addresses(conn: Connection, batch: Sequence[Claimed]) -> dict[int, Address]:
    """Message to address, and what belongs to it. An identifier that is gone has none."""
    rows = await _sql.addresses(conn, nodes=list({claimed.address_node for claimed in batch}))
    values = {row["id"]: row["value"] for row in rows}
    found = {claimed.id: Address(values[claimed.address_node]) for claimed in batch if claimed.address_node in values}
    for channel in PUSH:
        pushed = [claimed for claimed in batch if claimed.channel == channel]
        if not pushed:
            continue
        devices = await push.of_persons(conn, {claimed.address_node for claimed in pushed}, channel)
        for claimed in pushed:
            mine = devices.get(claimed.address_node)
            if mine is None:
                found.pop(claimed.id, None)
            else:
                others = tuple(Device(one.endpoint, one.keys) for one in mine[1:])
                found[claimed.id] = Address(mine[0].endpoint, {"keys": mine[0].keys}, others)
    return found


async def _answers(conn: Connection, batch: Sequence[Claimed]) -> dict[tuple[int, str], Any]:
    """When these persons wrote to us last, on channels where that opens a window."""
    nodes = {claimed.address_node for claimed in batch if claimed.channel in WINDOWED}
    if not nodes:
        return {}
    rows = await _sql.last_answers(conn, nodes=list(nodes))
    return {(row["node_id"], row["channel"]): row["at"] for row in rows}


async def _trackable(conn: Connection, desk: Desk, batch: Sequence[Claimed]) -> set[int]:
    """Persons of whom we may know that they opened a message or followed a link."""
    persons = {claimed.person_id for claimed in batch if claimed.channel == "email"}
    if not persons:
        return set()
    legal = await consent.legal(conn)
    now = desk.clock()
    standings = await consent.standings(conn, persons)
    return {person for person, one in standings.items() if consent_rules.may_track(one.states, now, legal)}


def _one(desk: Desk, claimed: Claimed, bench: _Bench) -> Ready | Unfit:
    address = bench.addresses.get(claimed.id)
    context = bench.contexts.get(claimed.id)
    if address is None or context is None:
        return Unfit(claimed, reasons.ERASED)
    links = Links.of(desk.secret, desk.settings, claimed)
    context["links"] = {"unsubscribe": links.unsubscribe, "preferences": links.preferences}
    entry = asked_to_confirm(claimed)
    if entry is not None:
        # Whoever opens it confirms that very address: nobody else's letter may carry it.
        if claimed.address_node != claimed.node_id:
            return Unfit(claimed, reasons.OTHER_ADDRESS)
        context["links"]["confirm"] = confirmation(desk.secret, desk.settings, entry)
    try:
        rendered = bench.renderer[claimed.id].render(context)
        to = adapter_of(desk.accounts[claimed.account_code].kind).validate_address(address.text)
    except (RenderFailed, ContentMissing) as error:
        return Unfit(claimed, reasons.bad_content(error.detail))
    except AddressInvalid as error:
        return Unfit(claimed, reasons.bad_address(error.detail))
    kit = bench.renderers[claimed.id].kit
    said = _said(claimed, rendered, links)
    findings = brand.check(kit, said)
    blocked = next((finding for finding in findings if finding.severity == "block"), None)
    if blocked is not None:
        return Unfit(claimed, blocked.reason)
    to_whom = msgspec.structs.replace(address, text=to)
    return _ready(desk, claimed, rendered, links, bench, to_whom, kit.sender_names)


def _said(claimed: Claimed, rendered: Rendered, links: Links) -> Said:
    bulk = claimed.purpose == "marketing" and claimed.channel == "email"
    return Said(
        channel=claimed.channel,
        language=rendered.language,
        purpose=claimed.purpose,
        subject=rendered.subject or rendered.title,
        text=rendered.text or rendered.body,
        html=rendered.html,
        unsubscribe_url=links.unsubscribe if bulk else None,
    )


def _ready(
    desk: Desk,
    claimed: Claimed,
    rendered: Rendered,
    links: Links,
    bench: _Bench,
    address: Address,
    names: Mapping[str, str],
) -> Ready:
    html = rendered.html
    if html is not None and claimed.person_id in bench.may_track:
        html = tracked(desk.secret, desk.settings, claimed.id, html, rendered.links, links)
    outgoing = Outgoing(
        message_id=claimed.id,
        key=claimed.key,
        reference=reference_of(desk.secret, claimed.id),
        channel=claimed.channel,
        address=address.text,
        devices=address.devices,
        language=rendered.language,
        subject=rendered.subject,
        preheader=rendered.preheader,
        html=html,
        text=rendered.text,
        title=rendered.title,
        body=rendered.body,
        url=rendered.url,
        image_url=rendered.image_url,
        buttons=tuple(Button(one.label, one.url or None, one.value or None) for one in rendered.buttons),
        data={**rendered.data, **address.data},
        unsubscribe_url=links.unsubscribe,
        preferences_url=links.preferences,
        sender_name=names.get(claimed.channel) or names.get("*") or None,
        purpose=claimed.purpose,
        node_id=claimed.address_node,
        ends_at=claimed.not_after,
        campaign=claimed.campaign,
        answers_at=bench.answers.get((claimed.address_node, claimed.channel)),
    )
    return Ready(claimed, outgoing, _encode(rendered).decode())
