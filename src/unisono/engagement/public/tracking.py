"""Links that are counted and the pixel: only in messages to people who consented to it, and only to where we sent them.

What is counted is believed by `unisono.engagement.delivery.reconciling`: once a message, and only while the consent to
tracking holds. A link leads on whatever becomes of the counting.
"""

from __future__ import annotations

import base64
from typing import Final, Literal

import structlog
from litestar import Response, get
from litestar.params import FromPath

from unisono.access.guards import now_of, open_to_all
from unisono.customers.web import unit
from unisono.engagement.channels.model import ProviderEvent
from unisono.engagement.channels.reading import safe_target
from unisono.engagement.delivery.reconciling import reconcile
from unisono.engagement.public.rendering import AnyRequest
from unisono.kit import tokens
from unisono.kit.database import TRANSIENT, connection
from unisono.kit.errors import Unavailable
from unisono.kit.sql import load

log = structlog.get_logger("unisono.public")

_sql = load("unisono.engagement.public")

PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

HEADERS: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
    "x-content-type-options": "nosniff",
}

BY_LINK = open_to_all("a link in a message: signed, it only leads where the message led", by_header=True)


async def _tell(request: AnyRequest, message_id: int, kind: Literal["opened", "clicked"], url: str | None) -> None:
    """Tell the send ledger. A reader waits for his page, not for our books: trouble there is ours alone."""
    now = now_of(request)
    try:
        async with unit(request.app.state.pool) as conn:
            row = await _sql.message(conn, id=message_id)
            if row is None or row["account_id"] is None:
                return
            event = ProviderEvent(
                kind=kind,
                account_id=row["account_id"],
                delivery_id=f"{kind}:{message_id}",
                at=now,
                message_id=message_id,
                url=url,
            )
            await reconcile(conn, [event], now=now)
    except (Unavailable, *TRANSIENT) as error:
        log.warning("public.not_counted", kind=kind, message_id=message_id, error=type(error).__name__)


@get("/l/{token:str}", guards=[BY_LINK], include_in_schema=False)
async def follow_link(request: AnyRequest, token: FromPath[str]) -> Response[None]:
    """Lead to where the message led: the address comes from the message as it was sent, never from the request."""
    message_id, place = tokens.read(request.app.state.secret, tokens.LINK, token)
    async with connection(request.app.state.pool) as conn:
        url = await _sql.link_of(conn, id=message_id, place=place)
    target = safe_target(url)
    if target is None:
        raise tokens.UnknownToken
    await _tell(request, message_id, "clicked", target)
    return Response(None, status_code=302, headers={**HEADERS, "location": target})


@get("/o/{name:str}", guards=[BY_LINK], include_in_schema=False)
async def opened(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """One transparent point. Mail programs draw it whether or not we know the message."""
    try:
        message_id = tokens.read(request.app.state.secret, tokens.OPEN, name.removesuffix(".gif"))[0]
    except tokens.UnknownToken:
        pass
    else:
        await _tell(request, message_id, "opened", None)
    return Response(PIXEL, media_type="image/gif", headers=HEADERS)
