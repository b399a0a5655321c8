"""What happens to carts, onto the timeline. Amounts in events are major units, as everywhere on the log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from unisono.commerce.carts.model import Cart, Line, Touch
from unisono.commerce.catalog.model import Variant
from unisono.customers import record
from unisono.customers.record import Happening
from unisono.kit.database import Connection
from unisono.kit.money import to_decimal


def product_moved(
    cart: Cart, line: Line, variant: Variant | None, units: int, unit_minor: int, touch: Touch
) -> Happening | None:
    """``units`` more (or, negative, fewer) of a line; None for a cart that is nobody's. ``cart`` is as it is after."""
    node_id = touch.node_id or cart.node_id
    if node_id is None:
        return None
    return Happening(
        node_id=node_id,
        name="Product Added" if units > 0 else "Product Removed",
        key=f"cart:{cart.id}:{cart.version}:{'added' if units > 0 else 'removed'}:{line.variant_id}",
        channel=touch.channel,
        store_id=touch.store_id,
        at=touch.now,
        properties={
            "cart_id": str(cart.id),
            "product_id": variant.product_code if variant else None,
            "sku": line.sku,
            "name": variant.name if variant else None,
            "quantity": abs(units),
            "price": to_decimal(unit_minor, cart.currency),
            "currency": cart.currency,
            "store_id": touch.store_id,
        },
    )


def of_cart(
    cart: Cart, name: str, what: str, *, channel: str, store_id: str | None, at: datetime, **more: Any
) -> Happening | None:
    """Something that happened to a cart as a whole; None for one that is nobody's. Its worth is at prices seen."""
    if cart.node_id is None:
        return None
    value = sum(line.quantity * line.seen_minor for line in cart.lines)
    return Happening(
        node_id=cart.node_id,
        name=name,
        key=f"cart:{cart.id}:{cart.version}:{what}",
        channel=channel,
        store_id=store_id,
        at=at,
        properties={
            "cart_id": str(cart.id),
            "value": to_decimal(value, cart.currency),
            "currency": cart.currency,
            "products": [
                {
                    "sku": line.sku,
                    "quantity": line.quantity,
                    "price": to_decimal(line.seen_minor, cart.currency),
                }
                for line in cart.lines
            ],
            **more,
        },
    )


async def tell(
    conn: Connection, happenings: Iterable[Happening | None], *, now: datetime, person_id: int | None = None
) -> None:
    """Write them inside the caller's transaction. Knowing whose they are (``person_id``) saves asking."""
    known = [happening for happening in happenings if happening is not None]
    await record.record(conn, known, clock=lambda: now, person_id=person_id)
