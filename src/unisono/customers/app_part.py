"""Customers as a part of the application: the routes, readers and timers of consent, segments and privacy."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from unisono.customers.consent import api as consent_api
from unisono.customers.consent import settings_api as consent_settings_api
from unisono.customers.consent.reader import ConsentReader
from unisono.customers.consent.timing import ConsentExpiry
from unisono.customers.segments import api as segments_api
from unisono.customers.segments.checking import SegmentsCheck
from unisono.customers.segments.filling import SegmentFill
from unisono.customers.segments.live import SegmentsReader
from unisono.customers.segments.timing import SegmentsDue
from unisono.customers.timeline.readers import LogReader
from unisono.customers.timers.model import TimerHandler
from unisono.kit.settings import Settings

routes: list[ControllerRouterHandler] = [*consent_api.routes, *consent_settings_api.routes, *segments_api.routes]
"""Every route of consent, segments and privacy."""


def readers(settings: Settings) -> list[LogReader]:
    """What of them follows the log."""
    return [ConsentReader(settings.country), SegmentsReader(settings)]


def timer_handlers(settings: Settings) -> list[TimerHandler]:
    """What they do at an instant."""
    return [ConsentExpiry(), SegmentsDue(settings), SegmentFill(settings), SegmentsCheck(settings)]
