"""The door of privacy: ask, look before, confirm, refuse. Everything works in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from unisono.access import audit
from unisono.customers.identity import service as identity
from unisono.customers.identity.personal import shared_beside
from unisono.customers.privacy.erasing import tables_of
from unisono.customers.privacy.errors import BadPrivacyRequest, NotConfirmable, RequestNotFound
from unisono.customers.privacy.model import (
    DUE,
    HOUR,
    NIGHT,
    WORK,
    Choice,
    ErasureCount,
    ErasureIdentifier,
    ErasurePreview,
    Kind,
    PrivacyRequest,
    State,
)
from unisono.customers.profiles import service as profiles
from unisono.customers.timers.service import set_timer
from unisono.kit.database import Connection
from unisono.kit.personal import PersonalData
from unisono.kit.secret import Secret
from unisono.kit.sql import load

_sql = load("unisono.customers.privacy")

CONFIRM = "confirmation"
"""Purpose of the key confirmations are made with."""

MAX_REASON = 500


def _as_request(row: asyncpg.Record) -> PrivacyRequest:
    fields: dict[str, Any] = {name: value for name, value in row.items() if name != "material"}
    for name in ("settings", "progress", "receipt"):
        fields[name] = msgspec.json.decode(fields[name])
    fields["settings"] = {name: value for name, value in fields["settings"].items() if name == "language"}
    return PrivacyRequest(**fields)


async def ask(
    conn: Connection,
    kind: Kind,
    person: int,
    *,
    reason: str,
    actor: str,
    now: datetime,
    language: str = "en",
    work_at: datetime | None = None,
) -> PrivacyRequest:
    """Write down what somebody asks for. A copy is begun at once; an erasure waits to be confirmed. Who makes the copy
    himself says by ``work_at`` when a worker is to do it, in case he does not.

    Raises PersonNotFound, BadPrivacyRequest (``reason_too_long``).
    """
    if len(reason) > MAX_REASON:
        raise BadPrivacyRequest(f"A reason has at most {MAX_REASON} characters.", code="reason_too_long")
    known = await identity.resolve(conn, person)
    begun = kind == "access"
    number: int = await _sql.insert_request(
        conn,
        kind=kind,
        state="running" if begun else "open",
        person=known,
        reason=reason.strip(),
        settings=msgspec.json.encode({"language": language}).decode(),
        now=now,
        actor=actor,
        due=now + DUE,
    )
    if begun:
        await _begin(conn, number, work_at or now)
    await set_night(conn, now)
    await audit.record(
        conn, actor=actor, action="privacy.asked", person_id=known, detail={"request_id": number, "kind": kind}
    )
    return await request(conn, number)


async def _begin(conn: Connection, number: int, now: datetime) -> None:
    await set_timer(conn, WORK, f"{number}:work", now, payload={"request": number, "step": "work"})


async def set_night(conn: Connection, now: datetime) -> None:
    """Set the timer of the night after ``now``."""
    due = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    due += timedelta(days=1) if due <= now else timedelta(0)
    await set_timer(conn, NIGHT, "night", due)


async def request(conn: Connection, number: int) -> PrivacyRequest:
    """A request. Raises RequestNotFound."""
    row = await _sql.request(conn, id=number) if 0 < number < 2**63 else None
    if row is None:
        raise RequestNotFound(f"There is no privacy request {number}.")
    return _as_request(row)


async def requests(
    conn: Connection,
    *,
    state: State | None = None,
    kind: Kind | None = None,
    persons: Collection[int] | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[PrivacyRequest]:
    """Requests, newest first, below the id ``before``; ``persons``: all ids of one person's identifiers."""
    rows = await _sql.requests(
        conn,
        state=state,
        kind=kind,
        persons=None if persons is None else list(persons),
        before=before,
        limit=limit,
    )
    return [_as_request(row) for row in rows]


async def _locked(conn: Connection, number: int) -> asyncpg.Record:
    row: asyncpg.Record | None = await _sql.lock_request(conn, id=number) if 0 < number < 2**63 else None
    if row is None:
        raise RequestNotFound(f"There is no privacy request {number}.")
    return row


async def preview(
    conn: Connection, number: int, parts: Sequence[PersonalData], secret: Secret, *, contacts: bool = True
) -> ErasurePreview:
    """What the erasure would do, and the confirmation it needs. Without ``contacts`` no identifier's value is told.

    Raises RequestNotFound, PersonNotFound, NotConfirmable (``not_open``).
    """
    row = await _sql.request(conn, id=number) if 0 < number < 2**63 else None
    if row is None:
        raise RequestNotFound(f"There is no privacy request {number}.")
    _must_be_open(row)
    person = await identity.resolve(conn, row["person_id"])
    found = await _sql.nodes_of_person(conn, person=person)
    nodes = [one["id"] for one in found]
    shared = await shared_beside(conn, nodes)
    counts = []
    for table in tables_of(parts):
        if table.whose is not None:
            rows = await conn.fetchval(table.counting(), nodes)
            counts.append(
                ErasureCount(table=table.name, section=table.section, rows=rows, deed=table.deed, why=table.why)
            )
    names = await profiles.names_of(conn, [person])
    return ErasurePreview(
        request_id=number,
        person_id=person,
        name=names.get(person),
        identifiers=[
            ErasureIdentifier(node_id=one["id"], namespace=one["namespace"], value=one["value"] if contacts else None)
            for one in found
        ],
        shared=[
            ErasureIdentifier(node_id=node, namespace=key.namespace, value=key.value if contacts else None)
            for node, key in shared
        ],
        standing=[what for part in parts for what in await part.standing(conn, nodes)],
        counts=[one for one in counts if one.rows],
        confirmation=_confirmation(secret, number, found),
    )


def _confirmation(secret: Secret, number: int, nodes: Sequence[asyncpg.Record]) -> str:
    """Says yes to this person as he is: his named identifiers. A browser more does not make him somebody else."""
    named = [f"{one['id']}" for one in nodes if one["level"] == "person"] or [f"{one['id']}" for one in nodes]
    data = f"{number}:{','.join(named)}".encode()
    return secret.digest(CONFIRM, data)[:8].hex()


def _must_be_open(row: asyncpg.Record) -> None:
    if row["kind"] != "erasure":
        raise NotConfirmable("Only an erasure is confirmed.", code="not_an_erasure")
    if row["state"] != "open":
        raise NotConfirmable(f"The request is {row['state']}.", code="not_open")


async def confirm(
    conn: Connection,
    number: int,
    parts: Sequence[PersonalData],
    secret: Secret,
    *,
    confirmation: str,
    shared: Mapping[int, Choice] | None = None,
    despite_standing: bool = False,
    actor: str,
    now: datetime,
) -> PrivacyRequest:
    """Begin an erasure: there is no way back. ``shared`` says of each identifier others use too (by node id) whether
    it goes.

    Raises RequestNotFound, PersonNotFound, NotConfirmable (``not_open``, ``person_changed``: look again;
    ``shared_undecided``; ``standing``: something is still owed, and ``despite_standing`` was not said).
    """
    row = await _locked(conn, number)
    _must_be_open(row)
    person = await identity.resolve(conn, row["person_id"])
    found = await _sql.nodes_of_person(conn, person=person)
    nodes = [one["id"] for one in found]
    if confirmation.strip().lower() != _confirmation(secret, number, found):
        raise NotConfirmable(
            "The confirmation does not fit this person as he is now.",
            code="person_changed",
            hint="Look at the preview again: identifiers may have come or gone.",
        )
    choices = dict(shared or {})
    beside = {node for node, _ in await shared_beside(conn, nodes)}
    if beside - choices.keys() or choices.keys() - beside:
        raise NotConfirmable(
            "Others use some of the identifiers too: say of each whether it is kept or erased.",
            code="shared_undecided",
            shared=sorted(beside),
        )
    standing = [what for part in parts for what in await part.standing(conn, nodes)]
    if standing and not despite_standing:
        raise NotConfirmable(
            f"Still to be settled with this person: {', '.join(standing[:10])}.",
            code="standing",
            hint="Settle it first, or say despite_standing: it is then given up.",
        )
    settings = {"nodes": nodes, "erase": sorted(node for node, choice in choices.items() if choice == "erase")}
    await _sql.set_state(conn, id=number, state="running", settings=msgspec.json.encode(settings).decode(), now=now)
    await _begin(conn, number, now)
    await audit.record(conn, actor=actor, action="privacy.confirmed", detail={"request_id": number})
    return await request(conn, number)


async def refuse(conn: Connection, number: int, *, actor: str, now: datetime) -> PrivacyRequest:
    """Settle a request without doing it. Raises RequestNotFound, NotConfirmable (``not_open``)."""
    row = await _locked(conn, number)
    if row["state"] != "open" and not (row["state"] == "running" and row["kind"] == "access"):
        raise NotConfirmable(f"The request is {row['state']}.", code="not_open")
    await _sql.set_state(conn, id=number, state="refused", settings="{}", now=now)
    await audit.record(conn, actor=actor, action="privacy.refused", detail={"request_id": number})
    return await request(conn, number)


async def end_expired(conn: Connection, *, now: datetime) -> int:
    """Throw away copies whose time is over; returns how many."""
    rows = await _sql.expired_archives(conn, now=now)
    ids = [row["id"] for row in rows]
    if ids:
        await _sql.end_archives(conn, ids=ids)
    return len(ids)


async def overdue(conn: Connection, *, now: datetime) -> int:
    """How many requests should have been settled by law."""
    return int(await _sql.overdue(conn, now=now))
