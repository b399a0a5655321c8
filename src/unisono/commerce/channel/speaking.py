"""Who speaks through the channel API: which channel, which store, for which customer, in which language."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request

from unisono.access.guards import Principal, caller, now_of
from unisono.access.keys import KeyRing, Sender
from unisono.commerce.carts import facts
from unisono.commerce.channel.model import Customer
from unisono.commerce.channel.sessions import customer_of_token, look_up, read_identifiers, recognise
from unisono.customers.identity import service as identity
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest, Forbidden, NotFound, Unauthenticated
from unisono.kit.sql import load

_sql = load("unisono.commerce.channel")

AnyRequest = Request[Any, Any, Any]

CUSTOMER_HEADER = "x-customer"
"""``namespace:value`` of the customer a till or a server speaks for."""
CHANNEL_HEADER = "x-channel"
STORE_HEADER = "x-store"

LANGUAGES = ("en", "it")


class Speaker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, where, and for whom."""

    principal: Principal
    channel: str
    store_id: str | None
    language: str
    now: datetime
    customer: Customer | None = None

    @property
    def actor(self) -> str:
        """How the audit and the histories name whoever asks."""
        return self.principal.actor

    @property
    def node_id(self) -> int | None:
        """Under which identifier things are written; None for nobody in particular."""
        return self.customer.node_id if self.customer else None


def language_of(request: AnyRequest) -> str:
    """The language a channel asks for: ``language`` in the query, else the first known of Accept-Language."""
    asked = request.query_params.get("language") or request.headers.get("accept-language") or ""
    for part in asked.split(","):
        code = part.split(";")[0].strip()[:2].lower()
        if code in LANGUAGES:
            return code
    return LANGUAGES[0]


def _plain(request: AnyRequest, name: str) -> str | None:
    value = request.headers.get(name, "").replace("\x00", "").strip()
    return value[:100] or None


async def speaker_of(request: AnyRequest, *, needs_customer: bool = False) -> Speaker:
    """Who speaks in this request, behind a guard for ``channel:use``.

    A customer's token speaks for him alone. Tills and servers name the customer by ``X-Customer``; a reading request
    finds him, a writing one makes him known. Raises BadRequest (``customer_missing``, ``bad_identifier``), NotFound,
    Forbidden (``sign_in_needed``).
    """
    principal = caller(request)
    now = now_of(request)
    channel, store = principal.channel, principal.store_id
    if principal.kind == "key":
        channel, store = _plain(request, CHANNEL_HEADER) or "web", _plain(request, STORE_HEADER)
    customer: Customer | None
    if principal.kind == "customer":
        async with connection(request.app.state.pool) as conn:
            customer = await customer_of_token(conn, principal.id, proven=principal.proven)
    else:
        customer = await _named(request, now)
    if needs_customer and customer is None:
        raise BadRequest(
            "Say for which customer.",
            code="customer_missing",
            hint="Send X-Customer: namespace:value, as loyalty_card:2021000042, or use a customer's token.",
        )
    return Speaker(
        principal=principal,
        channel=channel or "web",
        store_id=store,
        language=language_of(request),
        now=now,
        customer=customer,
    )


async def _named(request: AnyRequest, now: datetime) -> Customer | None:
    """The customer a till or a server names, if it names one."""
    named = request.headers.get(CUSTOMER_HEADER)
    if not named:
        return None
    namespace, colon, value = named.partition(":")
    if not colon:
        raise BadRequest("X-Customer is written namespace:value.", code="bad_identifier")
    keys = read_identifiers(await request.app.state.committer.rulebook(), {namespace.strip(): value.strip()})
    if request.scope["method"] in ("GET", "HEAD"):
        async with connection(request.app.state.pool) as conn:
            found = await look_up(conn, keys)
        if found is None:
            raise NotFound(f"Nobody is known as {named[:80]}.", code="person_not_found")
        return found
    return await recognise(request, await _sender(request), keys, now=now)


async def _sender(request: AnyRequest) -> Sender:
    ring: KeyRing = request.app.state.key_ring
    sender = await ring.sender(request.headers.get("authorization", "").partition(" ")[2].strip())
    if sender is None:
        raise Unauthenticated
    return sender


def own(speaker: Speaker, owner_person: int | None) -> None:
    """See that a thing is the customer's own, where a customer's token asks. Raises NotFound: others' do not exist."""
    if speaker.principal.kind == "customer" and (
        speaker.customer is None or owner_person != speaker.customer.person_id
    ):
        raise NotFound("There is no such thing of yours.")


def of_this_store(speaker: Speaker, store_id: str | None) -> None:
    """See that a thing lies in the own store of a till that asks. Raises NotFound: elsewhere is not its affair."""
    if speaker.principal.kind == "till" and store_id != speaker.store_id:
        raise NotFound("There is no such thing in this store.", code="not_in_this_store")


def staff_only(speaker: Speaker) -> None:
    """See that a till or a server asks. Raises Forbidden."""
    if not speaker.principal.may("channel:any"):
        raise Forbidden("Only a till or a server may do this.", code="permission_missing", missing=["channel:any"])


async def person_nodes(conn: Connection, speaker: Speaker) -> list[int]:
    """Every identifier of the customer; empty for nobody."""
    if speaker.customer is None:
        return []
    return [row["id"] for row in await identity.nodes_of(conn, speaker.customer.person_id)]


async def zone_of(conn: Connection, request: AnyRequest, store_id: str | None) -> str:
    """The time zone of a store, else of the company."""
    company: str = request.app.state.settings.timezone
    if store_id is None:
        return company
    return str(await _sql.zone_of_store(conn, code=store_id) or company)


async def audiences_of(conn: Connection, speaker: Speaker) -> frozenset[str]:
    """Whose price lists count for the customer."""
    return (await facts.facts_of(conn, speaker.node_id)).audiences if speaker.customer else frozenset()
