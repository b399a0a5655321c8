"""Product feeds in the formats shops use, with the price and availability of the moment they are fetched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import asyncpg
import msgspec
from litestar import Response, get
from litestar.params import Parameter, PathParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from unisono.access.guards import identify, now_of, open_to_all, requires
from unisono.commerce.catalog import feeds
from unisono.commerce.catalog.feeds import FeedItem
from unisono.commerce.channel.cart_api import currency_of
from unisono.commerce.channel.speaking import AnyRequest, language_of
from unisono.commerce.inventory import service as inventory
from unisono.commerce.pricing import service as pricing
from unisono.kit.database import Connection, Pool, connection
from unisono.kit.errors import Conflict, Forbidden, NotFound, Unauthenticated
from unisono.kit.sql import load
from unisono.kit.web import PROBLEMS

_sql = load("unisono.commerce.channel")

TAGS = ["Channels"]
PAGE = 500
"""Variants read at once: a feed of any length keeps no more in memory."""

Channel = Annotated[str, Parameter(pattern="^[a-z]{2,20}$", description="Whose prices and stock.")]
Store = Annotated[str | None, Parameter(max_length=100, description="Whose prices, where stores have their own.")]


class View(msgspec.Struct, frozen=True):
    """As whom a feed is written."""

    channel: str
    store_id: str | None
    language: str
    currency: str
    address: str
    """Of a product's page, with {sku} and {product} in it."""
    now: datetime


async def _may_read(request: AnyRequest) -> None:
    """A feed is for everybody where the company says so, else for keys of shop fronts."""
    if request.app.state.settings.public_feeds:
        return
    principal = await identify(request)
    if principal is None:
        raise Unauthenticated("Feeds are for keys here.", hint="UNISONO_PUBLIC_FEEDS=true opens them to everybody.")
    if not principal.may("channel:any"):
        raise Forbidden("This needs the permission channel:any.", code="permission_missing", missing=["channel:any"])


def _view(request: AnyRequest, channel: str, store: str | None) -> View:
    address: str | None = request.app.state.settings.shop_url
    if address is None:
        raise Conflict(
            "Nobody has said where products have their pages.",
            code="shop_url_missing",
            hint="UNISONO_SHOP_URL=https://shop.example/p/{sku}",
        )
    clean = store.replace("\x00", "") if store else None
    return View(channel, clean, language_of(request), currency_of(request), address, now_of(request))


async def _items(conn: Connection, rows: Sequence[asyncpg.Record], view: View) -> list[FeedItem]:
    """Rows with their price and availability; what has no price here is not offered."""
    ids = [row["id"] for row in rows]
    prices = await pricing.prices(
        conn, ids, channel=view.channel, store_id=view.store_id, currency=view.currency, at=view.now
    )
    places = await inventory.availability(conn, ids, channel=view.channel, now=view.now)
    items = []
    for row in rows:
        price = prices.get(row["id"])
        if price is None:
            continue
        options: dict[str, str] = msgspec.json.decode(row["options"])
        told = ", ".join(str(value) for value in options.values())
        items.append(
            FeedItem(
                sku=row["sku"],
                product_code=row["code"],
                name=f"{row['name']}, {told}" if told else row["name"],
                description=row["description"],
                brand=row["brand"],
                category_path=row["names"] or (),
                options=options,
                barcodes=row["barcodes"],
                is_kit=row["is_kit"],
                url=view.address.replace("{sku}", quote(row["sku"], safe="")).replace(
                    "{product}", quote(row["code"], safe="")
                ),
                images=row["images"],
                price_minor=price.amount_minor,
                currency=price.currency,
                tax_included=price.tax_included,
                prior_minor=price.reduction.prior_minor if price.reduction else None,
                reduction_ends_at=price.reduction.ends_at if price.reduction else None,
                availability="in_stock" if any(place.available > 0 for place in places[row["id"]]) else "out_of_stock",
            )
        )
    return items


async def _rows(conn: Connection, view: View, *, after: int = 0, product: str | None = None) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await _sql.feed_page(
        conn, language=view.language, after=after, product=product, limit=PAGE
    )
    return rows


async def _tsv(pool: Pool, view: View) -> AsyncIterator[str]:
    header = True
    after = 0
    while True:
        async with connection(pool) as conn:
            rows = await _rows(conn, view, after=after)
            items = await _items(conn, rows, view)
        lines = feeds.google_tsv(items)
        first = next(lines)
        if header:
            yield first
            header = False
        yield "".join(lines)
        if len(rows) < PAGE:
            return
        after = rows[-1]["id"]


@get(
    "/feeds/google.tsv",
    guards=[open_to_all("the handler asks for a key unless feeds are public")],
    tags=TAGS,
    responses=PROBLEMS,
    summary="Google's product feed",
    media_type="text/tab-separated-values",
)
async def google_feed(request: AnyRequest, channel: Channel = "web", store: Store = None) -> Stream:
    """Everything on sale as tab-separated values, as Google Merchant Center and others fetch it."""
    await _may_read(request)
    view = _view(request, channel, store)
    return Stream(
        _tsv(request.app.state.pool, view),
        media_type="text/tab-separated-values",
        headers={"cache-control": "private, max-age=60"},
    )


class _ScriptText(Response[dict[str, Any]]):
    """Pages put it into a ``<script>`` element as it is: no name of a product may end that."""

    def render(self, content: Any, *_: Any, **__: Any) -> bytes:
        return feeds.script_text(content).encode()


@get(
    "/channel/products/{code:str}/json-ld",
    guards=[requires("channel:use")],
    tags=TAGS,
    responses=PROBLEMS,
    media_type="application/ld+json",
    summary="A product for search engines",
)
async def product_json_ld(
    request: AnyRequest,
    code: Annotated[str, PathParameter(max_length=100, description="The product's code.")],
    channel: Channel = "web",
    store: Store = None,
) -> Response[dict[str, Any]]:
    """schema.org JSON-LD of a product and its offers, to be put into its page."""
    view = _view(request, channel, store)
    async with connection(request.app.state.pool) as conn:
        rows = await _rows(conn, view, product=code.replace("\x00", ""))
        items = await _items(conn, rows, view)
    if not items:
        raise NotFound(f"No product {code[:80]!r} is on sale here.", code="product_unknown")
    name = items[0].name if len(items) == 1 else rows[0]["name"]
    return _ScriptText(feeds.product_json_ld(items, name=name), media_type="application/ld+json")


def routes() -> list[ControllerRouterHandler]:
    """The routes of feeds."""
    handlers: list[Any] = [google_feed, product_json_ld]
    return handlers
