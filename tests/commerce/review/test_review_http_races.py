"""Everybody at once over HTTP, through two processes, one of them killed: one buyer, one hand-over, one refund."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.books import check_books
from tests.support.market import Market, opened
from unisono.commerce.orders import duties
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import open_pool

PAY = {"provider": "test", "token": "tok_approve"}
NEVER = {
    "a payment without its order or its way back": "select id from payment where order_id is null"
    " and state in ('authorised', 'captured', 'pending', 'unknown')",
    "an order without its payment": "select number from sales_order where cart_id is not null and status <> 'cancelled'"
    " and not exists (select from payment where order_id = sales_order.id and state <> 'declined')",
    "two payments of one order": "select order_id from payment where state in ('authorised', 'captured')"
    " group by order_id having count(*) > 1",
    "a hold of a checkout that is over": "select hold.id from hold join checkout on hold.reference = 'checkout:' || "
    "checkout.id where checkout.state in ('expired', 'failed') and hold.state in ('held', 'committed')",
    "more given back than taken": "select id from payment where refunded_minor > captured_minor",
    "a gap in what channels are told": "select subject from change group by subject"
    " having count(*) <> max(sequence) or min(sequence) <> 1",
    "an order told twice, or never": "select number from sales_order left join event"
    " on message_id = 'unisono:order:' || number || ':completed'"
    " where sales_order.node_id is not null and event.id is null",
}


class Crowd:
    """Many people, each request through any of the processes."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.clients = [httpx.AsyncClient(base_url=web.url, timeout=60) for web in market.shop.webs]

    async def ask(self, method: str, path: str, who: dict[str, str], body: Any = None) -> httpx.Response:
        """One request."""
        answer = await random.choice(self.clients).request(method, path, json=body, headers=who)
        assert answer.status_code < 500, (method, path, answer.status_code, answer.text[:300])
        return answer

    async def filled(self, user: str) -> dict[str, str]:
        """Somebody with one shoe in the cart."""
        who = await self.market.customer(user)
        await self.ask("POST", "/channel/cart/lines", who, {"items": [{"sku": "SHOE-42"}]})
        return who

    async def stock(self, place: str, units: int) -> None:
        """Units arrive."""
        lines = [{"sku": "SHOE-42", "location": place, "quantity": units}]
        body = {"kind": "receive", "lines": lines, "reason": "delivery"}
        await self.market.api("POST", "/api/stock/movements", body)

    async def check(self) -> None:
        """After whatever was left over has been made good, the books are right."""
        pool = await open_pool(self.market.shop.dsn, 3)
        await TimerWorker(pool, duties.timer_handlers()).drain(datetime.now(UTC) + timedelta(hours=2))
        await pool.close()
        await check_books(self.market.shop.conn)
        for what, query in NEVER.items():
            assert [dict(row) for row in await self.market.shop.conn.fetch(query)] == [], what


@pytest.fixture(scope="module")
async def crowd(server_dsn: str, template_dsn: str) -> AsyncIterator[Crowd]:
    """Two processes on one database."""
    async with opened(server_dsn, processes=2) as market:
        found = Crowd(market)
        yield found
        for client in found.clients:
            await client.aclose()


async def test_the_last_unit_goes_to_one_of_three_in_two_channels(crowd: Crowd) -> None:
    """Two pay for it, one reserves it: each round one of them has it and the others are told."""
    await crowd.stock("torino", 1)
    for number in range(6):
        people = [await crowd.filled(f"last-{number}-{at}") for at in range(3)]

        async def buy(who: dict[str, str]) -> bool:
            begun = await crowd.ask("POST", "/channel/checkouts", who, {"fulfilment": "pickup", "location": "torino"})
            if begun.status_code != 201:
                return False
            paid = await crowd.ask("POST", f"/channel/checkouts/{begun.json()['id']}/pay", who, PAY)
            return paid.status_code == 200

        async def reserve(who: dict[str, str]) -> bool:
            wanted = {"sku": "SHOE-42", "store_id": "torino"}
            return (await crowd.ask("POST", "/channel/reservations", who, wanted)).status_code == 201

        got = await asyncio.gather(buy(people[0]), buy(people[1]), reserve(people[2]))
        assert sum(got) == 1
        await crowd.stock("torino", 1)
    await crowd.check()


async def test_handed_over_once_returned_once_or_cancelled(crowd: Crowd) -> None:
    """Three clerks hand it over while the office cancels it; then four bring it back under two slips."""
    await crowd.stock("milano", 6)
    till, server = crowd.market.till, crowd.market.server
    for number in range(5):
        who = await crowd.filled(f"hand-{number}")
        begun = await crowd.ask("POST", "/channel/checkouts", who, {"fulfilment": "pickup", "location": "milano"})
        order = (await crowd.ask("POST", f"/channel/checkouts/{begun.json()['id']}/pay", who, PAY)).json()
        mine = (await crowd.ask("GET", f"/channel/orders/{order['number']}", who)).json()
        [(parcel, code)] = mine["codes"].items()
        asked = [crowd.ask("POST", f"/channel/pickups/{parcel}/hand-over", till, {"code": code}) for _ in range(3)]
        cancel = crowd.ask("POST", f"/api/orders/{order['number']}/cancel", server, {"reason": "no"})
        *handed, cancelled = [answer.status_code for answer in await asyncio.gather(*asked, cancel)]
        assert handed.count(200) + (cancelled == 200) == 1
        if cancelled == 200:
            continue
        lines = [{"order_line_id": order["lines"][0]["id"], "quantity": 1}]
        back = [{"lines": lines, "reason": "too small", "key": f"{number}-{at % 2}"} for at in range(4)]
        path = f"/channel/orders/{order['number']}/returns"
        answers = await asyncio.gather(*(crowd.ask("POST", path, till, body) for body in back))
        made = {answer.json()["number"] for answer in answers if answer.status_code == 201}
        assert len(made) == 1
    await crowd.check()


async def test_a_process_dies_while_many_buy(crowd: Crowd) -> None:
    """kill -9 in the midst of it, twice: nobody has paid for nothing, and nobody has anything for nothing."""
    await crowd.stock("hub", 200)
    webs = crowd.market.shop.webs
    bought = 0
    loop = asyncio.get_running_loop()
    end = loop.time() + 6

    async def buyer(number: int) -> None:
        nonlocal bought
        at = 0
        while loop.time() < end:
            at += 1
            try:
                who = await crowd.filled(f"dies-{number}-{at}")
                begun = await crowd.ask("POST", "/channel/checkouts", who, {"fulfilment": "ship"})
                paid = await crowd.ask("POST", f"/channel/checkouts/{begun.json()['id']}/pay", who, PAY)
                bought += paid.status_code == 200
            except (httpx.TransportError, KeyError):
                await asyncio.sleep(0.1)

    async def killer() -> None:
        # The second process: the first serves those who make customers.
        for _ in range(2):
            await asyncio.sleep(1.5)
            await asyncio.to_thread(webs[1].restart)

    await asyncio.gather(*(buyer(number) for number in range(4)), killer())
    assert bought
    await crowd.check()
