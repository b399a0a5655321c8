"""People with a past, and others who keep writing while something else is measured."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType

import msgspec

from unisono.bench.http import Link, drive, post
from unisono.bench.model import BenchError
from unisono.bench.scratch import Database
from unisono.bench.workload import batches, month

KNOWN = 200
"""People whose profiles are asked for, each with 60 events, an e-mail, a phone and a loyalty card."""

BATCH = 50
ENOUGH = 0.95
"""Share of the wanted rate that must have been written for the measurement to count."""


def phone(person: int) -> str:
    """The phone of a known person."""
    return f"+3933312{person:05d}"


def card(person: int) -> str:
    """The loyalty card of a known person."""
    return f"2600{person:08d}"


def device(person: int) -> str:
    """The browser of a known person."""
    return f"known-device-{person}"


async def make_known(database: Database, port: int) -> None:
    """Write the known people and their past."""
    key = await database.key("server")
    identities = [
        msgspec.json.encode(
            {
                "type": "identify",
                "messageId": f"known-{person}",
                "userId": f"known-user-{person}",
                "anonymousId": device(person),
                "traits": {
                    "email": f"known{person}@example.com",
                    "phone": phone(person),
                    "loyalty_card": card(person),
                    "name": f"Known Person {person}",
                },
            }
        )
        for person in range(KNOWN)
    ]
    past = [
        msgspec.json.encode(msgspec.json.decode(event) | {"anonymousId": device(number % KNOWN), "userId": None})
        for number, event in enumerate(month(KNOWN * 60, seed=3))
        if b'"identify"' not in event
    ]
    driven = await drive(port, [post("/v1/batch", body, key) for body in batches(identities + past, 100)], 4)
    if driven.refused:
        raise BenchError("The people of the measurement could not be written.")


class Writers:
    """A write load of so many events a second over four connections, in batches of 50, as an async context."""

    def __init__(self, port: int, key: str, rate: int) -> None:
        self._port = port
        self._key = key
        self._rate = rate
        self._tasks: list[asyncio.Task[None]] = []
        self._written = 0
        self._began = 0.0

    async def __aenter__(self) -> Writers:
        """Begin to write."""
        self._began = time.perf_counter()
        self._tasks = [asyncio.create_task(self._write(number, 4)) for number in range(4)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and raise BenchError when the load was not reached."""
        reached = self.reached
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        if error is None:
            for one in ended:
                if isinstance(one, Exception):
                    raise one
            if reached < ENOUGH * self._rate and time.perf_counter() - self._began > 2:
                raise BenchError(f"Only {reached:.0f} of {self._rate} events a second were written meanwhile.")

    @property
    def reached(self) -> float:
        """Events a second written until now."""
        return self._written / (time.perf_counter() - self._began)

    async def _write(self, number: int, writers: int) -> None:
        link = await Link.open(self._port)
        every = BATCH * writers / self._rate
        seed = 100 + number
        due = time.perf_counter() + every * number / writers
        try:
            while True:
                # Encoded in portions that take a few milliseconds: what measures shares this process.
                for body in batches(month(BATCH * 4, seed=seed), BATCH):
                    await asyncio.sleep(max(0.0, due - time.perf_counter()))
                    due += every
                    answer = await link.ask(post("/v1/batch", body, self._key))
                    if answer.status != 200:
                        raise BenchError(f"A batch in the background was answered with {answer.status}.")
                    self._written += BATCH
                seed += writers
        finally:
            link.close()
