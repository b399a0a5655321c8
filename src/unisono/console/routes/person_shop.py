"""The part of a person's page that the shop knows: cart, orders, what waits for them, points, what is to come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from unisono.access.guards import Principal, caller
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.api import touch_of
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.pickup import service as pickups
from unisono.commerce.orders.pickup.seeing import sees
from unisono.commerce.orders.reading import OrderFilter
from unisono.commerce.orders.reservations import service as reservations
from unisono.commerce.orders.reservations.api import policy_of
from unisono.commerce.points import service as points
from unisono.console import contexts, links
from unisono.console.lists import orders as lists
from unisono.console.pages import AnyRequest, settings_of, words_of
from unisono.console.routes.orders import places_of
from unisono.console.views import carts as cart_views
from unisono.console.views import counter as counter_views
from unisono.console.views import orders as order_views
from unisono.console.words import Words
from unisono.customers.profiles.service import Profile
from unisono.kit.database import Connection

SHOWN_ORDERS = 5


class Shop(NamedTuple):
    """The profile with what is really to come, the cards, and the tiles of the strip."""

    profile: Profile
    cards: contexts.PersonShop | None
    tiles: Sequence[contexts.Tile]


async def shop_of(conn: Connection, request: AnyRequest, profile: Profile, now: datetime) -> Shop:
    """What the shop knows of a person, as far as the reader may see it; what comes is merged with what was announced
    by other systems."""
    principal = caller(request)
    nodes = [one.node_id for one in profile.identifiers]
    coming = await lists.coming_for(conn, nodes, now=now)
    profile = msgspec.structs.replace(profile, next=await lists.upcoming(conn, profile.next, coming, now=now))
    if not principal.may("orders:read"):
        return Shop(profile, None, ())
    words = words_of(request, principal)
    cart, href = await _cart(conn, request, principal, nodes, words, now)
    bought, more = await _orders(conn, principal, nodes, words)
    waiting = await _waiting(conn, principal, coming, words)
    writes = principal.may("orders:write")
    score = await reservations.no_show(conn, nodes, policy_of(settings_of(request)), now=now)
    cards = contexts.PersonShop(
        cart=cart,
        cart_href=href,
        orders=bought,
        more_orders_href=links.with_query(links.ORDERS, {"view": "all", "person": profile.id}) if more else "",
        waiting=waiting,
        appointments=[
            counter_views.appointment_row(one, words, {}, writes=writes)
            for one in coming.appointments
            if sees(principal, one.store_id)
        ],
        score=counter_views.score_text(score, words),
    )
    return Shop(profile, cards, _tiles(cards, await points.balance(conn, nodes), words))


async def _cart(
    conn: Connection, request: AnyRequest, principal: Principal, nodes: Sequence[int], words: Words, now: datetime
) -> tuple[contexts.CartBox | None, str]:
    cart_id = await lists.open_cart_of(conn, nodes)
    if cart_id is None:
        return None, ""
    touch = msgspec.structs.replace(touch_of(request), language=words.language)
    view = await carts.view_cart(conn, await carts.find_cart(conn, cart_id, now=now), touch)
    box = await asyncio.to_thread(cart_views.box, view, words, writes=principal.may("orders:write"))
    return box, links.cart(str(view.id))


async def _orders(
    conn: Connection, principal: Principal, nodes: Sequence[int], words: Words
) -> tuple[list[contexts.OrderRow], bool]:
    found = await orders.page(conn, OrderFilter(nodes=nodes, stores=principal.stores), limit=SHOWN_ORDERS)
    places = await places_of(conn, principal)
    return [order_views.order_row(one, words, {}, places) for one in found.orders], found.next is not None


async def _waiting(
    conn: Connection, principal: Principal, coming: lists.Coming, words: Words
) -> list[contexts.WaitingRow]:
    writes = principal.may("orders:write")
    rows = [
        counter_views.reservation_row(one, words, {}, writes=writes)
        for one in coming.reservations
        if sees(principal, one.store_id)
    ]
    for parcel in coming.parcels:
        if sees(principal, parcel["store_id"]):
            found = await pickups.get(conn, parcel["id"])
            rows.append(counter_views.parcel_row(found, words, {}, writes=writes))
    return rows


def _tiles(cards: contexts.PersonShop, balance: int, words: Words) -> list[contexts.Tile]:
    _ = words.gettext
    units = sum(line.quantity for line in cards.cart.lines) if cards.cart else 0
    waits = len(cards.waiting)
    return [
        contexts.Tile(
            label=_("Open cart"),
            value=(cards.cart.total if cards.cart and cards.cart.total else _("empty")),
            note=words.ngettext("%(num)s unit", "%(num)s units", units) if units else "",
            href=cards.cart_href or None,
        ),
        contexts.Tile(
            label=_("Waits for them"),
            value=waits if waits else _("nothing"),
            note=_("reservations and pick-ups") if waits else "",
            href="#shop" if waits else None,
        ),
        contexts.Tile(label=_("Points"), value=balance, knowledge="known" if balance else "zero"),
    ]
