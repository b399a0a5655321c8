"""Allocation, kits, distance and opening hours: pure rules against what they promise."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unisono.commerce.inventory.errors import BadLocation
from unisono.commerce.inventory.model import Location, Need, NoPlan, Opening, Parcel, Pickup, Plan, Ship, StockAt
from unisono.commerce.inventory.opening import check_opening
from unisono.commerce.inventory.rules import allocate, distance_km, kits_of, next_opening, opening_hours

SHOE, SOCK = 1, 2


def at(code: str, available: int, variant: int = SHOE, **more: object) -> StockAt:
    """So many units in a place named like its code."""
    return StockAt(variant_id=variant, location_code=code, name=code.title(), available=available, **more)  # type: ignore[arg-type]


def test_ship_home_splits_and_a_pickup_tells_what_is_there() -> None:
    """G15: of 5 wanted, Milano has 3 and the warehouse 4: two parcels; a pick-up in Milano is refused with
    "3 in Milano now", and with a transfer it is not."""
    stock = [at("milano", 3), at("warehouse", 4, kind="warehouse", picks_up=False)]
    assert allocate([Need(SHOE, 5)], stock, Ship()) == Plan(
        (Parcel("warehouse", (Need(SHOE, 4),)), Parcel("milano", (Need(SHOE, 1),)))
    )
    refused = allocate([Need(SHOE, 5)], stock, Pickup("milano"))
    assert isinstance(refused, NoPlan)
    [reason] = refused.reasons
    assert (reason.code, reason.text.format(**reason.values)) == ("not_enough_here", "3 in Milano now")
    assert (refused.can_ship, refused.pickup_at) == (True, ())
    assert allocate([Need(SHOE, 5)], stock, Pickup("milano", transfer=True)) == Plan(
        (Parcel("milano", (Need(SHOE, 5),)),), (Parcel("warehouse", (Need(SHOE, 2),)),)
    )


def test_one_parcel_where_one_place_has_it_all() -> None:
    """The place that gives most comes first; among equals the warehouse, then the nearest, then by code."""
    stock = [at("a", 2), at("b", 2, distance_km=9.0), at("c", 2, distance_km=3.0), at("w", 2, kind="warehouse")]
    assert allocate([Need(SHOE, 2)], stock, Ship()) == Plan((Parcel("w", (Need(SHOE, 2),)),))
    assert allocate([Need(SHOE, 2)], stock[:3], Ship()) == Plan((Parcel("c", (Need(SHOE, 2),)),))
    both = [at("a", 1), at("b", 1), at("b", 1, SOCK)]
    assert allocate([Need(SHOE, 1), Need(SOCK, 1)], both, Ship()) == Plan((Parcel("b", (Need(1, 1), Need(2, 1))),))


def test_a_refusal_names_the_places_that_could() -> None:
    """Somebody who cannot collect here is told where he could at once."""
    stock = [at("milano", 1), at("roma", 5), at("dark", 5, picks_up=False), at("bari", 2, ships=False)]
    refused = allocate([Need(SHOE, 2)], stock, Pickup("milano"))
    assert isinstance(refused, NoPlan)
    assert (refused.pickup_at, refused.can_ship) == (("bari", "roma"), True)
    short = allocate([Need(SHOE, 99)], stock, Ship())
    assert isinstance(short, NoPlan)
    assert short.reasons[0].values == {"asked": 99, "available": 11}
    nowhere = allocate([Need(SHOE, 1)], [], Pickup("milano"))
    assert isinstance(nowhere, NoPlan)
    assert nowhere.reasons[0].text.format(**nowhere.reasons[0].values) == "0 in milano now"


@given(
    st.lists(st.tuples(st.integers(1, 2), st.integers(1, 6)), min_size=1, max_size=3),
    st.dictionaries(st.tuples(st.sampled_from("abcd"), st.integers(1, 2)), st.integers(0, 5)),
    st.booleans(),
)
def test_a_plan_gives_all_and_takes_no_more_than_there_is(
    needs: list[tuple[int, int]], units: dict[tuple[str, int], int], ship: bool
) -> None:
    """Whatever the stock: a plan covers every need exactly, from units that are there; a refusal means there are too
    few; the order of the stock rows does not matter."""
    stock = [at(code, number, variant) for (code, variant), number in units.items()]
    asked = [Need(*need) for need in needs]
    mode = Ship() if ship else Pickup("a", transfer=True)
    answer = allocate(asked, stock, mode)
    assert answer == allocate(asked, stock[::-1], mode)
    wanted = {variant: sum(n for v, n in needs if v == variant) for variant, _ in needs}
    there = {v: sum(n for (_, one), n in units.items() if one == v) for v in wanted}
    possible = all(there[v] >= n for v, n in wanted.items())
    if not ship:
        possible = possible and any(code == "a" for code, _ in units)
    assert isinstance(answer, Plan) == possible
    if isinstance(answer, Plan):
        given_: dict[int, int] = {}
        for parcel in answer.parcels:
            for line in parcel.lines:
                given_[line.variant_id] = given_.get(line.variant_id, 0) + line.quantity
        assert given_ == wanted
        for parcel in answer.parcels if ship else answer.transfers:
            for line in parcel.lines:
                assert 0 < line.quantity <= units[parcel.location_code, line.variant_id]


def test_a_kit_is_as_many_as_its_scarcest_part_allows() -> None:
    """Two socks and a shoe: five socks and nine shoes are two kits."""
    assert kits_of([(SOCK, 2), (SHOE, 1)], {SOCK: 5, SHOE: 9}) == 2
    assert kits_of([(SOCK, 2), (SHOE, 1)], {SOCK: 5}) == 0
    assert kits_of([], {SOCK: 5}) == 0


def test_distance_is_that_of_the_map() -> None:
    """Milano to Roma is 477 km as the crow flies."""
    assert distance_km((45.4642, 9.19), (41.9028, 12.4964)) == pytest.approx(477, abs=1)
    assert distance_km((45, 9), (45, 9)) == 0
    assert distance_km((0, 0), (0, 180)) == pytest.approx(20015, abs=1)


WEEK: Opening = {
    **{day: [["09:00", "13:00"], ["15:30", "19:30"]] for day in ("mon", "tue", "wed", "thu", "fri")},
    "sat": [["20:00", "02:00"]],
    "2026-12-25": [],
    "2026-12-27": [["10:00", "24:00"]],
}


def place(opening: Opening, **more: object) -> Location:
    """A store in Milano."""
    return Location(code="m", name="Milano", kind="store", timezone="Europe/Rome", opening=opening, **more)  # type: ignore[arg-type]


def utc(text: str) -> datetime:
    """An instant of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "is_open", "closes", "opens"),
    [
        ("2026-12-21T07:59:59", False, None, "2026-12-21T08:00"),  # Monday, one second before nine in Milano
        ("2026-12-21T08:00", True, "2026-12-21T12:00", "2026-12-21T14:30"),
        ("2026-12-21T12:00", False, None, "2026-12-21T14:30"),
        ("2026-12-24T18:30", False, None, "2026-12-26T19:00"),  # Christmas is shut; Saturday opens at eight at night
        ("2026-12-27T00:30", True, "2026-12-27T01:00", "2026-12-27T09:00"),  # the night of Saturday
        ("2026-12-27T22:00", True, "2026-12-27T23:00", "2026-12-28T08:00"),  # a Sunday of its own, until midnight
        ("2026-07-06T07:00", True, "2026-07-06T11:00", "2026-07-06T13:30"),  # summer time
    ],
)
def test_open_until_when_and_when_next(instant: str, is_open: bool, closes: str | None, opens: str) -> None:
    """Lunch breaks, nights over midnight, dates that differ, both sides of a change of the clock."""
    state = opening_hours(place(WEEK), utc(instant))
    assert (state.open, state.closes_at) == (is_open, None if closes is None else utc(closes))
    assert state.next_opening == utc(opens)
    assert next_opening(place(WEEK), utc(instant)) == utc(opens)


def test_spans_that_touch_are_one_and_a_place_without_hours_is_never_open() -> None:
    """Open around the clock closes when the hours end, not at midnight; a warehouse has no visitors."""
    around = place({"mon": [["00:00", "24:00"]], "tue": [["00:00", "12:00"]]})
    assert opening_hours(around, utc("2026-12-21T10:00")).closes_at == utc("2026-12-22T11:00")
    assert next_opening(place({}), utc("2026-12-21T10:00")) is None
    assert not opening_hours(place({}), utc("2026-12-21T10:00")).open
    shut = place(WEEK, closed_at=utc("2026-12-21T00:00"))
    assert opening_hours(shut, utc("2026-12-21T10:00")).open is False
    assert next_opening(shut, utc("2026-12-21T10:00")) is None


@pytest.mark.parametrize(
    ("opening", "zone"),
    [
        ({"monday": []}, "Europe/Rome"),
        ({"2026-13-01": []}, "Europe/Rome"),
        ({"mon": [["9", "13"]]}, "Europe/Rome"),
        ({"mon": [["09:00"]]}, "Europe/Rome"),
        ({"mon": [["24:00", "09:00"]]}, "Europe/Rome"),
        ({"mon": [["09:00", "13:00"], ["12:00", "14:00"]]}, "Europe/Rome"),
        ({"mon": [["20:00", "02:00"], ["22:00", "23:00"]]}, "Europe/Rome"),
        ({}, "Europe/Nowhere"),
        ({}, ""),
        ({}, "../etc/passwd"),
        ({}, "x\x00"),
    ],
)
def test_hours_that_are_none_are_refused(opening: Opening, zone: str) -> None:
    """A day, a time, a span or a zone that cannot be says so."""
    with pytest.raises(BadLocation):
        check_opening(opening, zone)
