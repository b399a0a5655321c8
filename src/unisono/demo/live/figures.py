"""What the data say of products, prices and sales, counted in columns: nothing is invented in this file.

A week is seven times 24 hours back from the last basket. Lines of fuel (counted in thousandths of a gallon) and lines
without units have no price and say nothing of stock.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from unisono.demo import dataset

PRICE_WEEKS: Final = 13
"""A shelf price is the most frequent one of so many last weeks, else of the year."""
SALES_WEEKS: Final = 13
SEEN_DAYS: Final = 35
"""Prices paid in so many last days are noted as evidence: the 30 days prior prices look at, and some before."""
MOST_SEEN: Final = 150_000
"""Prices noted at most; the newest ones."""
FUEL: Final = "GASOLINE"

_compute: Any = pc


class Sold(NamedTuple):
    """Units of a product sold in a store."""

    product: int
    store: int
    units: int


class Seen(NamedTuple):
    """A price of a product on a shelf, and when it was seen there last (the data's time)."""

    product: int
    store: int
    cents: int
    at: datetime


class Coupons(NamedTuple):
    """What a campaign's coupons are good for."""

    campaign: int
    kind: str
    starts: datetime
    ends: datetime
    coupons: tuple[int, ...]
    products: tuple[int, ...]
    cents: int
    """Most frequently taken off a line of its products while it ran; a dollar when never."""


class Figures:
    """The chosen part of the data, ready to be asked."""

    def __init__(self, folder: Path, households: list[int] | None) -> None:
        every = dataset.read(folder, "transactions")
        self.folder = folder
        self.last = dataset.last_instant(every)
        self.products = dataset.read(folder, "products")
        self._lines = dataset.some_households(every, households)
        if households is not None:
            bought = _compute.is_in(self.products["product_id"], value_set=_compute.unique(self._lines["product_id"]))
            self.products = self.products.filter(bought)
        self._goods = _priced(self._lines, self.products)

    def stores(self) -> list[int]:
        """The stores, by number."""
        return sorted(_compute.unique(self._lines["store_id"]).to_pylist())

    def _since(self, span: timedelta) -> Any:
        begin = pa.scalar(self.last - span, pa.timestamp("us"))
        return self._goods.filter(_compute.greater(self._goods["transaction_timestamp"], begin))

    def shelf_prices(self) -> dict[int, int]:
        """Cents of each product ever sold: the most frequent price before card discounts; of equals the higher."""
        prices = _most_frequent(self._goods)
        return prices | _most_frequent(self._since(timedelta(weeks=PRICE_WEEKS)))

    def sold(self) -> Iterator[Sold]:
        """Units sold in the last weeks, by product and store, in order."""
        recent = self._since(timedelta(weeks=SALES_WEEKS))
        sums = recent.group_by(["product_id", "store_id"]).aggregate([("quantity", "sum")])
        sums = sums.sort_by([("store_id", "ascending"), ("product_id", "ascending")])
        columns = (sums[name].to_pylist() for name in ("product_id", "store_id", "quantity_sum"))
        yield from map(Sold, *columns)

    def seen_prices(self) -> list[Seen]:
        """One a product, store and price of the last weeks, when it was paid last; the newest come first."""
        recent = self._since(timedelta(days=SEEN_DAYS))
        seen = recent.group_by(["product_id", "store_id", "cents"]).aggregate([("transaction_timestamp", "max")])
        order = ("transaction_timestamp_max", "descending"), ("product_id", "ascending"), ("store_id", "ascending")
        seen = seen.sort_by([*order, ("cents", "ascending")]).slice(0, MOST_SEEN)
        names = ("product_id", "store_id", "cents", "transaction_timestamp_max")
        return [Seen(*row) for row in zip(*(seen[name].to_pylist() for name in names), strict=True)]

    def campaigns(self) -> list[Coupons]:
        """Every campaign with its coupons, the products they are for, and what they were worth."""
        coupons = dataset.read(self.folder, "coupons")
        with_coupon = self._lines.filter(_compute.greater(self._lines["coupon_disc"], 0))
        found = []
        for row in dataset.read(self.folder, "campaign_descriptions").to_pylist():
            own = coupons.filter(_compute.equal(coupons["campaign_id"], row["campaign_id"]))
            products = _compute.unique(own["product_id"])
            found.append(
                Coupons(
                    row["campaign_id"],
                    row["campaign_type"],
                    row["start_date"],
                    row["end_date"],
                    tuple(sorted(_compute.unique(own["coupon_upc"]).to_pylist())),
                    tuple(sorted(products.to_pylist())),
                    _worth(with_coupon, products, row["start_date"], row["end_date"]),
                )
            )
        return found


def _priced(lines: Any, products: Any) -> Any:
    """The lines of goods that are counted in pieces, with the price of a piece in cents before card discounts.

    A few products were sold that the data's list of products does not have: they are no goods of the catalogue.
    """
    fuel = _compute.starts_with(_compute.fill_null(products["product_type"], ""), FUEL)
    goods = products.filter(_compute.invert(fuel))["product_id"]
    lines = lines.filter(
        _compute.and_(
            _compute.greater(lines["quantity"], 0),
            _compute.is_in(lines["product_id"], value_set=goods.combine_chunks()),
        )
    )
    paid = _compute.add(_compute.add(lines["sales_value"], lines["retail_disc"]), lines["coupon_match_disc"])
    each = _compute.divide(_compute.multiply(paid, 100), lines["quantity"])
    cents = _compute.cast(_compute.round(each), pa.int64())
    lines = lines.append_column("cents", cents)
    return lines.filter(_compute.greater(lines["cents"], 0))


def _most_frequent(goods: Any) -> dict[int, int]:
    counted = goods.group_by(["product_id", "cents"]).aggregate([("store_id", "count")])
    # A dictionary keeps the last of a key: the most frequent, of equals the higher.
    counted = counted.sort_by([("store_id_count", "ascending"), ("cents", "ascending")])
    return dict(zip(counted["product_id"].to_pylist(), counted["cents"].to_pylist(), strict=True))


def _worth(with_coupon: Any, products: Any, starts: datetime, ends: datetime) -> int:
    at = with_coupon["transaction_timestamp"]
    ran = _compute.and_(
        _compute.greater_equal(at, pa.scalar(starts, pa.timestamp("us"))),
        _compute.less(at, pa.scalar(ends + timedelta(days=1), pa.timestamp("us"))),
    )
    lines = with_coupon.filter(_compute.and_(ran, _compute.is_in(with_coupon["product_id"], value_set=products)))
    if not len(lines):
        return 100
    cents = _compute.cast(_compute.round(_compute.multiply(lines["coupon_disc"], 100)), pa.int64())
    counted = pa.table({"cents": cents}).group_by(["cents"]).aggregate([("cents", "count")])
    best = counted.sort_by([("cents_count", "descending"), ("cents", "ascending")])
    return int(best["cents"][0].as_py())
