"""The door of coherence: what was reported, the incidents, how they close."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from unisono.access import audit
from unisono.commerce.changes import service as changes
from unisono.commerce.changes.model import NewChange
from unisono.commerce.coherence.model import Count, Incident, IncidentKind, Judged, Key, Place
from unisono.customers.timers import service as timers
from unisono.customers.timers.model import NewTimer
from unisono.kit.database import Connection
from unisono.kit.errors import Conflict, NotFound
from unisono.kit.sql import load

_sql = load("unisono.commerce.coherence")

CLOSE_TIMER: Final = "coherence.close"

QUIET: Final = timedelta(hours=24)
"""So long without recurrence, and once shown rightly since: an incident closes by itself."""


class IncidentNotFound(NotFound):
    """There is no such incident."""

    code = "incident_not_found"


async def known_places(conn: Connection, codes: Sequence[str]) -> set[str]:
    """Which of these store ids are places of ours."""
    return {row["code"] for row in await _sql.known_places(conn, codes=list(codes))} if codes else set()


async def report(conn: Connection, judged: Sequence[Judged]) -> None:
    """Write down what was compared: incidents opened or added to, what was shown rightly again, the counts."""
    wrong: dict[Key, list[Judged]] = defaultdict(list)
    right: dict[Key, datetime] = {}
    for one in judged:
        key = one.showing.key
        if one.correct is False:
            wrong[key].append(one)
        elif one.correct:
            right[key] = max(one.showing.at, right.get(key, one.showing.at))
    known = await _open_ones(conn, right)
    if wrong:
        known |= await _report_wrong(conn, wrong)
    mended = [(known[key], at) for key, at in right.items() if key in known]
    if mended:
        await _sql.note_correct(conn, ids=[one for one, _ in mended], ats=[at for _, at in mended])
    await _count(conn, judged)


async def _open_ones(conn: Connection, keys: dict[Key, datetime]) -> dict[Key, int]:
    rows = await _sql.open_incidents(conn, skus=sorted({key.sku for key in keys})) if keys else []
    return {_key(row): row["id"] for row in rows}


def _key(row: asyncpg.Record) -> Key:
    return Key(row["kind"], row["sku"], Place(row["channel"], row["store_id"]))


def _shown(one: Judged) -> dict[str, Any]:
    showing = one.showing
    if showing.key.kind == "price":
        return {"amount_minor": showing.shown, "currency": showing.currency}
    return {"available": showing.shown} if showing.key.kind == "availability" else {"offer": showing.shown}


async def _report_wrong(conn: Connection, wrong: dict[Key, list[Judged]]) -> dict[Key, int]:
    last = {key: max(some, key=lambda one: one.showing.at) for key, some in wrong.items()}
    rows = await _sql.report_incidents(
        conn,
        kinds=[key.kind for key in wrong],
        skus=[key.sku for key in wrong],
        channels=[key.place.channel for key in wrong],
        stores=[key.place.store_id for key in wrong],
        shown=[_json(_shown(last[key])) for key in wrong],
        truths=[_json(last[key].truth) for key in wrong],
        firsts=[min(one.showing.at for one in some) for some in wrong.values()],
        lasts=[last[key].showing.at for key in wrong],
        occurrences=[len(some) for some in wrong.values()],
        event_ids=[last[key].showing.event_id for key in wrong],
    )
    ids = {_key(row): int(row["id"]) for row in rows}
    people = sorted({(ids[key], one.showing.node_id) for key, some in wrong.items() for one in some})
    await _sql.add_people(conn, incidents=[one for one, _ in people], nodes=[node for _, node in people])
    new = [row for row in rows if row["is_new"]]
    if new:
        await _alert(conn, [_change(row, "open", wrong[_key(row)][-1].truth, last[_key(row)]) for row in new])
        await timers.set_timers(conn, [_timer(row["id"], row["last_at"]) for row in new])
    return ids


def _timer(incident: int, last_at: datetime) -> NewTimer:
    due = last_at + QUIET
    return NewTimer(
        kind=CLOSE_TIMER, key=f"{incident}:{due:%Y%m%dT%H%M%S.%f}", due_at=due, payload={"incident": incident}
    )


def _change(row: asyncpg.Record, state: str, truth: dict[str, Any], last: Judged) -> NewChange:
    return _incident_change(row, state, _shown(last), truth, occurrences=1)


def _incident_change(
    row: asyncpg.Record, state: str, shown: dict[str, Any], truth: dict[str, Any], *, occurrences: int
) -> NewChange:
    data = {
        "state": state,
        "kind": row["kind"],
        "sku": row["sku"],
        "channel": row["channel"],
        "location": row["store_id"] or None,
        "shown": shown,
        "truth": truth,
        "first_at": row["first_at"],
        "last_at": row["last_at"],
        "occurrences": occurrences,
    }
    return NewChange("incident", f"incident:{row['id']}", row["version"], data)


async def _alert(conn: Connection, alerts: Sequence[NewChange]) -> None:
    await changes.record_changes(conn, alerts)


async def _count(conn: Connection, judged: Sequence[Judged]) -> None:
    compared: Counter[tuple[date, Place]] = Counter()
    differing: Counter[tuple[date, Place]] = Counter()
    unknown: Counter[tuple[date, Place]] = Counter()
    for one in judged:
        where = (one.showing.at.astimezone(UTC).date(), one.showing.key.place)
        (unknown if one.correct is None else compared)[where] += 1
        differing[where] += one.correct is False
    places = list(compared.keys() | unknown.keys())
    if places:
        await _sql.add_counts(
            conn,
            days=[day for day, _ in places],
            channels=[place.channel for _, place in places],
            stores=[place.store_id for _, place in places],
            compared=[compared[where] for where in places],
            differing=[differing[where] for where in places],
            unknown=[unknown[where] for where in places],
        )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def incidents(
    conn: Connection,
    *,
    incident_id: int | None = None,
    open_only: bool | None = None,
    kind: IncidentKind | None = None,
    sku: str | None = None,
    channel: str | None = None,
    store_id: str | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int = 50,
) -> list[Incident]:
    """Incidents, those seen last first; ``open_only`` False: the closed ones. ``before`` is (last_at, id)."""
    rows = await _sql.incidents(
        conn,
        id=incident_id,
        open=open_only,
        kind=kind,
        sku=sku,
        channel=channel,
        store_id=store_id,
        before_at=before[0] if before else None,
        before_id=before[1] if before else None,
        limit=limit,
    )
    return [
        Incident(**dict(row) | {"shown": msgspec.json.decode(row["shown"]), "truth": msgspec.json.decode(row["truth"])})
        for row in rows
    ]


async def incident(conn: Connection, incident_id: int) -> Incident:
    """One incident. Raises IncidentNotFound."""
    found = await incidents(conn, incident_id=incident_id, limit=1)
    if not found:
        raise IncidentNotFound(f"There is no incident {incident_id}.")
    return found[0]


async def close(conn: Connection, incident_id: int, *, actor: str, now: datetime) -> Incident:
    """Close an incident by hand: when it recurs, another opens. Raises IncidentNotFound, Conflict when it is closed."""
    if not await _close(conn, incident_id, actor=actor, now=now):
        await incident(conn, incident_id)
        raise Conflict("It is closed already.", code="incident_closed")
    await audit.record(conn, actor=actor, action="incident.close", detail={"incident": incident_id})
    return await incident(conn, incident_id)


async def _close(conn: Connection, incident_id: int, *, actor: str, now: datetime) -> bool:
    row = await _sql.close_incident(conn, id=incident_id, actor=actor, now=now)
    if row is None:
        return False
    shown, truth = msgspec.json.decode(row["shown"]), msgspec.json.decode(row["truth"])
    await _alert(conn, [_incident_change(row, "closed", shown, truth, occurrences=row["occurrences"])])
    return True


async def close_when_quiet(conn: Connection, incident_id: int, *, now: datetime) -> str:
    """Close an incident that did not recur for a day and was shown rightly since; else look again later."""
    row = await _sql.lock_incident(conn, id=incident_id)
    if row is None or row["closed_at"] is not None:
        return "closed already"
    if row["last_at"] + QUIET > now:
        await timers.set_timers(conn, [_timer(incident_id, row["last_at"])])
        return "recurred"
    if row["correct_at"] is None:
        await timers.set_timers(conn, [_timer(incident_id, now)])
        return "not shown rightly since"
    await _close(conn, incident_id, actor="system", now=now)
    return "closed"


async def counts(conn: Connection, since: date) -> list[Count]:
    """What was compared since a day (UTC), by day, channel and store, newest first."""
    return [Count(*row) for row in await _sql.counts(conn, since=since)]


async def open_by_kind(conn: Connection) -> dict[str, int]:
    """How many incidents are open, by kind."""
    return {row["kind"]: row["incidents"] for row in await _sql.open_by_kind(conn)}
