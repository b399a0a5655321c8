"""What nobody knows of a message, somebody may find out: it is settled by hand, or sent once more."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.support.posting import Office, Reply
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.model import Verdict
from unisono.engagement.policy.model import Cap
from unisono.kit.database import transaction
from unisono.kit.errors import Conflict


async def unknown(post: Office, **more: Any) -> tuple[int, int]:
    """A person, and a message to him of which nobody knows whether it arrived."""
    [node] = await post.people(1)
    [number] = await post.plan([node], **more)
    post.sink.reply = lambda _: Reply(None)
    await post.drain()
    post.sink.reply = lambda _: Reply()
    assert (await post.message(number))["state"] == "unknown"
    return node, number


async def settle(post: Office, number: int, verdict: Verdict) -> None:
    """Somebody says what became of it."""
    async with transaction(post.pool) as conn:
        await delivery.settle_unknown(conn, number, verdict, why="the log of the server", actor="anna", now=post.now)


@pytest.mark.parametrize(
    ("verdict", "state", "reason"), [("arrived", "accepted", None), ("lost", "refused", "lost_by_hand")]
)
async def test_somebody_says_what_became_of_an_unknown_message(
    post: Office, verdict: Verdict, state: str, reason: str | None
) -> None:
    """It is over, with who said so; said twice it is refused."""
    node, number = await unknown(post)
    await settle(post, number, verdict)
    row = await post.message(number)
    assert (row["state"], row["reason"]) == (state, reason)
    assert json.loads(row["decision"])["sending"]["values"] == {"actor": "anna", "why": "the log of the server"}
    assert ("Email Sent" in await post.events(node)) == (verdict == "arrived")
    weighs = await post.pool.fetchval("select released_at is null from contact where message_id = $1", number)
    assert weighs == (verdict == "arrived")
    with pytest.raises(Conflict) as caught:
        await settle(post, number, verdict)
    assert caught.value.code == "message_not_unknown"
    said = await post.pool.fetchrow("select actor, detail from audit_entry where action = 'message.settle'")
    assert said is not None
    assert (said["actor"], json.loads(said["detail"])["verdict"]) == ("anna", verdict)


async def test_an_unknown_message_is_sent_once_more_by_hand(post: Office) -> None:
    """By the same account with the same id; once, whatever comes of it; not when it is of no use any more."""
    await post.free_policy(caps=(Cap(name="a-day", purposes=("marketing",), most=1, seconds=86_400),))
    _, number = await unknown(post, not_after=post.now + timedelta(hours=2))
    before = post.sink.count[number]
    await settle(post, number, "again")
    await post.drain()
    row = await post.message(number)
    assert (row["state"], post.sink.count[number]) == ("accepted", before + 1)
    # A person decided it: the ledger's own rule, that marketing is never tried again by itself, does not speak of it.
    await post.pool.execute("delete from message_attempt where outcome = 'unknown'")
    _, late = await unknown(post, key="late", not_after=post.now + timedelta(hours=2))
    post.later(hours=3)
    with pytest.raises(Conflict) as caught:
        await settle(post, late, "again")
    assert caught.value.code == "message_too_late"
