"""Baskets and promotions for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from unisono.commerce.promotions.model import UNLIMITED, Applied, Basket, BasketLine, Promotion, Quote, UseState
from unisono.commerce.promotions.rules import evaluate

NOON = datetime(2026, 5, 13, 10, 0, tzinfo=UTC)
"""A Wednesday; noon in Rome."""


def line(sku: str = "a", unit: int = 1000, quantity: int = 1, **more: Any) -> BasketLine:
    """A line of a basket; its category is what its sku begins with."""
    fields: dict[str, Any] = {
        "line_id": f"line-{sku}",
        "product_code": sku,
        "category_codes": ("all", sku[:1]),
        "tax_rate_bp": 2200,
        **more,
    }
    return BasketLine(sku=sku, unit_minor=unit, quantity=quantity, **fields)


def basket(*lines: BasketLine, **more: Any) -> Basket:
    """A basket in EUR on the web, at noon."""
    fields: dict[str, Any] = {"currency": "EUR", "channel": "web", "at": NOON, **more}
    return Basket(lines=lines, **fields)


def promotion(code: str, *effects: dict[str, Any], **more: Any) -> Promotion:
    """A promotion as it is written; its name is its code."""
    written = {"code": code, "name": code, "effects": effects, **more}
    return msgspec.convert(written, Promotion)


def percent(percent_bp: float, **more: Any) -> dict[str, Any]:
    """A percentage off."""
    return {"kind": "percent_off", "percent_bp": percent_bp, **more}


def amount(amount_minor: int, **more: Any) -> dict[str, Any]:
    """An amount off."""
    return {"kind": "amount_off", "amount_minor": amount_minor, **more}


def quote(asked: Basket, *promotions: Promotion, state: UseState = UNLIMITED) -> Quote:
    """A quote."""
    return evaluate(asked, promotions, state)


def applied(found: Quote, code: str) -> Applied:
    """The one that applies."""
    return next(one for one in found.applied if one.code == code)


def reasons(found: Quote, code: str) -> list[str]:
    """Why one is rejected, by code of reason."""
    return [reason.code for one in found.rejected if one.code == code for reason in one.reasons]


def spoken(found: Quote, code: str) -> list[str]:
    """Why one is rejected, in English with amounts in minor units."""
    return [
        reason.text.format_map(reason.values) for one in found.rejected if one.code == code for reason in one.reasons
    ]
