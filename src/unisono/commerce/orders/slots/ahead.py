"""Order ahead: a time is offered only when goods and hands suffice, and both are held by one request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.errors import SkuUnknown
from unisono.commerce.holds.model import Hold, Refusal
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import Need, StockNeed
from unisono.commerce.orders.slots import service as slots
from unisono.commerce.orders.slots.errors import BadSlot, GoodsShort, NoSlotRule
from unisono.commerce.orders.slots.model import Offers, SlotAsk, SlotKind
from unisono.commerce.orders.slots.opening import local_day
from unisono.kit.database import Connection
from unisono.kit.reasons import Reason


class Held(NamedTuple):
    """Goods and hands of an order made ahead, held together."""

    ask: SlotAsk
    hands: tuple[Hold, ...]
    goods: list[tuple[Hold, ...]]
    """The holds of each need; of a kit there are several."""


async def minutes_of(conn: Connection, needs: Sequence[Need]) -> int:
    """The work in an order: minutes of somebody's hands, one at the least. Raises SkuUnknown."""
    found = await catalog.variants(conn, ids={need.variant_id for need in needs})
    for need in needs:
        if need.variant_id not in found:
            raise SkuUnknown(f"There is no variant {need.variant_id}.")
    return max(1, sum(found[need.variant_id].prep_minutes * need.quantity for need in needs))


async def offers(
    conn: Connection,
    store_id: str,
    kind: SlotKind,
    *,
    day: date | None = None,
    needs: Sequence[Need] = (),
    minutes: int | None = None,
    places: int = 1,
    resource: str | None = None,
    channel: str = "web",
    now: datetime,
) -> Offers:
    """What a place offers on a local day (default: today), soonest first; nothing is written.

    Ordered ahead, ``needs`` are the goods: the work is theirs (or ``minutes``), and without enough of them nothing is
    offered. Else ``minutes`` is the length wanted, ``places`` how many. Raises PlaceUnknown, NoSlotRule, BadSlot.
    """
    if (minutes is not None and not 1 <= minutes <= 1440 * 7) or not 1 <= places <= slots.MAX_UNITS:
        raise BadSlot("Minutes are 1 to 10080, places 1 to 10000.")
    where = await slots.locate(conn, store_id)
    rules = await slots.slot_rules(conn, store_id, kind=kind, resource=resource)
    if not rules:
        raise NoSlotRule(f"{store_id} has no slots of kind {kind}.")
    ahead = kind == "ahead"
    work = (minutes or await minutes_of(conn, needs)) if ahead else places
    day = day or local_day(where.location, now)
    answer = Offers(store_id=store_id, kind=kind, timezone=where.location.timezone, needs=work, offers=[])
    short = await _short(conn, store_id, needs, channel, now=now)
    if short:
        answer.reasons.extend(short)
        return answer
    live = [rule for rule in rules if slots.check_day(where, rule, day, now=now)]
    for resource_of, of_day in (await slots.days_of(conn, where, live, day, now=now)).items():
        rule = next(one for one in live if one.resource == resource_of)
        cells = slots.open_cells(of_day, rule, now=now)
        found = slots.work_offered(rule, cells, work) if ahead else slots.places_offered(rule, cells, minutes, places)
        answer.offers.extend(found)
    answer.offers.sort(key=lambda offer: (offer.starts_at, offer.resource))
    if not answer.offers:
        answer.reasons.append(
            Reason("no_time_left", "No time is free on {day}.", {"day": day.isoformat(), "needs": work})
        )
    return answer


async def _short(
    conn: Connection, store_id: str, needs: Sequence[Need], channel: str, *, now: datetime
) -> list[Reason]:
    """Goods that do not suffice there."""
    if not needs:
        return []
    found = await inventory.availability(
        conn, [need.variant_id for need in needs], channel=channel, locations=[store_id], now=now
    )
    names = await catalog.variants(conn, ids=[need.variant_id for need in needs])
    reasons = []
    for need in needs:
        available = max((place.available for place in found[need.variant_id]), default=0)
        if available < need.quantity:
            variant = names.get(need.variant_id)
            values = {
                "sku": variant.sku if variant else "",
                "name": variant.name if variant else "",
                "asked": need.quantity,
                "available": available,
            }
            reasons.append(Reason("not_enough_stock", "{available} of {name} are left, not {asked}.", values))
    return reasons


async def hold(
    conn: Connection,
    store_id: str,
    starts_at: datetime,
    needs: Sequence[Need],
    *,
    channel: str,
    node_id: int | None,
    key: str,
    expires_at: datetime | None,
    reference: str,
    now: datetime,
) -> Held:
    """Hold goods and hands for the slot that begins at ``starts_at``, in one request: both or neither.

    Raises SlotTaken with the times that are left, NotEnough with the goods that do not suffice, NoSlotRule,
    PlaceUnknown, SkuUnknown.
    """
    minutes = await minutes_of(conn, needs)
    stock = [StockNeed(need.variant_id, store_id, need.quantity) for need in needs]
    asked = await inventory.ask_for(conn, stock, channel, now=now)

    async def asking() -> SlotAsk:
        return await slots.work_asks(conn, store_id, starts_at, minutes, now=now)

    try:
        ask, held = await slots.take(
            conn,
            asking,
            key=key,
            node_id=node_id,
            expires_at=expires_at,
            reference=reference,
            beside=asked.flat,
            now=now,
        )
    except GoodsShort as short:
        raise await inventory.refused(conn, Refusal(key, short.short), stock, asked, now) from short
    hands, rest = held[: len(ask.asks)], held[len(ask.asks) :]
    of_line = []
    for line in asked.asks:
        of_line.append(rest[: len(line)])
        rest = rest[len(line) :]
    return Held(ask, hands, of_line)
