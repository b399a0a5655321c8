"""One transaction from events read to events on the timeline.

A handful of statements a batch, whatever its size: which messages are known, which nodes exist, which links are
new, the events themselves (COPY), traits and search entries. All of it or nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import asyncpg
import msgspec

from unisono.customers.collect.model import Failure, Incoming
from unisono.customers.collect.nodes import connect_all
from unisono.customers.identity.graph import Connected
from unisono.customers.identity.model import Key, Observation, PersonChange
from unisono.customers.identity.rulebook import Rulebook
from unisono.customers.profiles.writing import MAX_TRAITS, TraitRow, write_traits
from unisono.customers.timeline import service as timeline
from unisono.customers.timeline.model import LANES, NewEvent
from unisono.kit.crash import crash_point
from unisono.kit.database import Connection
from unisono.kit.secret import Secret
from unisono.kit.sql import load

_sql = load("unisono.customers.collect")


class Written(msgspec.Struct):
    """What became of a batch."""

    accepted: int = 0
    duplicates: int = 0
    failed: int = 0
    joined: int = 0


async def write(
    conn: Connection,
    incoming: Sequence[Incoming],
    failures: Sequence[Failure],
    rulebook: Rulebook,
    secret: Secret,
) -> Written:
    """Write a batch inside the caller's transaction. What happened under an identifier before that was erased is
    refused, also of identifiers nobody has any more: they are known by the installation's key.

    Raises asyncpg.UniqueViolationError or DeadlockDetectedError when it lost a race against another transaction
    (try again), asyncpg.DataError when PostgreSQL refuses a value (``write_without_refused`` finds which).
    """
    result = Written()
    if failures:
        await write_failures(conn, failures)
        result.failed = len(failures)
    events = await _unknown(conn, incoming)
    result.duplicates = len(incoming) - len(events)
    events, connected = await _connected(conn, events, rulebook, secret, result)
    result.accepted = len(events)
    if not events:
        return result
    rows = [_row(event, connected) for event in events]
    if connected.changes:
        result.joined = len(connected.changes)
        rows.extend(change_rows(connected.changes, events[0].received_at, events[0].source_id))
    await timeline.append(conn, rows)
    crash_point("collect.after_append")
    await write_traits(conn, _traits(events, connected))
    return result


class _Erased(Exception):
    """Some events happened before their identifier was erased."""

    def __init__(self, events: Sequence[Incoming]) -> None:
        super().__init__()
        self.message_ids = {event.message_id for event in events}


async def _connected(
    conn: Connection, events: list[Incoming], rulebook: Rulebook, secret: Secret, result: Written
) -> tuple[list[Incoming], Connected]:
    """The events that may be written, and their nodes."""
    nothing = Connected({}, {}, [], set())
    while events:
        keys, observations = _evidence(events)

        def check(erased: Mapping[Key, datetime], asked: Sequence[Incoming] = events) -> None:
            late = [event for event in asked if _before_erasure(event, erased)]
            if late:
                raise _Erased(late)

        try:
            connected = await connect_all(
                conn, keys, observations, rulebook, secret, now=events[0].received_at, check=check
            )
        except _Erased as erased:
            late = [event for event in events if event.message_id in erased.message_ids]
            await write_failures(conn, [_forgotten(event) for event in late])
            result.failed += len(late)
            events = [event for event in events if event.message_id not in erased.message_ids]
            continue
        return events, connected
    return events, nothing


def _before_erasure(event: Incoming, erased: Mapping[Key, datetime]) -> bool:
    """Also what was here before it and says, by a clock that is ahead, that it happened after."""
    at = min(event.occurred_at, event.received_at)
    return any(claim.key in erased and at < erased[claim.key] for claim in event.claims)


def _forgotten(event: Incoming) -> Failure:
    """The event of somebody erased, as a failed event that says nothing of him."""
    return Failure("erased", "It happened before its person was erased.", b"", event.received_at, event.source_id)


async def _unknown(conn: Connection, incoming: Sequence[Incoming]) -> list[Incoming]:
    """The events that are not on the timeline yet, each once, in order."""
    first: dict[str, Incoming] = {}
    for event in incoming:
        first.setdefault(event.message_id, event)
    known = await timeline.known_messages(conn, list(first)) if first else set()
    return [event for message_id, event in first.items() if message_id not in known]


def _evidence(events: Iterable[Incoming]) -> tuple[dict[Key, int | None], list[Observation]]:
    """The identifiers a batch names, and what its events say about which belong together."""
    keys: dict[Key, int | None] = {}
    observations = []
    for event in events:
        primary = event.claims[0]
        keys.setdefault(primary.key, event.source_id)
        if len(event.claims) == 1:
            continue
        for claim in event.claims[1:]:
            keys.setdefault(claim.key, event.source_id)
            observations.append(
                Observation(
                    primary.key,
                    claim.key,
                    event.occurred_at,
                    claim.strength,
                    event.source_id,
                    event.reason,
                    event.message_id,
                )
            )
    return keys, observations


def _row(event: Incoming, connected: Connected) -> NewEvent:
    node = connected.nodes[event.claims[0].key].id
    # As NewEvent(...) does, without its call: a microsecond an event.
    return tuple.__new__(
        NewEvent,
        (
            connected.person_of[node] % LANES,
            node,
            event.type,
            event.name,
            event.channel,
            event.store_id,
            event.source_id,
            event.message_id,
            event.occurred_at,
            event.received_at,
            event.sent_at,
            event.original_at,
            event.identifiers,
            event.properties,
            event.context,
        ),
    )


def change_rows(
    changes: Iterable[PersonChange],
    at: datetime,
    source_id: int | None,
    *,
    extra: Mapping[str, object] | None = None,
) -> list[NewEvent]:
    """Joins and splits as events on the timeline of the person they made."""
    return [
        NewEvent(
            timeline.lane_of(change.person_id),
            change.moved[0],
            "identity",
            "Person Joined" if change.kind == "join" else "Person Split",
            "system",
            None,
            source_id,
            f"identity:{uuid.uuid4()}",
            at,
            at,
            properties=msgspec.json.encode(
                {
                    "person_id": change.person_id,
                    "other_person_id": change.other_id,
                    "moved_nodes": change.moved,
                    **(extra or {}),
                }
            ).decode(),
        )
        for change in changes
    ]


def _traits(events: Iterable[Incoming], connected: Connected) -> Iterable[TraitRow]:
    for event in events:
        if event.traits:
            node = connected.nodes[event.claims[0].key].id
            for name, value in list(event.traits.items())[:MAX_TRAITS]:
                if value is not None and name.isprintable() and name.strip():
                    yield TraitRow(node, name, event.source_id, value, event.occurred_at)


async def write_failures(conn: Connection, failures: Sequence[Failure]) -> None:
    """Keep what could not be written, with the reason and the bytes."""
    await _sql.insert_failures(
        conn,
        received=[failure.received_at for failure in failures],
        sources=[failure.source_id for failure in failures],
        codes=[failure.code for failure in failures],
        details=[failure.detail.replace("\x00", "�") for failure in failures],
        messages=[failure.message_id for failure in failures],
        names=[failure.name for failure in failures],
        raws=[failure.raw for failure in failures],
        contexts=[failure.context for failure in failures],
    )


REFUSED = (
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,
    asyncpg.StatementTooComplexError,
    asyncpg.NotNullViolationError,
    asyncpg.CheckViolationError,
)
"""What PostgreSQL raises for a value it will never take."""


async def write_without_refused(
    conn: Connection,
    incoming: Sequence[Incoming],
    failures: Sequence[Failure],
    rulebook: Rulebook,
    secret: Secret,
) -> Written:
    """As ``write``, but what PostgreSQL refuses becomes a failed event; the culprits are found by halving."""
    result = await write(conn, [], failures, rulebook, secret)
    waiting = [list(incoming)]
    while waiting:
        some = waiting.pop()
        try:
            async with conn.transaction():
                part = await write(conn, some, [], rulebook, secret)
        except REFUSED as error:
            if len(some) == 1:
                await write_failures(conn, [refused(some[0], str(error))])
                result.failed += 1
            else:
                middle = len(some) // 2
                waiting += [some[middle:], some[:middle]]
        else:
            result.accepted += part.accepted
            result.failed += part.failed
            result.duplicates += part.duplicates
            result.joined += part.joined
    return result


def refused(event: Incoming, reason: str) -> Failure:
    """An event the database would not take, as a failed event."""
    return Failure(
        "rejected_by_database",
        reason[:500],
        event.raw,
        event.received_at,
        event.source_id,
        message_id=event.message_id,
        name=event.name,
    )
