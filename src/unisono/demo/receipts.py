"""Baskets as the till's own events: one ``Receipt Issued`` a basket, written as the bytes a till would send."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from unisono.demo import dataset
from unisono.demo.invention import card_number, has_second_card

CURRENCY: Final = "USD"
TILL: Final = "1"
"""The data know stores, not tills: each store has one."""

SECOND_CARD_FROM: Final = datetime(2017, 7, 2)
"""In the data's time: from here on a household that lost its card shows the second one."""

GALLON: Final = 1000
"""Fuel is counted in thousandths of a gallon in the data (about 2.5 dollars a thousand)."""

_compute: Any = pc


class Basket(NamedTuple):
    """One receipt: who, where, when, and which lines of the table are its own."""

    basket_id: int
    household: int
    store: int
    instant: datetime
    first: int
    end: int

    @property
    def message_id(self) -> str:
        """The id the collector derives for a till's receipt."""
        return f"receipt:{self.store}:{TILL}:{self.basket_id}"


@functools.lru_cache(maxsize=100_000)
def dollars(cents: int) -> str:
    """An amount in major units, exact."""
    return f"{cents // 100}.{cents % 100:02d}"


def words(text: str | None) -> str | None:
    """The data's capitals as a sentence begins; None for nothing."""
    return " ".join(text.split()).capitalize() if text else None


def product_name(kind: str | None, size: str | None) -> str | None:
    """What a product is called: its type and size; None when the data have no type of it."""
    name = words(kind)
    return f"{name}, {size.lower()}" if name and size else name


class Products:
    """The catalogue: the part of a receipt line that is the same whenever the product is bought."""

    def __init__(self, table: Any) -> None:
        ids = table["product_id"].to_pylist()
        self._row = {product: row for row, product in enumerate(ids)}
        self._columns = {
            name: table[name].to_pylist()
            for name in ("manufacturer_id", "brand", "product_category", "product_type", "package_size")
        }
        self._heads: dict[int, tuple[str, bool]] = {}

    def head(self, product: int) -> tuple[str, bool]:
        """The open JSON object of a product, and whether it is fuel."""
        known = self._heads.get(product)
        if known is None:
            known = self._heads[product] = self._describe(product)
        return known

    def _describe(self, product: int) -> tuple[str, bool]:
        line: dict[str, Any] = {"product_id": str(product), "sku": str(product)}
        row = self._row.get(product)
        kind = None
        if row is not None:
            cell = {name: column[row] for name, column in self._columns.items()}
            kind = cell["product_type"]
            line["name"] = product_name(kind, cell["package_size"])
            line["brand"] = f"{cell['brand']} {cell['manufacturer_id']}"
            line["category"] = words(cell["product_category"])
        fuel = kind is not None and kind.startswith("GASOLINE")
        return msgspec.json.encode({key: value for key, value in line.items() if value}).decode()[:-1], fuel


def _shown(codes: str) -> str:
    """What a pair of exposure codes adds to a line."""
    parts = {"display": dataset.DISPLAYS.get(codes[0]), "mailer": dataset.MAILERS.get(codes[1])}
    told = {name: place for name, place in parts.items() if place}
    return "," + msgspec.json.encode(told).decode()[1:-1] if told else ""


class Receipts:
    """The baskets of the chosen households in order of time, and their bytes."""

    def __init__(self, folder: Path, transactions: Any, shift: timedelta) -> None:
        order = [(name, "ascending") for name in ("transaction_timestamp", "basket_id", "product_id")]
        self._lines = transactions.take(_compute.sort_indices(transactions, sort_keys=order)).combine_chunks()
        self._folder = folder
        self._shift = shift
        self._shown: dict[str, str] = {}
        self.baskets = list(self._each())

    def prepare(self) -> None:
        """Read what `encode` needs beside the lines: products and promotions, some seconds; call it in a thread."""
        self._products = Products(dataset.read(self._folder, "products"))
        self._codes = dataset.exposures(self._folder, self._lines)
        pairs = [pair for pair in _compute.unique(self._codes).to_pylist() if pair]
        self._shown = {pair: _shown(pair) for pair in pairs}

    def _each(self) -> Iterator[Basket]:
        if not len(self._lines):
            return
        ends = _compute.run_end_encode(self._lines["basket_id"].combine_chunks()).run_ends
        firsts = pa.concat_arrays([pa.array([0], pa.int32()), ends[:-1]])
        heads = self._lines.take(firsts)
        columns = (heads[name].to_pylist() for name in ("basket_id", "household_id", "store_id"))
        instants = heads["transaction_timestamp"].to_pylist()
        yield from map(Basket, *columns, instants, firsts.to_pylist(), ends.to_pylist())

    def encode(self, baskets: Sequence[Basket]) -> list[bytes]:
        """The events of some baskets in order of time, as JSON; call `prepare` before."""
        if not baskets:
            return []
        start = baskets[0].first
        lines = self._lines.slice(start, baskets[-1].end - start)
        cents = {
            name: _compute.cast(_compute.round(_compute.multiply(lines[name], 100)), pa.int64()).to_pylist()
            for name in ("sales_value", "retail_disc", "coupon_disc", "coupon_match_disc")
        }
        products = lines["product_id"].to_pylist()
        quantities = lines["quantity"].to_pylist()
        codes = self._codes.slice(start, len(lines)).to_pylist()
        rows = list(
            zip(
                products,
                quantities,
                cents["sales_value"],
                map(int.__add__, cents["retail_disc"], cents["coupon_match_disc"]),
                cents["coupon_disc"],
                codes,
                strict=True,
            )
        )
        return [self._receipt(basket, rows[basket.first - start : basket.end - start]) for basket in baskets]

    def _receipt(self, basket: Basket, rows: Sequence[tuple[int, int, int, int, int, str | None]]) -> bytes:
        lines = [self._line(*row) for row in rows]
        total = sum(row[2] for row in rows)
        discount = sum(row[3] for row in rows)
        coupons = sum(row[4] for row in rows)
        copy = 1 if has_second_card(basket.household) and basket.instant >= SECOND_CARD_FROM else 0
        instant = (basket.instant + self._shift).isoformat()
        return (
            f'{{"type":"track","event":"Receipt Issued","timestamp":"{instant}Z","properties":{{'
            f'"receipt_id":"{basket.basket_id}","store_id":"{basket.store}","store_name":"Store {basket.store}",'
            f'"till_id":"{TILL}","loyalty_card":"{card_number(basket.household, copy)}","currency":"{CURRENCY}",'
            f'"subtotal":{dollars(total + discount)},"discount":{dollars(discount)},'
            f'"coupon_discount":{dollars(coupons)},"total":{dollars(total)},"products":[{",".join(lines)}]}}}}'
        ).encode()

    def _line(self, product: int, quantity: int, value: int, discount: int, coupon: int, codes: str | None) -> str:
        """One line: ``price`` is a piece before discounts, ``value`` what the line brought in."""
        head, fuel = self._products.head(product)
        price = ""
        if quantity > 0 and not fuel:
            price = f',"price":{dollars(round((value + discount) / quantity))}'
        pieces = quantity / GALLON if fuel else quantity
        off = f',"discount":{dollars(discount)}' if discount else ""
        off += f',"coupon_discount":{dollars(coupon)}' if coupon else ""
        return f'{head},"quantity":{pieces}{price}{off},"value":{dollars(value)}{self._shown[codes] if codes else ""}}}'
