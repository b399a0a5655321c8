"""What is on the shelf, as a channel shows it: products with the price here and now, and where they are to be had."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from unisono.commerce.catalog import pages
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.model import FoundProduct, ProductView, Variant, VariantView
from unisono.commerce.channel.speaking import Speaker
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import Place
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.model import PriceAnswer
from unisono.kit.database import Connection

MOST_SKUS = 200


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What one unit costs here and now, in minor units. ``prior_minor`` and ``percent`` are there for an announced
    reduction only, and are the ones the law lets be shown."""

    amount_minor: int
    currency: str
    tax_included: bool
    tax_rate_bp: int
    prior_minor: int | None = None
    percent: int | None = None
    reduced_until: datetime | None = None
    valid_until: datetime | None = None
    """When it is known to change."""


class Somewhere(msgspec.Struct, frozen=True, kw_only=True):
    """Units that can be promised in a place."""

    store_id: str
    name: str
    available: int
    distance_km: float | None = None


class OnShelf(msgspec.Struct, frozen=True, kw_only=True):
    """A sku as it can be bought."""

    sku: str
    name: str
    options: dict[str, str]
    barcodes: tuple[str, ...] = ()
    price: Price | None
    """None: it is not sold in this channel."""
    available_here: int | None
    """Units in the store asked for; None without a store."""
    available: int
    """Units this channel can promise from anywhere."""
    nearby: tuple[Somewhere, ...]


class ProductPage(msgspec.Struct, frozen=True, kw_only=True):
    """A product and all its skus."""

    product: ProductView
    variants: tuple[OnShelf, ...]


class ListedProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A product in a list: from what price, and whether it can be had."""

    code: str
    name: str
    brand: str | None
    category: str | None
    image: str | None
    skus: tuple[str, ...]
    price: Price | None
    """The lowest of its skus."""
    available: int


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """Some products; ``next`` is the ``after`` of the following page."""

    products: tuple[ListedProduct, ...]
    next: str | None


def shown_price(answer: PriceAnswer | None) -> Price | None:
    """A price as channels show it."""
    if answer is None:
        return None
    reduction = answer.reduction
    return Price(
        amount_minor=answer.amount_minor,
        currency=answer.currency,
        tax_included=answer.tax_included,
        tax_rate_bp=answer.tax_rate_bp,
        prior_minor=reduction.prior_minor if reduction else None,
        percent=reduction.percent if reduction and reduction.percent else None,
        reduced_until=reduction.ends_at if reduction else None,
        valid_until=answer.next_change_at,
    )


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """Prices and stock of some variants at one instant, for one speaker."""

    prices: Mapping[int, PriceAnswer]
    places: Mapping[int, Sequence[Place]]


async def market(
    conn: Connection,
    variant_ids: Collection[int],
    speaker: Speaker,
    *,
    currency: str,
    audiences: Collection[str] = frozenset(),
    near: tuple[float, float] | None = None,
) -> Market:
    """What these variants cost and where they are: two statements."""
    prices = await pricing.prices(
        conn,
        variant_ids,
        channel=speaker.channel,
        store_id=speaker.store_id,
        audiences=audiences,
        currency=currency,
        at=speaker.now,
    )
    places = await inventory.availability(conn, variant_ids, channel=speaker.channel, near=near, now=speaker.now)
    return Market(prices=prices, places=places)


def on_shelf(variant: Variant | VariantView, variant_id: int, there: Market, store_id: str | None) -> OnShelf:
    """One sku with its price and its places, the nearest or fullest first."""
    places = there.places.get(variant_id, ())
    here = [place for place in places if place.location_code == store_id]
    others = sorted(
        (place for place in places if place.available > 0),
        key=lambda place: (place.distance_km is None, place.distance_km or 0.0, -place.available, place.location_code),
    )
    return OnShelf(
        sku=variant.sku,
        name=variant.name,
        options=dict(variant.options),
        barcodes=variant.barcodes if isinstance(variant, VariantView) else (),
        price=shown_price(there.prices.get(variant_id)),
        available_here=(sum(place.available for place in here) if store_id else None),
        available=sum(max(0, place.available) for place in places),
        nearby=tuple(
            Somewhere(
                store_id=place.location_code,
                name=place.name,
                available=place.available,
                distance_km=place.distance_km,
            )
            for place in others[:8]
        ),
    )


async def product_page(
    conn: Connection,
    code: str,
    speaker: Speaker,
    *,
    currency: str,
    near: tuple[float, float] | None,
    audiences: Collection[str] = frozenset(),
) -> ProductPage:
    """A product by its code, a sku or a barcode. Raises NotFound."""
    view = await pages.product_page(conn, code, channel=speaker.channel, language=speaker.language)
    variants = await catalog.variants(conn, skus=[variant.sku for variant in view.variants])
    there = await market(
        conn, [variant.id for variant in variants.values()], speaker, currency=currency, near=near, audiences=audiences
    )
    return ProductPage(
        product=view,
        variants=tuple(
            on_shelf(variant, variants[variant.sku].id, there, speaker.store_id)
            for variant in view.variants
            if variant.sku in variants and variant.status == "active"
        ),
    )


async def listed(
    conn: Connection,
    found: Sequence[FoundProduct],
    speaker: Speaker,
    *,
    currency: str,
    audiences: Collection[str] = frozenset(),
) -> list[ListedProduct]:
    """Products of a list with their lowest price and what can be promised."""
    variants: dict[str, Variant] = await catalog.variants(conn, skus=[sku for one in found for sku in one.skus])
    there = await market(
        conn, [variant.id for variant in variants.values()], speaker, currency=currency, audiences=audiences
    )
    return [_listed(one, variants, there) for one in found]


def _listed(one: FoundProduct, variants: Mapping[str, Variant], there: Market) -> ListedProduct:
    ids = [variants[sku].id for sku in one.skus if sku in variants]
    priced = [there.prices[variant_id] for variant_id in ids if variant_id in there.prices]
    lowest = min(priced, key=lambda answer: answer.amount_minor, default=None)
    return ListedProduct(
        code=one.code,
        name=one.name,
        brand=one.brand,
        category=one.category,
        image=one.image,
        skus=one.skus,
        price=shown_price(lowest),
        available=sum(max(0, place.available) for variant_id in ids for place in there.places.get(variant_id, ())),
    )
