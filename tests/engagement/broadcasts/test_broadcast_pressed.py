"""A button pressed in the very moment of a hand-over: when it has answered, nothing more leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.broadcasting import Desk
from tests.support.living import Apart, gate_at
from unisono.engagement.broadcasts import service
from unisono.engagement.delivery import dispatcher, handing, sending
from unisono.engagement.delivery.dispatcher import Dispatcher
from unisono.kit.database import Connection, transaction

Press = Callable[[Connection, Desk], Awaitable[Any]]

PRESSES: dict[str, Press] = {
    "pause": lambda conn, desk: service.pause(conn, "spring", now=desk.now),
    "stop": lambda conn, desk: service.stop(conn, "spring", now=desk.now),
    "everything": lambda conn, desk: sending.pause(conn, reason="prices", actor="anna", now=desk.now),
}

pressed = pytest.mark.parametrize("press", PRESSES.values(), ids=PRESSES.keys())


async def planned(desk: Desk) -> None:
    """A broadcast to five, about to leave."""
    await desk.segment(await desk.people(5))
    await desk.broadcast()
    await desk.launch()
    await desk.drive()


def sender(desk: Desk) -> Apart:
    """Sends what is due, in a thread."""
    dsn = desk.settings.database_url
    assert dsn is not None
    return Apart(dsn, lambda pool: Dispatcher(pool, desk.settings, desk.secret, desk.clock).drain())


@pressed
async def test_it_waits_for_what_is_being_handed_over(desk: Desk, press: Press) -> None:
    """The answer comes after the hand-over, so that what it tells is all there will be."""
    await planned(desk)
    with gate_at("delivery.before_hand_over_commit", handing) as gate:
        going = sender(desk)
        await gate.arrived()

        async def button() -> int:
            async with transaction(desk.pool) as conn:
                await press(conn, desk)
            return int(await desk.pool.fetchval("select count(handed_over_at) from message"))

        pressing = asyncio.create_task(button())
        await asyncio.wait([pressing], timeout=0.5)
        assert not pressing.done()
        gate.open()
        told = await pressing
        await going.end()
    assert (told, len(desk.sink.mails)) == (5, 5)


@pressed
async def test_what_waits_for_it_sees_it(desk: Desk, press: Press) -> None:
    """A hand-over that begins while it is being written does not go by what was before."""
    await planned(desk)
    with gate_at("delivery.after_render", dispatcher) as gate:
        going = sender(desk)
        await gate.arrived()
        async with transaction(desk.pool) as conn:
            await press(conn, desk)
            gate.open()
            async with asyncio.timeout(30):
                while not await desk.pool.fetchval(  # noqa: ASYNC110
                    "select count(*) from pg_locks where locktype = 'advisory' and not granted"
                    " and database = (select oid from pg_database where datname = current_database())"
                ):
                    await asyncio.sleep(0.01)
        await going.end()
    assert (len(desk.sink.mails), await desk.pool.fetchval("select count(handed_over_at) from message")) == (0, 0)
