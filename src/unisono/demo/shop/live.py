"""Live pages: the engine's stream of changes, handed on to the browser of whom it concerns."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import Response, get
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from unisono.demo.shop.engine import Engine, Refused
from unisono.demo.shop.pages import engine_of
from unisono.demo.shop.visitors import AnyRequest, Visitor, visitor_of

WAITING = 256
"""Chunks a slow browser may have waiting; then its stream ends and it resumes where it was."""


@get("/live", include_in_schema=False)
async def live(request: AnyRequest) -> Response[Any]:
    """Server-sent events until the customer's token ends; the browser resumes with the position it has seen.

    Where somebody else is signed in by now, 204: an EventSource then stops for good.
    """
    visitor = visitor_of(request)
    if request.query_params.get("as") != visitor.mark:
        return Response(b"", status_code=204)
    after = request.headers.get("last-event-id")
    return Stream(
        merged(sources(engine_of(request), visitor, after)),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


def sources(engine: Engine, visitor: Visitor, after: str | None) -> list[AsyncIterator[bytes]]:
    """The streams a page needs: a front one; a till its customer's, its store's, and that of the cart it has open."""
    if visitor.channel != "store":
        return [engine.listen(visitor, after)]
    nobody = msgspec.structs.replace(visitor, customer=None)
    wanted = [engine.listen(visitor, after), engine.listen(nobody, after, {"store": "true"})]
    if visitor.cart:
        wanted.append(engine.listen(nobody, after, {"subject": f"cart:{visitor.cart}"}))
    return wanted


async def merged(streams: list[AsyncIterator[bytes]]) -> AsyncIterator[bytes]:
    """Several streams as one, event by event; over when the first of them is."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING)

    async def drain(stream: AsyncIterator[bytes]) -> None:
        rest = b""
        with contextlib.suppress(Refused):
            async for chunk in stream:
                # Only whole events: two streams must not mix within one.
                whole, _, rest = (rest + chunk).rpartition(b"\n\n")
                if whole:
                    await queue.put(whole + b"\n\n")
        await queue.put(None)

    tasks = [asyncio.create_task(drain(stream)) for stream in streams]
    try:
        while (chunk := await queue.get()) is not None:
            yield chunk
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def handlers() -> list[ControllerRouterHandler]:
    """The route of the stream."""
    return [live]
