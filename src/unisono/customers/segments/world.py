"""The surroundings of rules as the installation has them: zone, country, currency, computed traits."""

from __future__ import annotations

from unisono.customers.profiles.computed import readable
from unisono.customers.profiles.declaring import measure_of
from unisono.customers.segments.model import ComputedTrait, World
from unisono.kit.database import Connection
from unisono.kit.settings import Settings


async def world_of(conn: Connection, settings: Settings, *, purchase_days: int, detail_days: int) -> World:
    """The world rules are asked in, with the law's clocks: how long purchases are seen, and what they hold."""
    return World(
        timezone=settings.timezone,
        country=settings.country,
        currency=settings.currency,
        purchase_days=purchase_days,
        detail_days=detail_days,
        computed={
            item.name: ComputedTrait(item.definition, item.partial, item.trait.kind, measure_of(item.trait))
            for item in await readable(conn)
        },
    )
