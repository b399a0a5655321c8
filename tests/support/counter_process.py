"""A process at the counter: a clerk who hands over all he is told, or a worker whose timers are due; for races.

Run as a script: ``counter_process.py DSN clerk|worker NOW``. A clerk reads reservation ids and codes from standard
input, hands each over at NOW, and says one word each: ``handed`` or the code of the refusal.
"""

from __future__ import annotations

import asyncio
import random
import sys
from datetime import datetime

from unisono.commerce.orders.pickup import service as pickups
from unisono.commerce.orders.pickup.timing import PickupTimeout
from unisono.commerce.orders.reservations import service as reservations
from unisono.commerce.orders.reservations.timing import ReservationExpiry, ReservationReminder
from unisono.customers.timers.worker import TimerWorker
from unisono.customers.web import unit
from unisono.kit.database import Pool, open_pool
from unisono.kit.errors import UnisonoError


async def hand_over(pool: Pool, number: str, code: str, now: datetime) -> str:
    """One reservation, or a pick-up where the number is one."""
    try:
        async with unit(pool) as conn:
            if number.isdigit():
                await pickups.hand_over(conn, int(number), code, actor="clerk", now=now)
            else:
                await reservations.hand_over(conn, number, code, actor="clerk", now=now)
    except UnisonoError as error:
        return error.code
    return "handed"


async def main(dsn: str, role: str, now: datetime) -> None:
    pool = await open_pool(dsn, 4)
    if role == "worker":
        handlers = [ReservationExpiry(), ReservationReminder(), PickupTimeout()]
        print(await TimerWorker(pool, handlers).drain(now), flush=True)
        return
    wishes = [line.split() for line in sys.stdin]
    random.shuffle(wishes)
    for number, code in wishes:
        print(number, await hand_over(pool, number, code, now), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], datetime.fromisoformat(sys.argv[3])))
