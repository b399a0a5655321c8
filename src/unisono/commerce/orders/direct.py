"""Orders placed at once: another system's, a till's, a company's at net prices. No cart, no checkout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from unisono.commerce.carts import facts
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.errors import SkuUnknown
from unisono.commerce.catalog.model import Variant
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.errors import LocationUnknown
from unisono.commerce.orders import goods, money, rules
from unisono.commerce.orders.errors import BadOrder
from unisono.commerce.orders.goods import Wish
from unisono.commerce.orders.model import (
    Batch,
    CheckoutLine,
    DirectPayment,
    Draft,
    DraftLine,
    DraftParcel,
    NewLine,
    NewOrder,
    Order,
)
from unisono.commerce.orders.money import Changed
from unisono.commerce.orders.paying import TRANSFER, TRANSFER_DAYS
from unisono.commerce.orders.payments import service as payments
from unisono.commerce.orders.placing import by_source, encode, lock_source, write_order
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.model import PriceAnswer
from unisono.commerce.pricing.rules import split_tax
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.model import Basket, BasketLine, Quote
from unisono.customers.collect.nodes import node_of
from unisono.customers.identity.model import Key
from unisono.customers.identity.normalise import UnusableIdentifier
from unisono.customers.identity.rulebook import Rulebook, read_rulebook
from unisono.customers.timers import service as timers
from unisono.kit.database import Connection
from unisono.kit.secret import Secret

TOLERATED_SKEW = timedelta(minutes=5)
"""How far ahead of us another system's clock may be."""


class Priced(NamedTuple):
    """An order's lines with their amounts, and what promotions gave and why."""

    lines: tuple[CheckoutLine, ...]
    tax_included: bool
    shipping: int
    offer: Quote | None = None
    basket: Basket | None = None


async def place_direct(
    conn: Connection,
    asked: NewOrder,
    *,
    secret: Secret,
    actor: str,
    now: datetime,
    country: str = "IT",
) -> Changed:
    """Place an order of another system, a till or a company, inside the caller's transaction.

    Known by (source, source order id): however often it is asked for, it is one, and the same answer. Goods that are
    taken along leave the shelf at once, others are held until they are handed over. Raises BadOrder, GoodsGone,
    WouldBreakPromises (at the till, without a reason to overrule), CannotPay, CouponTaken, PromotionUsedUp, Erased
    (it was placed before its person was erased: without identifier, name and address it may be placed).
    """
    known = await _known(conn, asked, now)
    if known is not None:
        return Changed(known)
    at = asked.placed_at or now
    nodes: list[int | None] = [None, None]
    if asked.identifier is not None or asked.company is not None:
        rulebook = await read_rulebook(conn, country)
        nodes = [
            None if one is None else await node_of(conn, _key(rulebook, one), rulebook, secret, at=at, now=now)
            for one in (asked.identifier, asked.company)
        ]
    return await _place(conn, asked, *nodes, actor=actor, now=now)


async def place_for(conn: Connection, asked: NewOrder, node_id: int, *, actor: str, now: datetime) -> Changed:
    """As `place_direct`, for somebody known: ``asked`` names nobody."""
    known = await _known(conn, asked, now)
    return await _place(conn, asked, node_id, None, actor=actor, now=now) if known is None else Changed(known)


async def _known(conn: Connection, asked: NewOrder, now: datetime) -> Order | None:
    """The order, when it was placed before; nobody else places it until the transaction ends. Raises BadOrder."""
    _check(asked, now)
    source, named = _name(asked)
    await lock_source(conn, source, named)
    return await by_source(conn, source, named)


async def _place(
    conn: Connection, asked: NewOrder, node: int | None, company: int | None, *, actor: str, now: datetime
) -> Changed:
    source, named = _name(asked)
    at = asked.placed_at or now
    variants = await _variants(conn, asked.lines)
    priced = await _priced(conn, asked, variants, node, at=at, now=now)
    reference = f"order:{source}:{named}"
    parcels = await _take_goods(conn, asked, priced.lines, node, reference=reference, actor=actor, at=at, now=now)
    if priced.offer is not None and priced.basket is not None:
        await promotions.hold_uses(
            conn, priced.offer, priced.basket, reference=reference, node_id=node, expires_at=None, now=now
        )
    draft = _draft(asked, priced, parcels, (source, named), node=node, company=company, at=at)
    order = await write_order(conn, draft, actor=actor, now=now)
    if priced.offer is not None:
        await promotions.commit_uses(conn, reference, order_number=order.number, now=now)
    if asked.payment is not None:
        order = await _paid(conn, order, asked.payment, now=now)
    return Changed(order)


def _name(asked: NewOrder) -> tuple[str, str]:
    return rules.check_text(asked.source, "Source"), rules.check_text(asked.source_order_id, "Source order id")


def _check(asked: NewOrder, now: datetime) -> None:
    rules.check_lines(asked.lines)
    rules.check_currency(asked.currency)
    rules.check_text(asked.channel, "Channel")
    rules.check_amount(asked.shipping_minor, "Shipping")
    if asked.store_id is not None:
        rules.check_text(asked.store_id, "Store")
    if asked.placed_at is not None and (asked.placed_at.tzinfo is None or asked.placed_at > now + TOLERATED_SKEW):
        raise BadOrder("The order was placed at an instant with its zone, and not in the future.", code="bad_time")
    if len({line.unit_minor is None for line in asked.lines}) > 1:
        raise BadOrder("Either all lines have a price or none: then they are priced here.", code="prices_mixed")
    if asked.coupons and asked.lines[0].unit_minor is not None:
        raise BadOrder("Coupons are for orders that are priced here.", code="coupons_and_prices")
    if len(encode([asked.customer, asked.address, [line.detail for line in asked.lines]])) > 50_000:
        raise BadOrder("The order's texts are over 50,000 characters.", code="too_long")
    rules.check_notice(asked.customer, told=asked.soft_opt_in)


def _key(rulebook: Rulebook, identifier: str) -> Key:
    """An identifier written ``namespace:value``. Raises BadOrder."""
    namespace, _, value = identifier.partition(":")
    try:
        return rulebook.key(namespace, value)
    except UnusableIdentifier as error:
        raise BadOrder(f"{identifier[:80]!r} is no identifier: {error}.", code="bad_identifier") from None


async def _variants(conn: Connection, lines: Sequence[NewLine]) -> dict[str, Variant]:
    """The variants of the lines by what they were called: sku, GTIN, barcode. Raises BadOrder (``sku_unknown``)."""
    found = await catalog.variants(conn, skus={line.sku for line in lines})
    for line in lines:
        if line.sku not in found:
            try:
                found[line.sku] = await catalog.variant_by_code(conn, line.sku)
            except SkuUnknown:
                raise BadOrder(f"There is no sku {line.sku[:80]!r}.", code="sku_unknown", sku=line.sku[:80]) from None
    return found


async def _priced(
    conn: Connection,
    asked: NewOrder,
    variants: Mapping[str, Variant],
    node: int | None,
    *,
    at: datetime,
    now: datetime,
) -> Priced:
    if asked.lines[0].unit_minor is not None:
        included = asked.kind != "b2b" if asked.tax_included is None else asked.tax_included
        lines = tuple(_told(line, variants[line.sku], included=included) for line in asked.lines)
        return Priced(lines, included, asked.shipping_minor)
    known = await facts.known_of(conn, node, store_id=asked.store_id)
    audiences = known.person.audiences | set(asked.audiences) | ({"b2b"} if asked.kind == "b2b" else set())
    currency = asked.currency.strip().upper()
    prices = await pricing.prices(
        conn,
        [variant.id for variant in variants.values()],
        channel=asked.channel,
        store_id=asked.store_id,
        audiences=audiences,
        currency=currency,
        at=at,
    )
    included = _tax_included(asked, [_price(line, variants, prices) for line in asked.lines])
    basket = Basket(
        currency=currency,
        channel=asked.channel,
        at=at,
        lines=tuple(
            _basket_line(str(position), line, variants[line.sku], _price(line, variants, prices))
            for position, line in enumerate(asked.lines)
        ),
        tax_included=included,
        store_id=asked.store_id,
        timezone=known.timezone or "Europe/Rome",
        person=msgspec.structs.replace(known.person, audiences=frozenset(audiences)),
        coupons=asked.coupons,
        shipping_minor=asked.shipping_minor,
    )
    offer = await promotions.quote(conn, basket, now=now)
    by_id = {line.line_id: line for line in offer.lines}
    lines = tuple(
        CheckoutLine(
            variant_id=variants[line.sku].id,
            product_id=variants[line.sku].product_code,
            category=rules.own_category(variants[line.sku].category_codes),
            brand=variants[line.sku].brand or None,
            sku=variants[line.sku].sku,
            name=variants[line.sku].name,
            quantity=line.quantity,
            unit_minor=by_id[str(position)].unit_minor,
            discount_minor=by_id[str(position)].discount_minor,
            tax_rate_bp=basket.lines[position].tax_rate_bp,
            tax_minor=by_id[str(position)].tax_minor,
            total_minor=by_id[str(position)].total_minor,
            detail={**line.detail, **rules.promoted(by_id[str(position)].shares)},
        )
        for position, line in enumerate(asked.lines)
    )
    return Priced(lines, included, offer.shipping_minor, offer, basket)


def _price(line: NewLine, variants: Mapping[str, Variant], prices: Mapping[int, PriceAnswer]) -> PriceAnswer:
    variant = variants[line.sku]
    price = prices.get(variant.id)
    if price is None or variant.status != "active":
        raise BadOrder(f"{variant.sku} is not for sale here in this currency.", code="no_price", sku=variant.sku)
    return price


def _tax_included(asked: NewOrder, prices: Sequence[PriceAnswer]) -> bool:
    kinds = {price.tax_included for price in prices}
    if len(kinds) > 1:
        raise BadOrder("Some of these prices hold the tax and some do not.", code="tax_mixed")
    included = kinds.pop()
    if asked.tax_included is not None and asked.tax_included != included:
        raise BadOrder("The price list has it the other way about tax.", code="tax_mixed")
    return included


def _basket_line(name: str, line: NewLine, variant: Variant, price: PriceAnswer) -> BasketLine:
    return BasketLine(
        line_id=name,
        sku=variant.sku,
        quantity=line.quantity,
        unit_minor=price.amount_minor,
        product_code=variant.product_code,
        category_codes=variant.category_codes,
        brand=variant.brand,
        tags=variant.tags,
        prior_minor=price.reduction.prior_minor if price.reduction else None,
        tax_rate_bp=price.tax_rate_bp,
    )


def _told(line: NewLine, variant: Variant, *, included: bool) -> CheckoutLine:
    """A line whose price the other system tells."""
    unit = line.unit_minor or 0
    total = unit * line.quantity - line.discount_minor
    rate = variant.tax_rate_bp if line.tax_rate_bp is None else line.tax_rate_bp
    if not 0 <= rate <= 10_000:
        raise BadOrder(f"The tax rate of {line.sku} cannot be {rate}.", code="bad_tax_rate")
    return CheckoutLine(
        variant_id=variant.id,
        product_id=variant.product_code,
        category=rules.own_category(variant.category_codes),
        brand=variant.brand or None,
        sku=variant.sku,
        name=rules.check_text(line.name, "Name") if line.name else variant.name,
        quantity=line.quantity,
        unit_minor=unit,
        discount_minor=line.discount_minor,
        tax_rate_bp=rate,
        tax_minor=split_tax(total, rate, included=included).tax,
        total_minor=total,
        detail=line.detail,
    )


async def _take_goods(
    conn: Connection,
    asked: NewOrder,
    lines: tuple[CheckoutLine, ...],
    node: int | None,
    *,
    reference: str,
    actor: str,
    at: datetime,
    now: datetime,
) -> tuple[DraftParcel, ...]:
    location = asked.location or asked.store_id
    if asked.fulfilment == "carry":
        if location is None:
            raise BadOrder("Say which store.", code="location_missing")
        try:
            await inventory.location(conn, location)
            await inventory.sell_at_till(
                conn,
                location,
                [(line.variant_id, line.quantity) for line in lines],
                reference=reference,
                actor=actor,
                override_reason=asked.override_reason,
                occurred_at=min(at, now),
                now=now,
            )
        except LocationUnknown as error:
            raise BadOrder(error.detail, code="location_unknown") from None
        units = {position: line.quantity for position, line in enumerate(lines)}
        return (DraftParcel(kind="carry", location=location, quantities=units, handed=True),)
    wish = Wish(
        asked.fulfilment,
        asked.location if asked.fulfilment == "ship" else location,
        None,
        asked.channel,
        node,
        reference,
        "order",
    )
    batches: tuple[Batch, ...] = await goods.plan(conn, lines, wish, now=now)
    held, slot = await goods.hold(conn, lines, batches, wish, key=reference, expires_at=None, now=now)
    await goods.make_firm(conn, held, slot, now=now)
    return goods.parcels(held, slot, asked.address)


def _draft(
    asked: NewOrder,
    priced: Priced,
    parcels: tuple[DraftParcel, ...],
    name: tuple[str, str],
    *,
    node: int | None,
    company: int | None,
    at: datetime,
) -> Draft:
    sums = rules.add_up(priced.lines, shipping=priced.shipping, tax_included=priced.tax_included)
    # Promotions may have given on shipping, and shipping has a tax of its own: then their sums are the sums.
    if priced.offer is not None:
        offer = priced.offer
        sums = rules.Amounts(offer.subtotal_minor, offer.discount_minor, offer.tax_minor, offer.total_minor)
    handed = asked.fulfilment == "carry"
    applied = priced.offer.applied if priced.offer else ()
    quote = {"uses": f"order:{name[0]}:{name[1]}", "applied": applied} if priced.offer else {}
    return Draft(
        source=name[0],
        source_order_id=name[1],
        node_id=node,
        company_node=company,
        channel=asked.channel,
        store_id=asked.store_id or asked.location,
        kind=asked.kind,
        status="completed" if handed else "open",
        payment_status="unpaid",
        payment_method=asked.payment.provider if asked.payment else None,
        currency=asked.currency.strip().upper(),
        tax_included=priced.tax_included,
        subtotal_minor=sums.subtotal,
        discount_minor=sums.discount,
        shipping_minor=priced.shipping,
        tax_minor=sums.tax,
        total_minor=sums.total,
        coupons=tuple(one.coupon for one in applied if one.coupon),
        customer=asked.customer,
        quote=quote,
        placed_at=at,
        soft_opt_in=asked.soft_opt_in,
        lines=tuple(
            DraftLine(
                variant_id=line.variant_id,
                product_id=line.product_id,
                category=line.category,
                brand=line.brand,
                sku=line.sku,
                name=line.name,
                quantity=line.quantity,
                unit_minor=line.unit_minor,
                discount_minor=line.discount_minor,
                tax_rate_bp=line.tax_rate_bp,
                tax_minor=line.tax_minor,
                total_minor=line.total_minor,
                handed_over=line.quantity if handed else 0,
                detail=line.detail,
            )
            for line in priced.lines
        ),
        parcels=parcels,
    )


async def _paid(conn: Connection, order: Order, paid: DirectPayment, *, now: datetime) -> Order:
    """What was paid elsewhere, or is to come by transfer. The counterparts are people: there is no call to wait for."""
    amount = order.total_minor if paid.amount_minor is None else rules.check_amount(paid.amount_minor, "The payment")
    if amount > order.total_minor:
        raise BadOrder("More was paid than the order costs.", code="overpaid")
    call = await payments.begin(
        conn,
        key=f"order:{order.number}:paid",
        reference=f"order:{order.number}",
        order_id=order.id,
        provider=paid.provider,
        amount=amount,
        currency=order.currency,
        detail={} if paid.reference is None else {"reference": rules.check_text(paid.reference, "Reference")},
        now=now,
    )
    if call is None:
        return order
    payment = await payments.settle(conn, call, await payments.make(call), now=now)
    if payment.state == "pending":
        await timers.set_timer(conn, TRANSFER, payment.id, now + TRANSFER_DAYS, payload={"order": order.number})
        return order
    return await money.payment_moved(conn, order.id, actor=paid.provider, now=now)
