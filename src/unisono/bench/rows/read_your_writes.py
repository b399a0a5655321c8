"""``read-your-writes``: after the 200, another channel sees it; always.

What: a browser's event is sent by its anonymous id to one web process; when it has been answered with 200, a till asks
a second web process for the profile by the loyalty card, and the event must be in the answer. 10,000 tries by four
pairs, 200 people with 60 events each, while other visitors write 1,000 events a second. Wanted: 100 %.
"""

from __future__ import annotations

import asyncio

import msgspec

from unisono.bench.background import KNOWN, Writers, card, device, make_known
from unisono.bench.http import Link, get, post
from unisono.bench.model import BenchError, Load, Measured, Row, Wanted
from unisono.bench.scratch import Scratch

WANTED = Wanted("at least", 100.0)
PAIRS = 4


class Keys(msgspec.Struct):
    """Whom the two channels are known as."""

    browser: str
    till: str


async def _pair(ports: tuple[int, int], keys: Keys, tries: range) -> int:
    """Make these tries one after the other; how often the event was there."""
    browser, till = await Link.open(ports[0]), await Link.open(ports[1])
    seen = 0
    for number in tries:
        person, mark = number % KNOWN, f"mark-{number:07d}"
        event = {
            "messageId": mark,
            "anonymousId": device(person),
            "event": "Product Viewed",
            "properties": {"product_id": mark},
        }
        answer = await browser.ask(post("/v1/track", msgspec.json.encode(event), keys.browser))
        if answer.status != 200:
            raise BenchError(f"An event was answered with {answer.status}.")
        profile = await till.ask(get(f"/api/people?identifier=loyalty_card:{card(person)}", keys.till))
        seen += profile.status == 200 and mark.encode() in profile.body
    browser.close()
    till.close()
    return seen


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    async with bench.database() as database, database.web() as first, database.web() as second:
        await make_known(database, first.port)
        keys = Keys(await database.key("browser"), await database.key("server", "people:read"))
        ports = (first.port, second.port)
        async with Writers(first.port, keys.browser, load.rate) as writers:
            pairs = (_pair(ports, keys, range(number, load.tries, PAIRS)) for number in range(PAIRS))
            seen = sum(await asyncio.gather(*pairs))
            rate = writers.reached
    return [
        Measured(
            row="read-your-writes",
            value=100.0 * seen / load.tries,
            unit="%",
            wanted=WANTED,
            note=f"{seen:,} of {load.tries:,} tries over two web processes, {rate:,.0f} events/s beside them",
        )
    ]


ROW = Row("read-your-writes", measure)
