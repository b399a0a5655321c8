"""Coupons of the till: kept once, printed once, only where and while they hold."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.consent import people
from tests.support.reaching import outgoing
from unisono.engagement.channels.adapters.till_coupon import CouponSender
from unisono.engagement.channels.paper import service
from unisono.kit.database import Connection, Pool
from unisono.kit.errors import Conflict, NotFound

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


async def give(conn: Connection, node: int, *, number: int = 1, **more: Any) -> Any:
    """A coupon for somebody."""
    given = {"message_id": number, "node_id": node, "title": "10 % off", "data": {"coupon": "SPRING10"}}
    return await CouponSender(clock=lambda: NOW).send(conn, outgoing(**(given | more)))


async def test_a_coupon_waits_for_the_tills_of_its_store(pool: Pool) -> None:
    """One a message; one for any store is seen in all; ended ones are not."""
    async with pool.acquire() as conn:
        [who] = await people(conn, 1)
        for _ in range(2):
            assert (await give(conn, who.user, store_id="milano")).outcome == "accepted"
        await give(conn, who.user, number=2, ends_at=NOW + timedelta(days=1))
        in_milano = await service.coupons(conn, who.nodes, store_id="milano", now=NOW)
        in_roma = await service.coupons(conn, who.nodes, store_id="roma", now=NOW)
        over = await service.coupons(conn, who.nodes, store_id="roma", now=NOW + timedelta(days=1))
        assert (await give(conn, who.user, number=3, title=None, text=None)).code == "empty"
    assert [len(found) for found in (in_milano, in_roma, over)] == [2, 1, 0]
    assert in_roma[0].content.coupon == "SPRING10"
    assert in_milano[0].code != in_milano[1].code


async def test_of_two_tills_one_prints(pool: Pool) -> None:
    """The event is there once; looking changed nothing."""
    async with pool.acquire() as conn:
        [who] = await people(conn, 1)
        await give(conn, who.user)
        [kept] = await service.coupons(conn, who.nodes, store_id="milano", now=NOW)

    async def take(store: str) -> bool:
        async with pool.acquire() as own, own.transaction():
            try:
                await service.print_coupon(own, who.nodes, kept.id, store_id=store, now=NOW)
            except Conflict as refused:
                assert refused.code == "coupon_printed"
                return False
            return True

    assert sorted(await asyncio.gather(take("milano"), take("roma"), take("milano"))) == [False, False, True]
    async with pool.acquire() as conn:
        rows = await conn.fetch("select name, channel, properties->>'coupon_id' as coupon from event")
        assert [tuple(row) for row in rows] == [("Coupon Printed", "store", "SPRING10")]
        assert await service.coupons(conn, who.nodes, store_id="milano", now=NOW) == []


async def test_others_coupons_other_stores_and_ended_ones_are_refused(pool: Pool) -> None:
    """Nothing of them is printed."""
    async with pool.acquire() as conn:
        one, other = await people(conn, 2)
        await give(conn, one.user, store_id="milano", ends_at=NOW + timedelta(hours=1))
        [kept] = await service.coupons(conn, one.nodes, store_id="milano", now=NOW)
        for nodes, store in ((other.nodes, "milano"), (one.nodes, "roma")):
            with pytest.raises(NotFound):
                await service.print_coupon(conn, nodes, kept.id, store_id=store, now=NOW)
        with pytest.raises(Conflict):
            await service.print_coupon(conn, one.nodes, kept.id, store_id="milano", now=NOW + timedelta(hours=1))
