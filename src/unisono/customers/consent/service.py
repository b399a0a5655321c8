"""The door of consent: record, withdraw, suppress, look.

Everything runs inside the caller's transaction and is set-wise. What holds for a person is `rules.allowed` on the
`Standing` of all his identifiers.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec

from unisono.access import audit
from unisono.customers.consent.errors import BadConsent, SettingNotFound
from unisono.customers.consent.ledger import as_entry, as_state, lock_addresses, lock_persons_of, record
from unisono.customers.consent.model import (
    ADDRESSES,
    ANY,
    CHANNELS,
    MAX_TEXT,
    OBJECTIONS,
    PERSON_CHANNELS,
    PURPOSES,
    Entry,
    Legal,
    LegalOverride,
    NewEntry,
    Purpose,
    RegisterCheck,
    Standing,
    State,
    Suppression,
)
from unisono.kit.arrays import int_list
from unisono.kit.database import Connection
from unisono.kit.sql import load

__all__ = [
    "entries_of",
    "legal",
    "legal_overrides",
    "lift",
    "lock_addresses",
    "record",
    "registers_of",
    "set_legal",
    "soft_key",
    "soft_opt_in",
    "standing_of_nodes",
    "standings",
    "states_of",
    "suppress",
    "suppressions_of",
    "withdraw",
]

_sql = load("unisono.customers.consent")

MAX_REASON = 500

MARKETING: Final[tuple[Purpose, ...]] = ("marketing",)
"""What a withdrawal is of when nothing else is said."""


REPEATED: Final = timedelta(seconds=10)
"""A second no so soon after the first is the same one: a double click, a mail program that asks twice."""


# Looking ----------------------------------------------------------------------------------------------


async def states_of(conn: Connection, nodes: Collection[int]) -> dict[int, tuple[State, ...]]:
    """What holds for these identifiers, by identifier; those nobody said anything under are not in it."""
    rows = await _sql.states_of_nodes(conn, nodes=int_list(nodes))
    return _by_node(as_state(row) for row in rows)


async def suppressions_of(conn: Connection, nodes: Collection[int]) -> dict[int, tuple[Suppression, ...]]:
    """The suppressions in force of these addresses, by address."""
    rows = await _sql.suppressions_of_nodes(conn, nodes=int_list(nodes))
    return _by_node(Suppression(**dict(row)) for row in rows)


async def registers_of(conn: Connection, nodes: Collection[int]) -> dict[int, tuple[RegisterCheck, ...]]:
    """The last looks into the opposition register, by address."""
    rows = await _sql.registers_of_nodes(conn, nodes=int_list(nodes))
    return _by_node(RegisterCheck(**dict(row)) for row in rows)


def _by_node(found: Iterable[Any]) -> dict[int, tuple[Any, ...]]:
    by_node: dict[int, list[Any]] = {}
    for one in found:
        by_node.setdefault(one.node_id, []).append(one)
    return {node: tuple(all_of) for node, all_of in by_node.items()}


async def standing_of_nodes(conn: Connection, nodes: Collection[int]) -> Standing:
    """All that is known of these identifiers together, usually all of one person: three statements."""
    states, suppressions = await states_of(conn, nodes), await suppressions_of(conn, nodes)
    registers = await registers_of(conn, nodes)
    return Standing(
        states=tuple(one for all_of in states.values() for one in all_of),
        suppressions=tuple(one for all_of in suppressions.values() for one in all_of),
        registers=tuple(one for all_of in registers.values() for one in all_of),
    )


async def standings(conn: Connection, persons: Collection[int]) -> dict[int, Standing]:
    """All that is known of these persons, each over all identifiers he has now: four statements, however many."""
    rows = await _sql.nodes_of_persons(conn, persons=int_list(persons))
    nodes: dict[int, list[int]] = {person: [] for person in persons}
    for row in rows:
        nodes[row["person_id"]].append(row["id"])
    every = [row["id"] for row in rows]
    states, suppressions = await states_of(conn, every), await suppressions_of(conn, every)
    registers = await registers_of(conn, every)
    return {
        person: Standing(
            states=tuple(one for node in mine for one in states.get(node, ())),
            suppressions=tuple(one for node in mine for one in suppressions.get(node, ())),
            registers=tuple(one for node in mine for one in registers.get(node, ())),
        )
        for person, mine in nodes.items()
    }


async def entries_of(
    conn: Connection, nodes: Collection[int], *, purpose: Purpose | None = None, limit: int = 1000
) -> list[Entry]:
    """What was said under these identifiers, newest first."""
    rows = await _sql.entries_of_nodes(conn, nodes=int_list(nodes), purpose=purpose, limit=limit)
    return [as_entry(row) for row in rows]


# Saying ------------------------------------------------------------------------------------------------


def soft_key(node_id: int, order_ref: str, category: str) -> str:
    """The key of a soft opt-in: one a sale and kind of goods."""
    told = f"soft:{node_id}:{order_ref}:{category}"
    return told if len(told) <= MAX_TEXT else f"soft:{node_id}:{sha256(told.encode()).hexdigest()}"


async def soft_opt_in(
    conn: Connection,
    node_id: int,
    *,
    order_ref: str,
    category: str,
    at: datetime,
    source: str,
    actor: str,
    now: datetime,
    proof: dict[str, Any] | None = None,
) -> Entry:
    """Own products like those of a sale may be told about by e-mail, until the person says no; once an order and
    category. ``node_id`` is the e-mail address given with the order; ``proof`` says how he was told that he may refuse.

    It never lifts an objection. Raises BadConsent.
    """
    [entry] = await record(
        conn,
        [
            NewEntry(
                node_id=node_id,
                purpose="marketing",
                channel="email",
                action="granted",
                basis="soft_opt_in",
                key=soft_key(node_id, order_ref, category),
                source=source,
                actor=actor,
                at=at,
                order_ref=order_ref,
                category=category,
                proof=proof or {},
            )
        ],
        now=now,
    )
    return entry


async def withdraw(
    conn: Connection,
    nodes: Collection[int],
    *,
    channel: str | None = None,
    purposes: Collection[Purpose] = MARKETING,
    source: str,
    actor: str,
    now: datetime,
    at: datetime | None = None,
    key: str | None = None,
    proof: dict[str, Any] | None = None,
    via: str = "system",
) -> list[Entry]:
    """Withdraw these purposes under these identifiers, on one channel or (None) on all they have.

    Said again later it is said again, without the timeline being told: a consent given in between may be on its way
    here still. Waits for messages being handed over; from the commit on none leaves. ``key`` names the deed, when it
    may come twice. Raises BadConsent for a channel nobody consents to.
    """
    if channel is not None and channel not in (*CHANNELS, ANY):
        raise BadConsent(f"There is no channel {channel[:40]!r} to withdraw from.", hint=", ".join(CHANNELS))
    if not nodes:
        return []
    await lock_persons_of(conn, nodes)
    states = await states_of(conn, nodes)
    known = {(one.node_id, one.purpose, one.channel): one for mine in states.values() for one in mine}
    wanted = {triple for triple in known if triple[1] in purposes and channel in (None, triple[2])}
    wanted |= await _withdrawable(conn, nodes, channel, purposes)
    deed, said = key or str(uuid.uuid4()), at or now
    entries = [
        NewEntry(
            node_id=node,
            purpose=purpose,
            channel=on,
            action="withdrawn",
            key=f"withdrawn:{deed}:{node}:{purpose}:{on}",
            source=source,
            actor=actor,
            at=said,
            proof=proof or {},
            told=_objected(known.get((node, purpose, on))) is None,
            via=via,
        )
        for node, purpose, on in sorted(wanted)
        if (since := _objected(known.get((node, purpose, on)))) is None or since < said - REPEATED
    ]
    return await record(conn, entries, now=now)


def _objected(state: State | None) -> datetime | None:
    """Since when there is an objection; None when there is none."""
    return state.since if state is not None and state.status in OBJECTIONS else None


async def _withdrawable(
    conn: Connection, nodes: Collection[int], channel: str | None, purposes: Collection[Purpose]
) -> set[tuple[int, Purpose, str]]:
    """What can be withdrawn under these identifiers, whether or not anything was ever said under them."""
    rows = await _sql.nodes_by_id(conn, nodes=int_list(nodes))
    strongest = {row["person_id"]: int(row["id"]) for row in reversed(rows)}.values()
    found: set[tuple[int, Purpose, str]] = set()
    if "marketing" in purposes:
        for row in rows:
            mine = ADDRESSES.get(row["namespace"], ())
            found |= {(row["id"], "marketing", on) for on in mine if channel in (None, on)}
        # What has no identifier of its own is said once a person; so is a no that fits none of them.
        if channel is None:
            found |= {(node, "marketing", on) for node in strongest for on in PERSON_CHANNELS}
        elif not found:
            found |= {(node, "marketing", channel) for node in strongest}
    return found | {
        (node, purpose, ANY)
        for node in strongest
        for purpose in PURPOSES
        if purpose in purposes and purpose not in _CHANNELLED
    }


_CHANNELLED = ("marketing", "contract")


async def suppress(conn: Connection, suppressions: Sequence[Suppression], *, now: datetime) -> int:
    """Block addresses; returns how many blocks are new or stronger. A complaint and an opt-out withdraw the marketing
    consent of the address too, so that the person's other addresses are left alone as well (RULES R4, R9)."""
    if not suppressions:
        return 0
    # Of several of one address, channel and reason the one that blocks more.
    unique = {(one.node_id, one.channel, one.reason): one for one in sorted(suppressions, key=_strictness)}
    wanted = [unique[name] for name in sorted(unique)]
    await lock_persons_of(conn, {one.node_id for one in wanted})
    new = await _sql.suppress(conn, suppressions=msgspec.json.encode(wanted).decode())
    said = [one for one in wanted if one.reason in ("complaint", "opt_out") and one.channel in CHANNELS]
    await record(
        conn,
        [
            NewEntry(
                node_id=one.node_id,
                purpose="marketing",
                channel=one.channel,
                action="withdrawn",
                key=f"{one.reason}:{one.node_id}:{one.channel}:{one.at.isoformat()}",
                source=one.reason,
                actor=one.source,
                at=min(one.at, now),
                proof={"detail": one.detail} if one.detail else {},
            )
            for one in said
        ],
        now=now,
    )
    return len(new)


def _strictness(one: Suppression) -> tuple[bool, datetime]:
    return one.purposes == "all", one.at


async def lift(
    conn: Connection,
    addresses: Collection[tuple[int, str]],
    *,
    reasons: Collection[str] = ("hard_bounce", "complaint", "opt_out", "register", "gone", "manual"),
    actor: str,
    now: datetime,
) -> int:
    """Unblock these (address, channel); returns how many blocks ended. A withdrawn consent stays withdrawn."""
    if not addresses:
        return 0
    wanted = sorted(addresses)
    await lock_addresses(conn, [node for node, _ in wanted], shared=False)
    rows = await _sql.lift(
        conn,
        nodes=int_list(node for node, _ in wanted),
        channels=[channel for _, channel in wanted],
        reasons=sorted(reasons),
        actor=actor,
        now=now,
    )
    return len(rows)


# The law ------------------------------------------------------------------------------------------------


async def legal(conn: Connection) -> Legal:
    """What the law asks here: the defaults, and what somebody switched with a reason."""
    rows = await _sql.overrides(conn)
    return msgspec.convert({row["name"]: msgspec.json.decode(row["value"]) for row in rows}, Legal)


async def legal_overrides(conn: Connection) -> list[LegalOverride]:
    """What was switched, when, by whom and why."""
    return [
        LegalOverride(**{**dict(row), "value": msgspec.json.decode(row["value"])}) for row in await _sql.overrides(conn)
    ]


async def set_legal(conn: Connection, name: str, value: Any, *, reason: str, actor: str, now: datetime) -> Legal:
    """Switch a legal default, or (None) go back to it; the reason stays in the audit. Raises SettingNotFound,
    BadConsent."""
    reason = reason.replace("\x00", "").strip()
    if not reason or len(reason) > MAX_REASON:
        raise BadConsent(f"Say why, in 1 to {MAX_REASON} characters.", code="reason_missing")
    if name not in Legal.__struct_fields__:
        raise SettingNotFound(f"There is no legal setting {name[:60]!r}.", hint=", ".join(Legal.__struct_fields__))
    if value is None:
        await _sql.drop_override(conn, name=name)
    else:
        _check_setting(name, value)
        encoded = msgspec.json.encode(value).decode()
        await _sql.set_override(conn, name=name, value=encoded, reason=reason, actor=actor, now=now)
    await audit.record(
        conn, actor=actor, action="consent.legal", detail={"setting": name, "value": value, "reason": reason}
    )
    return await legal(conn)


def _check_setting(name: str, value: Any) -> None:
    try:
        setting = msgspec.convert({name: value}, Legal)
    except msgspec.ValidationError as error:
        raise BadConsent(f"{name}: {error}.", code="bad_legal_setting") from None
    converted = getattr(setting, name)
    if isinstance(converted, frozenset) and not converted <= set(CHANNELS):
        raise BadConsent(f"{name}: channels are {', '.join(CHANNELS)}.", code="bad_legal_setting")
    if isinstance(converted, int) and not isinstance(converted, bool) and not 1 <= converted <= 1200:
        raise BadConsent(f"{name}: 1 to 1200.", code="bad_legal_setting")
