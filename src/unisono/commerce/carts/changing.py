"""Carts found, filled and emptied. Every change locks the cart first, so channels that act at once take turns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from msgspec.structs import replace

from unisono.commerce.carts import leaving, merging, store, telling, truth
from unisono.commerce.carts.errors import (
    BadCoupon,
    CartChanged,
    CartClosed,
    CartInCheckout,
    CartNotFound,
    LineNotFound,
    NotSold,
    TooManyLines,
    WrongCurrency,
)
from unisono.commerce.carts.model import (
    MAX_COUPONS,
    MAX_LINES,
    MAX_NOTE,
    Cart,
    CartItem,
    CartView,
    Line,
    Rule,
    Touch,
)
from unisono.commerce.carts.rules import in_order
from unisono.commerce.carts.store import Locked
from unisono.commerce.carts.truth import Truth
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.checking import storable
from unisono.commerce.catalog.model import Variant
from unisono.commerce.promotions.model import coupon_code
from unisono.customers.identity.service import PersonNotFound
from unisono.customers.record import Happening
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest
from unisono.kit.money import exponent
from unisono.kit.reasons import Reason

MAX_COUPON = 64
"""Characters of a coupon code."""


def checked_currency(currency: str) -> str:
    """The ISO 4217 code in capitals. Raises MoneyError for what is none."""
    exponent(currency)
    return currency.strip().upper()


# Found --------------------------------------------------------------------------------------------------


async def opened(conn: Connection, cart_id: UUID, touch: Touch, *, expected_version: int | None = None) -> Locked:
    """A cart by id, locked and open to changes; the id of a merged one leads to where its lines went on.

    Raises CartNotFound, CartClosed, CartInCheckout, CartChanged when it is not at ``expected_version``.
    """
    found = await _locked(conn, cart_id, touch)
    if found.cart.status == "merged":
        root = await store.read(conn, id=cart_id, now=touch.now)
        if root is not None:
            found = await _locked(conn, root.id, touch)
    return _may_change(found, expected_version)


async def _locked(conn: Connection, cart_id: UUID, touch: Touch) -> Locked:
    return await store.lock(conn, cart_id, node_id=touch.node_id, store_id=touch.store_id, now=touch.now)


def _may_change(found: Locked, expected_version: int | None = None) -> Locked:
    cart = found.cart
    if cart.status == "checkout":
        raise CartInCheckout(
            "The cart is being paid.",
            until=cart.paying_until,
            hint="Pay, or give the checkout up; then the cart can be changed.",
        )
    if cart.status != "active":
        raise CartClosed(f"The cart is {cart.status}.", cart_status=cart.status)
    if expected_version is not None and cart.version != expected_version:
        raise CartChanged(
            f"The cart is at version {cart.version}.", version=cart.version, hint="Read it again and repeat."
        )
    return found


async def opened_of(
    conn: Connection, node_id: int, touch: Touch, *, currency: str, create: bool = True, rule: Rule | None = None
) -> Locked | None:
    """The one cart of the person of a node, locked, others merged into it; a new one when there is none.

    It may be in a checkout. Raises PersonNotFound, WrongCurrency when there is one but in another currency.
    """
    found = await merging.open_carts(conn, node_id, touch, rule=rule)
    person_id = found.known.person.person_id
    if person_id is None:
        raise PersonNotFound(f"There is no person {node_id}.")
    cart = _chosen(found.carts, node_id, currency)
    if cart is None and create:
        await store.first_of_person(conn, person_id)
        await merging.separate(conn, {person_id}, touch)
        found = await merging.open_carts(conn, node_id, touch, rule=rule)
        cart = _chosen(found.carts, node_id, currency) or await _made(conn, node_id, touch, currency)
    return None if cart is None else Locked(cart, found.known, found.settings)


async def to_fill(
    conn: Connection, node_id: int, touch: Touch, *, currency: str, expected_version: int | None = None
) -> Locked:
    """The cart of the person of a node, locked, open to changes; a new one when there is none.

    Raises PersonNotFound, WrongCurrency, CartInCheckout, CartChanged.
    """
    found = await opened_of(conn, node_id, touch, currency=checked_currency(currency))
    if found is None:
        raise CartNotFound("There is no such cart.")
    return _may_change(found, expected_version)


def _chosen(carts: Sequence[Cart], node_id: int, currency: str) -> Cart | None:
    """Of several the one of this identifier, else the strongest identifier's; one being paid only for want of others.

    Raises WrongCurrency when all are in other currencies.
    """
    if not carts:
        return None
    fitting = [cart for cart in carts if cart.currency == currency]
    if not fitting:
        raise WrongCurrency(f"The cart is kept in {carts[0].currency}.", currency=carts[0].currency)
    return min(fitting, key=lambda cart: (cart.status == "checkout", cart.node_id != node_id))


async def _made(conn: Connection, node_id: int | None, touch: Touch, currency: str) -> Cart:
    made = await store.create(
        conn,
        node_id=node_id,
        channel=touch.channel,
        store_id=touch.store_id,
        currency=currency,
        now=touch.now,
    )
    if made is None:
        raise CartInCheckout("The cart of this identifier is being paid.")
    return (await store.lock(conn, made, now=touch.now)).cart


async def begin(conn: Connection, touch: Touch, *, currency: str) -> Cart:
    """A cart that is nobody's yet, as a till opens one: it is known by its id and code."""
    return await _made(conn, None, touch, checked_currency(currency))


# Filled -------------------------------------------------------------------------------------------------


async def add(
    conn: Connection, found: Locked, items: Sequence[CartItem], touch: Touch, *, leave_out: bool = False
) -> CartView:
    """More units of some products. With ``leave_out`` what cannot be bought is left out, and said in a notice.

    Raises BadQuantity, SkuUnknown, NotSold, TooManyLines; then nothing has changed.
    """
    _check_items(items)
    wanted = list(dict.fromkeys(item.sku for item in items))
    known = await truth.look(conn, found.cart, touch, wanted, known=found.known)
    lines = {line.variant_id: line for line in found.cart.lines}
    notices: list[Reason] = []
    for item in items:
        variant = known.coded[item.sku]
        try:
            lines[variant.id] = _more(lines.get(variant.id), item, variant, known, found.cart, touch)
        except NotSold as refused:
            if not leave_out:
                raise
            notices.append(Reason(refused.code, "{sku} was left out: it cannot be bought here.", {"sku": variant.sku}))
    return await _changed(conn, found, lines, known, touch, notices)


def _check_items(items: Sequence[CartItem]) -> None:
    if len(items) > MAX_LINES:
        raise TooManyLines(f"A cart has at most {MAX_LINES} lines.", limit=MAX_LINES)
    for item in items:
        truth.checked_quantity(item.quantity)
        _check_note(item.note)


def _check_note(note: str | None) -> None:
    if note is not None and (len(note) > MAX_NOTE or not storable(note)):
        raise BadRequest(f"A note has at most {MAX_NOTE} characters, no control ones.", code="bad_note")


def _more(line: Line | None, item: CartItem, variant: Variant, known: Truth, cart: Cart, touch: Touch) -> Line:
    price = truth.price_here(known, variant)
    if line is None:
        return Line(
            variant_id=variant.id,
            sku=variant.sku,
            quantity=item.quantity,
            channel=touch.channel,
            store_id=touch.store_id,
            seen_minor=price.amount_minor,
            seen_at=touch.now,
            node_id=touch.node_id or cart.node_id,
            note=item.note,
            added_at=touch.now,
        )
    return replace(
        line,
        quantity=truth.checked_quantity(line.quantity + item.quantity),
        channel=touch.channel,
        store_id=touch.store_id,
        seen_minor=price.amount_minor,
        seen_at=touch.now,
        note=item.note or line.note,
    )


async def set_quantity(
    conn: Connection, found: Locked, code: str, quantity: int, touch: Touch, *, note: str | None = None
) -> CartView:
    """So many units of a product, whatever there were; a new line where there was none.

    Raises BadQuantity, SkuUnknown, NotSold for a new line or more units, TooManyLines.
    """
    _check_items([CartItem(sku=code, quantity=quantity, note=note)])
    known = await truth.look(conn, found.cart, touch, [code], known=found.known)
    variant = known.coded[code]
    lines = {line.variant_id: line for line in found.cart.lines}
    line = lines.get(variant.id)
    if line is None:
        lines[variant.id] = _more(
            None, CartItem(sku=code, quantity=quantity, note=note), variant, known, found.cart, touch
        )
    else:
        if quantity > line.quantity:
            truth.price_here(known, variant)
        lines[variant.id] = replace(line, quantity=quantity, note=line.note if note is None else note)
    return await _changed(conn, found, lines, known, touch)


async def remove(conn: Connection, found: Locked, code: str, touch: Touch) -> CartView:
    """Take a product out. Raises LineNotFound, SkuUnknown."""
    line = next((line for line in found.cart.lines if line.sku == code), None)
    if line is None:
        variant = await catalog.variant_by_code(conn, code)
        line = found.cart.line(variant.id)
    if line is None:
        raise LineNotFound(f"{code[:100]} is not in the cart.")
    known = await truth.look(conn, found.cart, touch, known=found.known)
    lines = {kept.variant_id: kept for kept in found.cart.lines if kept.variant_id != line.variant_id}
    return await _changed(conn, found, lines, known, touch)


async def _changed(
    conn: Connection,
    found: Locked,
    lines: Mapping[int, Line],
    known: Truth,
    touch: Touch,
    notices: Iterable[Reason] = (),
) -> CartView:
    """Write other lines, tell of each that moved, and show the cart."""
    if len(lines) > MAX_LINES:
        raise TooManyLines(f"A cart has at most {MAX_LINES} lines.", limit=MAX_LINES)
    old = found.cart
    new = replace(old, lines=in_order(lines.values()))
    if new.lines != old.lines:
        new = await store.save(conn, old, new, channel=touch.channel, now=touch.now)
        new = await leaving.watch(conn, new, found.settings)
        await telling.tell(conn, _moves(old, new, known, touch), now=touch.now, person_id=found.known.person.person_id)
    return await truth.view_of(conn, new, known, touch, notices=notices)


def _moves(old: Cart, new: Cart, known: Truth, touch: Touch) -> list[Happening | None]:
    before = {line.variant_id: line for line in old.lines}
    after = {line.variant_id: line for line in new.lines}
    told = []
    for variant_id in before | after:
        units = _units(after.get(variant_id)) - _units(before.get(variant_id))
        if units:
            line = after.get(variant_id) or before[variant_id]
            price = known.prices.get(variant_id)
            unit_minor = price.amount_minor if price else line.seen_minor
            told.append(telling.product_moved(new, line, known.variants.get(variant_id), units, unit_minor, touch))
    return told


def _units(line: Line | None) -> int:
    return line.quantity if line else 0


# Other changes ------------------------------------------------------------------------------------------


def checked_coupons(codes: Iterable[str]) -> tuple[str, ...]:
    """Coupon codes as they are kept, each once. Raises BadCoupon."""
    kept = tuple(dict.fromkeys(coupon_code(code) for code in codes))
    if len(kept) > MAX_COUPONS:
        raise BadCoupon(f"A cart has at most {MAX_COUPONS} coupons.")
    if any(not code or len(code) > MAX_COUPON or not code.isprintable() for code in kept):
        raise BadCoupon(f"A coupon code has 1 to {MAX_COUPON} printable characters.")
    return kept


async def set_coupons(conn: Connection, found: Locked, codes: Iterable[str], touch: Touch) -> CartView:
    """The coupons entered; the view's quote says of each whether it counts, and why not. Raises BadCoupon."""
    kept = checked_coupons(codes)
    new = found.cart
    if kept != found.cart.coupons:
        new = await store.save(conn, new, replace(new, coupons=kept), channel=touch.channel, now=touch.now)
        new = await leaving.watch(conn, new, found.settings)
    return await truth.view_of(conn, new, await truth.look(conn, new, touch, known=found.known), touch)


async def mark_seen(conn: Connection, found: Locked, touch: Touch) -> CartView:
    """The channel has shown the lines at their prices of now: the price notices have done their work."""
    known = await truth.look(conn, found.cart, touch, known=found.known)
    lines = []
    for line in found.cart.lines:
        price = known.buyable(line.variant_id)
        seen = (
            line
            if price is None or price.amount_minor == line.seen_minor
            else replace(
                line,
                channel=touch.channel,
                store_id=touch.store_id,
                seen_minor=price.amount_minor,
                seen_at=touch.now,
            )
        )
        lines.append(seen)
    new = found.cart
    if tuple(lines) != new.lines:
        new = await store.save(conn, new, replace(new, lines=tuple(lines)), channel=touch.channel, now=touch.now)
        new = await leaving.watch(conn, new, found.settings)
    return await truth.view_of(conn, new, known, touch)


async def claim(conn: Connection, cart_id: UUID, node_id: int, touch: Touch) -> Cart:
    """Say whose a nobody's cart is, as when the card is scanned at the end: it becomes the person's, merged with his.

    Raises CartClosed when it is somebody else's, PersonNotFound, CartInCheckout, WrongCurrency.
    """
    found = await opened(conn, cart_id, touch)
    cart = found.cart
    own = await opened_of(conn, node_id, touch, currency=cart.currency, create=False)
    if own is not None and own.cart.id == cart.id:
        return own.cart
    if cart.node_id is not None:
        raise CartClosed("The cart is somebody else's.", code="not_his_cart")
    if own is not None:
        _may_change(own)
        return await merging.merge_into(conn, own.cart, cart, touch, own.settings.merge_rule)
    lines = tuple(replace(line, node_id=node_id) for line in cart.lines)
    new = replace(cart, node_id=node_id, lines=lines)
    new = await store.save(conn, cart, new, channel=touch.channel, now=touch.now)
    return await leaving.watch(conn, new, found.settings)


async def discard(conn: Connection, cart_id: UUID, touch: Touch) -> Cart:
    """Throw a cart away. What was in it is kept on record, and told as taken out. Raises as `opened`."""
    found = await opened(conn, cart_id, touch)
    old = found.cart
    new = await store.save(
        conn, old, replace(old, status="discarded", shared=False), channel=touch.channel, now=touch.now
    )
    told = [telling.product_moved(new, line, None, -line.quantity, line.seen_minor, touch) for line in old.lines]
    await telling.tell(conn, told, now=touch.now, person_id=found.known.person.person_id)
    await leaving.unwatch(conn, old, reason="discarded")
    return new
