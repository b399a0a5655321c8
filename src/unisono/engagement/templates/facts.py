"""What templates may name, loaded for many persons together and only as far as a content names it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from unisono.commerce.inventory.model import Location
from unisono.customers.profiles.rules import Trait
from unisono.engagement.templates import goods, people
from unisono.engagement.templates.goods import Shelf
from unisono.engagement.templates.model import Asked, Needs
from unisono.engagement.templates.people import People
from unisono.kit.database import Connection
from unisono.kit.settings import Settings

PRODUCTS = ("product", "products", "cart")
"""Variables with prices in them."""
NOBODY = 0
"""In the place of a person who is not there: no node has this id."""


class _Loaded(msgspec.Struct, kw_only=True):
    """What was found for a batch."""

    people: People
    traits: dict[int, dict[str, Trait]]
    computed: dict[int, dict[str, Any]]
    points: dict[int, int]
    segments: dict[int, list[str]]
    carts: dict[int, list[asyncpg.Record]]
    orders: dict[int, list[asyncpg.Record]]
    stores: dict[str, Location]
    shelf: Shelf


async def contexts(
    conn: Connection, asked: Sequence[Asked], *, needs: Needs, settings: Settings, now: datetime
) -> dict[int, dict[str, Any]]:
    """The context of each message, by its key: a handful of statements whatever their number, fewer where the content
    names little. Somebody who is not there any more gets an empty person.

    The caller adds ``links`` (unsubscribe, preferences, confirm), which belong to the message.
    """
    loaded = await _load(conn, asked, needs, settings, now)
    return {one.key: _context(one, needs, loaded, settings, now) for one in asked}


async def _load(conn: Connection, asked: Sequence[Asked], needs: Needs, settings: Settings, now: datetime) -> _Loaded:
    known = await people.people_of(conn, [one.node_id for one in asked])
    priced = any(needs.of(name) for name in PRODUCTS)
    names = people.traits_wanted(needs, prices=priced)
    traits = await people.traits_of(conn, known, names)
    personal = needs.of("person")
    segments = await people.segments_of(conn, known) if priced or needs.of("segments") else {}
    carts = await goods.cart_rows(conn, known) if needs.of("cart") else {}
    wanted_orders = {number for one in asked if (number := order_number(one.data))}
    wanted_stores = {code for one in asked if (code := store_code(one))}
    made = Shelf(settings)
    if priced:
        made = await goods.shelf(
            conn,
            _skus(asked, needs, carts),
            channels={one.channel for one in asked},
            audiences=[people.audiences_of(traits.get(person, {}), segments.get(person, ())) for person in known.ids],
            languages={one.language for one in asked},
            settings=settings,
            now=now,
        )
    return _Loaded(
        people=known,
        traits=traits,
        computed=await people.computed_of(conn, known, names) if personal else {},
        points=await people.points_of(conn, known) if needs.of("points") else {},
        segments=segments,
        carts=carts,
        orders=await goods.order_rows(conn, known, wanted_orders) if needs.of("order") else {},
        stores=await goods.stores(conn, wanted_stores) if needs.of("store") else {},
        shelf=made,
    )


def _skus(asked: Sequence[Asked], needs: Needs, carts: Mapping[int, Sequence[asyncpg.Record]]) -> list[str]:
    found = dict.fromkeys(needs.skus)
    for one in asked:
        found |= dict.fromkeys(goods.skus_in(one.data))
    for rows in carts.values():
        found |= dict.fromkeys(row["sku"] for row in rows if row["sku"] is not None)
    return list(found)


def order_number(data: Mapping[str, Any]) -> str | None:
    """The order data is about: ``order_number``, ``order_id`` as our events have it, or ``order``."""
    for name in ("order_number", "order_id", "order"):
        value = data.get(name)
        if isinstance(value, str) and 0 < len(value) <= 120:
            return value
    return None


def store_code(asked: Asked) -> str | None:
    """The store a message is about: of its data, else its own."""
    for name in ("store_id", "store"):
        value = asked.data.get(name)
        if isinstance(value, str) and 0 < len(value) <= 80:
            return value
    return asked.store_id


def _context(asked: Asked, needs: Needs, loaded: _Loaded, settings: Settings, now: datetime) -> dict[str, Any]:
    person = loaded.people.person_of.get(asked.node_id, NOBODY)
    traits = loaded.traits.get(person, {})
    store = loaded.stores.get(store_code(asked) or "")
    zone = people.zone_of(traits) or (store.timezone if store else None) or settings.timezone
    context: dict[str, Any] = {
        "data": asked.data,
        "language": asked.language,
        "channel": asked.channel,
        "currency": settings.currency,
        "timezone": zone,
        "now": now,
        "today": now.astimezone(ZoneInfo(zone)).date(),
    }
    if needs.of("person"):
        computed = loaded.computed.get(person, {})
        context["person"] = (
            {} if person == NOBODY else people.person_values(person, loaded.people, traits, computed, asked.language)
        )
    if needs.of("points"):
        context["points"] = {"balance": loaded.points.get(person, 0)}
    if needs.of("segments"):
        context["segments"] = loaded.segments.get(person, [])
    if needs.of("store"):
        context["store"] = goods.store_values(store)
    if needs.of("order"):
        rows = loaded.orders.get(person, [])
        context["order"] = goods.order_values(rows, order_number(asked.data), asked.language)
    if any(needs.of(name) for name in PRODUCTS):
        context |= _products(asked, needs, loaded, person)
    return context


def _products(asked: Asked, needs: Needs, loaded: _Loaded, person: int) -> dict[str, Any]:
    made = loaded.shelf
    audiences = people.audiences_of(loaded.traits.get(person, {}), loaded.segments.get(person, ()))

    def seen(skus: Iterable[str]) -> dict[str, dict[str, Any]]:
        views = {
            sku: made.view(sku, channel=asked.channel, audiences=audiences, language=asked.language) for sku in skus
        }
        return {sku: view for sku, view in views.items() if view is not None}

    named = goods.skus_in(asked.data)
    found: dict[str, Any] = {}
    if needs.of("product"):
        found["product"] = seen({*needs.skus, *named})
    if needs.of("products"):
        more = _said_of(asked.data)
        found["products"] = [{**view, **more.get(sku, {})} for sku, view in seen(named).items()]
    if needs.of("cart"):
        found["cart"] = goods.cart_values(
            loaded.carts.get(person, []), made, channel=asked.channel, audiences=audiences, language=asked.language
        )
    return found


def _said_of(data: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What data says of its products beside their sku: how many."""
    found: dict[str, dict[str, Any]] = {}
    for name in ("products", "lines"):
        for item in data.get(name) or () if isinstance(data.get(name), list) else ():
            if isinstance(item, Mapping) and isinstance(item.get("sku"), str) and "quantity" in item:
                found[item["sku"]] = {"quantity": item["quantity"]}
    return found
