"""Customers as a part of the application: the routes, readers and timers of consent, segments and privacy."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from unisono.customers.timeline.readers import LogReader
from unisono.customers.timers.model import TimerHandler
from unisono.kit.settings import Settings

routes: list[ControllerRouterHandler] = []
"""Every route of consent, segments and privacy."""


def readers(settings: Settings) -> list[LogReader]:
    """What of them follows the log."""
    return []


def timer_handlers(settings: Settings) -> list[TimerHandler]:
    """What they do at an instant."""
    return []
