"""The door of webhooks: make endpoints and change them, look at what was delivered, replay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import msgspec

from unisono.commerce.changes.feed import changes_end
from unisono.commerce.changes.model import KINDS, Change
from unisono.commerce.changes.webhooks import rules
from unisono.commerce.changes.webhooks.model import Delivery, Endpoint, State, Tried
from unisono.commerce.changes.webhooks.sending import check_url
from unisono.customers.timeline.model import BEGINNING, Position
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest, NotFound
from unisono.kit.sql import load

_sql = load("unisono.commerce.changes.webhooks")

MAX_NAME = 100
MAX_OVERLAP = 7 * 86_400
"""Seconds a rotated secret may go on signing beside the new one."""

SUCCESS_NOTED_EVERY = timedelta(seconds=30)
"""How exact the time of an endpoint's last success is."""


class EndpointNotFound(NotFound):
    """There is no such endpoint."""

    code = "webhook_not_found"


def _as_endpoint(row: asyncpg.Record, now: datetime) -> Endpoint:
    rotated = row["previous_secret"]
    still_good = rotated is not None and row["previous_until"] > now
    return Endpoint(
        id=row["id"],
        name=row["name"],
        url=row["url"],
        kinds=tuple(row["kinds"]),
        secrets=(row["secret"], rotated) if still_good else (row["secret"],),
        position=Position(row["txid"], row["change_id"]),
        created_at=row["created_at"],
        created_by=row["created_by"],
        live_since=row["live_since"],
        succeeded_at=row["succeeded_at"],
        failing_since=row["failing_since"],
        last_error=row["last_error"],
        disabled_at=row["disabled_at"],
        disabled_reason=row["disabled_reason"],
    )


async def endpoints(conn: Connection, *, now: datetime) -> list[Endpoint]:
    """All endpoints, the disabled ones too."""
    return [_as_endpoint(row, now) for row in await _sql.endpoints(conn, id=None)]


async def endpoint(conn: Connection, endpoint_id: int, *, now: datetime) -> Endpoint:
    """One endpoint. Raises EndpointNotFound."""
    # No endpoint has an id beyond int, and the driver would refuse it.
    rows = await _sql.endpoints(conn, id=endpoint_id) if endpoint_id < 2**31 else []
    if not rows:
        raise EndpointNotFound(f"There is no webhook {endpoint_id}.")
    return _as_endpoint(rows[0], now)


def _name(name: str) -> str:
    name = " ".join(name.replace("\x00", "").split())
    if not 0 < len(name) <= MAX_NAME:
        raise BadRequest(f"A webhook has a name of 1 to {MAX_NAME} characters.", code="webhook_name")
    return name


def _kinds(kinds: Sequence[str]) -> list[str]:
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise BadRequest(
            f"There is no kind of change {unknown[0][:40]!r}.", code="webhook_kind", hint=f"Kinds: {', '.join(KINDS)}"
        )
    return list(dict.fromkeys(kinds))


async def create(
    conn: Connection, *, name: str, url: str, kinds: Sequence[str] = (), private: bool, actor: str, now: datetime
) -> Endpoint:
    """Make an endpoint that is told of every change from now on. Raises BadRequest.

    ``private``: whether it may be on this machine or network (setting ``webhook_private_addresses``).
    """
    position, _ = await changes_end(conn)
    made = await _sql.insert_endpoint(
        conn,
        name=_name(name),
        url=check_url(url, private=private),
        secret=rules.new_secret(),
        kinds=_kinds(kinds),
        txid=str(position.txid),
        change_id=position.id,
        now=now,
        actor=actor,
    )
    return await endpoint(conn, made, now=now)


async def change(
    conn: Connection,
    endpoint_id: int,
    *,
    name: str | None = None,
    url: str | None = None,
    kinds: Sequence[str] | None = None,
    enabled: bool | None = None,
    private: bool,
    now: datetime,
) -> Endpoint:
    """Change what is given. Enabled again it goes on where it stopped. Raises EndpointNotFound, BadRequest."""
    known = await endpoint(conn, endpoint_id, now=now)
    await _sql.change_endpoint(
        conn,
        id=endpoint_id,
        name=known.name if name is None else _name(name),
        url=known.url if url is None else check_url(url, private=private),
        kinds=list(known.kinds) if kinds is None else _kinds(kinds),
    )
    if enabled is True and known.disabled_at is not None:
        await _sql.enable_endpoint(conn, id=endpoint_id, now=now)
        await _sql.hasten(conn, endpoint_id=endpoint_id, now=now)
    elif enabled is False:
        await _sql.disable_endpoint(conn, id=endpoint_id, now=now, reason="Disabled by hand.")
    return await endpoint(conn, endpoint_id, now=now)


async def delete(conn: Connection, endpoint_id: int, *, now: datetime) -> Endpoint:
    """Remove an endpoint and the log of its deliveries; returns what it was. Raises EndpointNotFound."""
    known = await endpoint(conn, endpoint_id, now=now)
    await _sql.delete_endpoint(conn, id=endpoint_id)
    return known


async def rotate(conn: Connection, endpoint_id: int, *, overlap: int, now: datetime) -> Endpoint:
    """Give an endpoint a new secret; for ``overlap`` seconds every message is signed with both. Raises
    EndpointNotFound, BadRequest."""
    if not 0 <= overlap <= MAX_OVERLAP:
        raise BadRequest(f"The overlap is 0 to {MAX_OVERLAP} seconds.", code="webhook_overlap")
    await endpoint(conn, endpoint_id, now=now)
    await _sql.rotate_secret(conn, id=endpoint_id, secret=rules.new_secret(), until=now + timedelta(seconds=overlap))
    return await endpoint(conn, endpoint_id, now=now)


async def replay(
    conn: Connection, endpoint_id: int, *, after: Position | None = None, since: datetime | None = None, now: datetime
) -> Endpoint:
    """Send again everything after a position, or written since an instant, under the same ids, in order.

    Raises EndpointNotFound, BadRequest when not exactly one of the two is given.
    """
    if (after is None) == (since is None):
        raise BadRequest("Replay after a position or since a time.", code="webhook_replay")
    if since is not None and since.tzinfo is None:
        raise BadRequest("A time needs a zone.", code="webhook_replay", hint="For example 2026-10-31T08:00:00Z")
    known = await endpoint(conn, endpoint_id, now=now)
    if since is not None:
        row = await _sql.position_at(conn, since=since)
        after = Position(row["txid"], row["id"]) if row else known.position
    assert after is not None
    end, _ = await changes_end(conn)
    after = max(BEGINNING, min(after, end))
    await _sql.set_position(conn, id=endpoint_id, txid=str(after.txid), change_id=after.id, now=now)
    return await endpoint(conn, endpoint_id, now=now)


async def plan(conn: Connection, endpoint_id: int, until: Position, *, limit: int, now: datetime) -> int:
    """Turn the next changes up to a position into deliveries; returns how many changes were read."""
    return int(
        await _sql.plan(conn, id=endpoint_id, until_txid=str(until.txid), until_id=until.id, limit=limit, now=now)
    )


async def waiting(conn: Connection, endpoint_id: int, *, aside: Sequence[str], limit: int) -> list[Delivery]:
    """The oldest pending deliveries, in order, without those of the subjects ``aside``."""
    rows = await _sql.waiting(conn, endpoint_id=endpoint_id, aside=aside, limit=limit)
    return [
        Delivery(
            id=row["id"],
            message_id=row["message_id"],
            attempts=row["attempts"],
            first_at=row["first_at"],
            next_try_at=row["next_try_at"],
            change=Change(
                row["txid"],
                row["change_id"],
                row["kind"],
                row["subject"],
                row["sequence"],
                row["at"],
                row["node_id"],
                msgspec.json.decode(row["data"]),
            ),
        )
        for row in rows
    ]


async def write_tries(conn: Connection, to: Endpoint, tried: Sequence[Tried], *, now: datetime) -> None:
    """Write down what came of tries, and what they say of the endpoint: 410, or three days of failing, disable it."""
    await _sql.write_tries(
        conn,
        ids=[one.delivery.id for one in tried],
        states=[one.state for one in tried],
        ats=[one.at for one in tried],
        next_tries=[one.next_try_at for one in tried],
        statuses=[one.answer.status for one in tried],
        errors=[one.answer.error for one in tried],
    )
    if any(one.answer.taken for one in tried):
        await _succeeded(conn, to, now)
    failures = [one.answer for one in tried if not one.answer.taken]
    if not failures:
        return
    error = failures[-1].error or ""
    since: datetime | None = await _sql.endpoint_failed(conn, id=to.id, now=now, error=error)
    if any(answer.gone for answer in failures):
        await _sql.disable_endpoint(conn, id=to.id, now=now, reason="It answered 410: it wants no more.")
    elif since is not None and now - since >= rules.GIVES_UP_AFTER:
        reason = f"It has failed since {since:%Y-%m-%d %H:%M} UTC: {error}"
        await _sql.disable_endpoint(conn, id=to.id, now=now, reason=reason)


async def _succeeded(conn: Connection, to: Endpoint, now: datetime) -> None:
    failed_before = await _sql.endpoint_succeeded(conn, id=to.id, now=now, noted_before=now - SUCCESS_NOTED_EVERY)
    if failed_before:
        await _sql.hasten(conn, endpoint_id=to.id, now=now)


class LoggedDelivery(msgspec.Struct, frozen=True):
    """One delivery as the log shows it."""

    id: int
    message_id: str
    subject: str
    state: State
    attempts: int
    planned_at: datetime
    next_try_at: datetime | None
    """None when there is none."""
    first_at: datetime | None
    delivered_at: datetime | None
    last_status: int | None
    last_error: str | None


async def deliveries(
    conn: Connection, endpoint_id: int, *, state: State | None = None, before: int | None = None, limit: int = 50
) -> list[LoggedDelivery]:
    """The log of an endpoint, newest first, below the id ``before``."""
    rows = await _sql.deliveries(conn, endpoint_id=endpoint_id, state=state, before=before, limit=limit)
    return [
        LoggedDelivery(**dict(row) | {"next_try_at": row["next_try_at"] if row["state"] == "pending" else None})
        for row in rows
    ]


class Backlog(msgspec.Struct, frozen=True):
    """What an endpoint has not taken."""

    pending: int = 0
    dead: int = 0
    oldest: datetime | None = None
    """When the oldest that waits was planned."""


async def backlogs(conn: Connection) -> dict[int, Backlog]:
    """What waits and what died, by endpoint; endpoints with nothing are left out."""
    rows = await _sql.count_deliveries(conn)
    return {row["endpoint_id"]: Backlog(row["pending"], row["dead"], row["oldest"]) for row in rows}


async def forget(conn: Connection, before: datetime) -> int:
    """Forget deliveries made before an instant, 10,000 at the most; returns how many."""
    return int(await _sql.forget_deliveries(conn, before=before))


async def take_lead(conn: Connection) -> bool:
    """Become the process that delivers, as long as this connection lasts; whether nobody else is it."""
    return bool(await _sql.take_lead(conn))
