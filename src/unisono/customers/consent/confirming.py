"""Double opt-in: a consent is asked for, and counts once the owner of the address has confirmed it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from unisono.customers.consent.errors import BadConsent, OptInNotFound, OptInOver
from unisono.customers.consent.ledger import as_entry, as_state, lock_persons_of, record
from unisono.customers.consent.model import Entry, Legal, NewEntry, OptIn
from unisono.customers.consent.service import legal
from unisono.kit.arrays import int_list
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.consent")

AGAIN_AFTER: Final = timedelta(hours=1)
"""Who asks again sooner gets no second mail: a form must not become a way to pester somebody."""


def needs_confirmation(entry: NewEntry, rules: Legal, *, proven: bool = True) -> bool:
    """Whether a grant must be confirmed by the owner of the address before it counts.

    ``proven`` says that whoever sent it is trusted to have met the person: what a browser says of an e-mail address or
    a number anybody could have typed.
    """
    if entry.action != "granted" or entry.basis != "consent" or entry.purpose != "marketing":
        return False
    return not proven or (rules.marketing_double_opt_in and entry.channel in rules.double_opt_in_channels)


async def request_opt_in(conn: Connection, asked: NewEntry, *, now: datetime) -> OptIn | None:
    """Ask for a consent: ``asked`` is the grant that is to be confirmed. None when it holds already, or is over.

    Writes ``Consent Updated`` with status ``requested`` and the entry's id: whoever sends messages follows it and sends
    the link. Asked again within the hour it is the same request and there is no second message. Raises BadConsent.
    """
    if asked.basis != "consent":
        raise BadConsent("Only a consent is confirmed.")
    await lock_persons_of(conn, [asked.node_id])
    rows = [as_state(row) for row in await _sql.states_of_nodes(conn, nodes=int_list([asked.node_id]))]
    same = [row for row in rows if row.purpose == asked.purpose and row.channel == asked.channel]
    if any(state.holds(now) and state.basis == "consent" for state in same):
        return None
    open_one = await _sql.open_request(
        conn,
        node_id=asked.node_id,
        purpose=asked.purpose,
        channel=asked.channel,
        now=now,
        since=now - AGAIN_AFTER,
    )
    if open_one:
        return OptIn(**dict(open_one))
    over = asked.expires_at is not None and asked.expires_at <= now
    # The end he set stays with the request: the confirmation is of this consent, not of one for ever.
    [entry] = await record(conn, [msgspec.structs.replace(asked, action="requested", told=not over)], now=now)
    if over:
        return None
    ends = now + timedelta(days=(await legal(conn)).confirm_within_days)
    if entry.expires_at is not None:
        ends = min(ends, entry.expires_at)
    row = await _sql.insert_request(
        conn,
        entry_id=entry.id,
        node_id=entry.node_id,
        purpose=entry.purpose,
        channel=entry.channel,
        now=now,
        expires_at=ends,
    )
    return OptIn(**dict(row))


async def opt_in(conn: Connection, entry_id: int) -> OptIn:
    """A request by the id of its entry. Raises OptInNotFound."""
    row = await _sql.request_by_entry(conn, entry_id=entry_id)
    if row is None:
        raise OptInNotFound(f"Nobody asked for a confirmation {entry_id}.")
    return OptIn(**dict(row))


async def confirm(
    conn: Connection, entry_id: int, *, now: datetime, proof: Mapping[str, Any] | None = None, via: str = "web"
) -> Entry:
    """The owner of the address says yes: the consent holds from now on. Confirming twice is confirming once.

    ``proof`` says how (address, browser). Raises OptInNotFound, OptInOver past its time.
    """
    asked = await opt_in(conn, entry_id)
    await lock_persons_of(conn, [asked.node_id])
    # Again, now that nobody else can: two clicks at once are one confirmation.
    asked = await opt_in(conn, entry_id)
    row = await _sql.entry_by_id(conn, id=entry_id)
    assert row is not None, "a request without its entry"
    first = as_entry(row)
    if asked.used_at is None:
        if now >= asked.expires_at:
            raise OptInOver("The time to confirm is over: please ask again.", expired_at=asked.expires_at.isoformat())
        await _sql.use_request(conn, entry_id=entry_id, now=now)
    entry = NewEntry(
        node_id=first.node_id,
        purpose=first.purpose,
        channel=first.channel,
        action="confirmed",
        key=f"confirmed:{entry_id}",
        source="confirmation",
        actor="customer",
        # Pressed again it is the same, also when what it confirmed has ended since.
        at=asked.used_at or now,
        text_id=first.text_id,
        text_version=first.text_version,
        text_language=first.text_language,
        expires_at=first.expires_at,
        proof={"request": entry_id, **(proof or {})},
        via=via,
    )
    [confirmed] = await record(conn, [entry], now=now)
    return confirmed
