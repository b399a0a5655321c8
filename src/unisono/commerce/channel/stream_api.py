"""What changed, told to a channel as it happens: prices, offers and stock to all, a customer's own things to him."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec
from litestar import get
from litestar.params import FromQuery
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from unisono.access.guards import requires
from unisono.commerce.changes.api import ChangeItem, Kinds, Some, as_item
from unisono.commerce.changes.feed import feed_of
from unisono.commerce.changes.model import Change, Wanted
from unisono.commerce.channel.speaking import AnyRequest, Speaker, speaker_of
from unisono.customers.timeline.api import RETRY, After, event_stream, read_position
from unisono.customers.timeline.following import sse
from unisono.kit.errors import Forbidden
from unisono.kit.web import PROBLEMS


def _wanted(speaker: Speaker, kind: Any, subject: Any, sku: Any, location: Any, *, store: bool) -> Wanted:
    """What this speaker may hear: with a customer, his own things; a till, those of its store; a server, all."""

    def clean(texts: list[str] | None) -> tuple[str, ...]:
        return tuple(text.replace("\x00", "") for text in texts or ())

    wanted = Wanted(kinds=tuple(kind or ()), subjects=clean(subject), skus=clean(sku), locations=clean(location))
    nodes: frozenset[int] | None = frozenset({speaker.node_id} if speaker.node_id is not None else ())
    if store:
        if speaker.principal.kind != "till" or speaker.store_id is None:
            raise Forbidden("Only a till hears what waits in its store.", code="till_only")
        # Its own store's orders and reservations, whoever's they are: the till hands them over.
        return Wanted(kinds=("order", "reservation", "stock"), locations=(speaker.store_id,))
    if speaker.principal.kind == "key" and speaker.customer is None:
        nodes = None
    elif speaker.principal.kind == "till" and wanted.subjects and all(_is_cart(one) for one in wanted.subjects):
        # Whoever holds a cart's id has opened it by the code its customer showed: it is on the counter.
        nodes = None
    return Wanted(
        kinds=wanted.kinds, subjects=wanted.subjects, skus=wanted.skus, locations=wanted.locations, nodes=nodes
    )


def _is_cart(subject: str) -> bool:
    return subject.startswith("cart:")


async def _until(chunks: AsyncIterator[bytes], seconds: float | None) -> AsyncIterator[bytes]:
    """The same until the token ends: whoever still listens asks for another and resumes."""
    loop = asyncio.get_running_loop()
    end = None if seconds is None else loop.time() + seconds
    while True:
        try:
            left = None if end is None else max(0.0, end - loop.time())
            chunk = await asyncio.wait_for(anext(chunks), left)
        except (TimeoutError, StopAsyncIteration):
            return
        yield chunk


READ_AGAIN: Final = {
    "product": "/channel/products/{key}",
    "price": "/channel/skus?sku={key}",
    "stock": "/channel/skus?sku={sku}",
    "slot": None,
    "offer": "/channel/offers",
    "cart": "/channel/cart",
    "order": "/channel/orders/{key}",
    "reservation": "/channel/reservations",
    "points": "/channel/points",
}
"""Kind to where a channel reads it again."""

SHOWN: Final = {"stock": ("available",), "slot": ("available",)}
"""What of a change a customer is told, where the rest is the shop's own affair."""


def _as_item(change: Change, *, customer: bool) -> ChangeItem:
    """A change as a channel hears it: with a link the channel may follow, and without the shop's books."""
    item = as_item(change)
    key = change.subject.partition(":")[2]
    template = READ_AGAIN.get(change.kind)
    read = None if template is None else template.format(key=quote(key, safe=""), sku=quote(change.sku or "", safe=""))
    shown = SHOWN.get(change.kind)
    data = {name: item.data[name] for name in shown if name in item.data} if customer and shown else item.data
    return msgspec.structs.replace(item, read=read, data=data)


def _left(ends: datetime | None, now: datetime) -> float | None:
    return max(0.0, (ends - now).total_seconds()) if ends is not None else None


@get(
    "/channel/stream",
    guards=[requires("channel:use")],
    tags=["Channels"],
    responses=PROBLEMS,
    summary="Follow what changes",
)
async def stream(
    request: AnyRequest,
    after: After = None,
    kind: Kinds = None,
    subject: Some = None,
    sku: Some = None,
    location: Some = None,
    store: FromQuery[bool] = False,
) -> Stream:
    """Server-sent events in commit order, each with the sequence of its subject: who misses one reads the subject
    again. A customer hears of his own cart, orders, reservations and points, whichever channel changed them, and of
    prices, offers and stock. For tills: ``store`` tells what is to be handed over in theirs, ``subject=cart:<id>`` of
    the cart a customer has shown the code of."""
    speaker = await speaker_of(request)
    wanted = _wanted(speaker, kind, subject, sku, location, store=store)
    position = read_position(request.headers.get("last-event-id")) or read_position(after)
    feed = await feed_of(request)

    async def chunks() -> AsyncIterator[bytes]:
        yield RETRY
        async for told in feed.listen_as(speaker.channel, wanted, position):
            yield sse(told, lambda change: _as_item(change, customer=speaker.principal.kind == "customer"))

    return event_stream(_until(chunks(), _left(speaker.principal.expires_at, speaker.now)))


def routes() -> list[ControllerRouterHandler]:
    """The route of the stream."""
    handlers: list[Any] = [stream]
    return handlers
