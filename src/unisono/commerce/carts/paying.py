"""A cart on its way to an order: held while it is paid, given back when that fails, closed when it is ordered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from unisono.commerce.carts import changing, leaving, merging, store
from unisono.commerce.carts.errors import CartClosed
from unisono.commerce.carts.model import Cart, Line, Touch, Trouble
from unisono.kit.database import Connection


async def begin_checkout(
    conn: Connection,
    cart_id: UUID,
    touch: Touch,
    *,
    until: datetime,
    reference: str | None = None,
    expected_version: int | None = None,
) -> Cart:
    """Hold the cart while it is paid, until an instant at the latest: meanwhile nobody changes it.
    ``reference`` is under which its checkout uses coupons, so that they are not taken for used by somebody else.

    Raises CartNotFound, CartClosed, CartInCheckout, CartChanged when it is not at ``expected_version``: what was
    quoted is not what is in it now.
    """
    found = await changing.opened(conn, cart_id, touch, expected_version=expected_version)
    held = replace(found.cart, status="checkout", paying_until=until, paying_for=reference, trouble=None)
    held = await store.save(conn, found.cart, held, channel=touch.channel, now=touch.now)
    return await leaving.watch(conn, held, found.settings)


async def end_checkout(conn: Connection, cart_id: UUID, touch: Touch, *, trouble: Trouble | None = None) -> Cart:
    """Give the cart back to the buyer: the payment failed or took too long (``trouble``), or he went back.

    A cart that is no longer in a checkout only takes the trouble down; an ordered one stays as it is. What changed
    about who is who meanwhile is made good.
    """
    cart, _, settings = await store.lock(conn, cart_id, now=touch.now)
    if cart.status not in ("active", "checkout"):
        return cart
    free = replace(cart, status="active", paying_until=None, trouble=trouble or cart.trouble)
    free = await store.save(conn, cart, free, channel=touch.channel, now=touch.now)
    free = await leaving.watch(conn, free, settings)
    if free.person_id is not None:
        await merging.separate(conn, {free.person_id}, touch)
    return free


async def mark_ordered(
    conn: Connection,
    cart_id: UUID,
    order_id: int,
    touch: Touch,
    *,
    bought: Mapping[str, int] | None = None,
    expected_version: int | None = None,
) -> Cart:
    """The cart became an order: it is closed, and nobody will call it abandoned.

    ``bought`` is sku to units, what the order has of it. When the cart is not at ``expected_version`` any more (its
    checkout had expired, and somebody went on filling it) only these leave it, and the rest stays in an open cart.
    Raises CartNotFound, CartClosed when it was ordered as something else.
    """
    cart = (await store.lock(conn, cart_id, now=touch.now)).cart
    if cart.status == "ordered" and cart.order_id == order_id:
        return cart
    if cart.status not in ("active", "checkout"):
        raise CartClosed(f"The cart is {cart.status}.", cart_status=cart.status)
    rest = () if bought is None or cart.version == expected_version else _without(cart.lines, bought)
    if rest:
        new = replace(cart, status="active", paying_until=None, trouble=None, lines=rest, coupons=())
    else:
        new = replace(cart, status="ordered", order_id=order_id, paying_until=None, trouble=None, shared=False)
        await leaving.unwatch(conn, cart, reason="ordered")
        new = replace(new, idle_timer=None)
    return await store.save(conn, cart, new, channel=touch.channel, now=touch.now)


def _without(lines: tuple[Line, ...], bought: Mapping[str, int]) -> tuple[Line, ...]:
    left = ((line, line.quantity - bought.get(line.sku, 0)) for line in lines)
    return tuple(replace(line, quantity=quantity) for line, quantity in left if quantity > 0)
