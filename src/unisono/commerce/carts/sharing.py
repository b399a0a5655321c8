"""A cart shown to somebody else by a link, and copied by him into his own.

Opening the link changes nothing (RULES R15): whoever looks at links before their readers do may open it as often as he
likes. It shows what is in the cart and what that costs here and now, never whose it is.
"""

from __future__ import annotations

from uuid import UUID

from msgspec.structs import replace

from unisono.commerce.carts import changing, codes, store, telling, truth
from unisono.commerce.carts.errors import CartNotFound
from unisono.commerce.carts.model import Cart, CartItem, CartView, SharedCart, ShareLink, Touch
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest

MAX_TOKEN = 100
MAX_VIA = 50


async def share(
    conn: Connection, cart_id: UUID, touch: Touch, *, via: str | None = None, expected_version: int | None = None
) -> ShareLink:
    """A new link to the cart; one given out before ends. ``via`` says how it is sent on. Raises as `opened`."""
    if via is not None and (len(via) > MAX_VIA or not via.isprintable()):
        raise BadRequest(f"The way it is shared has at most {MAX_VIA} printable characters.", code="bad_share_via")
    found = await changing.opened(conn, cart_id, touch, expected_version=expected_version)
    token = codes.new_token()
    shared = await store.save(
        conn,
        found.cart,
        replace(found.cart, shared=True),
        channel=touch.channel,
        now=touch.now,
        share_hash=codes.hash_token(token),
    )
    told = telling.of_cart(
        shared,
        "Cart Shared",
        "shared",
        channel=touch.channel,
        store_id=touch.store_id,
        at=touch.now,
        share_via=via,
    )
    await telling.tell(conn, [told], now=touch.now, person_id=shared.person_id)
    return ShareLink(token=token)


async def end_sharing(conn: Connection, cart_id: UUID, touch: Touch) -> None:
    """The link leads nowhere any more. Raises as `opened`."""
    found = await changing.opened(conn, cart_id, touch)
    if found.cart.shared:
        await store.save(conn, found.cart, replace(found.cart, shared=False), channel=touch.channel, now=touch.now)


async def _of_token(conn: Connection, token: str, touch: Touch) -> Cart:
    known = token if 0 < len(token) <= MAX_TOKEN else ""
    cart = await store.read(conn, share_hash=codes.hash_token(known), now=touch.now)
    if cart is None or cart.status not in ("active", "checkout"):
        raise CartNotFound("This link leads to no cart.", code="shared_cart_not_found")
    return cart


async def open_shared(conn: Connection, token: str, touch: Touch) -> SharedCart:
    """What is in the cart of a link. Writes nothing. Raises CartNotFound when it is not shared any more."""
    cart = await _of_token(conn, token, touch)
    stranger = replace(cart, node_id=None, person_id=None)
    return truth.shared_view(stranger, await truth.look(conn, stranger, touch))


async def copy_shared(conn: Connection, token: str, node_id: int, touch: Touch, *, currency: str) -> CartView:
    """Put what is in a shared cart into one's own; what cannot be bought here is left out, with a notice.

    Raises CartNotFound, PersonNotFound, TooManyLines, BadQuantity, CartInCheckout, WrongCurrency.
    """
    theirs = await _of_token(conn, token, touch)
    items = [CartItem(sku=line.sku, quantity=line.quantity) for line in theirs.lines]
    own = await changing.to_fill(conn, node_id, touch, currency=currency)
    return await changing.add(conn, own, items, touch, leave_out=True)
