"""Who gets what: the rule alone, against what it promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from unisono.commerce.holds import rules
from unisono.commerce.holds.model import Ask, GoodState, HoldRequest, Shortage

NOW = datetime(2026, 3, 1, 10, 15, tzinfo=UTC)

asks = st.lists(st.builds(Ask, st.integers(1, 3), st.integers(1, 6), st.integers(0, 3)), min_size=1, max_size=4).map(
    tuple
)
free = st.fixed_dictionaries({1: st.integers(0, 9), 2: st.integers(0, 9), 3: st.integers(0, 9)})


def request(*asked: tuple[int, ...]) -> HoldRequest:
    """A request for these (good, quantity, leave)."""
    return HoldRequest(key="k", asks=tuple(Ask(*ask) for ask in asked))


def state(capacity: int, held: int, committed: int, at_risk: int = 0) -> GoodState:
    """A good that stands so."""
    left = rules.available(capacity, held, committed)
    return GoodState(1, "stock", "sku@milano", capacity, held, committed, at_risk, left, 1)


def test_all_it_asks_for_or_nothing() -> None:
    """A request short of one thing takes nothing of the others either, so the next one finds them."""
    decided = rules.decide([request((1, 2), (2, 3)), request((1, 2))], {1: 2, 2: 2})
    assert decided == [(Shortage(2, 3, 2),), ()]


def test_first_come_first_served() -> None:
    """What the first was given, the second does not get."""
    assert rules.decide([request((1, 2)), request((1, 2))], {1: 3}) == [(), (Shortage(1, 2, 1),)]


def test_safety_stays() -> None:
    """Units kept back for the shelf are not promised, and the answer says what could have been."""
    assert rules.decide([request((1, 2, 2))], {1: 3}) == [(Shortage(1, 2, 1),)]
    assert rules.decide([request((1, 1, 2))], {1: 3}) == [()]


def test_one_good_asked_for_twice_in_a_request_adds_up() -> None:
    """Two lines of the same sku need both their units; the shortage tells the sum."""
    assert rules.decide([request((1, 2), (1, 2))], {1: 3}) == [(Shortage(1, 4, 3),)]
    assert rules.decide([request((1, 2), (1, 1))], {1: 3}) == [()]


@given(st.lists(asks, max_size=6), free)
def test_never_more_than_there_is_and_never_less_than_could_be(
    requests: list[tuple[Ask, ...]], free: dict[int, int]
) -> None:
    """Whatever is asked: what is granted fits, safety is left after each grant, and a refusal could not be granted."""
    left = dict(free)
    made = [HoldRequest(key=str(n), asks=one) for n, one in enumerate(requests)]
    for one, short in zip(made, rules.decide(made, free), strict=True):
        total = {good: sum(a.quantity for a in one.asks if a.good_id == good) for good in left}
        fits = True
        seen = dict(left)
        for ask in one.asks:
            seen[ask.good_id] -= ask.quantity
            fits = fits and seen[ask.good_id] >= ask.leave
        assert bool(short) != fits
        if short:
            for shortage in short:
                assert shortage.asked == total[shortage.good_id]
                assert 0 <= shortage.available <= left[shortage.good_id]
        else:
            left = seen
        assert all(units >= 0 for units in left.values())


def test_at_its_instant_a_hold_is_dead() -> None:
    """10:15:00 is already too late for a hold until 10:15, one microsecond before is not."""
    assert not rules.alive("held", NOW, NOW)
    assert rules.alive("held", NOW, NOW - timedelta(microseconds=1))
    assert rules.alive("held", None, NOW)
    assert rules.alive("committed", NOW, NOW + timedelta(days=1))
    assert not rules.alive("released", None, NOW)
    assert rules.standing("held", NOW, NOW) == "expired"


def test_the_till_takes_what_is_free_without_asking() -> None:
    """Only promised units need somebody to overrule; what was never booked is found, not owed."""
    assert rules.capacity_after(state(5, 1, 1), -3, overrule=False) == (2, 0, 0)
    assert rules.capacity_after(state(5, 1, 1), -4, overrule=False) is None
    assert rules.capacity_after(state(5, 1, 1), -4, overrule=True) == (1, 0, 1)
    assert rules.capacity_after(state(5, 1, 1), -7, overrule=True) == (0, 2, 2)
    assert rules.capacity_after(state(0, 0, 0), -1, overrule=True) == (0, 1, 0)
    assert rules.capacity_after(state(1, 0, 2, at_risk=1), -1, overrule=True) == (0, 0, 1)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(-12, 12))
def test_an_overruled_move_books_exactly_what_it_breaks(capacity: int, held: int, committed: int, by: int) -> None:
    """After any move the promises at risk are those beyond capacity, and units in and out add up."""
    before = state(capacity, held, committed, max(0, held + committed - capacity))
    moved = rules.capacity_after(before, by, overrule=True)
    assert moved is not None
    after, missing, risk = moved
    assert after == capacity + by + missing >= 0
    if by < 0:
        assert before.at_risk + risk == max(0, held + committed - after)
    else:
        assert (missing, risk) == (0, 0)
