"""What orders put on the timeline: the names of the Segment e-commerce spec, amounts in major units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from unisono.commerce.changes.model import NewChange
from unisono.commerce.orders.model import CheckoutLine, Draft, DraftLine, Order, OrderLine, Return
from unisono.customers.record import Happening
from unisono.kit.money import to_decimal


def major(minor: int, currency: str) -> float | int:
    """An amount as events carry it. Every amount we keep (up to 15 digits) is exact as a double that is printed."""
    amount = to_decimal(minor, currency)
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def product(sku: str, name: str, unit: int, quantity: int, total: int, currency: str, **more: Any) -> dict[str, Any]:
    """A line as events carry it; ``value`` is what it brought in."""
    return {
        "sku": sku,
        "name": name,
        "price": major(unit, currency),
        "quantity": quantity,
        "value": major(total, currency),
        **{key: value for key, value in more.items() if value is not None},
    }


def sold(line: DraftLine | CheckoutLine, currency: str) -> dict[str, Any]:
    """A line that is bought, with what kind of goods it is of."""
    return product(
        line.sku,
        line.name,
        line.unit_minor,
        line.quantity,
        line.total_minor,
        currency,
        product_id=line.product_id,
        category=line.category,
        brand=line.brand,
    )


def completed(number: str, draft: Draft) -> Happening | None:
    """The order was placed; None where it is nobody's. With the notice of the soft opt-in where the buyer got it."""
    if draft.node_id is None:
        return None
    properties = {
        **({"soft_opt_in": True, "email": draft.customer["email"]} if draft.soft_opt_in else {}),
        "order_id": number,
        "checkout_id": draft.checkout_id,
        "cart_id": draft.cart_id,
        "affiliation": draft.source,
        "store_id": draft.store_id,
        "subtotal": major(draft.subtotal_minor, draft.currency),
        "discount": major(draft.discount_minor, draft.currency),
        "shipping": major(draft.shipping_minor, draft.currency),
        "tax": major(draft.tax_minor, draft.currency),
        "total": major(draft.total_minor, draft.currency),
        "revenue": major(draft.subtotal_minor - draft.discount_minor, draft.currency),
        "currency": draft.currency,
        "coupon": ", ".join(draft.coupons) or None,
        "payment_method": draft.payment_method,
        "products": [sold(line, draft.currency) for line in draft.lines],
    }
    return Happening(
        node_id=draft.node_id,
        name="Order Completed",
        key=f"order:{number}:completed",
        channel=draft.channel,
        store_id=draft.store_id,
        at=draft.placed_at,
        properties=_said(properties),
    )


def of_order(
    order: Order,
    name: str,
    key: str,
    *,
    amount: int | None = None,
    lines: Sequence[tuple[OrderLine, int]] = (),
    channel: str | None = None,
    store_id: str | None = None,
    reason: str | None = None,
    more: dict[str, Any] | None = None,
) -> list[Happening]:
    """Something happened to an order, or to so many units of some of its lines; nothing where it is nobody's."""
    if order.node_id is None:
        return []
    properties = {
        "order_id": order.number,
        "total": major(order.total_minor if amount is None else amount, order.currency),
        "currency": order.currency,
        "store_id": store_id or order.store_id,
        "reason": reason,
        "products": [
            product(line.sku, line.name, line.unit_minor, units, line.unit_minor * units, order.currency)
            for line, units in lines
        ]
        or None,
        **(more or {}),
    }
    return [
        Happening(
            node_id=order.node_id,
            name=name,
            key=key,
            channel=channel or order.channel,
            store_id=store_id or order.store_id,
            properties=_said(properties),
        )
    ]


def returned(order: Order, made: Return, lines: Sequence[tuple[OrderLine, int]]) -> list[Happening]:
    """Goods came back, and the money for them went."""
    back = of_order(
        order,
        "Return Made",
        f"return:{made.number}",
        amount=made.refund_minor,
        lines=lines,
        channel=made.channel,
        store_id=made.store_id,
        reason=made.reason,
        more={"return_id": made.number, "bought_in": order.channel},
    )
    if made.refund_minor:
        back += of_order(
            order,
            "Order Refunded",
            f"return:{made.number}:refunded",
            amount=made.refund_minor,
            lines=lines,
            channel=made.channel,
            store_id=made.store_id,
            reason=made.reason,
        )
    return back


def changed(orders: Iterable[Order]) -> list[NewChange]:
    """What channels must know: each order as it stands, under its version."""
    return [
        NewChange(
            "order",
            f"order:{order.number}",
            order.version,
            {
                "number": order.number,
                "source": order.source,
                "source_order_id": order.source_order_id,
                "status": order.status,
                "payment_status": order.payment_status,
                "total_minor": order.total_minor,
                "refunded_minor": order.refunded_minor,
                "currency": order.currency,
                "store_id": order.store_id,
                "channel": order.channel,
            },
            order.node_id,
        )
        for order in orders
    ]


def _said(properties: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if value is not None}
