"""What people say to us through providers: onto the timeline, and STOP into the consents, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from unisono.customers.collect import pipeline
from unisono.customers.collect.model import Incoming
from unisono.customers.consent import service as consent
from unisono.customers.consent.model import NewEntry
from unisono.customers.consent.words import is_start, is_stop
from unisono.customers.identity import service as identity
from unisono.customers.identity.model import Claim, Key
from unisono.customers.identity.normalise import UnusableIdentifier
from unisono.customers.identity.rulebook import Rulebook
from unisono.engagement.channels import joining
from unisono.engagement.channels.model import Account, ProviderEvent
from unisono.kit.database import Connection
from unisono.kit.secret import Secret
from unisono.kit.sql import load

_sql = load("unisono.engagement.channels")

WHOLE_SECOND: Final = timedelta(seconds=1)
"""Providers tell when something was said in whole seconds."""

OURS: Final = frozenset({"inbound", "stop", "start", "unsubscribed"})
"""Kinds of events that are about what a person said; the others are about what became of a message."""

_NAMESPACES: Final = {
    "email": ("email",),
    "sms": ("phone",),
    "call": ("phone",),
    # Who writes from a number on WhatsApp has that number.
    "whatsapp": ("whatsapp", "phone"),
    "messenger": ("messenger",),
    "instagram": ("instagram",),
    "telegram": ("telegram",),
}

STOP_WORD: Final = "stop_word"
START_WORD: Final = "start_word"


class Heard(msgspec.Struct, frozen=True):
    """An event of a person whose identifiers could be read."""

    event: ProviderEvent
    keys: tuple[Key, ...]


async def take(
    conn: Connection, secret: Secret, account: Account, events: Sequence[ProviderEvent], *, now: datetime
) -> None:
    """Write what people said, inside the caller's transaction.

    Raises asyncpg.UniqueViolationError, RulesChanged and DeadlockDetectedError when it lost a race: try again.
    """
    rulebook = await identity.rulebook(conn)
    heard = [Heard(event, keys) for event in events if (keys := _keys(rulebook, account, event))]
    if not heard:
        return
    source = int(await _sql.own_source(conn))
    written = [_incoming(account, one, source, now) for one in heard if one.event.kind != "unsubscribed"]
    await pipeline.write(conn, written, [], rulebook, secret)
    nodes = await _nodes(conn, [key for one in heard for key in one.keys])
    for one in heard:
        # Nobody there: an address that was erased stays unknown, and an unsubscription of nobody is nothing.
        mine = [nodes[key] for key in one.keys if key in nodes]
        if mine:
            await _obey(conn, secret, account, one.event, mine, now)


def _keys(rulebook: Rulebook, account: Account, event: ProviderEvent) -> tuple[Key, ...]:
    """The identifiers an address is, the channel's own first."""
    keys = []
    for namespace in _NAMESPACES.get(account.channel, ()):
        try:
            keys.append(rulebook.key(namespace, event.address or ""))
        except UnusableIdentifier:
            continue
    return tuple(keys)


def _incoming(account: Account, heard: Heard, source: int, now: datetime) -> Incoming:
    event = heard.event
    facts: dict[str, Any] = {
        "channel": account.channel,
        "direction": "in",
        "text": event.text,
        "message_id": event.provider_id,
        "account": account.code,
        "sender_name": event.sender_name,
        "payload": event.data.get("payload"),
        "attachments": event.data.get("attachments"),
    }
    return Incoming(
        message_id=_message_id(account, event),
        type="track",
        name="Message Received",
        channel="email" if account.channel == "email" else "messages",
        occurred_at=min(event.at, now),
        received_at=now,
        sent_at=None,
        original_at=event.at,
        claims=[Claim(key, "proof") for key in heard.keys],
        source_id=source,
        properties=msgspec.json.encode({name: value for name, value in facts.items() if value}).decode(),
        reason="wrote from it",
    )


def _message_id(account: Account, event: ProviderEvent) -> str:
    digest = hashlib.sha256(event.delivery_id.encode()).hexdigest()[:40]
    return f"unisono:hook:{account.id}:{digest}"


async def _nodes(conn: Connection, keys: Sequence[Key]) -> dict[Key, int]:
    rows = await _sql.nodes_of_addresses(
        conn, namespaces=[key.namespace for key in keys], values=[key.value for key in keys]
    )
    return {Key(row["namespace"], row["value"]): int(row["id"]) for row in rows}


async def _obey(
    conn: Connection, secret: Secret, account: Account, event: ProviderEvent, nodes: Sequence[int], now: datetime
) -> None:
    """Do what was asked: STOP, START, or the link that led here."""
    token = event.data.get("join")
    if isinstance(token, str):
        await joining.join(conn, secret, token, nodes[0], now=now)
    said = event.text or ""
    if event.kind in {"stop", "unsubscribed"} or (event.kind == "inbound" and is_stop(said)):
        await consent.withdraw(
            conn,
            nodes,
            channel=account.channel,
            source="provider" if event.kind == "unsubscribed" else STOP_WORD,
            actor=f"channel:{account.code}",
            now=now,
            at=_stopped_at(event, now),
            key=_message_id(account, event),
            proof=_proof(account, event),
            via="email" if account.channel == "email" else "messages",
        )
    elif event.kind == "start" or (event.kind == "inbound" and is_start(said)):
        await _take_back_stop(conn, account, event, nodes, now)


def _stopped_at(event: ProviderEvent, now: datetime) -> datetime:
    """When a STOP counts from: the end of its second, or a consent given in the same one would outlast it."""
    return min(event.at + WHOLE_SECOND, now)


async def _take_back_stop(
    conn: Connection, account: Account, event: ProviderEvent, nodes: Sequence[int], now: datetime
) -> None:
    """START undoes a STOP of the same address and nothing else: it is no consent of somebody who never gave one."""
    said = [one for one in await consent.entries_of(conn, nodes, purpose="marketing") if one.channel == account.channel]
    entries = []
    for node in nodes:
        mine = [one for one in said if one.node_id == node]
        stopped = bool(mine) and mine[0].action == "withdrawn" and mine[0].source == STOP_WORD
        if stopped and any(one.action in {"granted", "confirmed"} and one.basis == "consent" for one in mine):
            entries.append(
                NewEntry(
                    node_id=node,
                    purpose="marketing",
                    channel=account.channel,
                    action="granted",
                    key=f"{START_WORD}:{_message_id(account, event)}:{node}",
                    source=START_WORD,
                    actor=f"channel:{account.code}",
                    at=min(event.at, now),
                    proof=_proof(account, event),
                    via="messages",
                )
            )
    if entries:
        await consent.record(conn, entries, now=now)


def _proof(account: Account, event: ProviderEvent) -> dict[str, Any]:
    return {"account": account.code, "delivery_id": event.delivery_id, "text": event.text}
