"""Receipts and slips: what is on them."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, Final

from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import Location
from unisono.commerce.orders import reading
from unisono.commerce.orders.documents.rendering import place_lines, qr_svg, render
from unisono.commerce.orders.documents.words import say
from unisono.commerce.orders.model import Order, OrderDetail
from unisono.commerce.orders.pickup import rules as pickup_rules
from unisono.commerce.orders.pickup import service as pickups
from unisono.commerce.orders.pickup.model import WAITING
from unisono.commerce.orders.reservations import rules as reservation_rules
from unisono.commerce.orders.reservations import service as reservations
from unisono.commerce.orders.reservations.model import OPEN
from unisono.kit.database import Connection

ORDER: Final = "order:"
"""Before the number in a QR picture."""

_DEFAULT_ZONE: Final = "UTC"


async def place_of(conn: Connection, code: str | None) -> Location | None:
    """The store of a code, where there is one."""
    found = await inventory.locations(conn, [code]) if code else []
    return found[0] if found else None


def _zone(place: Location | None, default: str) -> str:
    return place.timezone if place else default


async def receipt(conn: Connection, number: str, *, language: str, timezone: str = _DEFAULT_ZONE) -> str:
    """The receipt of an order as a page. ``timezone`` is for orders of no store. Raises OrderNotFound."""
    detail = await reading.detail(conn, number)
    place = await place_of(conn, detail.order.store_id)
    return render(
        "receipt.html",
        language=language,
        currency=detail.order.currency,
        timezone=_zone(place, timezone),
        context={
            "order": detail.order,
            "place": place_lines(place),
            "sums": _sums(detail, language),
            "qr": qr_svg(ORDER + detail.order.number),
        },
    )


def _sums(detail: OrderDetail, language: str) -> list[tuple[str, int, bool]]:
    """The lines under the goods: (label, minor units, strong)."""
    order = detail.order
    sums = [(say("Subtotal", language), order.subtotal_minor, False)]
    if order.discount_minor:
        sums.append((say("Discount", language), -order.discount_minor, False))
    if order.shipping_minor:
        sums.append((say("Shipping", language), order.shipping_minor, False))
    taxes = [
        (say("Of which VAT" if order.tax_included else "VAT", language, rate=_rate(rate)), tax, False)
        for rate, tax in sorted(_taxes(order).items())
    ]
    total = (say("Total", language), order.total_minor, True)
    sums += [total, *taxes] if order.tax_included else [*taxes, total]
    for payment in detail.payments:
        if payment.captured_minor:
            method = say(payment.method, language)
            sums.append((say("Paid", language, method=method), payment.captured_minor, False))
    if order.refunded_minor:
        sums.append((say("Given back", language), -order.refunded_minor, False))
    return sums


def _taxes(order: Order) -> dict[int, int]:
    taxes: dict[int, int] = defaultdict(int)
    for line in order.lines:
        if line.tax_minor:
            taxes[line.tax_rate_bp] += line.tax_minor
    return taxes


def _rate(basis_points: int) -> str:
    return f"{basis_points / 100:g} %"


async def pickup_slip(conn: Connection, parcel_id: int, *, language: str) -> str:
    """What the customer shows to collect an order. Raises PickupNotFound."""
    parcel = await pickups.get(conn, parcel_id)
    code = await pickups.code_of(conn, parcel_id) or ""
    place = await place_of(conn, parcel.store_id)
    times = [("Ready from", parcel.ready_at or parcel.promised_at), ("Collect until", parcel.collect_by)]
    context: dict[str, Any] = {
        "title": say("Pick up order {number}", language, number=parcel.order_number),
        "over": None if parcel.state in WAITING else parcel.state,
        "code": code,
        "qr": qr_svg(pickup_rules.PREFIX + code),
        "times": [(say(label, language), at) for label, at in times if at is not None],
        "due_minor": parcel.due_minor,
        "lines": parcel.lines,
        "place": place_lines(place),
    }
    zone = _zone(place, _DEFAULT_ZONE)
    return render("slip.html", language=language, currency=parcel.currency, timezone=zone, context=context)


async def reservation_slip(conn: Connection, reservation_id: str, *, language: str, now: datetime) -> str:
    """What the customer shows to collect what is kept for him. Raises ReservationNotFound."""
    found = await reservations.get(conn, reservation_id, now=now)
    place = await place_of(conn, found.store_id)
    context: dict[str, Any] = {
        "title": say("Reservation", language),
        "over": None if found.state in OPEN else found.state,
        "code": found.code,
        "qr": qr_svg(reservation_rules.PREFIX + found.code),
        "times": [(say("Kept for you until", language), found.deadline)],
        "due_minor": (found.unit_minor or 0) * found.quantity,
        "lines": [found],
        "place": place_lines(place),
    }
    return render("slip.html", language=language, currency=found.currency, timezone=found.timezone, context=context)
