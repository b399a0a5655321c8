"""The door of slots: rules, what is offered, and the asks that promise it.

Nothing is written by looking: a slot becomes a row when somebody takes of it, whoever comes first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

import asyncpg
import msgspec

from unisono.commerce.holds import service as holds
from unisono.commerce.holds.errors import HoldDead
from unisono.commerce.holds.model import Ask, CapacityMove, Grant, Hold, HoldRequest, NewGood, Refusal
from unisono.commerce.inventory.model import Location
from unisono.commerce.orders.slots import rules
from unisono.commerce.orders.slots.errors import BadSlot, GoodsShort, NoSlotRule, PlaceUnknown, SlotTaken
from unisono.commerce.orders.slots.model import Offer, SlotAsk, SlotKind, SlotRule
from unisono.commerce.orders.slots.opening import Span, local_day, spans_of_day
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.orders.slots")

MAX_RESOURCE: Final = 60
MAX_UNITS: Final = 10_000
MAX_DAYS: Final = 90
TRIES: Final = 5
"""Times somebody who is beaten to a slot looks for another share of the same work."""


class Located(NamedTuple):
    """A place with its number."""

    id: int
    location: Location


class Row(NamedTuple):
    """A slot that is a row."""

    id: int
    good_id: int
    span: Span
    left: int
    promised: int


class Day(NamedTuple):
    """The slots of one rule on one day: as they are offered, and those that are rows."""

    cells: list[rules.Cell]
    rows: dict[Span, Row]


async def locate(conn: Connection, store_id: str) -> Located:
    """A place by its code. Raises PlaceUnknown."""
    row = await _sql.place(conn, code=store_id) if store_id.isprintable() else None
    if row is None:
        raise PlaceUnknown(f"There is no place {store_id[:80]!r}.")
    fields = {key: value for key, value in row.items() if key != "id"}
    fields |= {part: msgspec.json.decode(row[part]) for part in ("opening", "address")}
    return Located(row["id"], Location(**fields))


# Rules ------------------------------------------------------------------------------------------------


async def slot_rules(
    conn: Connection, store_id: str, *, kind: SlotKind | None = None, resource: str | None = None
) -> list[SlotRule]:
    """The rules of a place."""
    rows = await _sql.slot_rules(conn, store_id=store_id, kind=kind, resource=resource)
    return [msgspec.convert(dict(row), SlotRule) for row in rows]


def check_rule(rule: SlotRule) -> None:
    """Raises BadSlot for a rule no place can work by."""
    checks = (
        (5 <= rule.slot_minutes <= 1440, "A slot has 5 to 1440 minutes."),
        (1 <= rule.capacity <= MAX_UNITS, f"A slot holds 1 to {MAX_UNITS} minutes of work, or places."),
        (0 <= rule.lead_minutes <= MAX_DAYS * 1440, "The lead time is 0 minutes to 90 days."),
        (0 <= rule.days_ahead <= MAX_DAYS, f"Slots are offered 0 to {MAX_DAYS} days ahead."),
        (len(rule.resource) <= MAX_RESOURCE and rule.resource.isprintable(), "A resource has up to 60 characters."),
        ("/" not in rule.resource, "A resource has no slash in its name."),
    )
    for fine, why in checks:
        if not fine:
            raise BadSlot(why, code="bad_slot_rule")


async def set_rule(conn: Connection, rule: SlotRule, *, now: datetime) -> SlotRule:
    """Make or change a rule. Slots to come follow it at once: what nobody has taken of is cut anew; where somebody
    has, the slot stays, with the new capacity or as much as is promised of it.

    Raises BadSlot, PlaceUnknown.
    """
    check_rule(rule)
    where = await locate(conn, rule.store_id)
    rows = await _rows(conn, where, rule.kind, [rule.resource], Span(now, now + timedelta(days=MAX_DAYS + 2)), now=now)
    moves = [
        CapacityMove(row.good_id, max(rule.capacity, row.promised) - row.left - row.promised)
        for of_rule in rows.values()
        for row in of_rule
    ]
    await holds.change_capacities(conn, [move for move in moves if move.by], now=now, overrule=True)
    await _sql.put_rule(
        conn,
        location_id=where.id,
        kind=rule.kind,
        resource=rule.resource,
        slot_minutes=rule.slot_minutes,
        capacity=rule.capacity,
        lead_minutes=rule.lead_minutes,
        days_ahead=rule.days_ahead,
    )
    return rule


async def drop_rule(conn: Connection, store_id: str, kind: SlotKind, resource: str) -> bool:
    """Offer no such slots any more; what was promised stands. Whether there was such a rule. Raises PlaceUnknown."""
    where = await locate(conn, store_id)
    return bool(await _sql.drop_rule(conn, location_id=where.id, kind=kind, resource=resource))


# Slots of a day ---------------------------------------------------------------------------------------


async def _rows(
    conn: Connection, where: Located, kind: SlotKind, resources: Sequence[str], within: Span, *, now: datetime
) -> dict[str, list[Row]]:
    """The slots that are rows and touch the span, by resource."""
    found = await _sql.slots_between(
        conn,
        location_id=where.id,
        kind=kind,
        resources=list(resources),
        since=within.starts_at,
        until=within.ends_at,
        now=now,
    )
    rows: dict[str, list[Row]] = {resource: [] for resource in resources}
    for row in found:
        rows[row["resource"]].append(_row(row))
    return rows


def _row(row: asyncpg.Record) -> Row:
    left = max(0, row["capacity"] - row["promised"])
    return Row(row["id"], row["good_id"], Span(row["starts_at"], row["ends_at"]), left, row["promised"])


def _day(spans: Sequence[Span], rule: SlotRule, rows: Sequence[Row]) -> Day:
    within = [row for row in rows if any(_inside(row.span, span) for span in spans)]
    cells = rules.lay_out(
        rules.cut(spans, rule.slot_minutes),
        rule.capacity,
        {row.span: row.left for row in within},
        [row.span for row in within if row.promised],
    )
    return Day(cells, {row.span: row for row in within})


def _inside(one: Span, other: Span) -> bool:
    return other.starts_at <= one.starts_at and one.ends_at <= other.ends_at


async def days_of(
    conn: Connection, where: Located, slot_rules: Sequence[SlotRule], day: date, *, now: datetime
) -> dict[str, Day]:
    """The slots of a local day by resource; the rules are of one kind. One statement."""
    spans = spans_of_day(where.location, day)
    if not spans or not slot_rules:
        return {rule.resource: Day([], {}) for rule in slot_rules}
    whole = Span(spans[0].starts_at, spans[-1].ends_at)
    rows = await _rows(conn, where, slot_rules[0].kind, [rule.resource for rule in slot_rules], whole, now=now)
    return {rule.resource: _day(spans, rule, rows[rule.resource]) for rule in slot_rules}


def check_day(where: Located, rule: SlotRule, day: date, *, now: datetime) -> bool:
    """Whether the rule offers slots on this local day."""
    today = local_day(where.location, now)
    return today <= day <= today + timedelta(days=rule.days_ahead)


def open_cells(day: Day, rule: SlotRule, *, now: datetime) -> list[rules.Cell]:
    """The slots of a day that are far enough ahead."""
    earliest = now + timedelta(minutes=rule.lead_minutes)
    return [cell for cell in day.cells if cell.span.starts_at >= earliest]


def places_offered(rule: SlotRule, cells: Sequence[rules.Cell], minutes: int | None, places: int) -> list[Offer]:
    """The times of ``minutes`` (default: one slot) that begin with a slot and have so many places."""
    length = timedelta(minutes=minutes or rule.slot_minutes)
    offers = []
    for cell in cells:
        wanted = Span(cell.span.starts_at, cell.span.starts_at + length)
        shares = rules.cover(cells, wanted, places)
        if shares is not None:
            left = min(other.left for other in cells if rules.overlap(other.span, wanted))
            offers.append(
                Offer(
                    resource=rule.resource,
                    starts_at=wanted.starts_at,
                    ends_at=wanted.ends_at,
                    ready_at=wanted.starts_at,
                    left=left,
                )
            )
    return offers


def work_offered(rule: SlotRule, cells: Sequence[rules.Cell], minutes: int) -> list[Offer]:
    """The slots by whose end an order of so many minutes of work can be ready."""
    return [
        Offer(
            resource=rule.resource,
            starts_at=cell.span.starts_at,
            ends_at=cell.span.ends_at,
            ready_at=cell.span.ends_at,
            left=cell.left,
        )
        for cell in cells
        if rules.work_into(cells, minutes, cell.span) is not None
    ]


# Taking -----------------------------------------------------------------------------------------------


async def one_rule(conn: Connection, store_id: str, kind: SlotKind, resource: str) -> SlotRule:
    """The rule of one resource. Raises NoSlotRule."""
    found = await slot_rules(conn, store_id, kind=kind, resource=resource)
    if not found:
        what = f" of {resource!r}" if resource else ""
        raise NoSlotRule(f"{store_id} has no slots of kind {kind}{what}.")
    return found[0]


async def work_asks(conn: Connection, store_id: str, starts_at: datetime, minutes: int, *, now: datetime) -> SlotAsk:
    """What to ask of the hands of a place so that an order of ``minutes`` is ready by the end of the slot that begins
    at ``starts_at``: put it into one request with the goods, so that both are granted or neither.

    Raises SlotTaken when hands do not suffice or no such slot is offered, NoSlotRule, PlaceUnknown.
    """
    rule = await one_rule(conn, store_id, "ahead", "")
    where = await locate(conn, store_id)
    day, cells = await _cells_at(conn, where, rule, starts_at, now=now)
    last = next((cell.span for cell in cells if cell.span.starts_at == starts_at), None)
    shares = rules.work_into(cells, max(1, minutes), last) if last else None
    if shares is None or last is None:
        raise _taken(store_id, starts_at, work_offered(rule, cells, max(1, minutes)))
    ids = await _ensure(conn, where, rule, day, [share.span for share in shares])
    asks = tuple(Ask(ids[share.span].good_id, share.units) for share in shares)
    return SlotAsk(asks, ids[last].id, last.starts_at, last.ends_at, last.ends_at)


async def place_asks(
    conn: Connection,
    store_id: str,
    kind: SlotKind,
    starts_at: datetime,
    *,
    minutes: int | None = None,
    resource: str = "",
    places: int = 1,
    now: datetime,
) -> SlotAsk:
    """What to ask for so many places from ``starts_at`` on for ``minutes`` (default: one slot).

    Raises SlotTaken when one of the slots is full or the time is none of those offered, NoSlotRule, PlaceUnknown.
    """
    rule = await one_rule(conn, store_id, kind, resource)
    where = await locate(conn, store_id)
    day, cells = await _cells_at(conn, where, rule, starts_at, now=now)
    wanted = Span(starts_at, starts_at + timedelta(minutes=minutes or rule.slot_minutes))
    shares = rules.cover(cells, wanted, places)
    if shares is None:
        raise _taken(store_id, starts_at, places_offered(rule, cells, minutes, places))
    ids = await _ensure(conn, where, rule, day, [share.span for share in shares])
    asks = tuple(Ask(ids[share.span].good_id, share.units) for share in shares)
    return SlotAsk(asks, ids[shares[0].span].id, wanted.starts_at, wanted.ends_at, wanted.starts_at)


async def _cells_at(
    conn: Connection, where: Located, rule: SlotRule, at: datetime, *, now: datetime
) -> tuple[Day, list[rules.Cell]]:
    """The day an instant belongs to, and its slots that are offered; a night's slots belong to the day it began."""
    if at.tzinfo is None:
        raise BadSlot("A time needs its zone.", code="time_without_zone")
    found: tuple[Day, list[rules.Cell]] = (Day([], {}), [])
    today = local_day(where.location, at)
    for day in (today, today - timedelta(days=1)):
        if not check_day(where, rule, day, now=now):
            continue
        of_day = (await days_of(conn, where, [rule], day, now=now))[rule.resource]
        cells = open_cells(of_day, rule, now=now)
        if any(cell.span.starts_at <= at < cell.span.ends_at for cell in cells):
            return of_day, cells
        found = found if found[1] else (of_day, cells)
    return found


def _taken(store_id: str, starts_at: datetime, offers: Sequence[Offer]) -> SlotTaken:
    after = [offer.starts_at for offer in offers if offer.starts_at >= starts_at] or [o.starts_at for o in offers]
    return SlotTaken(
        f"{store_id} has no free time at {starts_at.isoformat()}.",
        hint="Choose one of the offers." if after else None,
        offers=[at.isoformat() for at in after[:5]],
    )


async def _ensure(
    conn: Connection, where: Located, rule: SlotRule, day: Day, spans: Sequence[Span]
) -> Mapping[Span, Row]:
    """Make rows of these slots where they are none yet; several may do so at once."""
    missing = [span for span in spans if span not in day.rows]
    if not missing:
        return day.rows
    keys = {span: slot_key(where.location.code, rule.kind, rule.resource, span.starts_at) for span in missing}
    made = await holds.ensure_goods(conn, [NewGood("slot", key, rule.capacity) for key in keys.values()])
    goods = {span: made["slot", key] for span, key in keys.items()}
    await _sql.insert_slots(
        conn,
        location_id=where.id,
        kind=rule.kind,
        resource=rule.resource,
        starts=[span.starts_at for span in missing],
        ends=[span.ends_at for span in missing],
        goods=[goods[span] for span in missing],
    )
    within = Span(min(span.starts_at for span in spans), max(span.ends_at for span in spans))
    rows = await _rows(conn, where, rule.kind, [rule.resource], within, now=within.starts_at)
    return {**day.rows, **{row.span: row for row in rows[rule.resource]}}


def slot_key(store_id: str, kind: str, resource: str, starts_at: datetime) -> str:
    """The key of a slot's good: ``milano/appointment/giulia/2026-10-25T08:00:00+00:00``."""
    return f"{store_id}/{kind}/{resource}/{starts_at.isoformat()}"


Asking = Callable[[], Awaitable[SlotAsk]]


async def take(
    conn: Connection,
    asking: Asking,
    *,
    key: str,
    node_id: int | None,
    expires_at: datetime | None,
    reference: str,
    now: datetime,
    beside: Sequence[Ask] = (),
) -> tuple[SlotAsk, tuple[Hold, ...]]:
    """Hold what ``asking`` finds free, and the goods ``beside`` it, in one request: all of it or nothing.

    Who is beaten to it looks again, and takes what is then free. Raises what ``asking`` raises (SlotTaken above all),
    GoodsShort when it is the goods beside it that do not suffice, HoldDead for a key whose holds have died.
    """
    for _ in range(TRIES):
        try:
            # A savepoint: who is beaten lets go of what he locked before he looks again and makes other slots, or he
            # and somebody who waits for him would wait for each other.
            async with conn.transaction():
                ask = await asking()
                request = HoldRequest(
                    key=key,
                    asks=(*ask.asks, *beside),
                    node_id=node_id,
                    expires_at=expires_at,
                    reason="slot",
                    reference=reference,
                )
                return ask, await _granted(conn, request, now=now)
        except _Beaten as beaten:
            refusal = beaten.refusal
        if refusal.code != "not_enough":
            raise HoldDead("The time was held under this key before, and is let go.")
        short = [shortage for shortage in refusal.short if shortage.good_id in {asked.good_id for asked in beside}]
        if short:
            raise GoodsShort(short)
    raise SlotTaken("The time was just given to somebody.")


async def _granted(conn: Connection, request: HoldRequest, *, now: datetime) -> tuple[Hold, ...]:
    answer = (await holds.take(conn, [request], now=now))[0]
    if not isinstance(answer, Grant):
        raise _Beaten(answer)
    return answer.holds


class _Beaten(Exception):
    """Somebody was faster."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal
