"""The QR of a letter: whoever scans it is led on, and the send ledger hears of it."""

from __future__ import annotations

from typing import Any

import structlog
from litestar import Request, Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import now_of, open_to_all
from unisono.customers.web import unit
from unisono.engagement.channels.hooks import Events
from unisono.engagement.channels.model import ProviderEvent
from unisono.engagement.channels.paper import service
from unisono.engagement.channels.reading import safe_target
from unisono.kit.database import TRANSIENT, connection
from unisono.kit.errors import NotFound, Unavailable

log = structlog.get_logger("unisono.channels")

AnyRequest = Request[Any, Any, Any]

HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
}


def routes_with(on_events: Events) -> list[ControllerRouterHandler]:
    """The route of the QRs, with what is done about messages: delivery is a room above this one."""

    @get(
        "/q/{code:str}",
        guards=[open_to_all("the code is on paper that one person got", by_header=True)],
        include_in_schema=False,
    )
    async def scan(request: AnyRequest, code: FromPath[str]) -> Response[None]:
        """Lead to where the letter leads: the address is the letter's, never the request's."""
        async with connection(request.app.state.pool) as conn:
            found = await service.scanned(conn, code.upper())
        target = safe_target(found.target) if found is not None else None
        if found is None or target is None:
            raise NotFound("This code leads nowhere.", code="unknown_link")
        if found.message_id is not None and request.method == "GET":
            await _tell(request, on_events, found.message_id, target)
        return Response(None, status_code=302, headers={**HEADERS, "location": target})

    return [scan]


async def _tell(request: AnyRequest, on_events: Events, message_id: int, url: str) -> None:
    """Tell the send ledger, which keeps it of people who allow it. Trouble there is no reader's."""
    now = now_of(request)
    event = ProviderEvent(
        kind="clicked", account_id=0, delivery_id=f"scanned:{message_id}", at=now, message_id=message_id, url=url
    )
    try:
        async with unit(request.app.state.pool) as conn:
            await on_events(conn, [event], now=now)
    except (Unavailable, *TRANSIENT) as error:
        log.warning("letters.not_counted", message_id=message_id, error=type(error).__name__)
