"""Carts that are left: noticed an hour after the last touch, told once, and told apart.

``payment_failed`` and ``payment_slow`` ask for another answer than ``left``, a change of mind. What went wrong with
the last payment stands until the next one begins or an order is placed.

Who has bought one of its products meanwhile, at the till or wherever, has not left it.

The timer is not moved with each change, which would cost every change a statement: it is set once, and when it fires
looks how long the cart has been quiet by then; if that is not long enough it is set again for the rest.
"""

from __future__ import annotations

from uuid import UUID

from msgspec.structs import replace

from unisono.commerce.carts import store, telling
from unisono.commerce.carts.errors import CartNotFound
from unisono.commerce.carts.model import Cart, CartSettings
from unisono.customers.timers import service as timers
from unisono.customers.timers.model import Timer, TimerHandler
from unisono.kit.database import Connection

KIND = "cart.idle"


async def watch(conn: Connection, cart: Cart, settings: CartSettings) -> Cart:
    """See to it that somebody looks when the cart has been quiet for long; nothing to do while a timer is waiting."""
    if cart.idle_timer is not None or not cart.lines:
        return cart
    due = store.idle_until(cart, settings)
    second = int(due.timestamp()) + 1
    await timers.set_timer(conn, KIND, _key(cart.id, second), due)
    await store.note_timer(conn, cart.id, second)
    return replace(cart, idle_timer=second)


async def unwatch(conn: Connection, cart: Cart, *, reason: str) -> None:
    """Nobody needs to look any more."""
    if cart.idle_timer is not None:
        await timers.cancel_timer(conn, KIND, _key(cart.id, cart.idle_timer), reason=reason)
        await store.note_timer(conn, cart.id, None)


def _key(cart_id: UUID, second: int) -> str:
    return f"{cart_id}:{second}"


class CartIdle(TimerHandler):
    """Looks at a cart that may have been left."""

    kind = KIND

    async def fire(self, conn: Connection, timer: Timer) -> str:
        """Tell that it is abandoned, and why; or look again later."""
        name, _, second = timer.key.rpartition(":")
        try:
            cart, _, settings = await store.lock(conn, UUID(name), now=timer.now)
        except CartNotFound:
            return "the cart is gone"
        if cart.idle_timer != int(second):
            return "another timer watches it"
        await store.note_timer(conn, cart.id, None)
        cart = replace(cart, idle_timer=None)
        if cart.status not in ("active", "checkout"):
            return f"the cart is {cart.status}"
        if not cart.lines:
            return "the cart is empty"
        if store.idle_until(cart, settings) > timer.now:
            await watch(conn, cart, settings)
            return "not idle yet"
        if await store.bought_since(conn, cart):
            return "bought elsewhere"
        return await _abandon(conn, cart, timer)


async def _abandon(conn: Connection, cart: Cart, timer: Timer) -> str:
    left = replace(cart, left_as=cart.trouble or "left", left_at=timer.now)
    # It was not touched by being left: what it says of its last touch stays.
    await store.save(conn, cart, left, channel=cart.channel, now=cart.updated_at)
    told = telling.of_cart(
        cart,
        "Cart Abandoned",
        "abandoned",
        channel=cart.channel,
        store_id=cart.store_id,
        at=timer.now,
        reason=left.left_as,
    )
    await telling.tell(conn, [told], now=timer.now, person_id=cart.person_id)
    return f"abandoned: {left.left_as}"
