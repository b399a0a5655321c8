"""The goods of a basket: where they come from, held together with the time they are promised for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from unisono.commerce.holds import service as holds
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.errors import NotEnough
from unisono.commerce.inventory.model import Need, NoPlan, Pickup, Place, Ship, StockNeed
from unisono.commerce.orders.errors import BadOrder, GoodsGone
from unisono.commerce.orders.model import Batch, CheckoutLine, DraftParcel, Fulfil, HeldTime
from unisono.commerce.orders.slots import service as slots
from unisono.commerce.orders.slots.model import SlotAsk
from unisono.kit.database import Connection

Places = Mapping[int, Sequence[Place]]


class Wish(NamedTuple):
    """What goods are wanted how: everything `plan` and `hold` need beside the lines."""

    fulfilment: Fulfil
    location: str | None
    slot: datetime | None
    channel: str
    node_id: int | None
    reference: str
    reason: str = "checkout"

    @property
    def kind(self) -> Literal["ship", "pickup", "carry"]:
        """How the goods reach the customer: what is made ahead is collected."""
        return "pickup" if self.fulfilment == "ahead" else self.fulfilment


async def plan(conn: Connection, lines: Sequence[CheckoutLine], wish: Wish, *, now: datetime) -> tuple[Batch, ...]:
    """Where each line's units would come from; what nobody keeps stock of needs no place.

    Raises GoodsGone with what could be done instead, BadOrder when the place is missing.
    """
    if wish.fulfilment != "ship" and not wish.location:
        raise BadOrder("Say which store.", code="location_missing")
    places = await inventory.availability(conn, {line.variant_id for line in lines}, channel=wish.channel, now=now)
    counted = {variant for variant, found in places.items() if found}
    needs: dict[int, int] = defaultdict(int)
    for line in lines:
        if line.variant_id in counted:
            needs[line.variant_id] += line.quantity
    parcels: dict[str | None, dict[int, int]] = {}
    if needs and wish.fulfilment in ("carry", "ahead"):
        parcels[wish.location] = dict(needs)
    elif needs:
        mode = Ship() if wish.fulfilment == "ship" else Pickup(wish.location or "")
        found = await inventory.plan(conn, [Need(*need) for need in needs.items()], mode, channel=wish.channel, now=now)
        if isinstance(found, NoPlan):
            raise _gone(lines, needs, places, wish, found)
        parcels = {parcel.location_code: {n.variant_id: n.quantity for n in parcel.lines} for parcel in found.parcels}
    return _by_line(lines, counted, parcels, wish)


def _by_line(
    lines: Sequence[CheckoutLine], counted: set[int], parcels: dict[str | None, dict[int, int]], wish: Wish
) -> tuple[Batch, ...]:
    """The parcels' units given to lines, in the order of the lines."""
    given: dict[str | None, dict[int, int]] = {place: {} for place in parcels}
    for position, line in enumerate(lines):
        left = line.quantity
        if line.variant_id not in counted:
            place = wish.location or next(iter(parcels), None)
            given.setdefault(place, {})[position] = left
            continue
        for place, units in parcels.items():
            count = min(left, units.get(line.variant_id, 0))
            if count:
                given[place][position] = count
                units[line.variant_id] -= count
                left -= count
    return tuple(
        Batch(
            kind=wish.kind,
            location=place,
            quantities=quantities,
            uncounted=tuple(at for at in quantities if lines[at].variant_id not in counted),
        )
        for place, quantities in given.items()
        if quantities
    )


async def hold(
    conn: Connection,
    lines: Sequence[CheckoutLine],
    batches: Sequence[Batch],
    wish: Wish,
    *,
    key: str,
    expires_at: datetime | None,
    now: datetime,
) -> tuple[tuple[Batch, ...], HeldTime | None]:
    """Hold the units and the time, all of it or nothing. Raises GoodsGone, SlotTaken (of `slots`), BadOrder."""
    needs = [
        (at, position, StockNeed(lines[position].variant_id, batch.location, units))
        for at, batch in enumerate(batches)
        for position, units in batch.quantities.items()
        if batch.location is not None and position not in batch.uncounted
    ]
    held: list[dict[int, tuple[str, ...]]] = [{} for _ in batches]
    if needs:
        try:
            taken = await inventory.hold_stock_lines(
                conn,
                [need for _, _, need in needs],
                channel=wish.channel,
                node_id=wish.node_id,
                key=key,
                expires_at=expires_at,
                reason=wish.reason,
                reference=wish.reference,
                now=now,
            )
        except NotEnough as short:
            raise await _short(conn, short, lines, wish, now=now) from None
        for (at, position, _), granted in zip(needs, taken, strict=True):
            held[at][position] = tuple(str(one.id) for one in granted)
    slot = await _hold_slot(conn, lines, wish, key=key, expires_at=expires_at, now=now)
    return tuple(msgspec.structs.replace(batch, holds=own) for batch, own in zip(batches, held, strict=True)), slot


async def _hold_slot(
    conn: Connection,
    lines: Sequence[CheckoutLine],
    wish: Wish,
    *,
    key: str,
    expires_at: datetime | None,
    now: datetime,
) -> HeldTime | None:
    """The hands that make an order ahead, the place at the counter of a pick-up at a chosen time."""
    if wish.slot is None or wish.location is None:
        if wish.fulfilment == "ahead":
            raise BadOrder("Say when it shall be ready.", code="slot_missing")
        return None
    store, at = wish.location, wish.slot
    minutes = sum(line.prep_minutes * line.quantity for line in lines)

    async def asking() -> SlotAsk:
        if wish.fulfilment == "ahead":
            return await slots.work_asks(conn, store, at, minutes, now=now)
        return await slots.place_asks(conn, store, "pickup", at, now=now)

    ask, granted = await slots.take(
        conn,
        asking,
        key=f"{key}:slot",
        node_id=wish.node_id,
        expires_at=expires_at,
        reference=wish.reference,
        now=now,
    )
    return HeldTime(slot_id=ask.slot_id, ready_at=ask.ready_at, holds=tuple(str(one.id) for one in granted))


async def _short(
    conn: Connection, short: NotEnough, lines: Sequence[CheckoutLine], wish: Wish, *, now: datetime
) -> GoodsGone:
    names = {line.sku: line.variant_id for line in lines}
    wanted = {one["sku"] for one in short.lines}
    variants = {names[sku] for sku in wanted if sku in names}
    places = await inventory.availability(conn, variants, channel=wish.channel, now=now)
    needs: dict[int, int] = defaultdict(int)
    for line in lines:
        if line.variant_id in variants:
            needs[line.variant_id] += line.quantity
    return _gone(lines, needs, places, wish, None)


def _gone(
    lines: Sequence[CheckoutLine], needs: Mapping[int, int], places: Places, wish: Wish, no: NoPlan | None
) -> GoodsGone:
    """What is missing, and where it can still be had: the buyer is told, not left alone."""
    missing, alternatives = [], []
    for variant, asked in needs.items():
        sku = next(line.sku for line in lines if line.variant_id == variant)
        found = places.get(variant, ())
        here = [one for one in found if one.location_code == wish.location] if wish.location else list(found)
        have = sum(one.available for one in here if wish.location or one.ships)
        if have < asked:
            missing.append({"sku": sku, "asked": asked, "available": have})
            alternatives += [
                {"sku": sku, "location": one.location_code, "name": one.name, "available": one.available}
                for one in found
                if one.available and one.location_code != wish.location
            ]
    told = "; ".join(f"{one['available']} of {one['asked']} {one['sku']}" for one in missing) or "not enough"
    where = f" in {wish.location}" if wish.location else ""
    return GoodsGone(
        f"There are {told}{where} now.",
        code="not_enough_stock",
        hint="See the alternatives." if alternatives else None,
        lines=missing,
        alternatives=alternatives,
        pickup_at=list(no.pickup_at) if no else [],
        can_ship=bool(no and no.can_ship),
    )


def parcels(
    batches: Sequence[Batch], slot: HeldTime | None, address: Mapping[str, object], *, handed: bool = False
) -> tuple[DraftParcel, ...]:
    """The batches as parcels of an order; the time goes with the first. ``handed``: the customer has them already."""
    return tuple(
        DraftParcel(
            kind=batch.kind,
            location=batch.location,
            quantities=batch.quantities,
            holds=batch.holds,
            slot_holds=slot.holds if slot and not at else (),
            slot_id=slot.slot_id if slot and not at else None,
            promised_at=slot.ready_at if slot else None,
            address=dict(address),
            handed=handed,
        )
        for at, batch in enumerate(batches)
    )


def stock_holds(batches: Sequence[Batch]) -> list[UUID]:
    """The holds on units."""
    return [UUID(hold) for batch in batches for own in batch.holds.values() for hold in own]


async def make_firm(conn: Connection, batches: Sequence[Batch], slot: HeldTime | None, *, now: datetime) -> None:
    """Make the holds firm, units before time: goods are locked in the sequence they were taken in, or two checkouts
    could wait for each other. Raises HoldDead."""
    await holds.commit(conn, stock_holds(batches), now=now)
    await holds.commit(conn, [UUID(one) for one in slot.holds] if slot else (), now=now)


async def let_go(
    conn: Connection, batches: Sequence[Batch], slot: HeldTime | None, *, now: datetime, reason: str
) -> None:
    """Give everything back, in the same sequence. Said twice is fine."""
    await holds.release(conn, stock_holds(batches), now=now, reason=reason)
    await holds.release(conn, [UUID(one) for one in slot.holds] if slot else (), now=now, reason=reason)
