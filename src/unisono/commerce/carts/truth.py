"""What a cart is worth here and now: variants, prices, stock and promotions of this channel at this instant.

Read once for a request and used for everything in it: what is added is priced by the same answer that is shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from unisono.commerce.carts import facts, rules
from unisono.commerce.carts.errors import BadQuantity, NotSold
from unisono.commerce.carts.facts import Known
from unisono.commerce.carts.model import (
    MAX_QUANTITY,
    Cart,
    CartLineView,
    CartView,
    Line,
    SharedCart,
    SharedLine,
    Touch,
)
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.model import Variant
from unisono.commerce.inventory import service as inventory
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.model import PriceAnswer
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.model import Basket, BasketLine, Quote, QuotedLine
from unisono.kit.database import Connection
from unisono.kit.reasons import Reason


class Truth(NamedTuple):
    """What the lines of a cart are here and now; ``coded`` is by the code that was asked for."""

    known: Known
    variants: Mapping[int, Variant]
    coded: Mapping[str, Variant]
    prices: Mapping[int, PriceAnswer]
    available: Mapping[int, int | None]

    def buyable(self, variant_id: int) -> PriceAnswer | None:
        """Its price, when it can be bought."""
        variant = self.variants.get(variant_id)
        return self.prices.get(variant_id) if variant is not None and variant.status == "active" else None


async def look(
    conn: Connection, cart: Cart, touch: Touch, codes: Collection[str] = (), *, known: Known | None = None
) -> Truth:
    """The truth about a cart's lines, and about ``codes`` (skus or barcodes) that may become lines.

    Five statements: person (unless ``known``), variants, prices, and two for stock; one or two more for each code
    that is no sku. Raises SkuUnknown.
    """
    if known is None:
        known = await facts.known_of(conn, touch.node_id or cart.node_id, store_id=touch.store_id)
    by_sku = await catalog.variants(conn, skus={*(line.sku for line in cart.lines), *codes})
    coded = {code: by_sku.get(code) or await catalog.variant_by_code(conn, code) for code in codes}
    variants = {variant.id: variant for variant in (*by_sku.values(), *coded.values())}
    prices = await pricing.prices(
        conn,
        list(variants),
        channel=touch.channel,
        store_id=touch.store_id,
        audiences=known.person.audiences,
        currency=cart.currency,
        at=touch.now,
    )
    return Truth(known, variants, coded, prices, await units_left(conn, list(variants), touch))


async def units_left(conn: Connection, variant_ids: Sequence[int], touch: Touch) -> dict[int, int | None]:
    """How many units can be promised here: in a store its own, elsewhere those of all places together.

    None for what no place keeps stock of: nobody counts it.
    """
    places = await inventory.availability(conn, variant_ids, channel=touch.channel, now=touch.now)
    here = touch.store_id if touch.channel == "store" else None
    return {
        variant_id: sum(place.available for place in found if here in (None, place.location_code)) if found else None
        for variant_id, found in places.items()
    }


def checked_quantity(quantity: int) -> int:
    """A quantity a line can have. Raises BadQuantity."""
    if isinstance(quantity, bool) or not isinstance(quantity, int) or not 1 <= quantity <= MAX_QUANTITY:
        raise BadQuantity(
            f"A quantity is a whole number from 1 to {MAX_QUANTITY}.", hint="To take a product out, remove its line."
        )
    return quantity


def price_here(truth: Truth, variant: Variant) -> PriceAnswer:
    """What a variant costs here. Raises NotSold when it cannot be bought."""
    if variant.status != "active":
        raise NotSold(f"{variant.sku} is not for sale.", sku=variant.sku)
    price = truth.prices.get(variant.id)
    if price is None:
        raise NotSold(f"{variant.sku} has no price here in this currency.", code="no_price", sku=variant.sku)
    return price


def basket(cart: Cart, truth: Truth, touch: Touch, *, shipping_minor: int = 0, shipping_tax_rate_bp: int = 0) -> Basket:
    """What promotions see of a cart: the lines that can be bought, each called by its sku."""
    lines, included = [], True
    for line in cart.lines:
        price = truth.buyable(line.variant_id)
        if price is not None:
            lines.append(_basket_line(line, truth.variants[line.variant_id], price))
            included = included and price.tax_included
    return Basket(
        currency=cart.currency,
        channel=touch.channel,
        at=touch.now,
        lines=tuple(lines),
        tax_included=included,
        store_id=touch.store_id,
        timezone=truth.known.timezone or touch.timezone,
        person=truth.known.person,
        coupons=cart.coupons,
        shipping_minor=shipping_minor,
        shipping_tax_rate_bp=shipping_tax_rate_bp,
    )


def _basket_line(line: Line, variant: Variant, price: PriceAnswer) -> BasketLine:
    return BasketLine(
        line_id=line.sku,
        sku=line.sku,
        quantity=line.quantity,
        unit_minor=price.amount_minor,
        product_code=variant.product_code,
        category_codes=variant.category_codes,
        brand=variant.brand,
        tags=variant.tags,
        prior_minor=price.reduction.prior_minor if price.reduction else None,
        tax_rate_bp=price.tax_rate_bp,
    )


async def view_of(
    conn: Connection, cart: Cart, truth: Truth, touch: Touch, *, notices: Iterable[Reason] = ()
) -> CartView:
    """A cart as the channel sees it, with the promotions that apply."""
    whole = basket(cart, truth, touch)
    quote = None
    if whole.lines:
        quote = await promotions.quote(conn, whole, now=touch.now, reference=cart.paying_for)
    quoted = {line.line_id: line for line in quote.lines} if quote else {}
    return CartView(
        id=cart.id,
        code=cart.code,
        node_id=cart.node_id,
        person_id=cart.person_id,
        status=cart.status,
        version=cart.version,
        currency=cart.currency,
        coupons=cart.coupons,
        shared=cart.shared,
        lines=tuple(_line_view(cart, line, truth, quoted.get(line.sku)) for line in cart.lines),
        quote=quote,
        notices=(*notices, *_trouble(cart), *_tax_mixed(cart, truth, quote)),
        merges=cart.merges,
        updated_at=cart.updated_at,
    )


def _line_view(cart: Cart, line: Line, truth: Truth, quoted: QuotedLine | None) -> CartLineView:
    variant = truth.variants.get(line.variant_id)
    price = truth.buyable(line.variant_id)
    available = truth.available.get(line.variant_id)
    if available is not None and cart.status == "checkout":
        # Its own units are held: they are not missing.
        available = max(available, line.quantity)
    return CartLineView(
        sku=line.sku,
        name=variant.name if variant else line.sku,
        quantity=line.quantity,
        unit_minor=price.amount_minor if price else None,
        prior_minor=price.reduction.prior_minor if price and price.reduction else None,
        seen_minor=line.seen_minor,
        seen_channel=line.channel,
        seen_at=line.seen_at,
        available=available,
        notices=rules.explain(
            line,
            now_minor=price.amount_minor if price else None,
            currency=cart.currency,
            sold=variant is not None and variant.status == "active",
            available=available,
        ),
        discount_minor=quoted.discount_minor if quoted else 0,
        total_minor=quoted.total_minor if quoted else 0,
        note=line.note,
    )


def _trouble(cart: Cart) -> tuple[Reason, ...]:
    if cart.trouble == "payment_failed":
        return (Reason("payment_failed", "The last payment did not go through; the cart is as it was.", {}),)
    if cart.trouble == "payment_slow":
        return (Reason("payment_slow", "The last payment took too long; the cart is as it was.", {}),)
    return ()


def _tax_mixed(cart: Cart, truth: Truth, quote: Quote | None) -> tuple[Reason, ...]:
    """Price lists with and without tax in one cart: the totals would mean nothing without a word."""
    found = {price.tax_included for line in cart.lines if (price := truth.buyable(line.variant_id))}
    if quote is None or len(found) < 2:
        return ()
    return (Reason("tax_mixed", "Some prices include tax and some do not.", {}),)


def shared_view(cart: Cart, truth: Truth) -> SharedCart:
    """A cart as a stranger with its link sees it."""
    lines = []
    total = 0
    for line in cart.lines:
        variant, price = truth.variants.get(line.variant_id), truth.buyable(line.variant_id)
        total += line.quantity * price.amount_minor if price else 0
        lines.append(
            SharedLine(
                sku=line.sku,
                name=variant.name if variant else line.sku,
                quantity=line.quantity,
                unit_minor=price.amount_minor if price else None,
                available=truth.available.get(line.variant_id),
            )
        )
    return SharedCart(currency=cart.currency, lines=tuple(lines), total_minor=total)
