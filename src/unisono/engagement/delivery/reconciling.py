"""What providers tell later: delivered, read, bounced, complained of; and, for 72 hours, what became of the unknown.

Each thing is taken in once: a column that is set stays as it is, so events come twice, late and in any order without
harm. A bounce or a complaint ends the address in the transaction that writes it down (RULES R4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from unisono.customers.consent import rules as consent_rules
from unisono.customers.consent import service as consent
from unisono.customers.consent.model import Suppression, SuppressionReason
from unisono.customers.record import Happening
from unisono.engagement.channels.model import ProviderEvent
from unisono.engagement.delivery.rendering import PUSH
from unisono.engagement.delivery.settling import sent_events, tell
from unisono.engagement.policy import service as policy
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.engagement.delivery")

WITHIN: Final = timedelta(hours=72)
"""How long after the hand-over a provider's word settles what is unknown (RULES R3)."""

LEFT: Final = frozenset({"delivered", "bounced", "deferred", "opened", "clicked", "complained", "unsubscribed", "read"})
"""Kinds that prove that the message had left."""

COLUMNS: Final[Mapping[str, str]] = {
    "delivered": "delivered",
    "opened": "opened",
    "read": "opened",
    "clicked": "clicked",
    "bounced": "failed",
    "failed": "failed",
    "complained": "complained",
}

_EMAIL: Final = {
    "delivered": "Email Delivered",
    "opened": "Email Opened",
    "clicked": "Email Link Clicked",
    "bounced": "Email Bounced",
    "failed": "Email Bounced",
    "complained": "Email Marked as Spam",
}
_PUSH: Final = {
    "delivered": "Push Notification Received",
    "clicked": "Push Notification Tapped",
    "opened": "Push Notification Tapped",
    "bounced": "Push Notification Bounced",
    "failed": "Push Notification Bounced",
}
_MAIL: Final = {"clicked": "Mail Scanned", "bounced": "Mail Returned", "failed": "Mail Returned"}
_TEXT: Final = {
    "delivered": "Message Delivered",
    "read": "Message Read",
    "opened": "Message Read",
    "clicked": "Message Link Clicked",
    "bounced": "Message Failed",
    "failed": "Message Failed",
}


async def reconcile(conn: Connection, events: Sequence[ProviderEvent], *, now: datetime) -> int:
    """Take in what a provider tells of messages, inside the caller's transaction; how many messages it spoke of.

    Events of nothing we sent are passed over; those about people (inbound, stop, start) belong to the channels.
    """
    events = [event for event in events if event.kind in LEFT or event.kind == "failed"]
    if not events:
        return 0
    messages = await _messages(conn, events)
    told = [(event, messages[name]) for event in events for name in _names(event) if name in messages]
    told += await _read_before(conn, events)
    told = list({(event.delivery_id, row["id"]): (event, row) for event, row in told}.values())
    if not told:
        return 0
    # Locks of addresses come before those of rows, as everywhere.
    await _suppress(conn, told, now=now)
    await _found_out(conn, told, now=now)
    await _note(conn, told, now=now)
    return len({row["id"] for _, row in told})


def _names(event: ProviderEvent) -> list[tuple[str, Any]]:
    """What a message may be known by: ours first."""
    if event.message_id is not None:
        return [("id", event.message_id)]
    if event.provider_id:
        return [("provider", (event.account_id, event.provider_id))]
    return []


async def _messages(conn: Connection, events: Sequence[ProviderEvent]) -> dict[tuple[str, Any], asyncpg.Record]:
    provided = [event for event in events if event.provider_id and event.message_id is None]
    rows = await _sql.messages_told_of(
        conn,
        ids=[event.message_id for event in events if event.message_id is not None],
        accounts=[event.account_id for event in provided],
        provider_ids=[event.provider_id for event in provided],
    )
    found: dict[tuple[str, Any], asyncpg.Record] = {}
    for row in rows:
        found["id", row["id"]] = row
        if row["provider_id"]:
            found["provider", (row["account_id"], row["provider_id"])] = row
    return found


Told = tuple[ProviderEvent, asyncpg.Record]


async def _read_before(conn: Connection, events: Sequence[ProviderEvent]) -> list[Told]:
    """Messenger names no message: somebody read everything there was at an instant, its watermark."""
    marked = [event for event in events if event.kind == "read" and not _names(event) and event.address]
    untils = [_instant(event.data.get("watermark")) for event in marked]
    known = [(event, until) for event, until in zip(marked, untils, strict=True) if until is not None]
    if not known:
        return []
    rows = await _sql.messages_read(
        conn,
        places=list(range(len(known))),
        accounts=[event.account_id for event, _ in known],
        addresses=[event.address for event, _ in known],
        untils=[until for _, until in known],
    )
    return [(known[row["place"]][0], row) for row in rows]


def _instant(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


async def _found_out(conn: Connection, told: Iterable[Told], *, now: datetime) -> None:
    """What was unknown, or is on its way still, and now is known."""
    left: dict[int, Told] = {}
    lost: dict[int, Told] = {}
    for event, row in told:
        if row["handed_over_at"] is None or now - row["handed_over_at"] > WITHIN:
            continue
        if event.kind in LEFT:
            left[row["id"]] = (event, row)
        elif row["id"] not in left:
            lost[row["id"]] = (event, row)
    lost = {number: one for number, one in lost.items() if number not in left}
    accepted = {
        row["id"]
        for row in await _sql.settle_found(
            conn,
            ids=[*left, *lost],
            states=["accepted"] * len(left) + ["refused"] * len(lost),
            provider_ids=[event.provider_id for event, _ in (*left.values(), *lost.values())],
            now=now,
        )
    }
    await policy.release(conn, [number for number in lost if number in accepted], now=now)
    # Sent once more by hand it was out of the count until its second try is decided.
    await policy.count_again(conn, [number for number in left if number in accepted])
    sent: list[Happening] = []
    for number, (_, row) in left.items():
        if number in accepted:
            sent += sent_events(
                number, row["address_node"], row["channel"], row["handed_over_at"], {"message_id": number}
            )
    await tell(conn, sent)


async def _note(conn: Connection, told: Sequence[Told], *, now: datetime) -> None:
    """The columns of the messages, and what is new in them onto the timeline."""
    untracked = await _untracked(conn, told, now=now)
    wanted = [
        (event, row)
        for event, row in told
        if event.kind in COLUMNS and not (event.kind in ("opened", "clicked") and row["id"] in untracked)
    ]
    new: set[tuple[int, str]] = set()
    for row in await _sql.note_events(
        conn,
        ids=[row["id"] for _, row in wanted],
        columns=[COLUMNS[event.kind] for event, _ in wanted],
        ats=[event.at for event, _ in wanted],
    ):
        new |= {(row["id"], column) for column in ("delivered", "opened", "clicked", "failed") if row[column]}
    happenings: dict[str, Happening] = {}
    for event, row in wanted:
        fresh = (row["id"], COLUMNS[event.kind]) in new or event.kind == "complained"
        happening = _happening(event, row) if fresh else None
        if happening is not None:
            happenings.setdefault(happening.key, happening)
    known = {row["message_id"] for row in await _sql.told_before(conn, keys=[f"unisono:{key}" for key in happenings])}
    await tell(conn, [one for key, one in happenings.items() if f"unisono:{key}" not in known])


async def _untracked(conn: Connection, told: Sequence[Told], *, now: datetime) -> set[int]:
    """Messages of which we may not know whether they were opened: the person has not agreed to it."""
    about = [(row["id"], row["person_id"]) for event, row in told if event.kind in ("opened", "clicked")]
    if not about:
        return set()
    legal = await consent.legal(conn)
    standings = await consent.standings(conn, {person for _, person in about if person is not None})
    return {
        number
        for number, person in about
        if person is None or not consent_rules.may_track(standings[person].states, now, legal)
    }


def _happening(event: ProviderEvent, row: asyncpg.Record) -> Happening | None:
    channel: str = row["channel"]
    names, line = _TEXT, "messages"
    if channel == "email":
        names, line = _EMAIL, "email"
    elif channel in PUSH:
        names, line = _PUSH, "push"
    elif channel == "mail":
        names, line = _MAIL, "mail"
    name = names.get(event.kind)
    if name is None:
        return None
    said: dict[str, Any] = {"message_id": row["id"]}
    if row["campaign"]:
        said["campaign_id"] = said["campaign_name"] = row["campaign"]
    if event.kind in ("bounced", "failed"):
        said["reason"] = (event.detail or event.code or "")[:200]
        if channel == "email":
            said["bounce_type"] = "hard" if event.permanent else "soft"
    if event.kind == "clicked" and event.url:
        said["link_url"] = event.url[:500]
    if line == "messages":
        said["channel"] = channel
    key = f"message:{row['id']}:{COLUMNS[event.kind]}"
    return Happening(node_id=row["address_node"], name=name, key=key, channel=line, at=event.at, properties=said)


async def _suppress(conn: Connection, told: Iterable[Told], *, now: datetime) -> None:
    """Dead addresses, and people who do not want any more."""
    wanted: list[Suppression] = []
    for event, row in told:
        reason = _blocked_for(event, row["channel"])
        if reason is not None and row["person_id"] is not None:
            wanted.append(
                Suppression(
                    node_id=row["address_node"],
                    channel=row["channel"],
                    reason=reason,
                    purposes="marketing" if reason == "opt_out" else "all",
                    at=min(event.at, now),
                    source=f"account {event.account_id}",
                    detail=(event.detail or event.code or "")[:300] or None,
                )
            )
    await consent.suppress(conn, wanted, now=now)


def _blocked_for(event: ProviderEvent, channel: str) -> SuppressionReason | None:
    if event.kind == "complained":
        return "complaint"
    if event.kind == "unsubscribed":
        return "opt_out"
    if event.kind in ("bounced", "failed") and event.permanent and channel not in PUSH:
        return "hard_bounce" if channel == "email" else "gone"
    return None
