"""What the channels that end with us offer: to fronts, tills, apps, our own people, advertisers."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from unisono.engagement.channels.audiences import api as audiences
from unisono.engagement.channels.hooks import Events
from unisono.engagement.channels.joining import api as joining
from unisono.engagement.channels.onsite import api as onsite
from unisono.engagement.channels.paper import api as paper
from unisono.engagement.channels.paper import scanning
from unisono.engagement.channels.push import api as push
from unisono.engagement.channels.tasks import api as tasks


def routes_with(on_events: Events) -> list[ControllerRouterHandler]:
    """Their routes, with what is done about messages: delivery is a room above this one."""
    return [
        *onsite.routes,
        *push.routes,
        *joining.routes,
        *paper.routes,
        *scanning.routes_with(on_events),
        *tasks.routes,
        *audiences.routes,
    ]
