"""Opening hours and slots, exactly to the instant, also on the days when the clocks change."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.counter import WEEK
from unisono.commerce.inventory.model import Location
from unisono.commerce.orders.slots.opening import (
    Span,
    closing_after,
    opening_time_before,
    spans_of_day,
)
from unisono.commerce.orders.slots.rules import Cell, Share, cover, cut, first_ready, lay_out, work_into

BACK = date(2026, 10, 25)
"""Rome sets its clocks back: 25 hours, 02:00 to 03:00 comes twice."""
FORWARD = date(2027, 3, 28)
"""Rome sets its clocks forward: 23 hours, 02:00 to 03:00 never comes."""
ALL_DAY = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
NIGHT = {"sat": [["22:00", "04:00"]]}


def place(opening: dict[str, Any], zone: str = "Europe/Rome") -> Location:
    """A store with these hours."""
    return Location(code="s", name="S", kind="store", timezone=zone, opening=opening)


def utc(text: str) -> datetime:
    """An instant as text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("day", "slots"), [(BACK, 50), (FORWARD, 46), (date(2026, 6, 1), 48)])
def test_a_day_has_as_many_slots_as_time_really_passes(day: date, slots: int) -> None:
    """25, 23 and 24 hours of half hours, each of thirty minutes that pass."""
    cells = cut(spans_of_day(place(ALL_DAY), day), 30)
    assert len(cells) == slots
    assert {cell.ends_at - cell.starts_at for cell in cells} == {timedelta(minutes=30)}
    assert all(one.ends_at == other.starts_at for one, other in itertools.pairwise(cells))


def test_shop_hours_keep_their_local_time_when_the_clocks_change() -> None:
    """Nine in Rome is 07:00 UTC in summer and 08:00 UTC in winter."""
    shop = place({**WEEK, "sun": [["09:00", "13:00"]]})
    assert spans_of_day(shop, BACK - timedelta(days=1))[0].starts_at == utc("2026-10-24T07:00")
    assert spans_of_day(shop, BACK)[0] == Span(utc("2026-10-25T08:00"), utc("2026-10-25T12:00"))
    assert spans_of_day(shop, FORWARD)[0] == Span(utc("2027-03-28T07:00"), utc("2027-03-28T11:00"))


def test_a_night_over_the_change_is_an_hour_longer_or_shorter() -> None:
    """22:00 to 04:00 is seven hours in October, five in March."""
    bar = place(NIGHT)
    (longer,) = spans_of_day(bar, BACK - timedelta(days=1))
    (shorter,) = spans_of_day(bar, FORWARD - timedelta(days=1))
    assert longer.ends_at - longer.starts_at == timedelta(hours=7)
    assert shorter.ends_at - shorter.starts_at == timedelta(hours=5)


def test_a_span_in_the_hour_that_never_comes_is_none() -> None:
    """02:15 to 02:45 on the day it is skipped has no slot before it opens again."""
    for span in spans_of_day(place({"sun": [["02:15", "02:45"]]}), FORWARD):
        assert span.ends_at - span.starts_at == timedelta(minutes=30)
        assert span.starts_at == utc("2027-03-28T01:15")


def test_what_is_left_before_closing_is_no_slot() -> None:
    """45-minute slots in four hours: five, and a quarter of an hour of nothing."""
    cells = cut(spans_of_day(place(WEEK), date(2026, 6, 1)), 45)
    assert [cell.starts_at.hour * 60 + cell.starts_at.minute for cell in cells[:5]] == [420, 465, 510, 555, 600]
    assert len(cells) == 10


def test_a_dates_own_hours_count_before_its_weekdays() -> None:
    """Christmas is closed; Christmas Eve closes at one."""
    shop = place({**WEEK, "2026-12-24": [["09:00", "13:00"]], "2026-12-25": []})
    assert len(spans_of_day(shop, date(2026, 12, 24))) == 1
    assert spans_of_day(shop, date(2026, 12, 25)) == []


@pytest.mark.parametrize(
    ("now", "days", "closing"),
    [
        ("2026-06-01T08:00", 0, "2026-06-01T17:30"),  # Monday morning: today's closing
        ("2026-06-01T08:00", 1, "2026-06-02T17:30"),
        ("2026-06-01T17:29", 0, "2026-06-01T17:30"),
        ("2026-06-01T17:30", 0, "2026-06-02T17:30"),  # closed this instant: today does not count
        ("2026-06-06T10:00", 1, "2026-06-08T17:30"),  # Saturday: Sunday is no day of opening
        ("2026-06-07T10:00", 0, "2026-06-08T17:30"),  # Sunday
        ("2026-10-23T10:00", 2, "2026-10-26T18:30"),  # over the end of summer time: 19:30 is 18:30 UTC
        ("2027-03-26T10:00", 2, "2027-03-29T17:30"),  # and over its beginning
    ],
)
def test_a_deadline_is_a_closing_of_the_store_in_its_zone(now: str, days: int, closing: str) -> None:
    """So many days of opening after the present one."""
    assert closing_after(place(WEEK), utc(now), days) == utc(closing)


def test_without_hours_the_local_midnight_stands_for_the_closing() -> None:
    """Of the day itself, or of the one after it."""
    nowhere = place({})
    assert closing_after(nowhere, utc("2026-10-24T10:00"), 0) == utc("2026-10-24T22:00")
    assert closing_after(nowhere, utc("2026-10-24T10:00"), 1) == utc("2026-10-25T23:00")


@pytest.mark.parametrize(
    ("deadline", "reminder"),
    [
        ("2026-06-02T17:30", "2026-06-02T15:30"),  # two hours before closing
        ("2026-06-02T14:00", "2026-06-02T09:30"),  # half an hour after lunch, so from 11:30 in Rome
        ("2026-06-02T08:00", "2026-06-01T16:30"),  # one hour in the morning, one of the evening before
        ("2026-06-01T08:30", None),  # not so much was left when it was made
    ],
)
def test_a_reminder_leaves_two_hours_of_opening(deadline: str, reminder: str | None) -> None:
    """Hours in which the store is closed do not help anybody."""
    found = opening_time_before(place(WEEK), utc(deadline), timedelta(hours=2), since=utc("2026-06-01T07:15"))
    assert found == (None if reminder is None else utc(reminder))


def cells(*left: int, minutes: int = 15) -> list[Cell]:
    """Slots from nine on with so much left."""
    start = utc("2026-06-01T09:00")
    step = timedelta(minutes=minutes)
    return [Cell(Span(start + n * step, start + (n + 1) * step), units) for n, units in enumerate(left)]


def test_hands_are_taken_from_the_slot_and_those_before_it() -> None:
    """Forty minutes of work for the third slot: its own twenty, ten of the second, ten of the first."""
    day = cells(30, 10, 20, 30)
    shares = work_into(day, 40, day[2].span)
    assert shares == [Share(day[0].span, 10), Share(day[1].span, 10), Share(day[2].span, 20)]


def test_an_order_that_cannot_be_made_in_time_is_not_promised() -> None:
    """The ready time is that of the first slot by whose end the hands suffice."""
    day = cells(10, 0, 20, 30)
    assert work_into(day, 40, day[2].span) is None
    assert first_ready(day, 40) == day[3].span
    assert first_ready(day, 10) == day[0].span
    assert first_ready(day, 11) == day[2].span
    assert first_ready(day, 100) is None


def test_work_is_not_begun_hours_before_it_is_fetched() -> None:
    """Nobody wants it cold: two hours back at the most."""
    day = cells(*([30] + [0] * 8 + [10]), minutes=15)
    assert work_into(day, 20, day[-1].span) is None
    near = cells(*([30] + [0] * 6 + [10]), minutes=15)
    assert work_into(near, 20, near[-1].span) is not None


@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.integers(1, 120))
def test_no_more_hands_are_promised_than_there_are(left: list[int], minutes: int) -> None:
    """All of the work is in the shares, none beyond its slot, none after the slot it is promised for."""
    day = cells(*left)
    room = {cell.span: cell.left for cell in day}
    for cell in day:
        shares = work_into(day, minutes, cell.span)
        if shares is not None:
            assert sum(share.units for share in shares) == minutes
            assert all(0 < share.units <= room[share.span] for share in shares)
            assert max(share.span.ends_at for share in shares) == cell.span.ends_at


def test_golden_g16_a_time_that_overlaps_one_given_is_refused() -> None:
    """Anna's 10:00 to 10:30 is taken: 10:15 is not to be had, 10:30 is."""
    day = cells(1, 1, 1, 1, 0, 0, 1, 1)  # from nine on, by the quarter
    at = day[0].span.starts_at
    half = timedelta(minutes=30)
    assert cover(day, Span(at + timedelta(minutes=75), at + timedelta(minutes=75) + half)) is None
    assert cover(day, Span(at + timedelta(minutes=90), at + timedelta(minutes=90) + half)) is not None
    assert cover(day, Span(at + timedelta(minutes=37), at + timedelta(minutes=67))) is None


def test_a_time_does_not_reach_over_a_closed_lunch() -> None:
    """Two slots that do not touch are no time together."""
    day = cells(1, 1)
    later = Cell(Span(day[1].span.ends_at + timedelta(hours=1), day[1].span.ends_at + timedelta(minutes=75)), 1)
    assert cover([*day, later], Span(day[1].span.starts_at, later.span.ends_at)) is None


def test_a_new_cut_goes_around_what_was_promised_under_the_old_one() -> None:
    """The promised slot stays as it was; new ones that overlap it are not offered."""
    old = cells(0, 2, minutes=30)
    grid = [cell.span for cell in cells(*([3] * 6), minutes=20)]
    day = lay_out(grid, 3, {cell.span: cell.left for cell in old}, [old[0].span])
    assert [(cell.span.starts_at.minute, cell.left) for cell in day] == [(0, 0), (40, 3), (0, 3), (20, 3), (40, 3)]
