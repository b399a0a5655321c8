"""Points add up from events, once each, and follow their identifier."""

from __future__ import annotations

import pytest

from tests.support.shop import Shop, fresh, open_shop
from unisono.commerce.points import service
from unisono.commerce.points.reader import PointsReader, movement
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import open_pool


async def drain(shop: Shop) -> None:
    pool = await open_pool(shop.dsn, 4)
    await Worker(pool, [PointsReader()], 2).drain()
    await pool.close()


async def test_events_add_up_and_the_feed_is_told_without_gaps(server_dsn: str, template_dsn: str) -> None:
    """Earned, redeemed, reversed; a repeated message counts once; the same numbers whatever identifier is asked."""
    async with open_shop(server_dsn) as shop:
        card, user = fresh("card"), fresh("u")
        again = fresh()
        for name, points, message in (
            ("Points Earned", 120, again),
            ("Points Earned", 120, again),
            ("Points Redeemed", 50, fresh()),
            ("Points Reversed", 10, fresh()),
        ):
            event = {"messageId": message, "event": name, "properties": {"points": points}, "userId": card}
            assert (await shop.send("/v1/track", event, key=shop.keys.secret)).status_code == 200
            await drain(shop)
        node = await shop.person("user_id", card)
        assert node is not None
        assert await service.balance(shop.conn, [node]) == 60
        told = await shop.conn.fetch("select sequence, data->>'points' from change where kind = 'points' order by id")
        assert [tuple(row) for row in told] == [(1, "120"), (2, "70"), (3, "60")]
        other = {"messageId": fresh(), "event": "Points Earned", "properties": {"points": 5}, "userId": user}
        await shop.send("/v1/track", other, key=shop.keys.secret)
        await drain(shop)
        nodes = [row["id"] for row in await shop.conn.fetch("select id from node")]
        assert await service.balance(shop.conn, nodes) == 65


@pytest.mark.parametrize(
    ("points", "moved"),
    [(5, -5), ("5", -5), (5.0, -5), (5.5, 0), (-5, 0), (True, 0), ("NaN", 0), (None, 0), (10**30, 0), ([5], 0)],
)
def test_what_is_no_number_of_points_moves_nothing(points: object, moved: int) -> None:
    """A wrong balance is worse than a missing movement; the event stays on the timeline."""
    assert movement("Points Redeemed", {"points": points}) == moved
