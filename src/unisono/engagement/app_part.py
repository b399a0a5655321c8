"""Engagement as a part of the application: its routes, its readers of the log, its timers, its workers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from litestar.types import ControllerRouterHandler

from unisono.customers.segments import ports as segment_ports
from unisono.customers.timeline.readers import LogReader
from unisono.customers.timers.model import TimerHandler
from unisono.engagement.brand import api as brand_api
from unisono.engagement.broadcasts import admitting
from unisono.engagement.broadcasts import api as broadcasts_api
from unisono.engagement.broadcasts import service as broadcasts
from unisono.engagement.broadcasts.planning import BroadcastDriver
from unisono.engagement.channels import api as channels_api
from unisono.engagement.channels import hooks, reaching_api
from unisono.engagement.channels.audiences.leaving import AudienceKeeper, AudienceReader
from unisono.engagement.channels.retention import ChannelsNight
from unisono.engagement.delivery import ports as delivery_ports
from unisono.engagement.delivery.dispatcher import Dispatcher
from unisono.engagement.delivery.reconciling import reconcile
from unisono.engagement.messages import api as messages_api
from unisono.engagement.messages import trying
from unisono.engagement.notices import api as notices_api
from unisono.engagement.notices.reader import NoticeReader
from unisono.engagement.policy import api as policy_api
from unisono.engagement.policy.staff import ContactReader
from unisono.engagement.public import pages as public_pages
from unisono.engagement.templates import api as templates_api
from unisono.engagement.templates import ports as template_ports
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
    *broadcasts_api.routes,
    *notices_api.routes,
]
"""Every route of engagement, the public pages and the providers' webhooks included."""

# What rooms below ask of those above them.
delivery_ports.give(admission=admitting.refused)
template_ports.give(used_by=broadcasts.template_users, test_send=trying.try_draft)
segment_ports.add_used_by("broadcast", broadcasts.segment_users)


def readers(settings: Settings) -> list[LogReader]:
    """What of engagement follows the log."""
    return [AudienceReader(settings), ContactReader(), NoticeReader()]


def timer_handlers(settings: Settings) -> list[TimerHandler]:
    """What engagement does at an instant."""
    return [AudienceKeeper(settings, Secret.of(settings)), BroadcastDriver(settings), ChannelsNight(settings)]


def workers(pool: Pool, settings: Settings) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
    """What runs until cancelled in a worker process, by name."""
    return {"delivery": Dispatcher(pool, settings, Secret.of(settings)).run}
