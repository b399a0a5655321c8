"""Contacts nobody asked the policy for: calls, letters and words of our people, and what other systems send.

A follower of the log turns them into contacts, so that the shop's call and the newsletter of another program count
under the same caps as our messages. Our own messages were counted when they were decided; they are left out here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final, NamedTuple

from unisono.customers.record import OURS
from unisono.customers.timeline.model import Event
from unisono.customers.timeline.readers import LogReader
from unisono.customers.timeline.vocabulary.facts import read
from unisono.engagement.policy.limits import weight_of
from unisono.engagement.policy.preferring import channel_named
from unisono.engagement.policy.service import current
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.engagement.policy")

REMEMBERED: Final = timedelta(days=366)
"""Contacts older than any window are not worth a row."""

SENDS: Final = {
    "Email Sent": "email",
    "SMS Sent": "sms",
    "Push Notification Sent": "app_push",
    "Mail Sent": "mail",
}
"""Events by which other systems say what they sent, and the channel it went by."""

NOTED: Final = {"store": "clerk", "shop": "clerk", "in_store": "clerk", "visit": "clerk"}
"""How a note says that somebody spoke to the person face to face."""

SPOKEN: Final = ("done", "reached", "declined", "do_not_contact")
"""Outcomes of a clerk's task that mean that the person was spoken to."""


class Noticed(NamedTuple):
    """A contact an event tells of."""

    channel: str
    purpose: str
    origin: str


def contact_in(event: Event, tasks: Mapping[int, tuple[str, bool]]) -> Noticed | None:
    """The contact an event tells of, pure; None when it tells of none, or of one counted already.

    ``tasks`` are tasks of ours: id to (kind, whether a message made it). What has a campaign is marketing, other sends
    of other systems are service.
    """
    facts = read(event.properties)
    ours = event.message_id.startswith(OURS)
    if event.name == "Call Logged":
        return _call(facts, counted=ours and "message_id" in facts)
    if event.name == "Note Added":
        return _note(facts)
    if event.name == "Task Completed" and ours:
        return _task(facts, tasks)
    if event.name in SENDS and not ours:
        campaign = any(facts.get(name) for name in ("campaign_id", "campaign_name", "campaign"))
        return Noticed(SENDS[event.name], "marketing" if campaign else "service", "elsewhere")
    return None


def _call(facts: Mapping[str, Any], *, counted: bool) -> Noticed | None:
    outgoing = str(facts.get("direction", "")).strip().lower() in ("out", "outbound", "outgoing")
    return Noticed("call", "staff", "staff") if outgoing and not counted else None


def _note(facts: Mapping[str, Any]) -> Noticed | None:
    """A note that names a channel is of a contact, unless it was the person who came to us."""
    named = facts.get("channel")
    if not isinstance(named, str) or str(facts.get("direction", "")).strip().lower() in ("in", "inbound", "incoming"):
        return None
    channel = NOTED.get(named.strip().lower()) or channel_named(named)
    return Noticed(channel, "staff", "staff") if channel else None


def _task(facts: Mapping[str, Any], tasks: Mapping[int, tuple[str, bool]]) -> Noticed | None:
    """A clerk's task that was done; of a call ``Call Logged`` tells, and of a message's task its decision."""
    kind, of_message = tasks.get(_task_id(facts) or 0, ("", True))
    if kind != "clerk" or of_message or str(facts.get("outcome", "")).lower() not in SPOKEN:
        return None
    return Noticed("clerk", "staff", "staff")


def _task_id(facts: Mapping[str, Any]) -> int | None:
    text = str(facts.get("task_id", ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


class ContactReader(LogReader):
    """Follows the log and counts contacts nobody asked the policy for, each event once."""

    name: ClassVar[str] = "contacts"
    linger: ClassVar[float] = 0.3

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock

    async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
        """Write a contact for each event that tells of one."""
        since = self._clock() - REMEMBERED
        telling = [event for event in events if event.name in _NAMES and event.occurred_at > since]
        if not telling:
            return
        ids = {_task_id(read(event.properties)) for event in telling if event.name == "Task Completed"} - {None}
        rows = await _sql.settled_tasks(conn, ids=sorted(one for one in ids if one)) if ids else []
        tasks = {row["id"]: (row["kind"], row["message_id"] is not None) for row in rows}
        found = [(event, noticed) for event in telling if (noticed := contact_in(event, tasks)) is not None]
        if not found:
            return
        policy = (await current(conn)).policy
        await _sql.book(
            conn,
            keys=[f"event:{event.message_id}" for event, _ in found],
            nodes=[event.node_id for event, _ in found],
            ats=[event.occurred_at for event, _ in found],
            channels=[noticed.channel for _, noticed in found],
            purposes=[noticed.purpose for _, noticed in found],
            weights=[weight_of(policy, noticed.channel) for _, noticed in found],
            origins=[noticed.origin for _, noticed in found],
            messages=[None for _ in found],
        )


_NAMES: Final = frozenset({*SENDS, "Call Logged", "Note Added", "Task Completed"})
