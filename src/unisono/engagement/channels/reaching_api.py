"""What the channels that end with us offer: to fronts, tills, apps, our own people, advertisers."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from unisono.engagement.channels.audiences import api as audiences
from unisono.engagement.channels.joining import api as joining
from unisono.engagement.channels.onsite import api as onsite
from unisono.engagement.channels.paper import api as paper
from unisono.engagement.channels.push import api as push
from unisono.engagement.channels.tasks import api as tasks

routes: list[ControllerRouterHandler] = [
    *onsite.routes,
    *push.routes,
    *joining.routes,
    *paper.routes,
    *tasks.routes,
    *audiences.routes,
]
"""Their routes."""
