"""What of commerce asks about segments (promotions, price lists), and where stores are that rules name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from unisono.commerce.inventory import service as inventory
from unisono.commerce.pricing import service as pricing
from unisono.commerce.promotions import service as promotions
from unisono.customers.segments.ports import Spot, Use, add_used_by, set_spot_of
from unisono.kit.database import Connection

PAGE = 200


def named_in(value: Any) -> Iterator[str]:
    """Codes of segments, and of audiences, that a condition in plain mappings and lists asks about."""
    if isinstance(value, dict):
        if value.get("kind") in ("segment", "audience"):
            yield from value.get("any_of", ())
        for one in value.values():
            yield from named_in(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from named_in(one)


async def in_promotions(conn: Connection, codes: Collection[str]) -> list[tuple[str, Use]]:
    """Promotions that are active or paused and ask about one of these segments."""
    found: list[tuple[str, Use]] = []
    after: str | None = None
    while page := await promotions.list_promotions(conn, statuses=("active", "paused"), after=after, limit=PAGE):
        after = page[-1].promotion.code
        found += [
            (code, Use("promotion", one.promotion.code, one.promotion.name))
            for one in page
            for code in sorted({*named_in(msgspec.to_builtins(one.promotion))} & {*codes})
        ]
    return found


async def in_price_lists(conn: Connection, codes: Collection[str]) -> list[tuple[str, Use]]:
    """Price lists for the people of these segments."""
    return [
        (one.audience, Use("price_list", one.code, one.name))
        for one in await pricing.price_lists(conn)
        if one.audience is not None and one.audience in codes
    ]


async def spot_of(conn: Connection, store: str) -> Spot | None:
    """Where a store is; None when there is none, or nobody wrote down where."""
    for place in await inventory.locations(conn, [store]):
        if place.latitude is not None and place.longitude is not None:
            return Spot(place.latitude, place.longitude, place.name)
    return None


def tell_segments() -> None:
    """Let segments know."""
    set_spot_of(spot_of)
    add_used_by("price_list", in_price_lists)
    add_used_by("promotion", in_promotions)
