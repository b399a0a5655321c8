"""Every room's part in what people may ask for: a copy of what is kept about them, and its erasure."""

from __future__ import annotations

from typing import Final

from litestar.types import ControllerRouterHandler

from unisono.access.personal import PERSONAL as ACCESS
from unisono.commerce.carts.personal import PERSONAL as CARTS
from unisono.commerce.changes.personal import PERSONAL as CHANGES
from unisono.commerce.coherence.personal import PERSONAL as COHERENCE
from unisono.commerce.holds.personal import PERSONAL as HOLDS
from unisono.commerce.inventory.personal import PERSONAL as INVENTORY
from unisono.commerce.orders.personal import PERSONAL as ORDERS
from unisono.commerce.points.personal import PERSONAL as POINTS
from unisono.commerce.promotions.personal import PERSONAL as PROMOTIONS
from unisono.customers.consent.personal import PERSONAL as CONSENT
from unisono.customers.identity.personal import PERSONAL as IDENTITY
from unisono.customers.privacy import api
from unisono.customers.privacy.personal import PERSONAL as PRIVACY
from unisono.customers.privacy.timing import PrivacyNight, PrivacyWork
from unisono.customers.profiles.personal import PERSONAL as PROFILES
from unisono.customers.segments.personal import PERSONAL as SEGMENTS
from unisono.customers.timeline.personal import PERSONAL as TIMELINE
from unisono.customers.timers.model import TimerHandler
from unisono.customers.timers.personal import PERSONAL as TIMERS
from unisono.engagement.broadcasts.personal import PERSONAL as BROADCASTS
from unisono.engagement.channels.personal import PERSONAL as CHANNELS
from unisono.engagement.delivery.personal import PERSONAL as DELIVERY
from unisono.engagement.policy.personal import PERSONAL as POLICY
from unisono.kit.personal import PersonalData
from unisono.kit.secret import Secret
from unisono.kit.settings import Settings

PARTS: Final[tuple[PersonalData, ...]] = (
    BROADCASTS,
    DELIVERY,
    POLICY,
    CHANNELS,
    CHANGES,
    HOLDS,
    PROMOTIONS,
    ORDERS,
    CARTS,
    INVENTORY,
    COHERENCE,
    POINTS,
    SEGMENTS,
    CONSENT,
    PROFILES,
    TIMERS,
    TIMELINE,
    IDENTITY,
    ACCESS,
    PRIVACY,
)
"""In the order they are erased: from what is said to people down to who they are."""

routes: list[ControllerRouterHandler] = api.routes_with(PARTS)
"""Privacy requests over the API."""


def timer_handlers(settings: Settings) -> list[TimerHandler]:
    """What is done about privacy at an instant."""
    return [PrivacyWork(PARTS, Secret.of(settings)), PrivacyNight()]
