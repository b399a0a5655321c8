"""What an event shows and whether it was right, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from unisono.commerce.coherence.model import Place
from unisono.commerce.coherence.rules import (
    GRACE,
    MOST_LINES,
    OfferState,
    Step,
    availability,
    offer_right,
    right_prices,
    showings,
)
from unisono.customers.timeline.model import Event

NOW = datetime(2026, 4, 10, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def event(name: str = "Product Viewed", *, message_id: str = "m", **properties: Any) -> Event:
    return Event(1, 1, 7, 7, "track", name, "web", None, None, message_id, NOW, NOW, properties)


def shown(*events: Event) -> list[tuple[str, str, Any]]:
    return [(one.key.kind, one.key.sku, one.shown) for each in events for one in showings(each, "EUR")]


def test_prices_are_read_from_an_event_and_from_its_lines() -> None:
    """By sku, or by product id without one; in minor units of the currency that is said, else of the company's."""
    assert shown(event(sku="A", price=12.9)) == [("price", "A", 1290)]
    assert shown(event(product_id=77, price="500", currency="jpy")) == [("price", "77", 500)]
    lines = [{"sku": "A", "price": 1}, {"sku": "B", "price": "2.50", "currency": "KWD"}, "rubbish", {"price": 9}, None]
    listed = event("Product List Viewed", products=lines, currency="EUR")
    assert shown(listed) == [("price", "A", 100), ("price", "B", 2500)]
    (one,) = showings(event("Receipt Issued", products=[{"sku": "A", "price": 1.11}]), "EUR")
    assert (one.tolerance, one.key.place) == (1, Place("web", ""))


def test_offers_and_availability_are_read() -> None:
    """A promotion, coupons of the event and of its lines, availability in the words of the field."""
    assert shown(event("Promotion Viewed", promotion_id="TEN")) == [("offer", "TEN", "promotion")]
    cart = event("Cart Viewed", coupon="five", products=[{"sku": "A", "coupon": "SIX"}])
    assert shown(cart) == [("offer", "five", "coupon"), ("offer", "SIX", "coupon")]
    assert shown(event(sku="A", in_stock=False)) == [("availability", "A", False)]
    for word in ("https://schema.org/InStock", "in stock", "In_Stock", 3, True, "available"):
        assert availability(word) is True, word
    for word in ("OutOfStock", "sold out", 0, False, "http://schema.org/SoldOut"):
        assert availability(word) is False, word
    for word in (None, "perhaps", [], {}):
        assert availability(word) is None, word


def test_our_own_events_and_others_show_nothing() -> None:
    """What Unisono wrote itself is the truth already."""
    assert shown(event(message_id="unisono:order:1", sku="A", price=1)) == []
    assert shown(event("Product Clicked", sku="A", price=1)) == []


@pytest.mark.parametrize(
    "poison",
    [
        {"sku": "A", "price": value}
        for value in ("1,50", "NaN", float("inf"), True, [], {}, None, "1e400", -1, "9" * 5000, 10**30)
    ]
    + [{"sku": ["A"], "price": 1}, {"sku": "", "price": 1}, {"sku": None, "price": 1}, {"price": 1}]
    + [{"sku": "A", "price": 1, "currency": "XXL"}, {"products": "no list"}, {"products": [[[[]]]]}, {"products": {}}],
)
def test_poison_shows_nothing(poison: dict[str, Any]) -> None:
    """And raises nothing."""
    assert [one for one in shown(event(**poison)) if one[0] == "price"] == []


def test_an_endless_list_is_read_up_to_a_limit() -> None:
    """Nobody sees ten thousand products at once."""
    lines = [{"sku": str(number), "price": 1} for number in range(10_000)]
    assert len(shown(event("Product List Viewed", products=lines))) == MOST_LINES


def test_around_a_change_both_prices_are_right() -> None:
    """Two seconds before and after; later and earlier the one that holds, and nothing where it is not known."""
    steps = [Step(NOW - timedelta(hours=1), 100), Step(NOW, 80)]
    assert right_prices(steps, NOW - GRACE - SECOND) == [100]
    assert right_prices(steps, NOW - SECOND) == [100, 80]
    assert right_prices(steps, NOW + SECOND) == [100, 80]
    assert right_prices(steps, NOW + GRACE + SECOND) == [80]
    assert right_prices([Step(NOW - timedelta(hours=1), None)], NOW) is None
    assert right_prices([*steps[:1], Step(NOW, None, known=False)], NOW + timedelta(minutes=1)) is None


def test_an_offer_is_right_while_it_is_live_give_and_take_two_seconds() -> None:
    """By what was told of it, and by its own beginning and end."""
    states = [
        OfferState(NOW, True, NOW + timedelta(minutes=10), NOW + timedelta(minutes=60)),
        OfferState(NOW + timedelta(minutes=30), False, NOW + timedelta(minutes=10), NOW + timedelta(minutes=60)),
    ]
    minutes = {-1: False, 5: False, 11: True, 29: True, 31: False, 61: False}
    assert {number: offer_right(states, NOW + timedelta(minutes=number)) for number in minutes} == minutes
    assert offer_right(states, NOW + timedelta(minutes=10) - SECOND)
    assert offer_right(states, NOW + timedelta(minutes=30) + SECOND)
    assert not offer_right(states, NOW + timedelta(minutes=30) + GRACE + SECOND)
    assert not offer_right([], NOW)
