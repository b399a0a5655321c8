"""Stores as places: all of it invented by rule, for the data know a store by its number only."""

from __future__ import annotations

from typing import Any, Final

from unisono.commerce.inventory.model import Location, Opening
from unisono.commerce.orders.slots.model import SlotRule

ZONE: Final = "America/New_York"
CENTRE: Final = (39.96, -83.0)
"""Columbus, Ohio: the data's people live in Ohio and its neighbours, as their telephone numbers say."""
REACH: Final = (1.6, 1.9)
"""Degrees north-south and east-west that stores lie from there at most: all in the one time zone."""
WAREHOUSE: Final = "WH-1"
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat")


def opening(store: int) -> Opening:
    """Every tenth store is open day and night; of the others each third opens at six, Sundays begin later."""
    if store % 10 == 0:
        return {key: [["00:00", "24:00"]] for key in (*WEEKDAYS, "sun")}
    first = "06:00" if store % 3 == 0 else "07:00"
    return {key: [[first, "22:00"]] for key in WEEKDAYS} | {"sun": [["08:00", "20:00"]]}


def coordinates(store: int) -> tuple[float, float]:
    """A point for a store number: the same number, the same point; two numbers hardly ever one point."""
    north = store * 7919 % 2003 / 2003 * 2 - 1
    east = store * 104_729 % 1999 / 1999 * 2 - 1
    return round(CENTRE[0] + north * REACH[0], 4), round(CENTRE[1] + east * REACH[1], 4)


def store_place(store: int) -> Location:
    """A store: it sells and hands over; parcels leave from the warehouse."""
    latitude, longitude = coordinates(store)
    return Location(
        code=str(store),
        name=f"Store {store}",
        kind="store",
        timezone=ZONE,
        opening=opening(store),
        address=_address(),
        latitude=latitude,
        longitude=longitude,
        ships=False,
        picks_up=True,
    )


def warehouse() -> Location:
    """The one warehouse: it sends, and nobody comes."""
    return Location(
        code=WAREHOUSE,
        name="Warehouse",
        kind="warehouse",
        timezone=ZONE,
        opening={key: [["05:00", "23:00"]] for key in WEEKDAYS},
        address=_address(),
        latitude=CENTRE[0],
        longitude=CENTRE[1],
        ships=True,
        picks_up=False,
    )


def _address() -> dict[str, Any]:
    return {"region": "Ohio", "country": "US", "invented": True}


def slot_rules(store: int) -> list[SlotRule]:
    """Hands at the counter: two people make things ordered ahead, twelve pick-ups an hour; a florist in every fifth."""
    code = str(store)
    rules = [
        SlotRule(store_id=code, kind="ahead", slot_minutes=15, capacity=30, lead_minutes=15, days_ahead=3),
        SlotRule(store_id=code, kind="pickup", slot_minutes=60, capacity=12, lead_minutes=60, days_ahead=5),
    ]
    if store % 5 == 0:
        florist = SlotRule(
            store_id=code,
            kind="appointment",
            resource="florist",
            slot_minutes=30,
            capacity=1,
            lead_minutes=120,
            days_ahead=14,
        )
        rules.append(florist)
    return rules
