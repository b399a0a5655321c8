"""A small shop with stock: two stores, a warehouse, a shoe, a sock and a set of both."""

from __future__ import annotations

from datetime import datetime

from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import Location, StockLine
from unisono.commerce.inventory.service import Why
from unisono.kit.database import Connection as Conn


class Stocked:
    """What a test needs of it."""

    def __init__(self, conn: Conn, variants: dict[str, int], now: datetime) -> None:
        self.conn = conn
        self.variants = variants
        self.now = now

    def __getitem__(self, sku: str) -> int:
        """The variant's id of a sku."""
        return self.variants[sku]

    async def receive(self, sku: str, code: str, units: int, *, now: datetime | None = None) -> None:
        """Units arrive in a place."""
        line = StockLine(self[sku], code, units)
        await inventory.receive(self.conn, [line], Why("test", "delivery"), now=now or self.now)


async def stocked(conn: Conn, *, now: datetime) -> Stocked:
    """Make it; nothing is on hand yet."""
    variants: dict[str, int] = {}
    for sku in ("shoe", "sock", "set"):
        product = await conn.fetchval("insert into product (code, name) values ($1, initcap($1)) returning id", sku)
        variants[sku] = await conn.fetchval(
            "insert into variant (product_id, sku, is_kit) values ($1, $2, $2 = 'set') returning id", product, sku
        )
    await conn.execute(
        "insert into kit_component (kit_id, component_id, quantity) values ($1, $2, 1), ($1, $3, 2)",
        variants["set"],
        variants["shoe"],
        variants["sock"],
    )
    for code, name, kind, at in (
        ("milano", "Milano", "store", (45.4642, 9.19)),
        ("roma", "Roma", "store", (41.9028, 12.4964)),
        ("warehouse", "Magazzino", "warehouse", (45.0, 10.0)),
    ):
        place = Location(
            code=code,
            name=name,
            kind=kind,  # type: ignore[arg-type]
            timezone="Europe/Rome",
            latitude=at[0],
            longitude=at[1],
            ships=True,
            picks_up=kind == "store",
        )
        await inventory.save_location(conn, place)
    return Stocked(conn, variants, now)
