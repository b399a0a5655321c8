"""Twenty promotions on ten lines: two milliseconds are what a cart can spare."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import msgspec
import pytest

from tests.support.promotions import NOON, amount, basket, line, percent, promotion
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.model import Basket, Definition, Promotion
from unisono.commerce.promotions.rules import evaluate
from unisono.kit.database import Connection, Pool

MOST_SECONDS = 0.002
"""Measured 0.7 to 1.3 ms on two shared cores."""

EFFECTS = (
    percent(500),
    percent(1000, level="catalogue", lines={"categories": ["a", "b", "c"]}),
    amount(100),
    {"kind": "buy_get", "buy_quantity": 2, "get_quantity": 1, "buy": {"categories": ["d", "e"]}},
    {
        "kind": "bundle",
        "items": [{"lines": {"categories": ["f"]}}, {"lines": {"categories": ["g", "h"]}}],
        "price_minor": 2000,
    },
    {"kind": "shipping_off"},
    {"kind": "points", "factor_bp": 20000},
)
CONDITIONS = {
    "kind": "all",
    "of": [
        {"kind": "subtotal", "at_least_minor": 5000},
        {
            "kind": "any",
            "of": [
                {"kind": "channel", "any_of": ["web", "store"]},
                {"kind": "quantity", "at_least": 3, "lines": {"categories": ["all"]}},
            ],
        },
        {"kind": "not", "of": {"kind": "weekdays", "any_of": ["sun"]}},
    ],
}


def twenty() -> list[Promotion]:
    """Of all kinds, three of one group, one that stands alone."""
    return [
        promotion(
            f"p{number}",
            EFFECTS[number % len(EFFECTS)],
            conditions=CONDITIONS,
            currency="EUR",
            exclusive_group="g" if number in (3, 10, 17) else None,
            combinable=number != 6,
        )
        for number in range(20)
    ]


def ten_lines() -> Basket:
    """Ten goods, one to three of each."""
    lines = [line(f"{letter}1", 999 + 137 * at, 1 + at % 3) for at, letter in enumerate("abcdefghij")]
    return basket(*lines, shipping_minor=590)


def test_twenty_promotions_on_ten_lines_take_less_than_two_milliseconds() -> None:
    """The best of many runs: the rest is other people's work on this machine."""
    asked, live = ten_lines(), twenty()
    assert len(evaluate(asked, live).applied) > 10
    best = 1.0
    for _ in range(100):
        begun = time.perf_counter()
        evaluate(asked, live)
        best = min(best, time.perf_counter() - begun)
    print(f"evaluate: {best * 1000:.2f} ms")
    assert best < MOST_SECONDS


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[Connection]:
    """A connection."""
    async with pool.acquire() as connection:
        yield connection


async def test_a_quote_with_its_statements_takes_a_few_milliseconds(conn: Connection) -> None:
    """Two live limits among them."""
    fields = Definition.__struct_fields__
    for number, one in enumerate(twenty()):
        written = msgspec.structs.asdict(one) | ({"max_uses": 1000} if number < 2 else {})
        definition = Definition(**{name: written[name] for name in fields})
        await promotions.save_promotion(conn, definition, actor="test", now=NOON, status="active")
    asked = ten_lines()
    best = 1.0
    for _ in range(50):
        begun = time.perf_counter()
        await promotions.quote(conn, asked, now=NOON)
        best = min(best, time.perf_counter() - begun)
    print(f"quote: {best * 1000:.2f} ms")
    assert best < 0.01
