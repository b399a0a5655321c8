"""A small dataset with the columns of the real one: some households, a few stores, a year."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

HOUSEHOLDS = (1, 2, 5, 10, 15, 20)
BASKETS_EACH = 500
LINES_EACH = 2
BEGINS = datetime(2017, 1, 1, 12)
STORES = (31, 330, 406)


def write_mini(folder: Path) -> Path:
    """Write the eight Parquet files; always the same."""
    chance = random.Random(2017)
    products = [
        {
            "product_id": number,
            "manufacturer_id": number % 7,
            "department": "GROCERY",
            "brand": "Private" if number % 3 else "National",
            "product_category": "FUEL" if number == 9 else "BREAD",
            "product_type": "GASOLINE-REG UNLEADED" if number == 9 else 'BREAD:"ITALIAN"/FRENCH',
            "package_size": None if number == 9 else "20 OZ",
        }
        for number in range(1, 10)
    ]
    transactions = [line for household in HOUSEHOLDS for line in _lines(household, chance)]
    promotions = [
        {"product_id": 3, "store_id": store, "display_location": "1", "mailer_location": "A", "week": week}
        for store in STORES
        for week in range(1, 54)
    ]
    promotions.append({"product_id": 4, "store_id": 31, "display_location": "0", "mailer_location": "D", "week": 1})
    campaigns = [{"campaign_id": 8, "household_id": household} for household in HOUSEHOLDS[:4]]
    described = {
        "campaign_id": 8,
        "campaign_type": "Type A",
        "start_date": datetime(2017, 5, 8),
        "end_date": datetime(2017, 6, 25),
    }
    redeemed = {
        "household_id": 1,
        "coupon_upc": 51_380_041_013,
        "campaign_id": 8,
        "redemption_date": datetime(2017, 5, 9),
    }
    demographics = {
        "household_id": 1,
        "age": "65+",
        "income": "35-49K",
        "home_ownership": None,
        "marital_status": "Married",
        "household_size": "2",
        "household_comp": "2 Adults No Kids",
        "kids_count": "0",
    }
    _write(folder, "products", products)
    _write(folder, "transactions", transactions)
    _write(folder, "promotions", promotions)
    _write(folder, "campaigns", campaigns)
    _write(folder, "campaign_descriptions", [described])
    _write(folder, "coupon_redemptions", [redeemed])
    _write(folder, "coupons", [{"coupon_upc": 51_380_041_013, "product_id": 1, "campaign_id": 8}])
    _write(folder, "demographics", [demographics])
    return folder


def _lines(household: int, chance: random.Random) -> list[dict[str, Any]]:
    lines = []
    for number in range(BASKETS_EACH):
        at = BEGINS + timedelta(minutes=household, hours=number * 17)
        basket = {
            "household_id": household,
            "store_id": STORES[(household + number) % len(STORES)],
            "basket_id": 31_000_000_000 + household * 10_000 + number,
            "week": (at - datetime(2017, 1, 1)).days // 7 + 1,
            "transaction_timestamp": at,
        }
        for product in chance.sample(range(1, 10), LINES_EACH):
            quantity = chance.choice((1, 1, 1, 2, 3)) * (1000 if product == 9 else 1)
            lines.append(
                {
                    **basket,
                    "product_id": product,
                    "quantity": quantity,
                    "sales_value": chance.randrange(50, 2000) / 100,
                    "retail_disc": chance.choice((0.0, 0.0, 0.4)),
                    "coupon_disc": chance.choice((0.0, 0.0, 0.0, 0.55)),
                    "coupon_match_disc": 0.0,
                }
            )
    return lines


def _write(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows)
    nanoseconds = [
        pa.field(field.name, pa.timestamp("ns")) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    pq.write_table(table.cast(pa.schema(nanoseconds)), folder / f"{name}.parquet")
