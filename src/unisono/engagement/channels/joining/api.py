"""Links into messengers for a customer who is signed in."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get
from litestar.params import PathParameter
from litestar.types import ControllerRouterHandler

from unisono.access.guards import requires
from unisono.commerce.channel.speaking import speaker_of
from unisono.engagement.channels import accounts
from unisono.engagement.channels.adapters.messenger import Messenger
from unisono.engagement.channels.adapters.telegram import Telegram, join_link
from unisono.engagement.channels.joining.service import token_for
from unisono.engagement.channels.model import Account
from unisono.kit.database import connection
from unisono.kit.errors import Forbidden, NotFound
from unisono.kit.web import PROBLEMS

AnyRequest = Request[Any, Any, Any]

Messengers = Literal["telegram", "messenger", "instagram"]

Channel = Annotated[Messengers, PathParameter(description="Where the link leads.")]


class JoinLink(msgspec.Struct, frozen=True):
    """A link for this customer alone, good for a day."""

    url: str


def _url(account: Account, token: str) -> str:
    if account.channel == "telegram":
        return join_link(Telegram().settings(account), token)
    page = Messenger().settings(account).page_id
    return (
        f"https://ig.me/m/{page}?ref={token}" if account.channel == "instagram" else f"https://m.me/{page}?ref={token}"
    )


@get(
    "/channel/join/{channel:str}",
    guards=[requires("channel:use")],
    tags=["Channels"],
    responses=PROBLEMS,
    summary="A link to write to us on a messenger",
)
async def read_link(request: AnyRequest, channel: Channel) -> JoinLink:
    """Who follows it and writes is this customer: his messenger becomes one of his identifiers. For customers a server
    or a till vouches for."""
    speaker = await speaker_of(request, needs_customer=True)
    if not speaker.principal.proven:
        raise Forbidden("Only who is signed in may join a messenger.", code="sign_in_needed")
    assert speaker.node_id is not None
    async with connection(request.app.state.pool) as conn:
        account = await accounts.account_for(conn, request.app.state.secret, channel)
    if account is None:
        raise NotFound(f"There is no account for {channel}.", code="channel_off")
    return JoinLink(_url(account, token_for(request.app.state.secret, speaker.node_id, speaker.now)))


routes: list[ControllerRouterHandler] = [read_link]
"""What fronts call."""
