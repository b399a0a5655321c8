"""The live objects without a screen: counts against the data, and what must hold at every instant, as SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from unisono.demo import dataset
from unisono.demo.findings import Findings
from unisono.demo.live.figures import FUEL, SALES_WEEKS
from unisono.demo.live.loading import LiveReport, count_live, drain_orders, load_live
from unisono.demo.live.offers import invented
from unisono.demo.loading import Progress
from unisono.kit.database import Connection, Pool, connection
from unisono.kit.settings import Settings
from unisono.kit.sql import load

_sql = load("unisono.demo")

DAY: Final = 86_400


class Whole:
    """What the data say of the shop of some households, counted line by line and without the loader."""

    def __init__(self, folder: Path, households: Sequence[int]) -> None:
        self.folder = folder
        self.households = list(households)
        products = dataset.read(folder, "products", ["product_id", "product_type"]).to_pylist()
        kinds = {row["product_id"]: row["product_type"] or "" for row in products}
        every = dataset.read(folder, "transactions")
        last = dataset.last_instant(every)
        lines = dataset.some_households(every, self.households).to_pylist()
        self.products = len({line["product_id"] for line in lines} & kinds.keys())
        self.stores = len({line["store_id"] for line in lines})
        goods = [line for line in lines if _is_good(line, kinds)]
        self.priced = len({line["product_id"] for line in goods})
        self.sold: Counter[tuple[int, int]] = Counter()
        for line in goods:
            if (last - line["transaction_timestamp"]).total_seconds() < SALES_WEEKS * 7 * DAY:
                self.sold[line["product_id"], line["store_id"]] += line["quantity"]
        self.campaigns = dataset.read(folder, "campaign_descriptions", ["campaign_id"]).num_rows

    @property
    def units(self) -> int:
        """Units of stock by the documented rule: two weeks and one more in a store, four in the warehouse and one."""
        chain: Counter[int] = Counter()
        for (product, _), units in self.sold.items():
            chain[product] += units
        shelves = sum(-(-units * 2 // SALES_WEEKS) + 1 for units in self.sold.values())
        return shelves + sum(-(-units * 4 // SALES_WEEKS) for units in chain.values())

    @property
    def stocks(self) -> int:
        """Pairs of product and store, and of product and the warehouse."""
        return len(self.sold) + len({product for product, _ in self.sold})


def _is_good(line: dict[str, Any], kinds: dict[int, str]) -> bool:
    kind = kinds.get(line["product_id"])
    if kind is None or kind.startswith(FUEL) or line["quantity"] <= 0:
        return False
    paid = line["sales_value"] + line["retail_disc"] + line["coupon_match_disc"]
    return bool(round(paid * 100 / line["quantity"]) > 0)


async def check_live(
    findings: Findings, pool: Pool, settings: Settings, shop: Whole, *, shift_days: int, cents: int
) -> None:
    """Load the live objects twice, make orders of the receipts, and compare all of it with the data."""
    made = await _load(pool, shop, shift_days)
    again = await _load(pool, shop, shift_days)
    seconds = {"seconds": 0.0}
    findings.compare(
        "a second load of the live objects makes nothing",
        msgspec.structs.replace(made, **seconds),
        msgspec.structs.replace(again, **seconds),
    )
    await drain_orders(pool, settings)
    seen = await count_live(pool)
    for what, expected, found in (
        ("products", shop.products, seen.products),
        ("places: the stores and a warehouse", shop.stores + 1, seen.places),
        ("shelf prices", shop.priced, seen.prices),
        ("stocks", shop.stocks, seen.stocks),
        ("units of stock, also after the receipts of the past", shop.units, seen.units),
        ("promotions", shop.campaigns + len(invented("1", ["1"])), seen.promotions),
        ("receipts that are no orders yet", 0, seen.waiting),
    ):
        findings.compare(what, expected, found)
    async with connection(pool) as conn:
        findings.compare(
            "the orders' totals add up to the data's sales, in cents", cents, await _sql.orders_cents(conn)
        )
        await check_promises(findings, conn)


async def _load(pool: Pool, shop: Whole, shift_days: int) -> LiveReport:
    return await load_live(
        pool,
        limit_households=len(shop.households),
        shift_days=shift_days,
        progress=_quiet,
        folder=shop.folder,
    )


def _quiet(progress: Progress) -> None:
    del progress


async def check_promises(findings: Findings, conn: Connection) -> None:
    """What holds at every instant, whoever buys: each number is of things that break it."""
    row = await _sql.broken_promises(conn)
    for what, name in (
        ("nothing is promised beyond the shelf: held + committed <= capacity + at risk", "over_promised"),
        ("what is held and committed is the sum of the holds", "unlike_holds"),
        ("units on hand are the sum of their movements", "unlike_movements"),
        ("damaged and incoming units are the sum of their movements", "unlike_states"),
        ("no hold lives past its instant", "stuck_holds"),
        ("changes of a subject are numbered without gaps", "gaps"),
        ("the last change of a good is its version", "untold"),
    ):
        findings.compare(what, 0, row[name])
