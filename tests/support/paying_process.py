"""A process that pays for checkouts or ends them, for tests that race it or kill it.

Run as a script: ``paying_process.py DSN``. Each line it reads is JSON: ``{"do": "pay" | "expire", "checkout": id,
"at": instant, "token": …, "capture": bool}``; for each it writes one line ``{"checkout": id, "result": …}`` when done.
Lines are worked at the same time.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime
from typing import Any
from uuid import UUID

from unisono.commerce.orders import checkout as checkouts
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.model import PayRequest
from unisono.kit.database import Pool, open_pool, transaction
from unisono.kit.errors import UnisonoError


async def do(pool: Pool, asked: dict[str, Any]) -> None:
    """One line."""
    at = datetime.fromisoformat(asked["at"])
    checkout = UUID(asked["checkout"])
    try:
        if asked["do"] == "expire":
            async with transaction(pool) as conn:
                result = await checkouts.expire(conn, checkout, now=at)
        else:
            request = PayRequest(provider="test", token=asked["token"], capture=asked.get("capture"))
            result = (await orders.pay(pool, checkout, request, clock=lambda: at)).number
    except UnisonoError as error:
        result = error.code
    print(json.dumps({"checkout": asked["checkout"], "result": result}), flush=True)


async def main(dsn: str) -> None:
    """Work lines until there are no more."""
    pool = await open_pool(dsn, 4)
    print(json.dumps({"ready": True}), flush=True)
    async with asyncio.TaskGroup() as tasks:
        while line := await asyncio.to_thread(sys.stdin.readline):
            tasks.create_task(do(pool, json.loads(line)))
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
