"""The sample shop before a small market: real engine, real sockets, each in a process of its own."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta

import httpx
import msgspec

from tests.support.forking import Program
from tests.support.market import Market, opened
from tests.support.serving import READY_WITHIN, free_port
from tests.support.shop import STORE
from unisono.customers.timeline.worker import Worker
from unisono.demo.shop import ShopKeys, shop_keys
from unisono.kit.database import open_pool
from unisono.kit.settings import Settings
from unisono.worker import all_readers

GOODS = (
    ("tent", "Ridge tent, two people", "Nord", 24900),
    ("pack", "Day pack, 24 litres", "Nord", 8950),
    ("socks", "Merino socks", "Lana", 1990),
    ("lamp", "Head lamp", "Luce", 3900),
    ("flask", "Steel flask, 0.75 l", "Acqua", 2450),
    ("poles", "Trekking poles", "Nord", 6900),
    ("jacket", "Rain jacket", "Lana", 14900),
)


class SampleShop(msgspec.Struct):
    """What a test of the sample shop needs of it."""

    market: Market
    url: str
    worker: Worker

    async def settle(self) -> None:
        """Let the engine's readers of the log catch up, as its worker does all the time."""
        await self.worker.drain()


async def fill(market: Market) -> None:
    """Goods for the shelf: one reduced, one nearly gone; a promotion, a coupon, times to order ahead."""
    before = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    products = [
        {"code": code, "name": name, "brand": brand, "variants": [{"sku": code.upper(), "on_sale_since": before}]}
        for code, name, brand, _ in GOODS
    ]
    await market.api("POST", "/api/products", {"products": products})
    prices = [{"sku": code.upper(), "amount_minor": price, "starts_at": before} for code, _, _, price in GOODS]
    await market.api("PUT", "/api/prices", {"price_list": "shelf", "prices": prices, "history": True})
    reduced = {"price_list": "shelf", "discounts": [{"sku": "JACKET", "new_minor": 11900}]}
    await market.api("POST", "/api/discounts", reduced, status=201)
    lines = [
        {"sku": code.upper(), "location": place, "quantity": 2 if code == "lamp" else 40}
        for code, *_ in GOODS
        for place in ("milano", "hub")
    ]
    await market.api("POST", "/api/stock/movements", {"kind": "receive", "lines": lines, "reason": "first delivery"})
    promotion = {
        "code": "ten-off",
        "name": "10.00 off from 100.00 on",
        "texts": {"en": "From 100 € on: 10 € off.", "it": "Da 100 € in su: 10 € di sconto."},
        "currency": "EUR",
        "conditions": {"kind": "subtotal", "at_least_minor": 10000},
        "effects": [{"kind": "amount_off", "amount_minor": 1000}],
    }
    coupon = {
        "code": "hello",
        "name": "Hello, five off",
        "texts": {"en": "HELLO5 takes 5 € off.", "it": "HELLO5 toglie 5 €."},
        "needs_coupon": True,
        "currency": "EUR",
        "effects": [{"kind": "amount_off", "amount_minor": 500}],
    }
    for definition in (promotion, coupon):
        await market.api("POST", "/api/promotions?status=active", definition)
    coupons = {"promotion": "hello", "kind": "generic", "code": "HELLO5"}
    await market.api("POST", "/api/coupons", coupons, status=201)
    rule = {"store_id": STORE, "kind": "ahead", "slot_minutes": 30, "capacity": 60}
    await market.api("PUT", "/api/slots/rules", rule)


@asynccontextmanager
async def sample_shop(server_dsn: str) -> AsyncIterator[SampleShop]:
    """A filled market with the sample shop in front of it; everything is gone at the end."""
    async with opened(server_dsn) as market:
        await fill(market)
        pool = await open_pool(market.shop.dsn, 4)
        try:
            async with shop_keys(pool, STORE) as keys:
                with serving_shop(market.shop.url, keys) as url:
                    yield SampleShop(market, url, Worker(pool, all_readers(Settings())))
        finally:
            await pool.close()


@contextmanager
def serving_shop(engine: str, keys: ShopKeys) -> Iterator[str]:
    """The shop in a process of its own; yields its address."""
    port = free_port()
    given = os.environ | {"SAMPLE_ENGINE": engine, "SAMPLE_KEYS": msgspec.json.encode(keys).decode()}
    process = Program("tests.support.sample_shop_process", str(port), env=given)
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            assert process.poll() is None, "the shop ended"
            with suppress(httpx.TransportError):
                if httpx.get(f"{url}/static/tokens.css", timeout=2).is_success:
                    break
            time.sleep(0.05)
        yield url
    finally:
        process.kill()
