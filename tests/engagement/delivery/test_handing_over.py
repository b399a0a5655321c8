"""What is asked once more at the hand-over, and what a message that may have left goes on being."""

from __future__ import annotations

from tests.support.posting import Office
from unisono.customers.consent import service as consent
from unisono.customers.consent.model import NewEntry
from unisono.engagement.channels.model import Sent
from unisono.engagement.delivery import claiming, handing, rendering, settling
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.desk import Desk
from unisono.engagement.delivery.dispatcher import Dispatcher
from unisono.engagement.delivery.rendering import Ready
from unisono.kit.database import transaction


async def stage(post: Office, ids: list[int]) -> tuple[Dispatcher, Desk, list[Ready]]:
    """Everything up to the hand-over."""
    worker = post.dispatcher()
    await worker._renew(force=True)
    desk = worker._desk
    taken = await claiming.claim(desk, urgent=False, many=100)
    ready, unfit = await rendering.render(desk, taken.claimed)
    assert (len(ready), unfit) == (len(ids), [])
    return worker, desk, ready


async def test_who_takes_back_what_others_may_know_is_told_to_nobody_any_more(post: Office) -> None:
    """What the company asks beyond the law is asked once more at the hand-over: here, a consent to third parties."""
    await post.free_policy(sharing=("email",))
    [node] = await post.people(1)
    said = NewEntry(
        node_id=node,
        purpose="third_party",
        channel="any",
        action="granted",
        key="3",
        source="t",
        actor="t",
        at=post.now,
    )
    async with transaction(post.pool) as conn:
        await consent.record(conn, [said], now=post.now)
    worker, desk, ready = await stage(post, await post.plan([node]))
    post.later(minutes=0.1)
    async with transaction(post.pool) as conn:
        await consent.withdraw(conn, [node], purposes=("third_party",), source="t", actor="t", now=post.now)
    assert await handing.hand_over(desk, ready) == []
    await worker.close()
    assert await post.states() == {"skipped": 1}


async def test_a_message_that_may_have_left_and_is_cancelled_is_settled_and_counts(post: Office) -> None:
    """Of its first try nobody knows, the second is not made: unknown, and still a contact of the person."""
    [node] = await post.people(1)
    [number] = await post.plan([node], purpose="transactional")
    worker, desk, ready = await stage(post, [number])
    [one] = await handing.hand_over(desk, ready)
    lost = settling.Outcome(one, Sent(outcome="unknown"), post.now, idempotent=True, currency=None)
    async with transaction(post.pool) as conn:
        await settling.settle(conn, [lost], now=post.now)
        assert (await delivery.status(conn, number)).message.state == "planned"
        assert await delivery.cancel(conn, [number], now=post.now) == [number]
        counting = await conn.fetchval(
            "select count(*) from contact where message_id = $1 and released_at is null", number
        )
    await worker.close()
    row = await post.message(number)
    assert (row["state"], row["settled_at"], counting) == ("unknown", post.now, 1)
