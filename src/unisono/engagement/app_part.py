"""Engagement as a part of the application: its routes, its readers of the log, its timers, its workers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from litestar.types import ControllerRouterHandler

from unisono.customers.timeline.readers import LogReader
from unisono.customers.timers.model import TimerHandler
from unisono.engagement.brand import api as brand_api
from unisono.engagement.channels import api as channels_api
from unisono.engagement.channels import hooks, reaching_api
from unisono.engagement.delivery.dispatcher import Dispatcher
from unisono.engagement.delivery.reconciling import reconcile
from unisono.engagement.messages import api as messages_api
from unisono.engagement.policy import api as policy_api
from unisono.engagement.policy.staff import ContactReader
from unisono.engagement.public import pages as public_pages
from unisono.engagement.templates import api as templates_api
from unisono.kit.database import Pool
from unisono.kit.secret import Secret
from unisono.kit.settings import Settings

routes: list[ControllerRouterHandler] = [
    *channels_api.routes,
    *hooks.routes_with(reconcile),
    *reaching_api.routes_with(reconcile),
    *policy_api.routes,
    *public_pages.routes,
    *brand_api.routes,
    *templates_api.routes,
    *messages_api.routes,
]
"""Every route of engagement, the public pages and the providers' webhooks included."""


def readers(settings: Settings) -> list[LogReader]:
    """What of engagement follows the log."""
    return [ContactReader()]


def timer_handlers(settings: Settings) -> list[TimerHandler]:
    """What engagement does at an instant."""
    return []


def workers(pool: Pool, settings: Settings) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
    """What runs until cancelled in a worker process, by name."""
    return {"delivery": Dispatcher(pool, settings, Secret.of(settings)).run}
