"""What an event tells of an order, pure. Amounts come in major units and are kept in minor ones.

Senders are many and careless: what cannot be read of a line costs that line's figure, never the receipt; what makes
the whole order unreadable (its currency, its total) refuses the event, and the reason is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from unisono.commerce.orders.model import MAX_QUANTITY
from unisono.customers.timeline.model import Event
from unisono.kit.allocation import largest_remainder
from unisono.kit.money import MoneyError, exponent, to_minor

What = Literal["receipt", "completed", "updated", "cancelled", "refunded", "returned"]

NAMES: Final[dict[str, What]] = {
    "Receipt Issued": "receipt",
    "Order Completed": "completed",
    "Order Updated": "updated",
    "Order Cancelled": "cancelled",
    "Order Refunded": "refunded",
    "Return Made": "returned",
}
"""Events that tell of orders. Older names are mapped to these where events come in."""

FROM_ANYBODY: Final[frozenset[What]] = frozenset({"completed", "updated"})
"""What a page may tell. Goods leave shelves and money goes back on the word of tills and servers alone."""

MAX_TEXT: Final = 200
_MAX_AMOUNT: Final = 10**15
_MAX_MEASURE: Final = 10**9


class Unreadable(Exception):
    """The event tells of no order that could be kept; the message says why."""


class Source(NamedTuple):
    """Who sent it: a source's name and, of a till, which."""

    name: str
    store_id: str | None
    till_id: str | None
    public: bool = False
    """A page or an app: its key is known to everybody, so what it says is what somebody says."""


class Line(NamedTuple):
    """A line as it was told; ``pieces`` is how many were handed over, 0 for what came back or was none."""

    sku: str
    name: str
    quantity: int
    unit: int
    discount: int
    total: int
    pieces: int
    detail: dict[str, Any] | None


class Told(NamedTuple):
    """What one event tells of one order; None is what it does not say."""

    what: What
    source: str
    source_order_id: str
    at: datetime
    event: Event
    currency: str
    store_id: str | None
    total: int | None
    subtotal: int | None
    discount: int | None
    shipping: int | None
    tax: int | None
    coupons: tuple[str, ...]
    payment: str | None
    lines: tuple[Line, ...] | None
    return_id: str | None
    reason: str | None


def read(event: Event, source: Source | None, currency: str) -> Told | None:
    """What the event tells; None when it names no order. Raises Unreadable."""
    what = NAMES[event.name]
    if source is not None and source.public and what not in FROM_ANYBODY:
        raise Unreadable(f"{event.name} is believed of tills and servers only, and {source.name!r} has a public key")
    said = event.properties
    key = _key(what, event, said, source)
    if key is None:
        return None
    code = _currency(said.get("currency"), currency)
    try:
        lines = _lines(said.get("products"), code)
        total = _amount(said.get("total"), code)
        shipping, tax = _amount(said.get("shipping"), code), _amount(said.get("tax"), code)
        if total is None:
            revenue = _first(_amount(said.get("revenue"), code), _amount(said.get("value"), code))
            total = None if revenue is None else revenue + (shipping or 0) + (tax or 0)
        return Told(
            what,
            key[0],
            key[1],
            event.occurred_at,
            event,
            code,
            event.store_id or _text(said.get("store_id")),
            total,
            _amount(said.get("subtotal"), code),
            _amount(said.get("discount"), code),
            shipping,
            tax,
            _coupons(said.get("coupon")),
            _text(said.get("payment_method")),
            lines,
            _text(said.get("return_id")),
            _text(said.get("reason")),
        )
    except MoneyError as error:
        raise Unreadable(str(error)) from None


def _key(what: What, event: Event, said: Mapping[str, Any], source: Source | None) -> tuple[str, str] | None:
    """Which order: (source, id there)."""
    receipt = _text(said.get("receipt_id"))
    if what == "receipt" or (what == "returned" and receipt and not _text(said.get("order_id"))):
        store = event.store_id or _text(said.get("store_id")) or "?"
        till = (source.till_id if source else None) or _text(said.get("till_id")) or "?"
        return f"till:{store}:{till}", receipt or event.message_id
    order = _text(said.get("order_id"))
    if order is None:
        # A purchase without a number is a purchase still; what changes one must say which.
        return (source.name if source else "events", event.message_id) if what == "completed" else None
    return (source.name if source else "events"), order


@lru_cache(maxsize=64)
def _currency_of(said: str) -> str:
    code = said.strip().upper()
    try:
        exponent(code)
    except MoneyError as error:
        raise Unreadable(str(error)) from None
    return code


def _currency(said: Any, default: str) -> str:
    if said is None or said == "":
        return default
    if not isinstance(said, str):
        raise Unreadable("the currency is no text")
    return _currency_of(said)


def _amount(value: Any, currency: str) -> int | None:
    """Minor units, of either sign. Raises MoneyError."""
    if value is None or value == "":
        return None
    kind = type(value)
    if kind is float or kind is int:
        scaled = value * _scale(currency)
        if -1e12 < scaled < 1e12:
            near: int = round(scaled)
            # What a till writes has at most as many decimals as the currency; anything else is rounded with care.
            if abs(scaled - near) < 1e-4:
                return near
    elif kind is not str:
        raise MoneyError("an amount is neither a number nor a text")
    minor = to_minor(value, currency)
    if abs(minor) > _MAX_AMOUNT:
        raise MoneyError("the amount is too large")
    return minor


@lru_cache(maxsize=256)
def _scale(currency: str) -> int:
    return int(10 ** exponent(currency))


def _soft(value: Any, currency: str) -> int | None:
    """The amount of a line: what cannot be read is as if it had not been said."""
    try:
        return _amount(value, currency)
    except MoneyError:
        return None


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _text(value: Any) -> str | None:
    if type(value) is str:
        text = value.strip()
    elif isinstance(value, bool) or not isinstance(value, int | float):
        return None
    else:
        text = str(int(value)) if value == value // 1 else str(value)
    return text[:MAX_TEXT] or None


def _coupons(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(text for item in value[:20] if (text := _text(item)))
    text = _text(value)
    return (text,) if text else ()


def _lines(products: Any, currency: str) -> tuple[Line, ...] | None:
    if not isinstance(products, list):
        return None
    return tuple(_line(product, currency) for product in products if isinstance(product, dict))


def _line(said: Mapping[str, Any], currency: str) -> Line:
    measure = said.get("quantity", 1)
    if type(measure) is str:
        measure = _number(measure)
    elif type(measure) is not int and type(measure) is not float:
        measure = 1
    whole = -_MAX_MEASURE < measure < _MAX_MEASURE and measure == int(measure)
    price = _soft(said.get("price"), currency)
    value = _soft(said.get("value"), currency)
    discount = _soft(said.get("discount"), currency) or 0
    if value is None:
        value = round((price or 0) * measure) - discount if abs(measure) < _MAX_MEASURE else (price or 0)
    sku = _text(said.get("sku")) or _text(said.get("product_id")) or "?"
    name = _text(said.get("name")) or sku
    if whole and 1 <= measure <= MAX_QUANTITY:
        quantity = int(measure)
        unit = price if price is not None else -(-(value + discount) // quantity)
        return Line(sku, name, quantity, unit, quantity * unit - value, value, quantity, None)
    # Weighed (0.345 kg), nothing (a charge), brought back (-1): one line of that amount, the measure beside it.
    pieces = 0 if measure <= 0 else 1
    return Line(sku, name, 1, value + discount, discount, value, pieces, {"quantity": measure})


def _number(text: str) -> int | float:
    try:
        number = float(text)
    except ValueError:
        return 1
    return number if abs(number) < _MAX_MEASURE else 1


def split_tax(tax: int, lines: Sequence[Line]) -> list[int]:
    """The order's tax over its lines, by what each brought in."""
    weights = [max(line.total, 0) for line in lines]
    return largest_remainder(tax, weights) if any(weights) else [0] * len(lines)
