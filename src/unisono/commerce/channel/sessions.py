"""Who a channel speaks for: a customer's token, made by whoever knows him.

A shop's server or a till vouches for any identifier (its own sign-in, a card it has scanned). A page alone, with its
public write key, can only name its own device, and only while that device is nobody in particular: an identifier
that travels in every request is no proof of who asks.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Request

from unisono.access import customer_tokens
from unisono.access.keys import KeyRing, Sender
from unisono.commerce.channel.model import Customer
from unisono.customers.collect.committer import Committer
from unisono.customers.collect.reading import Reader
from unisono.customers.identity import service as identity
from unisono.customers.identity.model import Key
from unisono.customers.identity.normalise import UnusableIdentifier
from unisono.customers.identity.rulebook import Rulebook
from unisono.kit.database import Connection, Pool, connection, transaction
from unisono.kit.errors import BadRequest, Forbidden, Unauthenticated
from unisono.kit.sql import load

_sql = load("unisono.commerce.channel")

DEFAULT_CHANNEL = {"browser": "web", "app": "app", "till": "store"}
"""Kind of a source to the channel it speaks for when it does not say."""


class SessionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who the visitor is: ``{"identifiers": {"anonymous_id": "…", "user_id": "42"}, "channel": "web"}``."""

    identifiers: Annotated[
        dict[str, Annotated[str, msgspec.Meta(max_length=300)]], msgspec.Meta(min_length=1, max_length=8)
    ]
    channel: Annotated[str, msgspec.Meta(pattern="^[a-z]{2,20}$")] | None = None
    store_id: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    lasts: Annotated[int, msgspec.Meta(ge=1, le=900)] = 900
    """Seconds, 900 at most."""


class SessionMade(msgspec.Struct, frozen=True):
    """A token to be sent as ``Authorization: Bearer`` until it ends."""

    token: str
    expires_at: datetime
    channel: str
    known: bool
    """Whether the visitor is somebody: he has an identifier beyond the device."""


async def sender_of(request: Request[Any, Any, Any]) -> Sender:
    """Whose key a session is asked with: any key of ours. Raises Unauthenticated."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    ring: KeyRing = request.app.state.key_ring
    sender = await ring.sender(key.strip()) if scheme.lower() == "bearer" else None
    if sender is None:
        raise Unauthenticated("A key is needed to begin a session.", hint="Authorization: Bearer wk_… or sk_…")
    if sender.key_kind == "secret" and "channel:use" not in sender.scopes:
        raise Forbidden("This key may not speak for customers.", code="permission_missing", missing=["channel:use"])
    return sender


async def begin(request: Request[Any, Any, Any], asked: SessionRequest, *, now: datetime) -> SessionMade:
    """Make a token for a visitor. Raises Unauthenticated, Forbidden (``sign_in_needed``), BadRequest."""
    sender = await sender_of(request)
    pool: Pool = request.app.state.pool
    committer: Committer = request.app.state.committer
    rulebook = await committer.rulebook()
    keys = read_identifiers(rulebook, asked.identifiers)
    if not sender.trusted and any(rulebook.namespaces[key.namespace].level == "person" for key in keys):
        raise Forbidden(
            "A public key can name a device only.",
            code="sign_in_needed",
            hint="Ask for the token from your server, with its secret key.",
        )
    customer = await recognise(request, sender, keys, now=now)
    if customer.known and not sender.trusted:
        raise Forbidden(
            "This device belongs to somebody who is known: a page alone cannot speak for him.",
            code="sign_in_needed",
            hint="Ask for the token from your server, with its secret key.",
        )
    channel = asked.channel or DEFAULT_CHANNEL.get(sender.source_kind, "web")
    async with transaction(pool) as conn:
        token, expires_at = await customer_tokens.mint(
            conn,
            node_id=customer.node_id,
            proven=sender.trusted,
            source_id=sender.source_id,
            channel=channel,
            store_id=sender.store_id or asked.store_id,
            lasts=timedelta(seconds=asked.lasts),
            now=now,
        )
    return SessionMade(token, expires_at, channel, customer.known)


def read_identifiers(rulebook: Rulebook, identifiers: dict[str, str]) -> list[Key]:
    """Identifiers in their one spelling, strongest first. Raises BadRequest (``bad_identifier``)."""
    keys = []
    for namespace, value in identifiers.items():
        try:
            keys.append(rulebook.key(namespace, value))
        except UnusableIdentifier as error:
            raise BadRequest(f"{namespace}:{value[:80]!r} cannot be used: {error}.", code="bad_identifier") from None
    return sorted(keys, key=lambda key: (rulebook.priority(key), key))


async def recognise(request: Request[Any, Any, Any], sender: Sender, keys: list[Key], *, now: datetime) -> Customer:
    """The customer of these identifiers, brought together through the collector when they are not one person yet.

    What is new goes the way of every ``identify`` call, so that identity's rules and its audit hold here too.
    """
    pool: Pool = request.app.state.pool
    async with connection(pool) as conn:
        found = await look_up(conn, keys)
    if found is None:
        await _identify(request, sender, keys, now=now)
        async with connection(pool) as conn:
            found = await look_up(conn, keys[:1])
    if found is None:
        raise BadRequest(
            "The identifiers were refused.", code="bad_identifier", hint="See failed events for the reason."
        )
    return found


async def look_up(conn: Connection, keys: list[Key]) -> Customer | None:
    """The customer, when all of the identifiers exist and are one person."""
    rows = await _sql.customer_of(conn, namespaces=[key.namespace for key in keys], values=[key.value for key in keys])
    if len(rows) < len(keys) or len({row["person_id"] for row in rows}) != 1:
        return None
    node = next(row for row in rows if (row["namespace"], row["value"]) == tuple(keys[0]))
    return Customer(node["id"], node["person_id"], node["known"])


async def _identify(request: Request[Any, Any, Any], sender: Sender, keys: list[Key], *, now: datetime) -> None:
    committer: Committer = request.app.state.committer
    names = {key.namespace: key.value for key in keys}
    event: dict[str, Any] = {"type": "identify", "messageId": f"session:{uuid.uuid4()}"}
    for namespace, field in (("user_id", "userId"), ("anonymous_id", "anonymousId")):
        if namespace in names:
            event[field] = names.pop(namespace)
    event["context"] = {
        "externalIds": [
            {"id": value, "type": namespace, "collection": "users", "encoding": "none"}
            for namespace, value in names.items()
        ]
    }
    reader = Reader(sender, now, await committer.rulebook(), request.app.state.limits)
    reader.read(msgspec.json.encode(event))
    await committer.submit(reader.incoming, reader.failures)


async def customer_of_token(conn: Connection, node_id: int, *, proven: bool) -> Customer:
    """The customer a token stands for, as he is now.

    Raises Forbidden (``sign_in_needed``) when only a browser named the device and it has become somebody's since.
    """
    persons = await identity.persons_of(conn, {node_id})
    person = persons[node_id]
    known = bool(await _sql.is_known(conn, person_id=person))
    if known and not proven:
        raise Forbidden(
            "This device belongs to somebody who is known by now.",
            code="sign_in_needed",
            hint="Ask for a token from your server, with its secret key.",
        )
    return Customer(node_id, person, known)
