"""The door of carts: one a person, over all channels.

What is asked for by a cart's id goes on working when the cart is merged: it leads to the one it went into. Everything
that changes a cart takes ``expected_version`` and raises CartChanged when somebody was faster; without it the later
change adds to the earlier one. All of it happens inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from unisono.commerce.carts import changing, codes, merging, paying, sharing, store, truth
from unisono.commerce.carts.errors import CartNotFound, MergeNotFound, NotSold
from unisono.commerce.carts.model import Cart, CartItem, CartSettings, CartView, Rule, SharedCart, ShareLink, Touch
from unisono.commerce.promotions.model import Basket
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest

begin_checkout = paying.begin_checkout
end_checkout = paying.end_checkout
mark_ordered = paying.mark_ordered
begin = changing.begin
claim = changing.claim
discard = changing.discard


async def active_cart(
    conn: Connection,
    node_id: int,
    *,
    channel: str,
    store_id: str | None = None,
    currency: str,
    create: bool = False,
    rule: Rule | None = None,
    actor: str = merging.SYSTEM,
    now: datetime,
) -> Cart | None:
    """The one open cart of the person of a node, locked; several are merged first, by ``rule`` or the installation's.

    It may be in a checkout. None when there is none and ``create`` is false. Raises PersonNotFound, MoneyError,
    WrongCurrency when there is one in another currency.
    """
    touch = Touch(channel=channel, store_id=store_id, node_id=node_id, actor=actor, now=now)
    currency = changing.checked_currency(currency)
    found = await changing.opened_of(conn, node_id, touch, currency=currency, create=create, rule=rule)
    return None if found is None else found.cart


async def present_cart(conn: Connection, node_id: int, *, now: datetime) -> Cart | None:
    """The open cart of the person of a node as it is kept; None when there is none. Writes and locks nothing.

    Where several wait to be merged it is the one of this identifier: the reader of joins, or the next change, merges.
    """
    found = await store.open_cart_of(conn, node_id)
    return None if found is None else await find_cart(conn, found, now=now)


async def find_cart(conn: Connection, cart_id: UUID, *, now: datetime) -> Cart:
    """A cart as it is kept, without a lock; of a merged one the cart it went into. Raises CartNotFound."""
    cart = await store.read(conn, id=cart_id, now=now)
    if cart is None:
        raise CartNotFound("There is no such cart.")
    return cart


async def open_by_code(conn: Connection, code: str, *, now: datetime) -> Cart:
    """The cart of a code that was typed or scanned, without a lock. Raises BadRequest, CartNotFound."""
    known = codes.read_code(code)
    if known is None:
        raise BadRequest(
            f"A cart's code has {codes.LENGTH} letters and digits.",
            code="bad_cart_code",
            hint="It stands under the QR picture in the customer's cart.",
        )
    cart = await store.read(conn, code=known, now=now)
    if cart is None:
        raise CartNotFound(f"No cart has the code {known}.")
    return cart


async def view(
    conn: Connection,
    cart_id: UUID,
    *,
    channel: str,
    store_id: str | None = None,
    language: str = "en",
    timezone: str = "Europe/Rome",
    now: datetime,
) -> CartView:
    """A cart as a channel sees it now: what each line costs, what has changed since it was looked at, promotions.

    Writes nothing. Raises CartNotFound.
    """
    touch = Touch(channel=channel, store_id=store_id, language=language, timezone=timezone, now=now)
    return await view_cart(conn, await find_cart(conn, cart_id, now=now), touch)


async def view_cart(conn: Connection, cart: Cart, touch: Touch) -> CartView:
    """As `view`, for a cart somebody has in hand."""
    return await truth.view_of(conn, cart, await truth.look(conn, cart, touch), touch)


async def basket_of(
    conn: Connection,
    cart_id: UUID,
    *,
    channel: str,
    store_id: str | None = None,
    timezone: str = "Europe/Rome",
    shipping_minor: int = 0,
    shipping_tax_rate_bp: int = 0,
    now: datetime,
) -> Basket:
    """What is to be paid for, as promotions see it; each line is called by its sku.

    Raises CartNotFound, NotSold with the ``lines`` (skus) that cannot be bought here, BadRequest (``cart_empty``).
    """
    touch = Touch(channel=channel, store_id=store_id, timezone=timezone, now=now)
    cart = await find_cart(conn, cart_id, now=now)
    known = await truth.look(conn, cart, touch)
    unsold = [line.sku for line in cart.lines if known.buyable(line.variant_id) is None]
    if unsold:
        raise NotSold(f"Not for sale here at present: {', '.join(unsold[:5])}.", lines=unsold)
    if not cart.lines:
        raise BadRequest("The cart is empty.", code="cart_empty")
    return truth.basket(cart, known, touch, shipping_minor=shipping_minor, shipping_tax_rate_bp=shipping_tax_rate_bp)


# Changes ------------------------------------------------------------------------------------------------


async def put_into(
    conn: Connection,
    node_id: int,
    items: Sequence[CartItem],
    touch: Touch,
    *,
    currency: str,
    expected_version: int | None = None,
) -> CartView:
    """More units of some products into the cart of the person of a node, made when there is none. At most ten
    statements for a cart that is there, view and promotions included.

    Raises PersonNotFound, BadQuantity, SkuUnknown, NotSold, TooManyLines, WrongCurrency, CartInCheckout, CartChanged.
    """
    found = await changing.to_fill(conn, node_id, touch, currency=currency, expected_version=expected_version)
    return await changing.add(conn, found, items, touch)


async def add_lines(
    conn: Connection, cart_id: UUID, items: Sequence[CartItem], touch: Touch, *, expected_version: int | None = None
) -> CartView:
    """More units of some products into a cart. Raises as `put_into`, and CartNotFound, CartClosed."""
    found = await changing.opened(conn, cart_id, touch, expected_version=expected_version)
    return await changing.add(conn, found, items, touch)


async def add_line(
    conn: Connection,
    cart_id: UUID,
    sku: str,
    quantity: int,
    touch: Touch,
    *,
    note: str | None = None,
    expected_version: int | None = None,
) -> CartView:
    """More units of one product, by sku or barcode. Raises as `add_lines`."""
    item = CartItem(sku=sku, quantity=quantity, note=note)
    return await add_lines(conn, cart_id, [item], touch, expected_version=expected_version)


async def set_quantity(
    conn: Connection,
    cart_id: UUID,
    sku: str,
    quantity: int,
    touch: Touch,
    *,
    note: str | None = None,
    expected_version: int | None = None,
) -> CartView:
    """So many units of a product, whatever there were. Raises as `add_lines`."""
    found = await changing.opened(conn, cart_id, touch, expected_version=expected_version)
    return await changing.set_quantity(conn, found, sku, quantity, touch, note=note)


async def remove_line(
    conn: Connection, cart_id: UUID, sku: str, touch: Touch, *, expected_version: int | None = None
) -> CartView:
    """Take a product out. Raises LineNotFound, and as `add_lines`."""
    found = await changing.opened(conn, cart_id, touch, expected_version=expected_version)
    return await changing.remove(conn, found, sku, touch)


async def set_coupons(
    conn: Connection, cart_id: UUID, coupons: Iterable[str], touch: Touch, *, expected_version: int | None = None
) -> CartView:
    """The coupons entered, all of them; the quote says which count. Raises BadCoupon, and as `add_lines`."""
    found = await changing.opened(conn, cart_id, touch, expected_version=expected_version)
    return await changing.set_coupons(conn, found, coupons, touch)


async def mark_seen(conn: Connection, cart_id: UUID, touch: Touch, *, expected_version: int | None = None) -> CartView:
    """The channel has shown the cart at its prices of now: these are the prices seen. Raises as `add_lines`."""
    found = await changing.opened(conn, cart_id, touch, expected_version=expected_version)
    return await changing.mark_seen(conn, found, touch)


async def undo_merge(conn: Connection, cart_id: UUID, merge_id: int, touch: Touch) -> CartView:
    """Take a merge back; the two carts are not merged again by themselves. Returns the cart that went on.

    Raises MergeNotFound when it is none of this cart's, MergeStands, CartInCheckout, CartNotFound.
    """
    cart = await find_cart(conn, cart_id, now=touch.now)
    if all(merge.id != merge_id for merge in cart.merges):
        raise MergeNotFound(f"This cart has no merge {merge_id} to undo.")
    return await view_cart(conn, await merging.undo(conn, merge_id, touch), touch)


# Sharing, settings --------------------------------------------------------------------------------------


async def share(conn: Connection, cart_id: UUID, touch: Touch, *, via: str | None = None) -> ShareLink:
    """A link to the cart, told once. Raises as `add_lines`."""
    return await sharing.share(conn, cart_id, touch, via=via)


async def end_sharing(conn: Connection, cart_id: UUID, touch: Touch) -> None:
    """End the link. Raises as `add_lines`."""
    await sharing.end_sharing(conn, cart_id, touch)


async def open_shared(conn: Connection, token: str, touch: Touch) -> SharedCart:
    """What is in the cart of a link; writes nothing. Raises CartNotFound (``shared_cart_not_found``)."""
    return await sharing.open_shared(conn, token, touch)


async def copy_shared(conn: Connection, token: str, node_id: int, touch: Touch, *, currency: str) -> CartView:
    """What is in the cart of a link into one's own. Raises CartNotFound, and as `put_into`."""
    return await sharing.copy_shared(conn, token, node_id, touch, currency=currency)


async def settings(conn: Connection) -> CartSettings:
    """How carts behave here."""
    return await store.read_settings(conn)


async def change_settings(conn: Connection, new: CartSettings) -> None:
    """Change how carts behave here. Raises BadRequest for minutes below 1 or over 30 days."""
    if not 1 <= new.idle_minutes <= 43_200:
        raise BadRequest("A cart is abandoned after 1 minute to 30 days.", code="bad_idle_minutes")
    await store.write_settings(conn, new)


def qr_svg(cart: Cart) -> str:
    """The cart's code as a QR picture (SVG), for a clerk to scan."""
    return codes.qr_svg(cart.code)
