"""The law of segments by example: boundaries to the microsecond, needs, seasons, explanations."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from unisono.customers.segments import seasons
from unisono.customers.segments.explaining import explain
from unisono.customers.segments.model import ConsentSeen, Event, Facts, Truth, World, decode
from unisono.customers.segments.needs import clocked, needs_of
from unisono.customers.segments.rules import evaluate
from unisono.customers.timeline.model import Event as LogEvent
from unisono.kit.reasons import in_words

T = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
ROME = World(timezone="Europe/Rome")


def facts(*happened: tuple[str, datetime], holding: dict[str, Any] | None = None, **more: Any) -> Facts:
    """Somebody to whom this happened, all of it ``holding`` these properties."""
    events: dict[str, list[Event]] = {}
    for name, at in happened:
        events.setdefault(name, []).append(Event(name, at, "store", "MI-01", holding or {}))
    return Facts(person_id=1, events=events, **more)


CART = {
    "is": "sequence",
    "first": {"names": ["Product Added"]},
    "then": {"names": ["purchases"]},
    "within": 3600,
    "window": 7 * 86_400,
}


def test_a_cart_left_counts_from_the_very_second() -> None:
    """Out until 60 minutes have passed, in from then on, out when the window ends; a purchase puts him out."""
    rule = decode(CART)
    left = facts(("Product Added", T))
    assert evaluate(rule, left, T + HOUR - TICK) == Truth(False, T + HOUR)
    assert evaluate(rule, left, T + HOUR) == Truth(True, T + timedelta(days=7))
    assert evaluate(rule, left, T + timedelta(days=7)) == Truth(False, None)
    for minute in (timedelta(minutes=59), HOUR, 2 * HOUR):
        bought = facts(("Product Added", T), ("Receipt Issued", T + minute))
        assert not evaluate(rule, bought, T + 3 * HOUR).member
    before = facts(("Product Added", T), ("Receipt Issued", T))
    assert evaluate(rule, before, T + HOUR).member


def test_the_last_cart_is_the_one_that_counts() -> None:
    """Bought after the first cart, left the second: in an hour after the second."""
    twice = facts(("Product Added", T), ("Receipt Issued", T + HOUR), ("Product Added", T + 2 * HOUR))
    assert evaluate(decode(CART), twice, T + 2 * HOUR) == Truth(False, T + 3 * HOUR)


def test_a_window_ends_when_the_event_that_decides_leaves_it() -> None:
    """At least two in three hours: the older of the last two decides; exactly at its end it is out."""
    rule = decode({"is": "event", "names": ["Page Viewed"], "amount": 2, "within": {"seconds": 3 * 3600}})
    seen = facts(("Page Viewed", T), ("Page Viewed", T + HOUR), ("Page Viewed", T + 2 * HOUR))
    assert evaluate(rule, seen, T + 2 * HOUR) == Truth(True, T + 4 * HOUR)
    assert evaluate(rule, seen, T + 4 * HOUR - TICK).member
    assert evaluate(rule, seen, T + 4 * HOUR) == Truth(False, None)


def test_purchases_leave_at_the_law_s_horizon() -> None:
    """Without any window, who bought is in for the retention's days, and by a shorter law for fewer."""
    rule = decode({"is": "event", "names": ["purchases"]})
    bought = facts(("Order Completed", T))
    assert evaluate(rule, bought, T) == Truth(True, T + timedelta(days=730))
    assert evaluate(rule, bought, T, World(purchase_days=365)).until == T + timedelta(days=365)
    assert evaluate(rule, bought, T, World(purchase_days=None)).until is None
    assert evaluate(rule, bought, T + timedelta(days=730)) == Truth(False, None)


DAY = timedelta(days=1)
OF_WINE = {"path": "products[].category", "op": "is", "value": "wine"}
WINE = {"products": [{"category": "wine", "price": 10}], "total": 10}
IN_STORE = [
    {"path": "channel", "op": "is", "value": "store"},
    {"path": "store_id", "op": "is", "value": "MI-01"},
    {"path": "hour", "op": "is", "value": 12},
    {"path": "weekday", "op": "is", "value": "mon"},
]
CLOCKS: dict[str, tuple[dict[str, Any], int]] = {
    "did": ({}, 730),
    "days": ({"measure": "days"}, 730),
    "did where and when": ({"where": IN_STORE}, 730),
    "how many stores": ({"measure": "distinct", "path": "store_id"}, 730),
    "did of what": ({"where": [OF_WINE]}, 365),
    "did where and of what": ({"where": [*IN_STORE, OF_WINE]}, 365),
    "how much": ({"measure": "sum", "path": "total"}, 365),
    "how many kinds": ({"measure": "distinct", "path": "products[].category"}, 365),
}


@pytest.mark.parametrize("question", sorted(CLOCKS))
def test_what_purchases_hold_is_forgotten_before_that_there_were_any(question: str) -> None:
    """Seen to the microsecond: 24 months by who asks whether, where and when; 12 by who asks what and how much."""
    asked, days = CLOCKS[question]
    rule = decode({"is": "event", "names": ["purchases"], **asked})
    bought = facts(("Receipt Issued", T), holding=WINE)
    end = T + days * DAY
    assert evaluate(rule, bought, end - TICK) == Truth(True, end)
    assert evaluate(rule, bought, end) == Truth(False, None)
    assert needs_of(rule, World()).since("Receipt Issued", end) == T
    short, other = World(purchase_days=100, detail_days=365), World(purchase_days=None, detail_days=100)
    assert evaluate(rule, bought, T, short).until == T + 100 * DAY
    assert evaluate(rule, bought, T, other).until == (T + 100 * DAY if days == 365 else None)
    viewed = decode({"is": "event", "names": ["Product Viewed"], **asked})
    assert evaluate(viewed, facts(("Product Viewed", T), holding=WINE), end) == Truth(True, None)


def test_each_side_of_a_sequence_has_its_own_clock() -> None:
    """Bought and then wine: what followed is forgotten first; wine and then bought: what was first is."""
    plain, wine = {"names": ["purchases"]}, {"names": ["purchases"], "where": [OF_WINE]}
    twice = facts(("Order Completed", T), ("Receipt Issued", T + DAY), holding=WINE)
    for first, then, until in (
        (plain, wine, T + 366 * DAY),
        (wine, plain, T + 365 * DAY),
        (plain, plain, T + 730 * DAY),
    ):
        rule = decode({"is": "sequence", "first": first, "then": then, "within": 86_400, "negated": False})
        assert evaluate(rule, twice, T + DAY) == Truth(True, until)
        assert evaluate(rule, twice, until) == Truth(False, None)


def test_an_explanation_does_not_tell_what_the_law_forgot() -> None:
    """The last purchase of wine is not named after twelve months; that he bought is."""
    old = facts(("Order Completed", T), holding=WINE)
    later = T + 400 * DAY
    whether, what = ({"is": "event", "names": ["purchases"], "where": where} for where in ([], [OF_WINE]))
    assert [one.code for one in explain(decode(whether), old, later, ROME).seen] == ["counted", "last_seen"]
    assert [one.code for one in explain(decode(what), old, later, ROME).seen] == ["counted"]


def test_groups_end_with_the_part_that_matters() -> None:
    """A true all with its first part, a false one with its most lasting false part; none is the contrary of any."""

    def within(hours: int) -> dict[str, Any]:
        return {"is": "event", "names": ["Page Viewed"], "within": {"seconds": hours * 3600}}

    seen = facts(("Page Viewed", T))
    parts = [within(1), within(3)]
    assert evaluate(decode({"is": "all", "of": parts}), seen, T) == Truth(True, T + HOUR)
    assert evaluate(decode({"is": "any", "of": parts}), seen, T) == Truth(True, T + 3 * HOUR)
    assert evaluate(decode({"is": "none", "of": parts}), seen, T) == Truth(False, T + 3 * HOUR)


def test_one_refusal_outweighs_a_grant_and_a_grant_ends_unswept() -> None:
    """Of all addresses the most restrictive; what is allowed without being asked for is no consent."""
    rule = decode({"is": "consent", "purpose": "marketing", "channel": "email"})
    granted = ConsentSeen("marketing", "email", "granted", T + HOUR)
    refused = ConsentSeen("marketing", "email", "refused")
    soft = ConsentSeen("marketing", "email", "granted", None, "soft_opt_in")
    assert evaluate(rule, facts(consents=(granted,)), T) == Truth(True, T + HOUR)
    assert evaluate(rule, facts(consents=(granted,)), T + HOUR) == Truth(False, None)
    assert evaluate(rule, facts(consents=(granted, refused)), T) == Truth(False, None)
    assert evaluate(rule, facts(consents=(soft,)), T) == Truth(False, None)


def test_a_no_to_all_marketing_counts_on_each_channel() -> None:
    """Until a consent to that channel given later, under whichever address; a no to something else is none."""
    email = {"is": "consent", "purpose": "marketing", "channel": "email"}
    wanted, gone = decode(email), decode({**email, "status": "withdrawn"})
    everywhere = ConsentSeen("marketing", "any", "withdrawn", since=T)
    before, after = (ConsentSeen("marketing", "email", "granted", since=T + step) for step in (-HOUR, HOUR))
    soft = ConsentSeen("marketing", "email", "granted", basis="soft_opt_in", since=T + HOUR)
    for said, members in (
        ((before, everywhere), (False, True)),
        ((before, soft, everywhere), (False, True)),
        ((before, after, everywhere), (True, False)),
        ((everywhere,), (False, True)),
        ((before, ConsentSeen("third_party", "any", "withdrawn", since=T)), (True, False)),
    ):
        seen = facts(consents=said)
        assert (evaluate(wanted, seen, T).member, evaluate(gone, seen, T).member) == members, said


def test_a_birthday_is_a_local_day_and_in_february_the_28th() -> None:
    """From so many local days before to the end of the day, over a change of clocks; born on a 29th too."""
    rule = decode({"is": "trait", "trait": "birthday", "op": "anniversary_within", "value": 1})
    spring = facts(traits={"birthday": "1980-03-29"})
    assert evaluate(rule, spring, datetime(2026, 3, 27, 22, tzinfo=UTC), ROME) == Truth(
        False, datetime(2026, 3, 27, 23, tzinfo=UTC)
    )
    assert evaluate(rule, spring, datetime(2026, 3, 28, tzinfo=UTC), ROME).until == datetime(
        2026, 3, 29, 22, tzinfo=UTC
    )
    leap = facts(traits={"birthday": "2000-02-29"})
    assert evaluate(rule, leap, datetime(2027, 2, 28, tzinfo=UTC)) == Truth(True, datetime(2027, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("year", "day"),
    [(2024, date(2024, 3, 31)), (2025, date(2025, 4, 20)), (2026, date(2026, 4, 5)), (2038, date(2038, 4, 25))],
)
def test_easter_is_where_the_church_has_it(year: int, day: date) -> None:
    """Against the published tables."""
    assert seasons.easter(year) == day


def test_holidays_that_touch_are_one_stretch() -> None:
    """In Italy the 25th and 26th of December are a single stay in the season; 1 January is the next."""
    now = datetime(2026, 12, 25, 12, tzinfo=UTC)
    assert seasons.edge("public_holidays", now, "IT", "UTC") == (True, datetime(2026, 12, 27, tzinfo=UTC))
    after = datetime(2026, 12, 27, tzinfo=UTC)
    assert seasons.edge("public_holidays", after, "IT", "UTC") == (False, datetime(2027, 1, 1, tzinfo=UTC))
    assert seasons.edge("public_holidays", now, "XX", "UTC") == (False, None)


def test_a_season_of_the_last_years_forgets_as_the_next_begins() -> None:
    """Bought around Christmas two years ago counts until the season of this year starts."""
    rule = decode({"is": "event", "names": ["Page Viewed"], "season": {"name": "christmas", "years": 2}})
    seen = facts(("Page Viewed", datetime(2024, 12, 24, tzinfo=UTC)))
    assert evaluate(rule, seen, T) == Truth(True, datetime(2026, 12, 1, tzinfo=UTC))
    assert not evaluate(rule, seen, datetime(2026, 12, 1, tzinfo=UTC)).member
    assert not evaluate(rule, facts(("Page Viewed", datetime(2025, 11, 30, tzinfo=UTC))), T).member


def test_a_rule_says_what_it_looks_at() -> None:
    """Events with how far back, traits, consents, other segments; and which events may change its answer."""
    rule = decode(
        {
            "is": "all",
            "of": [
                CART,
                {"is": "trait", "trait": "address.city", "op": "known"},
                {"is": "consent", "purpose": "marketing", "channel": "email"},
                {"is": "segment", "segment": "vip"},
            ],
        }
    )
    needs = needs_of(rule, ROME)
    assert set(needs.events) == {"Product Added", "Order Completed", "Receipt Issued"}
    assert needs.since("Product Added", T) == T - timedelta(days=7)
    assert (needs.traits, needs.segments) == ({"address"}, {"vip"})

    def happened(name: str, kind: str = "track", **properties: Any) -> LogEvent:
        return LogEvent(1, 1, 1, 1, kind, name, "web", None, None, "m", T, T, properties)

    assert needs.touched_by(happened("Receipt Issued"), ROME)
    assert needs.touched_by(happened("Traits Updated", "identify"), ROME)
    assert needs.touched_by(happened("Person Joined", "identity"), ROME)
    assert needs.touched_by(happened("Consent Updated"), ROME)
    assert needs.touched_by(happened("Segment Entered", segment="vip"), ROME)
    assert not needs.touched_by(happened("Segment Entered", segment="other"), ROME)
    assert not needs.touched_by(happened("Page Viewed"), ROME)
    assert clocked(rule)
    assert not clocked(decode({"is": "event", "names": ["Page Viewed"]}))


def test_an_explanation_says_what_was_seen() -> None:
    """Each step with its own truth, and the value it found."""
    rule = decode(
        {
            "is": "all",
            "of": [
                {"is": "trait", "trait": "city", "op": "is", "value": "milano"},
                {"is": "event", "names": ["Page Viewed"], "amount": 3},
            ],
        }
    )
    step = explain(rule, facts(("Page Viewed", T), traits={"city": "Milano"}), T, ROME)
    assert (step.is_, step.holds, [one.holds for one in step.of]) == ("all", False, [True, False])
    assert [in_words(piece) for piece in step.of[0].seen] == ["It is Milano."]
    assert in_words(step.of[1].seen[0]) == "Counted: 1."
