"""What a message shows of the shop at the instant it is made: products with price and stock, carts, orders, stores.

Prices and stock come from the services every channel asks, so an e-mail says what the till says. Each kind is loaded
for all persons of a batch together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import asyncpg
import msgspec

from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.model import Variant
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import Location
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.model import PriceAnswer
from unisono.engagement.templates.people import People
from unisono.kit.database import Connection
from unisono.kit.money import format_money
from unisono.kit.settings import Settings
from unisono.kit.sql import load

_sql = load("unisono.engagement.templates")
_decode = msgspec.json.Decoder().decode

MAX_SKUS: Final = 200
"""Products of one message at the most."""
MAX_SKU: Final = 100

SHOP_CHANNEL: Final = {"app_push": "app", "till": "store", "clerk": "store"}
"""The channel whose prices a message of a channel tells; the web's where it is not here: there its links lead."""


def skus_in(data: Mapping[str, Any]) -> list[str]:
    """The products data names: under ``sku``, in ``skus``, in ``products`` and ``lines`` (texts, or objects with a
    ``sku``); each once, in order."""
    found: dict[str, None] = {}
    one = data.get("sku")
    many = [one] if isinstance(one, str) else []
    for name in ("skus", "products", "lines"):
        listed = data.get(name)
        many += listed if isinstance(listed, list) else []
    for item in many[: 2 * MAX_SKUS]:
        sku = item.get("sku") if isinstance(item, Mapping) else item
        if isinstance(sku, str) and 0 < len(sku) <= MAX_SKU and "\x00" not in sku:
            found[sku] = None
    return list(found)[:MAX_SKUS]


class Shelf:
    """Products as they are now, seen by persons of several audiences, in several languages."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.variants: dict[str, Variant] = {}
        self.images: dict[tuple[int, int | None], str] = {}
        self.names: dict[tuple[int, int | None, str], str] = {}
        self.stock: dict[int, int] = {}
        self.prices: dict[tuple[str, frozenset[str]], Mapping[int, PriceAnswer]] = {}
        self.audiences: frozenset[str] = frozenset()
        """Those for whom there are prices of their own: nobody else's audiences matter."""
        self._seen: dict[tuple[str, str, frozenset[str], str], dict[str, Any]] = {}

    def view(self, sku: str, *, channel: str, audiences: Collection[str], language: str) -> dict[str, Any] | None:
        """A product as a template sees it; None when nobody knows it."""
        variant = self.variants.get(sku)
        if variant is None:
            return None
        shop = SHOP_CHANNEL.get(channel, "web")
        among = self.audiences & frozenset(audiences)
        key = (sku, shop, among, language)
        if key not in self._seen:
            answer = self.prices.get((shop, among), {}).get(variant.id)
            self._seen[key] = self._view(variant, answer, language)
        return self._seen[key]

    def _view(self, variant: Variant, answer: PriceAnswer | None, language: str) -> dict[str, Any]:
        stock = self.stock.get(variant.id, 0)
        base = language.partition("-")[0]
        names = ((variant.product_id, one, spoken) for spoken in (language, base) for one in (variant.id, None))
        name = next((self.names[key] for key in names if key in self.names), variant.name)
        address = self.settings.shop_url
        image = self.images.get((variant.product_id, variant.id)) or self.images.get((variant.product_id, None))
        found: dict[str, Any] = {
            "sku": variant.sku,
            "code": variant.product_code,
            "name": name,
            "brand": variant.brand,
            "options": dict(variant.options),
            "category": variant.category_codes[-1] if variant.category_codes else None,
            "stock": stock,
            "in_stock": stock > 0,
            "image_url": image,
            "url": None
            if address is None
            else address.replace("{sku}", quote(variant.sku, safe="")).replace(
                "{product}", quote(variant.product_code, safe="")
            ),
        }
        return found | _price(answer, language)


def _price(answer: PriceAnswer | None, language: str) -> dict[str, Any]:
    if answer is None:
        return {"price": None, "price_minor": None, "currency": None, "before": None, "percent": None}
    reduction = answer.reduction
    return {
        "price": format_money(answer.amount_minor, answer.currency, language),
        "price_minor": answer.amount_minor,
        "currency": answer.currency,
        "before": format_money(reduction.prior_minor, answer.currency, language) if reduction else None,
        "before_minor": reduction.prior_minor if reduction else None,
        "percent": reduction.percent if reduction and reduction.percent else None,
    }


async def shelf(
    conn: Connection,
    skus: Collection[str],
    *,
    channels: Collection[str],
    audiences: Iterable[frozenset[str]],
    languages: Collection[str],
    settings: Settings,
    now: datetime,
) -> Shelf:
    """These products for these channels and audiences. A handful of statements, one more an audience with prices of
    its own."""
    made = Shelf(settings)
    made.variants = await catalog.variants(conn, skus=skus)
    if not made.variants:
        return made
    ids = [variant.id for variant in made.variants.values()]
    products = sorted({variant.product_id for variant in made.variants.values()})
    for row in await _sql.images_of_products(conn, products=products):
        made.images[row["product_id"], row["variant_id"]] = row["url"]
    spoken = sorted({*languages, *(language.split("-")[0] for language in languages)})
    for row in await _sql.names_of_products(conn, products=products, languages=spoken):
        value = _decode(row["value"])
        if isinstance(value, str):
            made.names[row["product_id"], row["variant_id"], row["language"]] = value
    made.audiences = frozenset(one.audience for one in await pricing.price_lists(conn) if one.audience)
    groups = {made.audiences & one for one in audiences} or {frozenset()}
    shops = {SHOP_CHANNEL.get(channel, "web") for channel in channels} or {"web"}
    for shop in shops:
        for group in groups:
            made.prices[shop, group] = await pricing.prices(
                conn, ids, channel=shop, store_id=None, audiences=group, currency=settings.currency, at=now
            )
    places = await inventory.availability(conn, ids, channel="web", now=now)
    made.stock = {one: sum(place.available for place in places[one]) for one in ids}
    return made


async def cart_rows(conn: Connection, people: People) -> dict[int, list[asyncpg.Record]]:
    """The lines of each person's open cart. One statement."""
    return _by_person(await _sql.carts_of_people(conn, nodes=people.node_ids))


async def order_rows(conn: Connection, people: People, numbers: Collection[str]) -> dict[int, list[asyncpg.Record]]:
    """The lines of the orders named, and of each person's last one. One statement."""
    wanted = sorted({number for number in numbers if "\x00" not in number})
    return _by_person(await _sql.orders_of_people(conn, nodes=people.node_ids, numbers=wanted))


def _by_person(rows: Iterable[asyncpg.Record]) -> dict[int, list[asyncpg.Record]]:
    found: dict[int, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        found[row["person_id"]].append(row)
    return found


def cart_values(
    rows: Sequence[asyncpg.Record], made: Shelf, *, channel: str, audiences: Collection[str], language: str
) -> dict[str, Any]:
    """A cart as ``cart`` in a template: its lines at the prices of now; empty when there is none."""
    lines, total, currency = [], 0, rows[0]["currency"] if rows else made.settings.currency
    for row in rows:
        product = None
        if row["sku"] is not None:
            product = made.view(row["sku"], channel=channel, audiences=audiences, language=language)
        if product is None:
            continue
        unit = product["price_minor"] if product["currency"] == currency else row["seen_minor"]
        unit = row["seen_minor"] if unit is None else unit
        total += unit * row["quantity"]
        lines.append(
            {
                **product,
                "quantity": row["quantity"],
                "price_minor": unit,
                "price": format_money(unit, currency, language),
                "total_minor": unit * row["quantity"],
                "total": format_money(unit * row["quantity"], currency, language),
            }
        )
    return {
        "code": rows[0]["code"] if rows else None,
        "updated_at": rows[0]["updated_at"] if rows else None,
        "lines": lines,
        "count": sum(line["quantity"] for line in lines),
        "currency": currency,
        "total_minor": total,
        "total": format_money(total, currency, language),
    }


def order_values(rows: Sequence[asyncpg.Record], number: str | None, language: str) -> dict[str, Any]:
    """An order as ``order`` in a template: the one named, else the last; empty when there is none, and when the one
    named is somebody else's."""
    own = [row for row in rows if row["number"] == number] if number else [row for row in rows if not row["named"]]
    if not number and not own:
        own = [row for row in rows if row["number"] == rows[-1]["number"]]
    if not own:
        return {}
    first = own[0]
    money = {
        name: format_money(first[f"{name}_minor"], first["currency"], language)
        for name in ("subtotal", "discount", "shipping", "total")
    }
    amounts = {f"{name}_minor": first[f"{name}_minor"] for name in money}
    lines = [
        {
            "sku": row["sku"],
            "name": row["name"],
            "quantity": row["quantity"],
            "price_minor": row["unit_minor"],
            "price": format_money(row["unit_minor"], first["currency"], language),
            "total_minor": row["line_minor"],
            "total": format_money(row["line_minor"], first["currency"], language),
        }
        for row in own
        if row["sku"] is not None
    ]
    plain = ("number", "status", "payment_status", "currency", "placed_at", "store_id", "channel")
    return {**{name: first[name] for name in plain}, **amounts, **money, "lines": lines}


async def stores(conn: Connection, codes: Collection[str]) -> dict[str, Location]:
    """These stores, as far as they exist. One statement."""
    return {one.code: one for one in await inventory.locations(conn, sorted(codes))} if codes else {}


def store_values(store: Location | None) -> dict[str, Any]:
    """A store as ``store`` in a template."""
    if store is None:
        return {}
    address = {name: value for name, value in store.address.items() if isinstance(value, (str, int))}
    lines = [str(address[name]) for name in ("street", "postal_code", "city") if name in address]
    return {
        "code": store.code,
        "name": store.name,
        "address": address,
        "address_line": ", ".join(lines),
        "timezone": store.timezone,
        "opening": store.opening,
    }
