"""Writes over the API: one transaction, answered once per ``Idempotency-Key``, the readers woken after it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Request, Response

from unisono.access.idempotency import Action, T, run_once
from unisono.customers.timeline import service as timeline
from unisono.kit.database import AWAY, Connection, Pool, raise_if_cancelled, transaction


async def write(request: Request[Any, Any, Any], action: Action[T], *, status: int = 200) -> Response[T]:
    """Run ``action`` as `run_once` does, then wake whoever follows the log. Raises what it raises."""
    answer = await run_once(request, action, status=status)
    await _wake(request.app.state.pool)
    return answer


@asynccontextmanager
async def unit(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction outside the API (console, worker, demo), then wake whoever follows the log."""
    async with transaction(pool) as conn:
        yield conn
    await _wake(pool)


async def _wake(pool: Pool) -> None:
    # What was committed stands, also when the server goes away right after: readers look by themselves each second.
    with contextlib.suppress(TimeoutError, *AWAY):
        await timeline.announce(pool)
    raise_if_cancelled()
