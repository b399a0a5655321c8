"""Time by the clock on the wall: the two changes of summer time, quiet hours, zones that are none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unisono.kit.localtime import (
    Hours,
    instant_of,
    is_holiday,
    known_zone,
    next_local,
    parse_time,
    quiet_until,
    resume_after_quiet,
    zone_of,
)

ROME = ZoneInfo("Europe/Rome")
NIGHT = Hours("21:00", "09:00")
SPRING = date(2027, 3, 28)
AUTUMN = date(2026, 10, 25)

instants = st.datetimes(datetime(2025, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))
zones = st.sampled_from(
    ["Europe/Rome", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "Africa/Casablanca"]
)
times = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda pair: f"{pair[0]:02}:{pair[1]:02}")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def never(day: date) -> bool:
    return False


def test_a_time_that_does_not_exist_is_the_end_of_the_gap() -> None:
    """Europe/Rome 2027-03-28 02:30 does not exist: it is 03:00, which is 01:00 UTC."""
    assert instant_of(SPRING, "02:30", ROME) == utc(2027, 3, 28, 1, 0)
    assert instant_of(SPRING, "02:00", ROME) == utc(2027, 3, 28, 1, 0)
    assert instant_of(SPRING, "01:59", ROME) == utc(2027, 3, 28, 0, 59)
    assert instant_of(SPRING, "03:00", ROME) == utc(2027, 3, 28, 1, 0)


def test_a_time_that_comes_twice_is_the_first() -> None:
    """Europe/Rome 2026-10-25 02:30 comes at 00:30 and at 01:30 UTC: the first counts, once."""
    assert instant_of(AUTUMN, "02:30", ROME) == utc(2026, 10, 25, 0, 30)
    assert next_local(utc(2026, 10, 24, 12), ROME, "02:30") == utc(2026, 10, 25, 0, 30)
    assert next_local(utc(2026, 10, 25, 0, 31), ROME, "02:30") == utc(2026, 10, 26, 1, 30)


def test_a_day_that_was_left_out_is_the_instant_after_it() -> None:
    """Samoa had no 30 December 2011: its noon is the first instant of the 31st."""
    apia = ZoneInfo("Pacific/Apia")
    assert instant_of(date(2011, 12, 30), "12:00", apia) == instant_of(date(2011, 12, 31), "00:00", apia)


@given(instants, zones, times)
@example(utc(2027, 3, 28, 0, 0), "Europe/Rome", "02:30")
@example(utc(2026, 10, 25, 0, 30), "Europe/Rome", "02:30")
def test_the_next_time_is_ahead_within_two_days_and_reads_so(instant: datetime, name: str, at: str) -> None:
    """It is not before the instant, and the clock shows it, or the time to which a gap moved it."""
    zone = ZoneInfo(name)
    found = next_local(instant, zone, at)
    assert timedelta() <= found - instant <= timedelta(hours=49)
    shown = found.astimezone(zone).strftime("%H:%M")
    assert shown >= at
    if shown != at:
        day = found.astimezone(zone).date()
        assert found.astimezone(zone).utcoffset() != (found - timedelta(seconds=1)).astimezone(zone).utcoffset(), day


@pytest.mark.parametrize(
    ("instant", "until"),
    [
        pytest.param(utc(2026, 11, 18, 19, 59), None, id="a-minute-before-nine"),
        pytest.param(utc(2026, 11, 18, 20, 0), utc(2026, 11, 19, 8, 0), id="at-nine-in-the-evening"),
        pytest.param(utc(2026, 11, 19, 7, 59), utc(2026, 11, 19, 8, 0), id="before-nine-in-the-morning"),
        pytest.param(utc(2026, 11, 19, 8, 0), None, id="at-nine-in-the-morning"),
        pytest.param(utc(2027, 3, 28, 0, 30), utc(2027, 3, 28, 7, 0), id="the-night-that-lacks-an-hour"),
        pytest.param(utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 8, 0), id="the-night-that-has-one-more"),
    ],
)
def test_a_night_is_quiet_from_its_first_instant_to_before_its_last(instant: datetime, until: datetime | None) -> None:
    """21:00 is quiet, 09:00 is not, and the clocks may be changed within."""
    assert quiet_until(instant, ROME, [NIGHT], never) == until
    assert resume_after_quiet(instant, ROME, [NIGHT], never) == (until or instant)


def test_quiet_hours_that_end_in_a_gap_end_with_it() -> None:
    """Until 02:30 of a night without 02:30 is until 03:00."""
    assert resume_after_quiet(utc(2027, 3, 27, 23), ROME, [Hours("22:00", "02:30")], never) == utc(2027, 3, 28, 1)


def test_quiet_hours_that_end_in_an_hour_that_comes_twice_are_what_the_clock_on_the_wall_shows() -> None:
    """Until 02:30: over at the first, and at 02:10 for the second time it is quiet again, until the second."""
    night = [Hours("22:00", "02:30")]
    assert resume_after_quiet(utc(2026, 10, 24, 23), ROME, night, never) == utc(2026, 10, 25, 0, 30)
    assert quiet_until(utc(2026, 10, 25, 0, 45), ROME, night, never) is None
    second = utc(2026, 10, 25, 1, 10)
    assert second.astimezone(ROME).strftime("%H:%M %Z") == "02:10 CET"
    assert quiet_until(second, ROME, night, never) == utc(2026, 10, 25, 1, 30)
    assert quiet_until(utc(2026, 10, 25, 1), ROME, [Hours("02:10", "02:20")], never) is None
    assert quiet_until(second, ROME, [Hours("02:10", "02:20")], never) == utc(2026, 10, 25, 1, 20)


def test_quiet_hours_of_days_follow_each_other() -> None:
    """A Saturday evening, a whole Sunday and a Monday that is a public holiday end on Tuesday at nine."""
    quiet = [
        Hours("20:00", "09:00"),
        Hours("00:00", "24:00", frozenset({"sun"}), holidays=True),
    ]
    christmas = frozenset({date(2026, 12, 28)})
    saturday = utc(2026, 12, 26, 20)
    assert resume_after_quiet(saturday, ROME, quiet, christmas.__contains__) == utc(2026, 12, 29, 8)
    assert resume_after_quiet(saturday, ROME, quiet, never) == utc(2026, 12, 28, 8)


def test_quiet_hours_without_an_end_are_found_out() -> None:
    """Around the clock there is no instant to wait for."""
    assert resume_after_quiet(utc(2026, 1, 1), ROME, [Hours("00:00", "24:00")], never) is None
    assert resume_after_quiet(utc(2026, 1, 1), ROME, [Hours("08:00", "08:00")], never) is None


hours = st.builds(
    Hours,
    times,
    times,
    st.none() | st.frozensets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])),
    st.booleans(),
)


@given(instants, zones, st.lists(hours, max_size=4))
def test_what_is_waited_for_is_never_quiet(instant: datetime, name: str, quiet: list[Hours]) -> None:
    """The instant after quiet hours is not before, outside all of them, and the first such one."""
    zone = ZoneInfo(name)
    found = resume_after_quiet(instant, zone, quiet, never)
    if found is None:
        return
    assert found >= instant
    assert quiet_until(found, zone, quiet, never) is None
    if found > instant:
        assert quiet_until(found - timedelta(seconds=1), zone, quiet, never) is not None


@pytest.mark.parametrize(
    "name",
    ["", "Europe/Atlantis", "../../etc/passwd", "Europe", "localtime", "GMT+25", "\x00", "a" * 5000, 5, None, ["UTC"]],
    ids=lambda name: repr(name)[:20],
)
def test_a_name_that_is_no_zone_is_none(name: object) -> None:
    """Neither an error nor a file somebody named."""
    assert known_zone(name) is None
    assert zone_of([(name, utc(2026, 1, 1))], store="Asia/Tokyo", company="Europe/Rome").name == "Asia/Tokyo"


def test_the_newest_zone_counts_whoever_named_it() -> None:
    """A person flying zones is where the phone was last; a name that is none is passed over."""
    said = [
        ("Europe/Rome", utc(2026, 5, 1)),
        ("Asia/Tokyo", utc(2026, 5, 3)),
        ("America/New_York", utc(2026, 5, 2)),
        ("Nowhere/Land", utc(2026, 5, 4)),
    ]
    for order in (said, said[::-1]):
        found = zone_of(order, store="Europe/Paris", company="Europe/Rome")
        assert (found.name, found.source, found.sure) == ("Asia/Tokyo", "person", True)


def test_without_a_zone_of_his_own_it_is_the_shops_then_the_companys() -> None:
    """And it is not sure then."""
    shop = zone_of([], store="Europe/Lisbon", company="Europe/Rome")
    assert (shop.name, shop.source, shop.sure) == ("Europe/Lisbon", "store", False)
    for store in (None, "Europe/Atlantis"):
        company = zone_of([], store=store, company="Europe/Rome")
        assert (company.name, company.source, company.sure) == ("Europe/Rome", "company", False)


@pytest.mark.parametrize("text", ["", "9:00", "24:01", "25:00", "12:60", "1200", "٠٩:٠٠", "12:00:00"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    """Only HH:MM, and 24:00 for the end of the day."""
    with pytest.raises(ValueError, match=r".*"):
        parse_time(text)


def test_public_holidays_are_those_of_the_country() -> None:
    """Ferragosto is one in Italy, not in Germany; a country nobody knows has none."""
    ferragosto = date(2026, 8, 15)
    assert is_holiday("IT", ferragosto)
    assert not is_holiday("US", ferragosto)
    assert not is_holiday("XX", ferragosto)


def test_every_zone_can_tell_every_time() -> None:
    """No zone of the world breaks the search for the end of a gap."""
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for day in (SPRING, AUTUMN, date(2026, 3, 8), date(2026, 10, 4)):
            found = instant_of(day, "02:30", zone)
            assert found.astimezone(zone).date() == day, name
