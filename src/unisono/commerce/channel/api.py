"""The channel API: what a shop front, an app, a till, a bot call. Sessions of customers here; the rest by theme."""

from __future__ import annotations

from litestar import post
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from unisono.access import customer_tokens
from unisono.access.guards import now_of, open_to_all
from unisono.commerce.channel import (
    buying_api,
    cart_api,
    counter_api,
    feeds_api,
    keeping_api,
    paper_api,
    sessions,
    shelf_api,
    stream_api,
)
from unisono.commerce.channel.sessions import SessionMade, SessionRequest
from unisono.commerce.channel.speaking import AnyRequest
from unisono.kit.database import transaction
from unisono.kit.web import PROBLEMS

TAGS = ["Channels"]


@post(
    "/channel/sessions",
    guards=[open_to_all("any key may ask: the handler says for whom", by_header=True)],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=201,
    summary="Begin a customer's session",
)
async def begin_session(request: AnyRequest, data: JSONBody[SessionRequest]) -> SessionMade:
    """A token for one visitor, 15 minutes at most. A secret or till key vouches for any identifier; a write key may
    only name its own device while that is nobody in particular."""
    return await sessions.begin(request, data, now=now_of(request))


@post(
    "/channel/sessions/end",
    guards=[open_to_all("a token ends itself", by_header=True)],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=204,
    summary="End a customer's session",
)
async def end_session(request: AnyRequest) -> None:
    """End the token the request carries, as at sign-out."""
    token = request.headers.get("authorization", "").partition(" ")[2].strip()
    async with transaction(request.app.state.pool) as conn:
        await customer_tokens.revoke(conn, token, now=now_of(request))


routes: list[ControllerRouterHandler] = [
    begin_session,
    end_session,
    *shelf_api.routes(),
    *cart_api.routes(),
    *buying_api.routes(),
    *keeping_api.routes(),
    *counter_api.routes(),
    *paper_api.routes(),
    *stream_api.routes(),
    *feeds_api.routes(),
]
"""Every route of the channel API."""
