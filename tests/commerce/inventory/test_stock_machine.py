"""Stock and promises in any order, at any instant: after every step the database says what a plain model says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.books import check_books
from tests.support.shelf import Good, Promise, Shelf
from tests.support.stocked import Stocked, stocked
from unisono.commerce.holds import service as holds
from unisono.commerce.holds.errors import HoldDead, WouldBreakPromises
from unisono.commerce.inventory import reading
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.errors import BadStock, NotEnough
from unisono.commerce.inventory.model import StockLine, StockNeed
from unisono.commerce.inventory.service import Why

START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
SKUS, PLACES = ("shoe", "sock"), ("milano", "roma")
PARTS = {"shoe": [("shoe", 1)], "sock": [("sock", 1)], "set": [("shoe", 1), ("sock", 2)]}

goods = st.tuples(st.sampled_from(SKUS), st.sampled_from(PLACES))
units = st.integers(1, 3)
needs = st.lists(
    st.tuples(st.sampled_from(("shoe", "sock", "set")), st.sampled_from(PLACES), units), min_size=1, max_size=3
)
minutes = st.integers(1, 5)


class Database:
    """The shop's database, from the thread Hypothesis runs in."""

    def __init__(self, shop: Stocked) -> None:
        self.shop = shop
        self.loop = asyncio.get_running_loop()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run it in a transaction where the connection lives."""
        return asyncio.run_coroutine_threadsafe(self._within(work), self.loop).result()

    async def _within(self, work: Coroutine[Any, Any, Any]) -> Any:
        async with self.shop.conn.transaction():
            return await work

    async def clear(self) -> None:
        """No stock at all."""
        await self.shop.conn.execute("truncate good, hold, stock, stock_movement, promise_at_risk, change cascade")


def machine(database: Database) -> type[RuleBasedStateMachine]:
    """The machine on this database."""
    shop = database.shop

    class Stock(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            database.do(database.clear())
            self.shelf = Shelf()
            self.now = START
            self.ids: dict[str, list[UUID]] = {}
            self.asked: dict[str, Any] = {}
            self.made = 0

        def why(self) -> Why:
            self.made += 1
            return Why("test", "test", f"ref:{self.made}")

        def line(self, good: Good, number: int) -> list[StockLine]:
            return [StockLine(shop[good[0]], good[1], number)]

        def living(self, *states: str) -> list[str]:
            return sorted(
                key
                for key, promises in self.shelf.promises.items()
                if all(promise.at(self.now) in states for promise in promises)
            )

        @initialize(shoes=st.integers(0, 6), socks=st.integers(0, 9))
        def open_the_shop(self, shoes: int, socks: int) -> None:
            for place in PLACES:
                for sku, number in (("shoe", shoes), ("sock", socks)):
                    if number:
                        self.receive((sku, place), number, expected=False)

        # What moves units -------------------------------------------------------------------------------

        @rule(good=goods, number=st.integers(1, 8), expected=st.booleans())
        def deliver(self, good: Good, number: int, expected: bool) -> None:
            self.receive(good, number, expected)

        def receive(self, good: Good, number: int, expected: bool) -> None:
            lines, shelf = self.line(good, number), self.shelf
            database.do(inventory.receive(shop.conn, lines, self.why(), now=self.now, expected=expected))
            shelf.on_hand[good] = shelf.on_hand.get(good, 0) + number
            if expected:
                shelf.incoming[good] = max(0, shelf.incoming.get(good, 0) - number)

        @rule(good=goods, number=units)
        def expect(self, good: Good, number: int) -> None:
            database.do(inventory.expect(shop.conn, self.line(good, number), self.why(), now=self.now))
            self.shelf.on_hand.setdefault(good, 0)
            self.shelf.incoming[good] = self.shelf.incoming.get(good, 0) + number

        @rule(good=goods, number=units, overrule=st.booleans(), damaged=st.booleans())
        def take_away(self, good: Good, number: int, overrule: bool, damaged: bool) -> None:
            shelf, why = self.shelf, "because" if overrule else None
            sign = 1 if damaged else -1
            act = inventory.damage if damaged else inventory.adjust
            lines = self.line(good, number * sign)
            allowed = overrule or number <= shelf.free(good, self.now)
            try:
                database.do(act(shop.conn, lines, self.why(), now=self.now, overrule=why))
            except WouldBreakPromises:
                assert not allowed
                return
            assert allowed
            shelf.on_hand.setdefault(good, 0)
            shelf.take_away(good, number)
            if damaged:
                shelf.damaged[good] = shelf.damaged.get(good, 0) + number

        @rule(good=goods, number=units)
        def throw_away(self, good: Good, number: int) -> None:
            there = self.shelf.damaged.get(good, 0)
            work = inventory.adjust(shop.conn, self.line(good, -number), self.why(), now=self.now, state="damaged")
            try:
                database.do(work)
            except BadStock:
                assert number > there
                return
            self.shelf.damaged[good] = there - number

        @rule(good=goods, number=st.integers(0, 6))
        def count(self, good: Good, number: int) -> None:
            database.do(inventory.count(shop.conn, self.line(good, number), self.why(), now=self.now))
            self.shelf.on_hand[good] = number

        @rule(sku=st.sampled_from(SKUS), number=units, back=st.booleans())
        def transfer(self, sku: str, number: int, back: bool) -> None:
            here, there = PLACES[::-1] if back else PLACES
            allowed = number <= self.shelf.free((sku, here), self.now)
            work = inventory.transfer(shop.conn, self.line((sku, here), number), there, self.why(), now=self.now)
            try:
                database.do(work)
            except WouldBreakPromises:
                assert not allowed
                return
            assert allowed
            self.shelf.on_hand[sku, here] -= number
            self.shelf.on_hand[sku, there] = self.shelf.on_hand.get((sku, there), 0) + number

        @rule(
            sku=st.sampled_from(("shoe", "sock", "set")),
            place=st.sampled_from(PLACES),
            number=units,
            overrule=st.booleans(),
        )
        def sell(self, sku: str, place: str, number: int, overrule: bool) -> None:
            shelf = self.shelf
            taken = {(part, place): number * each for part, each in PARTS[sku] if (part, place) in shelf.on_hand}
            allowed = overrule or all(taken[good] <= shelf.free(good, self.now) for good in taken)
            self.now += timedelta(seconds=1)  # after any count of this instant
            sale: dict[str, Any] = {"reference": self.why().reference, "actor": "till"}
            work = inventory.sell_at_till(
                shop.conn,
                place,
                [(shop[sku], number)],
                **sale,
                override_reason="sold" if overrule else None,
                occurred_at=self.now,
                now=self.now,
            )
            try:
                sold = database.do(work)
            except WouldBreakPromises:
                assert not allowed
                return
            # A hold may have died in that second; nothing else changes what is allowed.
            assert allowed or all(taken[good] <= shelf.free(good, self.now) for good in taken)
            assert sold.moved == sum(taken.values())
            for good, gone in taken.items():
                shelf.take_away(good, gone)

        @rule(good=goods, number=st.integers(0, 3))
        def keep_back(self, good: Good, number: int) -> None:
            database.do(inventory.set_levels(shop.conn, [(shop[good[0]], good[1], number, number)], now=self.now))
            self.shelf.on_hand.setdefault(good, 0)
            self.shelf.safety[good] = number

        # What promises them -----------------------------------------------------------------------------

        def hold(self, key: str, wanted: list[tuple[str, str, int]], remote: bool, until: datetime | None) -> Any:
            return inventory.hold_stock(
                shop.conn,
                [StockNeed(shop[sku], place, number) for sku, place, number in wanted],
                channel="web" if remote else "store",
                node_id=None,
                key=key,
                expires_at=until,
                reason="test",
                reference=key,
                now=self.now,
            )

        @rule(wanted=needs, remote=st.booleans(), lasts=st.none() | minutes)
        def ask(self, wanted: list[tuple[str, str, int]], remote: bool, lasts: int | None) -> None:
            self.promise(wanted, remote, lasts)

        def promise(self, wanted: list[tuple[str, str, int]], remote: bool, lasts: int | None) -> str | None:
            self.made += 1
            key = f"k{self.made}"
            until = None if lasts is None else self.now + timedelta(minutes=lasts)
            asks = [((part, place), n * each) for sku, place, n in wanted for part, each in PARTS[sku]]
            possible = self.shelf.can(asks, self.now, remote=remote)
            try:
                made = database.do(self.hold(key, wanted, remote, until))
            except NotEnough as short:
                assert not possible
                assert short.lines
                return None
            assert possible
            assert [hold.quantity for hold in made] == [number for _, number in asks]
            self.shelf.promises[key] = [Promise(good, number, until) for good, number in asks]
            self.ids[key] = [hold.id for hold in made]
            self.asked[key] = (wanted, remote)
            return key

        @rule(
            good=goods,
            number=units,
            remote=st.booleans(),
            lasts=minutes,
            passes=st.integers(0, 5),
            collect=st.booleans(),
        )
        def buy(self, good: Good, number: int, remote: bool, lasts: int, passes: int, collect: bool) -> None:
            """From the shelf to the bag, unless it takes too long."""
            key = self.promise([(*good, number)], remote, lasts)
            self.now += timedelta(minutes=passes)
            if key is not None and self.firm(key) and collect:
                self.collect(key)

        @precondition(lambda self: self.shelf.promises)
        @rule(data=st.data())
        def ask_again(self, data: st.DataObject) -> None:
            key = data.draw(st.sampled_from(sorted(self.shelf.promises)))
            wanted, remote = self.asked[key]
            lives = all(promise.at(self.now) != "gone" for promise in self.shelf.promises[key])
            try:
                made = database.do(self.hold(key, wanted, remote, self.now + timedelta(minutes=9)))
            except HoldDead:
                assert not lives
                return
            assert lives
            assert [hold.id for hold in made] == self.ids[key]

        @precondition(lambda self: self.shelf.promises)
        @rule(data=st.data())
        def commit(self, data: st.DataObject) -> None:
            self.firm(data.draw(st.sampled_from(sorted(self.shelf.promises))))

        def firm(self, key: str) -> bool:
            lives = all(promise.at(self.now) != "gone" for promise in self.shelf.promises[key])
            try:
                database.do(inventory.commit(shop.conn, self.ids[key], now=self.now))
            except HoldDead:
                assert not lives
                return False
            assert lives
            for promise in self.shelf.promises[key]:
                promise.state = "committed" if promise.state == "held" else promise.state
            return True

        @precondition(lambda self: self.shelf.promises)
        @rule(data=st.data(), late=st.booleans())
        def release(self, data: st.DataObject, late: bool) -> None:
            key = data.draw(st.sampled_from(sorted(self.shelf.promises)))
            which = data.draw(st.sets(st.sampled_from(range(len(self.ids[key]))), min_size=1))
            ids = [self.ids[key][number] for number in which]
            if late:
                database.do(holds.release(shop.conn, ids, now=self.now, reason="late", expired=True))
                return  # what is due is gone anyway, what is not stays
            some = [self.shelf.promises[key][number] for number in which]
            given = sum(promise.at(self.now) in ("held", "committed") for promise in some)
            assert database.do(inventory.release(shop.conn, ids, now=self.now, reason="test")) == given
            for promise in some:
                if promise.at(self.now) in ("held", "committed"):
                    promise.state = "gone"

        @precondition(lambda self: self.living("committed", "consumed"))
        @rule(data=st.data())
        def hand_over(self, data: st.DataObject) -> None:
            self.collect(data.draw(st.sampled_from(self.living("committed", "consumed"))))

        def collect(self, key: str) -> None:
            work = inventory.hand_over(shop.conn, self.ids[key], reference=key, actor="test", now=self.now)
            database.do(work)
            for promise in self.shelf.promises[key]:
                if promise.state == "committed":
                    promise.state = "consumed"
                    self.shelf.take_away(promise.good, promise.units)

        @precondition(lambda self: self.living("held", "committed"))
        @rule(data=st.data(), lasts=st.none() | minutes)
        def renew(self, data: st.DataObject, lasts: int | None) -> None:
            key = data.draw(st.sampled_from(self.living("held", "committed")))
            until = None if lasts is None else self.now + timedelta(minutes=lasts)
            database.do(holds.renew(shop.conn, self.ids[key], expires_at=until, now=self.now))
            for promise in self.shelf.promises[key]:
                promise.expires_at = until

        # Time -------------------------------------------------------------------------------------------

        @rule(passes=minutes)
        def wait(self, passes: int) -> None:
            self.now += timedelta(minutes=passes)

        @rule()
        def sweep(self) -> None:
            database.do(holds.sweep(shop.conn, now=self.now))
            database.do(inventory.refresh_low(shop.conn, now=self.now))

        @invariant()
        def the_books_are_right(self) -> None:
            database.do(check_books(shop.conn))

        @invariant()
        def the_database_says_what_the_model_says(self) -> None:
            rows = database.do(reading.stock(shop.conn, now=self.now))
            said = {(row.sku, row.location): row for row in rows}
            assert said.keys() == self.shelf.on_hand.keys()
            for good, row in said.items():
                assert row.on_hand == self.shelf.on_hand[good]
                assert row.held + row.committed == self.shelf.promised(good, self.now)
                assert row.available == self.shelf.free(good, self.now)
                assert row.at_risk >= self.shelf.at_risk(good, self.now)
                assert (row.damaged, row.incoming) == (
                    self.shelf.damaged.get(good, 0),
                    self.shelf.incoming.get(good, 0),
                )

        @invariant()
        def every_channel_is_told_the_same(self) -> None:
            ids = [shop[sku] for sku in ("shoe", "sock", "set")]
            for channel in ("web", "store"):
                found = database.do(inventory.availability(shop.conn, ids, channel=channel, now=self.now))
                for sku in ("shoe", "sock", "set"):
                    told = {place.location_code: place.available for place in found[shop[sku]]}
                    wanted = {}
                    for place in PLACES:
                        if all((part, place) in self.shelf.on_hand for part, _ in PARTS[sku]):
                            wanted[place] = min(self.promisable((part, place), channel) // n for part, n in PARTS[sku])
                    assert told == wanted

        def promisable(self, good: Good, channel: str) -> int:
            kept = self.shelf.safety.get(good, 0) if channel == "web" else 0
            return max(0, self.shelf.free(good, self.now) - kept)

    return Stock


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """The small shop, empty."""
    conn = await asyncpg.connect(dsn)
    yield Database(await stocked(conn, now=START))
    await conn.close()


@pytest.mark.slow
async def test_stock_and_promises_in_any_order(database: Database) -> None:
    """Deliveries, sales, counts, transfers, damage, promises that live, die, are kept or broken: never more promised
    than there is but by the till's own word, never a unit lost, and the model and the database agree at every step."""
    chosen = settings(
        max_examples=100,
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    await asyncio.to_thread(run_state_machine_as_test, machine(database), settings=chosen)
