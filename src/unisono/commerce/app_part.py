"""Commerce as a part of the application: its routes, its readers of the log, its timers."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from litestar.types import ControllerRouterHandler

from unisono.commerce.carts import api as carts_api
from unisono.commerce.carts.leaving import CartIdle
from unisono.commerce.carts.reader import CartsReader
from unisono.commerce.catalog import api as catalog_api
from unisono.commerce.changes import api as changes_api
from unisono.commerce.changes.webhooks.deliverer import Deliverer
from unisono.commerce.channel import api as channel_api
from unisono.commerce.coherence import api as coherence_api
from unisono.commerce.coherence.reader import CloseWhenQuiet, CoherenceReader
from unisono.commerce.holds.sweeping import Sweeper
from unisono.commerce.inventory import api as inventory_api
from unisono.commerce.inventory.lowness import LowWatch
from unisono.commerce.orders import api as orders_api
from unisono.commerce.orders import duties as orders_duties
from unisono.commerce.orders.arriving.reader import OrdersReader
from unisono.commerce.orders.documents import api as documents_api
from unisono.commerce.orders.pickup import api as pickup_api
from unisono.commerce.orders.pickup.timing import PickupTimeout
from unisono.commerce.orders.reservations import api as reservations_api
from unisono.commerce.orders.reservations.timing import ReservationExpiry, ReservationReminder
from unisono.commerce.orders.slots import api as slots_api
from unisono.commerce.points.reader import PointsReader
from unisono.commerce.pricing import api as pricing_api
from unisono.commerce.pricing.due import PricesDue
from unisono.commerce.promotions import api as promotions_api
from unisono.commerce.promotions.due import PromotionTurns
from unisono.commerce.promotions.segment_uses import tell_segments
from unisono.customers.timeline.readers import LogReader
from unisono.customers.timers.model import TimerHandler
from unisono.kit.database import Pool
from unisono.kit.settings import Settings

tell_segments()

routes: list[ControllerRouterHandler] = [
    *changes_api.routes,
    *catalog_api.routes,
    *pricing_api.routes,
    *inventory_api.routes,
    *promotions_api.routes,
    *carts_api.routes,
    *orders_api.routes,
    *pickup_api.routes,
    *reservations_api.routes,
    *slots_api.routes,
    *documents_api.routes,
    *coherence_api.routes,
    *channel_api.routes,
]
"""Every route of commerce."""


def readers(settings: Settings) -> list[LogReader]:
    """What of commerce follows the log."""
    return [OrdersReader(settings.currency), CartsReader(), PointsReader(), CoherenceReader(settings.currency)]


def timer_handlers(settings: Settings) -> list[TimerHandler]:
    """What commerce does at an instant, one handler a kind of timer."""
    return [
        *orders_duties.timer_handlers(),
        CartIdle(),
        CloseWhenQuiet(),
        PricesDue(ZoneInfo(settings.timezone)),
        PickupTimeout(),
        PromotionTurns(),
        ReservationExpiry(),
        ReservationReminder(),
    ]


def deliverer(pool: Pool, settings: Settings) -> Deliverer:
    """Who hands webhooks over."""
    return Deliverer(
        pool, private=settings.webhook_private_addresses, changes_kept=timedelta(days=settings.change_days)
    )


def low_watch(pool: Pool) -> LowWatch:
    """Who notices stock that became low by itself."""
    return LowWatch(pool)


def sweeper(pool: Pool) -> Sweeper:
    """Who ends dead holds in good time."""
    return Sweeper(pool)
