"""What came of messages, written down many at once: the ledger, the attempts, the timeline, dead addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from unisono.customers.consent import service as consent
from unisono.customers.consent.model import Suppression
from unisono.customers.record import Happening, record
from unisono.engagement.channels.audiences import membership
from unisono.engagement.channels.model import Sent
from unisono.engagement.channels.push import service as push
from unisono.engagement.delivery import rules
from unisono.engagement.delivery.rendering import PUSH, Ready
from unisono.engagement.policy import service as policy
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.engagement.delivery")

SENT_EVENTS: Final[Mapping[str, tuple[str, str]]] = {
    "email": ("Email Sent", "email"),
    "sms": ("SMS Sent", "sms"),
    "web_push": ("Push Notification Sent", "push"),
    "app_push": ("Push Notification Sent", "push"),
    "mail": ("Mail Sent", "mail"),
    "whatsapp": ("Message Sent", "messages"),
    "messenger": ("Message Sent", "messages"),
    "instagram": ("Message Sent", "messages"),
    "telegram": ("Message Sent", "messages"),
    "chat": ("Message Sent", "messages"),
    "other": ("Message Sent", "messages"),
}
"""Channel to the event of an accepted message and its channel on the timeline. Where the person meets the message
later (site, till, a colleague) the meeting is the event, not the laying out."""

QUOTED: Final = 200
"""Characters of a message that its event tells."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of one message."""

    ready: Ready
    sent: Sent
    at: datetime
    idempotent: bool
    currency: str | None


async def settle(conn: Connection, outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Write down what came of these, inside the caller's transaction: a handful of statements for all."""
    if not outcomes:
        return
    # First what takes the locks of addresses, then the rows: as everybody does who needs both.
    await _bury(conn, outcomes, now=now)
    settled = {one.ready.claimed.id: _verdict(one, now) for one in outcomes}
    rows = await _sql.settle(
        conn,
        ids=list(settled),
        epochs=[one.ready.claimed.epoch for one in outcomes],
        states=[one.state for one in settled.values()],
        reasons=[one.reason.code if one.reason else None for one in settled.values()],
        provider_ids=[one.sent.provider_id for one in outcomes],
        try_ats=[one.try_at for one in settled.values()],
        costs=[one.sent.cost_minor if one.sent.outcome == "accepted" else None for one in outcomes],
        currencies=[one.currency if one.sent.outcome == "accepted" else None for one in outcomes],
        now=now,
    )
    written = {row["id"] for row in rows}
    await _attempts(conn, outcomes, settled)
    await _overtaken(conn, [one for one in outcomes if one.ready.claimed.id not in written])
    mine = [one for one in outcomes if one.ready.claimed.id in written]
    released = [one.ready.claimed.id for one in mine if settled[one.ready.claimed.id].release]
    if released:
        await policy.release(conn, released, now=now)
    await tell(conn, [event for one in mine if one.sent.outcome == "accepted" for event in _events(one)])
    ads = [one for one in mine if one.ready.claimed.channel == "ads" and one.sent.outcome in ("accepted", "unknown")]
    if ads:
        await _note_audiences(conn, ads, now=now)


async def _note_audiences(conn: Connection, ads: Sequence[Outcome], *, now: datetime) -> None:
    """Whoever was put into an audience leaves it with the segment of the broadcast that put him in."""
    numbers = sorted({one.ready.claimed.broadcast_id for one in ads if one.ready.claimed.broadcast_id is not None})
    rows = await _sql.broadcast_segments(conn, ids=numbers) if numbers else []
    segments = {row["id"]: row["segment"] for row in rows}
    put = [
        membership.Put(
            one.ready.claimed.account_id,
            one.ready.claimed.address_node,
            one.ready.outgoing,
            segments.get(one.ready.claimed.broadcast_id),
            one.sent.outcome == "accepted",
        )
        for one in ads
    ]
    await membership.note_messages(conn, put, now=now)


async def _overtaken(conn: Connection, outcomes: Sequence[Outcome]) -> None:
    """A receipt came before the answer it is of: all is written but what the message cost."""
    accepted = [one for one in outcomes if one.sent.outcome == "accepted"]
    if accepted:
        await _sql.add_costs(
            conn,
            ids=[one.ready.claimed.id for one in accepted],
            epochs=[one.ready.claimed.epoch for one in accepted],
            provider_ids=[one.sent.provider_id for one in accepted],
            costs=[one.sent.cost_minor for one in accepted],
            currencies=[one.currency for one in accepted],
        )


async def tell(conn: Connection, happenings: Sequence[Happening]) -> None:
    """Onto the timeline; nothing is told of identifiers that were erased meanwhile."""
    if not happenings:
        return
    rows = await _sql.persons_now(conn, nodes=list({one.node_id for one in happenings}))
    known = {row["id"] for row in rows}
    await record(conn, [one for one in happenings if one.node_id in known])


def _verdict(one: Outcome, now: datetime) -> rules.Settled:
    claimed = one.ready.claimed
    return rules.settle(claimed, one.sent, idempotent=one.idempotent, others=claimed.others, now=now)


async def _attempts(conn: Connection, outcomes: Sequence[Outcome], settled: Mapping[int, rules.Settled]) -> None:
    """Also of those somebody else has taken over meanwhile: it did happen."""
    await _sql.write_attempts(
        conn,
        ids=[one.ready.claimed.id for one in outcomes],
        accounts=[one.ready.claimed.account_id for one in outcomes],
        channels=[one.ready.claimed.channel for one in outcomes],
        ats=[one.at for one in outcomes],
        outcomes=[_tried(one, settled[one.ready.claimed.id]) for one in outcomes],
        codes=[one.sent.code for one in outcomes],
        details=[one.sent.detail[:500] if one.sent.detail else None for one in outcomes],
        provider_ids=[one.sent.provider_id for one in outcomes],
    )


def _tried(one: Outcome, settled: rules.Settled) -> str:
    """``refused`` also for the last of many tries before the next channel: the channel is not tried again."""
    return "refused" if settled.reason is not None and settled.reason.code == "next_channel" else one.sent.outcome


def _events(one: Outcome) -> list[Happening]:
    return sent_events(
        one.ready.claimed.id, one.ready.claimed.address_node, one.ready.claimed.channel, one.at, _said(one)
    )


def _said(one: Outcome) -> dict[str, Any]:
    outgoing, claimed = one.ready.outgoing, one.ready.claimed
    said: dict[str, Any] = {"message_id": claimed.id}
    if claimed.campaign:
        said["campaign_id"] = said["campaign_name"] = claimed.campaign
    if claimed.channel == "email":
        said["email_subject"] = outgoing.subject
    elif claimed.channel in PUSH:
        said["title"] = outgoing.title
    elif claimed.channel == "mail":
        said["subject"] = outgoing.subject or outgoing.title
    else:
        said |= {"channel": claimed.channel, "text": outgoing.words()[:QUOTED]}
    return said


def sent_events(message_id: int, node_id: int, channel: str, at: datetime, said: Mapping[str, Any]) -> list[Happening]:
    """The event of an accepted message; none for channels where the person meets it later."""
    if channel not in SENT_EVENTS:
        return []
    name, line = SENT_EVENTS[channel]
    return [
        Happening(node_id=node_id, name=name, key=f"message:{message_id}:sent", channel=line, at=at, properties=said)
    ]


async def _bury(conn: Connection, outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Addresses the provider says are dead. Of a device only its own ended: the person may have another."""
    pushed = [one for one in outcomes if one.ready.claimed.channel in PUSH]
    gone = [one for one in outcomes if one.sent.gone and one.ready.claimed.channel not in PUSH]
    if gone:
        await _suppress(conn, gone, now=now)
    devices = [one.ready.outgoing.address for one in pushed if one.sent.gone]
    devices += [address for one in pushed for address in one.sent.dead]
    if devices:
        await push.mark_gone(conn, devices, now=now)


async def _suppress(conn: Connection, gone: Sequence[Outcome], *, now: datetime) -> None:
    rows = await _sql.persons_now(conn, nodes=[one.ready.claimed.address_node for one in gone])
    known = {row["id"] for row in rows}
    dead = [
        Suppression(
            node_id=one.ready.claimed.address_node,
            channel=one.ready.claimed.channel,
            reason="hard_bounce" if one.ready.claimed.channel == "email" else "gone",
            purposes="all",
            at=now,
            source=one.ready.claimed.account_code,
            detail=(one.sent.detail or one.sent.code or "")[:300],
        )
        for one in gone
        if one.ready.claimed.address_node in known
    ]
    await consent.suppress(conn, dead, now=now)
