"""The ledger: entries are added, states are their fold, in one transaction and under the addresses' locks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from unisono.customers.consent.errors import BadConsent
from unisono.customers.consent.model import ANY, CHANNELS, MAX_TEXT, OBJECTIONS, Entry, NewEntry, State
from unisono.customers.consent.rules import fold
from unisono.customers.record import Happening
from unisono.customers.record import record as write_events
from unisono.customers.timers import service as timers
from unisono.customers.timers.model import NewTimer
from unisono.kit.arrays import int_list
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.consent")

LOCKS: Final = 0x436F6E73
"""The space of our advisory locks."""

EXPIRY: Final = "consent.expiry"
"""The kind of timers that end consents."""

MAX_AHEAD = timedelta(minutes=5)
"""How far ahead of now something may have been said: clocks differ (RULES R8)."""

MAX_PROOF = 8192
"""Bytes of a proof, as JSON."""

Triple = tuple[int, str, str]
"""Identifier, purpose, channel."""


async def lock_addresses(conn: Connection, node_ids: Collection[int], *, shared: bool) -> None:
    """Hold addresses until the transaction ends: shared by who hands a message over, alone by who changes a consent.

    So a withdrawal is respected by every message not handed over when it is recorded. Take it before reading states.
    """
    if node_ids:
        lock = _sql.lock_shared if shared else _sql.lock_exclusively
        await lock(conn, space=LOCKS, nodes=int_list(node_ids))


async def lock_persons_of(conn: Connection, node_ids: Collection[int]) -> None:
    """Hold, alone, these addresses and all others of the same persons: what is said under one counts for all."""
    rows = await _sql.siblings(conn, nodes=int_list(node_ids))
    await lock_addresses(conn, {row["id"] for row in rows} | set(node_ids), shared=False)


async def record(conn: Connection, entries: Sequence[NewEntry], *, now: datetime) -> list[Entry]:
    """Add entries inside the caller's transaction, fold what they touch, tell the timeline, set the expiries.

    Returns the entry of each, also of those that were there already (same key): these change nothing. A grant lifts
    an ``opt_out`` of the address. Raises BadConsent.
    """
    wanted = [_checked(entry, now) for entry in entries]
    if not wanted:
        return []
    await lock_persons_of(conn, {entry.node_id for entry in wanted})
    rows = await _sql.insert_entries(conn, entries=msgspec.json.encode(_rows(wanted)).decode(), now=now)
    added = {row["key"] for row in rows}
    found = {row["key"]: as_entry(row) for row in await _sql.entries_by_key(conn, keys=[one.key for one in wanted])}
    fresh = [entry for entry in wanted if entry.key in added]
    if fresh:
        await _settle(conn, fresh, found, now=now)
    return [found[entry.key] for entry in wanted]


async def _settle(conn: Connection, fresh: Sequence[NewEntry], found: dict[str, Entry], *, now: datetime) -> None:
    states = await refold(conn, {(one.node_id, one.purpose, one.channel) for one in fresh})
    await timers.set_timers(conn, [_expiry(state) for state in states if state.expires_at is not None])
    lifted = [one for one in fresh if lifts(one)]
    if lifted:
        await _sql.lift(
            conn,
            nodes=int_list(one.node_id for one in lifted),
            channels=[one.channel for one in lifted],
            reasons=["opt_out"],
            actor="consent",
            now=now,
        )
    # An entry told twice in one call is one event.
    told = {one.key: one for one in fresh if one.told}
    await write_events(conn, [_happening(one, found[one.key]) for one in told.values()], clock=lambda: now)


def lifts(entry: NewEntry) -> bool:
    """Whether an entry takes an address back onto the list."""
    return entry.action in ("granted", "confirmed") and entry.purpose == "marketing" and entry.basis == "consent"


async def refold(conn: Connection, triples: Collection[Triple]) -> list[State]:
    """Fold these anew and keep what comes out; the caller holds the locks."""
    wanted = sorted(triples)
    rows = await _sql.entries_beside(
        conn,
        nodes=int_list(node for node, _, _ in wanted),
        purposes=[purpose for _, purpose, _ in wanted],
        channels=[channel for _, _, channel in wanted],
    )
    by_triple: dict[Triple, list[Entry]] = {}
    for row in rows:
        by_triple.setdefault((row["node_id"], row["purpose"], row["channel"]), []).append(as_entry(row))
    states = [state for state in map(fold, by_triple.values()) if state is not None]
    await _sql.keep_states(conn, states=msgspec.json.encode(states).decode())
    return states


def _expiry(state: State) -> NewTimer:
    assert state.expires_at is not None
    return NewTimer(
        kind=EXPIRY,
        # By entry: a timer that has fired is over, and a renewed consent expires again.
        key=f"{state.entry_id}:{state.expires_at.isoformat()}",
        due_at=state.expires_at,
        payload={"node_id": state.node_id, "purpose": state.purpose, "channel": state.channel},
    )


def _happening(new: NewEntry, entry: Entry) -> Happening:
    properties: dict[str, Any] = {
        "purpose": entry.purpose,
        "channel": entry.channel,
        "status": entry.action,
        "granted": entry.action in ("granted", "confirmed"),
        "source": entry.source,
        "legal_basis": entry.basis,
        "entry": entry.id,
    }
    if entry.text_id:
        properties["text_version"] = f"{entry.text_id}/{entry.text_version}/{entry.text_language}"
    if entry.expires_at:
        properties["expires_at"] = entry.expires_at.isoformat()
    if isinstance(entry.proof.get("message"), int):
        properties["message_id"] = entry.proof["message"]
    if entry.category:
        properties["category"] = entry.category
    return Happening(
        node_id=entry.node_id,
        name="Consent Updated",
        key=f"consent:{entry.id}",
        channel=new.via,
        at=entry.at,
        properties=properties,
    )


def _rows(entries: Iterable[NewEntry]) -> list[dict[str, Any]]:
    rows = []
    for entry in entries:
        row = msgspec.structs.asdict(entry)
        del row["told"], row["via"]
        rows.append(row)
    return rows


def as_entry(row: asyncpg.Record) -> Entry:
    """A row as an entry."""
    fields: dict[str, Any] = dict(row)
    fields["proof"] = msgspec.json.decode(fields["proof"])
    return Entry(**fields)


def as_state(row: asyncpg.Record) -> State:
    """A row as a state."""
    fields: dict[str, Any] = dict(row)
    fields["categories"] = tuple(fields["categories"])
    return State(**fields)


# What an entry may be ---------------------------------------------------------------------------------


def _checked(entry: NewEntry, now: datetime) -> NewEntry:
    """The entry as it can be kept. Raises BadConsent."""
    _check_texts(entry)
    _check_channel(entry)
    _check_basis(entry)
    at = _instant(entry.at)
    ends = None if entry.expires_at is None else _instant(entry.expires_at)
    if at > now + MAX_AHEAD:
        raise BadConsent("It was said in the future.", hint="Send the instant in UTC, or none for now.")
    if ends is not None and ends <= at:
        raise BadConsent("It ends before it begins.")
    return msgspec.structs.replace(entry, at=min(at, now).astimezone(UTC), expires_at=ends)


def _instant(said: datetime) -> datetime:
    """In UTC, where the years 1 and 9999 of another zone may lie outside of what can be read back."""
    if said.tzinfo is None:
        raise BadConsent("Instants need a time zone.")
    try:
        return said.astimezone(UTC)
    except OverflowError:
        raise BadConsent("An instant is between the years 1 and 9999.") from None


def _check_texts(entry: NewEntry) -> None:
    texts = (entry.key, entry.source, entry.actor, entry.order_ref or "-", entry.category or "-", entry.text_id or "-")
    if not all(texts) or any(len(text) > MAX_TEXT or "\x00" in text for text in texts):
        raise BadConsent(f"Texts of an entry have 1 to {MAX_TEXT} characters, no NUL among them.")
    try:
        proof = msgspec.json.encode(entry.proof)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadConsent("The proof cannot be written as JSON.") from error
    if len(proof) > MAX_PROOF or b"\\u0000" in proof:
        raise BadConsent(f"A proof has {MAX_PROOF} bytes at the most, no NUL among them.")
    if entry.text_id is not None and (entry.text_version is None or entry.text_language is None):
        raise BadConsent("A text is named with its version and language.")


def _check_channel(entry: NewEntry) -> None:
    if entry.purpose == "marketing":
        known = entry.channel in CHANNELS or (entry.channel == ANY and entry.action in OBJECTIONS)
        if not known:
            raise BadConsent(f"Marketing has no channel {entry.channel[:40]!r}.", hint=", ".join(CHANNELS))
    elif entry.purpose == "contract":
        if entry.channel not in (*CHANNELS, ANY):
            raise BadConsent(f"There is no channel {entry.channel[:40]!r}.", hint=", ".join((*CHANNELS, ANY)))
    elif entry.channel != ANY:
        raise BadConsent(f"A consent to {entry.purpose} is about no channel: write {ANY!r}.")


def _check_basis(entry: NewEntry) -> None:
    if entry.basis == "soft_opt_in":
        good = (
            entry.purpose == "marketing"
            and entry.channel == "email"
            and entry.action == "granted"
            and entry.order_ref
            and entry.category
            and entry.expires_at is None
        )
        if not good:
            raise BadConsent(
                "A soft opt-in is to e-mail marketing, from an order and about a category, and has no expiry.",
                code="bad_soft_opt_in",
            )
    if entry.action not in ("granted", "confirmed", "requested") and entry.expires_at is not None:
        raise BadConsent("Only what is given can expire.")
