"""Orders and carts behind their screens: whose a search means, what waits where, what is to come for a person."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from unisono.commerce.orders import service as orders
from unisono.commerce.orders.model import Order
from unisono.commerce.orders.reading import OrderFilter
from unisono.commerce.orders.reservations import service as reservations
from unisono.commerce.orders.reservations.model import Reservation
from unisono.commerce.orders.slots import appointments
from unisono.commerce.orders.slots.model import Appointment
from unisono.customers.identity import service as identity
from unisono.customers.profiles import service as profiles
from unisono.customers.profiles.upcoming import ANNOUNCEMENTS, Upcoming
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.console.lists")

MOST_PEOPLE = 20
"""People a search of orders looks at."""

OPEN_RESERVATIONS: tuple[Any, ...] = ("held", "ready")


async def nodes_meant(conn: Connection, text: str, stores: Collection[str] | None) -> list[int]:
    """The identifiers of the people a search for words means."""
    found = await profiles.search(conn, text, stores=None if stores is None else sorted(stores), limit=MOST_PEOPLE)
    nodes: list[int] = []
    for person in found:
        nodes += [row["id"] for row in await identity.nodes_of(conn, person.id)]
    return nodes


async def by_name(conn: Connection, name: str, stores: Collection[str] | None, limit: int = 5) -> list[Order]:
    """Orders with this number, here (in any case) or where they come from; of somebody bound to stores only theirs."""
    for known in dict.fromkeys((name.upper(), name)):
        found = (await orders.page(conn, OrderFilter(known_as=known, stores=stores), limit=limit)).orders
        if found:
            return found
    return []


async def nodes_of_person(conn: Connection, person: int, stores: Collection[str] | None) -> list[int]:
    """The identifiers of a person by any of their numbers; none of who may not be met. Raises PersonNotFound."""
    found = await identity.resolve(conn, person)
    if not await seen(conn, [found], stores):
        return []
    return [row["id"] for row in await identity.nodes_of(conn, found)]


async def open_carts(
    conn: Connection,
    *,
    left: str | None,
    channel: str | None,
    stores: Collection[str] | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Carts with something in them that nobody has ordered, last touched first."""
    rows: list[asyncpg.Record] = await _sql.open_carts(
        conn,
        left=left,
        channel=channel,
        stores=None if stores is None else list(stores),
        before_at=before[0] if before else None,
        before_id=before[1] if before else None,
        most=limit,
    )
    return rows


async def open_cart_of(conn: Connection, nodes: Collection[int]) -> UUID | None:
    """The cart a person would go on with."""
    found: UUID | None = await _sql.open_cart_of_nodes(conn, nodes=list(nodes))
    return found


async def waiting_at(conn: Connection, stores: Collection[str] | None, *, now: datetime) -> list[asyncpg.Record]:
    """Counters with how much waits at each, the busiest first."""
    rows: list[asyncpg.Record] = await _sql.waiting_at(conn, stores=None if stores is None else list(stores), now=now)
    return rows


async def gone_parcels(conn: Connection, stores: Collection[str], *, since: datetime) -> list[asyncpg.Record]:
    """Pick-ups nobody came for."""
    rows: list[asyncpg.Record] = await _sql.gone_parcels(conn, stores=list(stores), since=since)
    return rows


class Coming:
    """What the rooms keep for a person that is still to come."""

    def __init__(
        self, kept: Sequence[Reservation], parcels: Sequence[Mapping[str, Any]], times: Sequence[Appointment]
    ) -> None:
        self.reservations = kept
        self.parcels = parcels
        self.appointments = times


async def coming_for(conn: Connection, nodes: Collection[int], *, now: datetime) -> Coming:
    """Reservations, pick-ups and appointments of a person that are not over."""
    kept, _ = await reservations.reservations(conn, now=now, nodes=nodes, states=OPEN_RESERVATIONS, limit=20)
    parcels = await _sql.parcels_of_nodes(conn, nodes=list(nodes))
    times = await appointments.appointments(conn, nodes=nodes, since=now, limit=20, now=now)
    return Coming(kept, parcels, [one for one in times if one.state in ("pending", "booked")])


async def upcoming(conn: Connection, announced: Sequence[Upcoming], coming: Coming, *, now: datetime) -> list[Upcoming]:
    """What is to come, soonest first: the rooms' own word, and what was only announced by events of other systems."""
    keys = {one.id: _key(one) for one in announced}
    named = [key for key in keys.values() if key]
    rows = await _sql.known_to_rooms(conn, keys=named) if named else []
    known = {row["key"] for row in rows}
    items = [one for one in announced if keys[one.id] not in known]
    items += [
        Upcoming(-1 - place, one.deadline, "Reservation ends", "upcoming", one.channel, one.store_id,
                 {"product_name": one.name, "quantity": one.quantity})
        for place, one in enumerate(coming.reservations)
    ]  # fmt: skip
    for place, parcel in enumerate(coming.parcels):
        at = parcel["collect_by"] or parcel["promised_at"]
        if at is not None and at > now:
            what = {"product_name": parcel["number"]}
            items.append(Upcoming(-101 - place, at, "Pick-up", "upcoming", "store", parcel["store_id"], what))
    items += [
        Upcoming(-201 - place, one.starts_at, "Appointment", "upcoming", "store", one.store_id,
                 {"service": one.service} if one.service else {})
        for place, one in enumerate(coming.appointments) if one.starts_at > now
    ]  # fmt: skip
    return sorted(items, key=lambda one: one.at)


def _key(item: Upcoming) -> str:
    """What an announced item is called by whoever announced it."""
    found = next((one for one in ANNOUNCEMENTS.values() if one.title == item.name), None)
    names = found.identity if found else ()
    return next((str(item.properties[name]) for name in names if item.properties.get(name)), "")


async def seen(conn: Connection, persons: Collection[int], stores: Collection[str] | None) -> set[int]:
    """Of these persons, those somebody bound to stores may meet."""
    if stores is None:
        return set(persons)
    return {row["person_id"] for row in await _sql.seen_in_stores(conn, persons=list(persons), stores=list(stores))}
