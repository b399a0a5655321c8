"""A shop that trades, behind the console: two stores, four products, customers who are known by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.support.carts import STORE
from tests.support.console import Site, identify, track
from tests.support.ordering import Till, open_till
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import Location
from unisono.commerce.orders.pickup import service as pickups
from unisono.commerce.orders.reservations import service as reservations
from unisono.commerce.orders.reservations.model import NewReservation, Policy, Reservation
from unisono.commerce.orders.slots import appointments
from unisono.commerce.orders.slots import service as slots
from unisono.commerce.orders.slots.model import Appointment, NewAppointment, SlotRule
from unisono.kit.database import transaction

ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
OTHER = "roma"


class Trade:
    """The site, and the shortest way to buy in its shop."""

    def __init__(self, site: Site, till: Till) -> None:
        self.site = site
        self.till = till

    async def customer(self, user: str = "mario", name: str = "Mario Rossi", store: str | None = STORE) -> int:
        """Somebody known by name, seen in a store."""
        await self.site.send(identify(user, name=name, email=f"{user}@example.it"))
        if store:
            await self.site.send(track(user, "Store Visited", ago=timedelta(minutes=9)), store=store)
        return await self.site.person("user_id", user)

    async def pickup(self, node: int, *items: tuple[str, int], store: str = STORE) -> tuple[str, int, str]:
        """A paid order to be collected: its number, its parcel, its code."""
        order = await self.till.buy(node, *items, fulfilment="pickup", location=store)
        async with self.site.pool.acquire() as conn:
            parcel = (await pickups.parcels_of(conn, order.number))[0].id
            code = await pickups.code_of(conn, parcel)
        assert code is not None
        return order.number, parcel, code

    async def reserve(self, node: int, sku: str = "A", store: str = STORE) -> Reservation:
        """Something kept for somebody."""
        new = NewReservation(node_id=node, code=sku, store_id=store)
        async with transaction(self.site.pool) as conn:
            return await reservations.reserve(conn, new, policy=Policy(), now=datetime.now(UTC))

    async def book(self, node: int, starts_at: datetime, store: str = STORE) -> Appointment:
        """Somebody's half hour."""
        rule = SlotRule(store_id=store, kind="appointment", slot_minutes=30, capacity=3)
        async with transaction(self.site.pool) as conn:
            await slots.set_rule(conn, rule, now=datetime.now(UTC))
            new = NewAppointment(
                node_id=node, store_id=store, starts_at=starts_at, minutes=30, service="Boot fitting", resource=""
            )
            return await appointments.book(conn, new, now=datetime.now(UTC))

    async def cart(self, node: int, *items: tuple[str, int], channel: str = "web") -> UUID:
        """Products in somebody's cart."""
        return (await self.till.add(node, *items, channel=channel)).id

    async def code_of(self, cart: UUID) -> str:
        """What a customer shows of a cart."""
        code: str = await self.site.pool.fetchval("select code from cart where id = $1", cart)
        return code

    async def good(self, sku: str, store: str = STORE) -> Any:
        """The stock of a sku in a place."""
        return await self.till.good(sku, store)


async def open_trade(site: Site, **stock: int) -> Trade:
    """The shop, open day and night, with so many units in its first store."""
    till = await open_till(site.pool, **stock)
    till.now = datetime.now(UTC)
    async with transaction(site.pool) as conn:
        for code, name in ((STORE, "Milano"), (OTHER, "Roma")):
            place = Location(code=code, name=name, kind="store", timezone="Europe/Rome", ships=True, opening=ALWAYS)
            await inventory.save_location(conn, place)
    return Trade(site, till)
