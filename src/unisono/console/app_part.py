"""The console as a part of the application: ``Litestar([*app_part.routes, ...])``.

Wants ``app.state``: ``pool``, ``settings``, ``key_ring``, ``limits``.
"""

from __future__ import annotations

from typing import Any

from litestar import Response, Router, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import requires
from unisono.console import links
from unisono.console.failures import HANDLERS
from unisono.console.pages import AnyRequest
from unisono.console.routes import (
    assets,
    audit,
    brand,
    broadcast_form,
    broadcasts,
    carts,
    catalogue_import,
    channels,
    coherence,
    consent,
    counter,
    counter_steps,
    discounts,
    events,
    health,
    identity,
    orders,
    outbox,
    palette,
    people,
    person,
    person_consents,
    person_links,
    person_write,
    policy,
    prices,
    privacy,
    products,
    promotion_builder,
    promotion_simulator,
    promotions,
    segment_builder,
    segment_why,
    segments,
    sign_in,
    sources,
    stock,
    stock_changes,
    tasks,
    team,
    template_changes,
    template_preview,
    templates,
    together,
)
from unisono.console.security import FrameHeaders, SecurityHeaders
from unisono.kit.errors import NotFound

MAX_FORM = 256 * 1024
"""Bytes of the largest form."""


@get(f"{links.ROOT}/{{path:path}}", guards=[requires()], include_in_schema=False)
async def missing(request: AnyRequest, path: FromPath[str]) -> Response[Any]:
    """Any other address of the console."""
    del request
    raise NotFound(f"There is no page {path}.", code="http_404")


routes: list[ControllerRouterHandler] = [
    Router(
        "/",
        route_handlers=[
            *assets.routes,
            *sign_in.routes,
            *people.routes,
            *person.routes,
            *person_links.routes,
            *together.routes,
            *events.routes,
            *identity.routes,
            *sources.routes,
            *health.routes,
            *team.routes,
            *audit.routes,
            *products.routes,
            *catalogue_import.routes,
            *prices.routes,
            *discounts.routes,
            *promotions.routes,
            *promotion_builder.routes,
            *promotion_simulator.routes,
            *coherence.routes,
            *stock.routes,
            *stock_changes.routes,
            *orders.routes,
            *counter.routes,
            *counter_steps.routes,
            *carts.routes,
            *outbox.routes,
            *broadcasts.routes,
            *broadcast_form.routes,
            *policy.routes,
            *tasks.routes,
            *consent.routes,
            *person_consents.routes,
            *privacy.routes,
            *person_write.routes,
            *segments.routes,
            *segment_builder.routes,
            *segment_why.routes,
            *templates.routes,
            *template_changes.routes,
            *brand.routes,
            *channels.routes,
            *palette.routes,
            missing,
        ],
        middleware=[SecurityHeaders],
        exception_handlers=HANDLERS,
        request_max_body_size=MAX_FORM,
        include_in_schema=False,
    ),
    Router(
        "/",
        route_handlers=[*template_preview.routes, *outbox.frames],
        middleware=[FrameHeaders],
        exception_handlers=HANDLERS,
        include_in_schema=False,
    ),
]
"""Every route of the console."""
