"""Consent over the API: what a person agreed to, said by people at the counter, on the phone, by other systems."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.customers.consent import service
from unisono.customers.consent.confirming import needs_confirmation, request_opt_in
from unisono.customers.consent.errors import BadConsent, TextNotFound
from unisono.customers.consent.model import ADDRESSES, ANY, Entry, NewEntry, Purpose
from unisono.customers.consent.overview import PersonConsents, overview
from unisono.customers.consent.proof import Proof, addresses_of, as_html, proof, require_own
from unisono.customers.consent.texts import Version, texts_named
from unisono.customers.profiles.meeting import person_within
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.i18n import LANGUAGES
from unisono.kit.web import PROBLEMS, PathId

AnyRequest = Request[Any, Any, Any]

TAGS = ["Consent"]
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Purposes = Annotated[tuple[Purpose, ...], msgspec.Meta(min_length=1, max_length=6)]


class TextReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which words the person saw."""

    id: Short
    version: Version
    language: Short


class SayRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person said. Marketing names a channel; without ``node_id`` it is about each address he has on it."""

    purpose: Purpose
    action: Literal["granted", "refused", "withdrawn"]
    channel: str = ANY
    node_id: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)] | None = None
    text: TextReference | None = None
    source: Short = "api"
    at: datetime | None = None
    """When it was said; now when missing."""
    expires_at: datetime | None = None
    confirmed: bool = False
    """The owner of the address has confirmed it already (double opt-in done elsewhere); ``proof`` says how."""
    order_ref: Short | None = None
    category: Short | None = None
    """With ``order_ref``: a soft opt-in, to e-mail about products like those of that order."""
    proof: dict[str, Any] = {}


class WithdrawConsentRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is withdrawn: these purposes, on one channel or on all; under one address or under all."""

    purposes: Purposes = ("marketing",)
    channel: str | None = None
    node_id: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)] | None = None
    source: Short = "api"
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded; ``to_confirm`` are entries whose owner has yet to confirm them: a message is on its way."""

    entries: list[Entry]
    to_confirm: list[int]
    consents: PersonConsents


class ConsentHistory(msgspec.Struct, frozen=True):
    """Entries, newest first."""

    person_id: int
    entries: list[Entry]


async def _overview(conn: Connection, request: AnyRequest, person: int) -> PersonConsents:
    return await overview(conn, person, now=now_of(request), contacts=caller(request).may("people:contact"))


@get(
    "/api/people/{person_id:int}/consents",
    guards=[requires("consents:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="A person's consents",
)
async def read_consents(request: AnyRequest, person_id: PathId) -> PersonConsents:
    """What holds for the person on each purpose and channel, under which address, what waits to be confirmed, what is
    blocked. An objection under one address counts for all of them."""
    principal = caller(request)
    async with connection(request.app.state.pool) as conn:
        person = await person_within(conn, principal, person_id)
        await audit.record(conn, actor=principal.actor, action="consent.read", person_id=person, wait=False)
        return await _overview(conn, request, person)


@get(
    "/api/people/{person_id:int}/consents/history",
    guards=[requires("consents:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="What a person said",
)
async def read_history(
    request: AnyRequest,
    person_id: PathId,
    purpose: FromQuery[Purpose | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 200,
) -> ConsentHistory:
    """Every entry of the ledger under the person's identifiers, newest first."""
    principal = caller(request)
    async with connection(request.app.state.pool) as conn:
        person = await person_within(conn, principal, person_id)
        nodes = [address.node_id for address in await addresses_of(conn, person)]
        entries = await service.entries_of(conn, nodes, purpose=purpose, limit=limit)
        await audit.record(conn, actor=principal.actor, action="consent.read", person_id=person, wait=False)
    return ConsentHistory(person, entries)


@post(
    "/api/people/{person_id:int}/consents",
    guards=[requires("consents:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Record what a person said",
)
async def say(request: AnyRequest, person_id: PathId, data: JSONBody[SayRequest]) -> Response[Said]:
    """Record a consent given, refused or withdrawn. Takes an Idempotency-Key.

    A consent to e-mail marketing is asked for first: it counts once the owner of the address has confirmed it, unless
    ``confirmed`` says that it was. With ``order_ref`` and ``category`` it is a soft opt-in, which needs none.
    """
    principal, now = caller(request), now_of(request)

    async def act(conn: Connection) -> Said:
        person = await person_within(conn, principal, person_id)
        entries = await _wanted(conn, person, data, principal, now)
        if data.text is not None:
            name = (data.text.id, data.text.version, data.text.language)
            if name not in await texts_named(conn, {name}):
                raise TextNotFound(f"There is no text {'/'.join(map(str, name))!r}.")
        rules = await service.legal(conn)
        asked = [entry for entry in entries if not data.confirmed and needs_confirmation(entry, rules)]
        requests = [await request_opt_in(conn, entry, now=now) for entry in asked]
        recorded = await service.record(conn, [entry for entry in entries if entry not in asked], now=now)
        detail = {"purpose": data.purpose, "channel": data.channel, "status": data.action}
        await audit.record(conn, actor=principal.actor, action="consent.say", person_id=person, detail=detail)
        return Said(
            entries=recorded,
            to_confirm=[one.entry_id for one in requests if one is not None],
            consents=await _overview(conn, request, person),
        )

    return await write(request, act)


async def _wanted(
    conn: Connection, person: int, data: SayRequest, principal: Principal, now: datetime
) -> list[NewEntry]:
    nodes = await _nodes(conn, person, data.channel, data.node_id)
    if not nodes:
        raise BadConsent(f"The person has no address of {data.channel[:40]!r}.", code="no_address")
    if (data.order_ref is None) != (data.category is None):
        raise BadConsent("A soft opt-in names both the order and the category.", code="bad_soft_opt_in")
    deed = uuid.uuid4()
    return [
        NewEntry(
            node_id=node,
            purpose=data.purpose,
            channel=data.channel,
            action=data.action,
            basis="soft_opt_in" if data.order_ref else ("contract" if data.purpose == "contract" else "consent"),
            key=service.soft_key(node, data.order_ref, data.category or "") if data.order_ref else f"api:{deed}:{node}",
            source=data.source,
            actor=principal.actor,
            at=data.at or now,
            text_id=data.text.id if data.text else None,
            text_version=data.text.version if data.text else None,
            text_language=data.text.language if data.text else None,
            proof=data.proof,
            order_ref=data.order_ref,
            category=data.category,
            expires_at=data.expires_at,
            via="store" if principal.stores is not None else "service",
        )
        for node in nodes
    ]


async def _nodes(conn: Connection, person: int, channel: str, node_id: int | None) -> list[int]:
    """Under which identifiers something is said. Raises BadConsent when the one named is not his."""
    if node_id is not None:
        await require_own(conn, person, node_id)
        return [node_id]
    addresses = await addresses_of(conn, person)
    fitting = [address.node_id for address in addresses if channel in ADDRESSES.get(address.namespace, ())]
    if channel in {on for mine in ADDRESSES.values() for on in mine}:
        return fitting
    return [address.node_id for address in addresses[:1]]


@post(
    "/api/people/{person_id:int}/consents/withdraw",
    guards=[requires("consents:write")],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Withdraw consents",
)
async def withdraw(request: AnyRequest, person_id: PathId, data: JSONBody[WithdrawConsentRequest]) -> Response[Said]:
    """The person wants no more: recorded under every address (or the one named), respected by every message that has
    not left yet. Takes an Idempotency-Key."""
    principal, now = caller(request), now_of(request)

    async def act(conn: Connection) -> Said:
        person = await person_within(conn, principal, person_id)
        if data.node_id is not None:
            await require_own(conn, person, data.node_id)
            nodes = [data.node_id]
        else:
            nodes = [address.node_id for address in await addresses_of(conn, person)]
        entries = await service.withdraw(
            conn,
            nodes,
            channel=data.channel,
            purposes=data.purposes,
            source=data.source,
            actor=principal.actor,
            now=now,
            proof={"reason": data.reason} if data.reason else None,
            via="store" if principal.stores is not None else "service",
        )
        detail = {"purposes": data.purposes, "channel": data.channel, "count": len(entries)}
        await audit.record(conn, actor=principal.actor, action="consent.withdraw", person_id=person, detail=detail)
        return Said(entries=entries, to_confirm=[], consents=await _overview(conn, request, person))

    return await write(request, act)


async def _proof(request: AnyRequest, person_id: int, purpose: Purpose) -> Proof:
    principal = caller(request)
    async with connection(request.app.state.pool) as conn:
        person = await person_within(conn, principal, person_id)
        await audit.record(
            conn, actor=principal.actor, action="consent.proof", person_id=person, detail={"purpose": purpose}
        )
        return await proof(conn, person, purpose, now=now_of(request), contacts=principal.may("people:contact"))


@get(
    "/api/people/{person_id:int}/consents/proof",
    guards=[requires("consents:read")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="Proof of consent",
)
async def read_proof(request: AnyRequest, person_id: PathId, purpose: FromQuery[Purpose] = "marketing") -> Proof:
    """Every entry for one purpose with the exact words, what holds now, what is blocked."""
    return await _proof(request, person_id, purpose)


@get(
    "/api/people/{person_id:int}/consents/proof.html",
    guards=[requires("consents:read")],
    tags=TAGS,
    responses=PROBLEMS,
    media_type=MediaType.HTML,
    summary="Proof of consent to read and print",
)
async def print_proof(
    request: AnyRequest,
    person_id: PathId,
    purpose: FromQuery[Purpose] = "marketing",
    language: Annotated[str, QueryParameter(max_length=10)] = "en",
) -> Response[str]:
    """The same as a page: one file that loads nothing. ``language``: en or it."""
    found = await _proof(request, person_id, purpose)
    page = as_html(
        found,
        language=language if language in LANGUAGES else "en",
        timezone=request.app.state.settings.timezone,
    )
    headers = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'", "cache-control": "no-store"}
    return Response(page, media_type=MediaType.HTML, headers=headers)


routes: list[ControllerRouterHandler] = [read_consents, read_history, say, withdraw, read_proof, print_proof]
