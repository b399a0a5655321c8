"""What providers tell later: each thing once, in any order, and addresses that end with it."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta
from typing import Any

import pytest

from tests.support.posting import Office, Reply, grant
from unisono.customers.consent import service as consent
from unisono.customers.consent.model import NewEntry
from unisono.engagement.channels.model import ProviderEvent, Sent
from unisono.engagement.delivery import claiming, handing, rendering, settling
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.reconciling import reconcile
from unisono.kit.database import transaction

_numbers = itertools.count(1)


def event(kind: Any, message_id: int | None = None, **more: Any) -> ProviderEvent:
    """Something a provider tells, now."""
    fields: dict[str, Any] = {"account_id": 1, "delivery_id": f"d{next(_numbers)}", **more}
    return ProviderEvent(kind=kind, message_id=message_id, **fields)


async def tell(post: Office, *events: ProviderEvent) -> int:
    async with transaction(post.pool) as conn:
        return await reconcile(conn, events, now=post.now)


async def sent(post: Office, **more: Any) -> tuple[int, int]:
    """A person and an e-mail he was sent."""
    [node] = await post.people(1)
    [number] = await post.plan([node], **more)
    await post.drain()
    return node, number


async def agree_to_tracking(post: Office, node: int) -> None:
    entry = NewEntry(
        node_id=node, purpose="tracking", channel="any", action="granted", key=f"t:{node}", source="t", actor="t",
        at=post.now - timedelta(hours=1),
    )  # fmt: skip
    async with transaction(post.pool) as conn:
        await consent.record(conn, [entry], now=post.now)


async def test_delivered_is_written_down_once(post: Office) -> None:
    """However often it is told, by our id or by the provider's."""
    node, number = await sent(post)
    row = await post.message(number)
    later = post.later(minutes=1)
    assert await tell(post, event("delivered", number, at=later), event("delivered", number, at=later)) == 1
    again = event("delivered", provider_id=row["provider_id"], account_id=row["account_id"], at=post.later(minutes=1))
    assert await tell(post, again) == 1
    assert (await post.message(number))["delivered_at"] == later
    assert (await post.events(node)).count("Email Delivered") == 1


async def test_what_is_told_of_nothing_we_sent_is_passed_over(post: Office) -> None:
    """Unknown ids, ids of others' accounts, messages that never left."""
    [node] = await post.people(1, consents=())
    [skipped] = await post.plan([node])
    await post.drain()
    told = [event("delivered", 4711, at=post.now), event("bounced", skipped, permanent=True, at=post.now)]
    assert await tell(post, *told, event("delivered", provider_id="x", at=post.now)) == 0
    assert await post.pool.fetchval("select count(*) from suppression") == 0


@pytest.mark.parametrize(
    ("kind", "permanent", "reason", "purposes"),
    [
        ("bounced", True, "hard_bounce", "all"),
        ("complained", False, "complaint", "all"),
        ("unsubscribed", False, "opt_out", "marketing"),
    ],
)
async def test_an_address_that_ends_or_objects_gets_no_more(
    post: Office, kind: str, permanent: bool, reason: str, purposes: str
) -> None:
    """RULES R4: a bounce and a complaint block all purposes, an opt-out marketing."""
    node, number = await sent(post)
    assert await tell(post, event(kind, number, permanent=permanent, at=post.now)) == 1
    rows = await post.pool.fetch("select node_id, reason, purposes from suppression")
    assert [tuple(row) for row in rows] == [(node, reason, purposes)]
    next_one = await post.plan([node], key="next")
    receipt = await post.plan([node], key="receipt", purpose="transactional")
    await post.drain()
    assert (await post.message(next_one[0]))["state"] == "skipped"
    assert (await post.message(receipt[0]))["state"] == ("accepted" if purposes == "marketing" else "skipped")


async def test_a_passing_bounce_ends_no_address(post: Office) -> None:
    """The mailbox was full."""
    node, number = await sent(post)
    await tell(post, event("bounced", number, detail="mailbox full", at=post.now))
    assert await post.pool.fetchval("select count(*) from suppression") == 0
    assert "Email Bounced" in await post.events(node)
    assert (await post.message(number))["failed_at"] == post.now


async def test_what_is_unknown_is_found_out_within_three_days(post: Office) -> None:
    """Delivered: it was accepted, and is on the timeline as sent; after 72 hours nothing changes any more."""
    post.sink.reply = lambda _: Reply(None)
    node, number = await sent(post)
    late_node, late = await sent(post, key="late")
    assert await post.states() == {"unknown": 2}
    post.later(hours=71)
    await tell(post, event("delivered", number, at=post.now))
    post.later(hours=2)
    await tell(post, event("delivered", late, at=post.now))
    assert await post.states() == {"accepted": 1, "unknown": 1}
    assert "Email Sent" in await post.events(node)
    assert "Email Sent" not in await post.events(late_node)


async def test_an_unknown_message_that_failed_weighs_nothing(post: Office) -> None:
    """The provider says that it never left."""
    post.sink.reply = lambda _: Reply(None)
    _, number = await sent(post)
    await tell(post, event("failed", number, detail="rejected", at=post.now))
    row = await post.message(number)
    assert (row["state"], row["reason"]) == ("refused", "refused")
    assert await post.pool.fetchval("select released_at is not null from contact where message_id = $1", number)


async def test_an_opening_is_known_only_of_who_agreed_to_it(post: Office) -> None:
    """An individual pixel needs a consent."""
    node, number = await sent(post)
    await tell(post, event("opened", number, at=post.now))
    assert (await post.message(number))["opened_at"] is None
    await agree_to_tracking(post, node)
    await tell(
        post, event("opened", number, at=post.now), event("clicked", number, url="https://x.example", at=post.now)
    )
    row = await post.message(number)
    assert (row["opened_at"], row["clicked_at"]) == (post.now, post.now)
    assert (await post.events(node))[-2:] == ["Email Opened", "Email Link Clicked"]


async def test_events_in_any_order_and_twice_come_to_the_same(post: Office) -> None:
    """Shuffled, repeated, in pieces."""
    node, number = await sent(post)
    await agree_to_tracking(post, node)
    kinds = ["delivered", "opened", "clicked", "complained", "deferred"] * 3
    random.Random(4).shuffle(kinds)
    events = [event(kind, number, at=post.now) for kind in kinds]
    await tell(post, *events[:7])
    await tell(post, *events[7:])
    names = await post.events(node)
    for name in ("Email Delivered", "Email Opened", "Email Link Clicked", "Email Marked as Spam", "Email Sent"):
        assert names.count(name) == 1, name


async def test_what_is_told_of_an_erased_person_leaves_no_trace(post: Office) -> None:
    """The message stays as a number; the timeline hears nothing."""
    node, number = await sent(post)
    for table in ("consent_entry", "consent_state", "event"):
        await post.pool.execute(f"delete from {table} where node_id = $1", node)
    await post.pool.execute("delete from node where id = $1", node)
    await tell(post, event("delivered", number, at=post.now), event("bounced", number, permanent=True, at=post.now))
    assert await post.pool.fetchval("select count(*) from event where node_id = $1", node) == 0


async def test_a_new_consent_reaches_who_unsubscribed(post: Office) -> None:
    """He may change his mind again."""
    node, number = await sent(post)
    await tell(post, event("unsubscribed", number, at=post.now))
    post.later(days=1)
    async with transaction(post.pool) as conn:
        await grant(conn, [node], ["email"], now=post.now)
    [again] = await post.plan([node], key="again")
    await post.drain()
    assert (await post.message(again))["state"] == "accepted"


async def test_everything_before_an_instant_was_read(post: Office) -> None:
    """Messenger names no message but an instant: what that account had sent there until then, and nothing else."""
    node, first = await sent(post, key="first")
    before = post.later(minutes=1)
    [second] = await post.plan([node], key="second")
    post.later(minutes=1)
    await post.drain()
    async with transaction(post.pool) as conn:
        # As if both had gone by Messenger.
        psid = await conn.fetchval(
            """insert into node (id, namespace, value, person_id, cluster_id)
               select id, 'messenger', '77001', $1, $1 from (select nextval('node_id_seq') as id) as new
               returning id""",
            node,
        )
        await conn.execute("update message set channel = 'messenger', address_node = $1", psid)
    read = {"account_id": 1, "address": "77001", "at": post.later(minutes=1)}
    assert await tell(post, event("read", **read, data={"watermark": before.isoformat()})) == 1
    assert (await post.message(first))["opened_at"] == post.now
    assert (await post.message(second))["opened_at"] is None
    assert await tell(post, event("read", **read, data={"watermark": before.isoformat()})) == 0
    for nothing in ({}, {"watermark": "yesterday"}, {"watermark": "2026-05-13T12:00"}):
        assert await tell(post, event("read", **read, data=nothing)) == 0
    assert await tell(post, event("read", **{**read, "account_id": 2}, data={"watermark": post.now.isoformat()})) == 0
    assert (await post.events(psid)) == ["Message Read"]


async def test_a_scanned_letter_is_on_the_timeline(post: Office) -> None:
    """Once, of who agreed that we know what he does with what we send."""
    node, number = await sent(post)
    await agree_to_tracking(post, node)
    await post.pool.execute("update message set channel = 'mail' where id = $1", number)
    for _ in range(2):
        await tell(post, event("clicked", number, at=post.later(minutes=1)))
    assert (await post.events(node)).count("Mail Scanned") == 1


async def test_a_receipt_that_overtakes_the_answer_leaves_the_cost(post: Office) -> None:
    """Delivered is told before our own worker has written down what was accepted, and for how much; once."""
    async with transaction(post.pool) as conn:
        await conn.execute("update channel_account set cost_minor = 7, currency = 'EUR'")
    node, *_ = await post.people(1)
    [number] = await post.plan([node])
    worker = post.dispatcher()
    await worker._renew(force=True)
    taken = await claiming.claim(worker._desk, urgent=False, many=10)
    ready, _ = await rendering.render(worker._desk, taken.claimed)
    [going] = await handing.hand_over(worker._desk, ready)
    await tell(post, event("delivered", number, at=post.now))
    assert await post.states() == {"accepted": 1}
    answer = Sent(outcome="accepted", provider_id="p1", cost_minor=7)
    for attempt in range(2):
        async with transaction(post.pool) as conn:
            outcome = settling.Outcome(going, answer, post.now, idempotent=True, currency="EUR")
            await settling.settle(conn, [outcome], now=post.now)
            if attempt == 1:
                # Written twice, as after a commit whose answer was lost: the second time changes nothing.
                await conn.execute("delete from message_attempt where id = (select max(id) from message_attempt)")
    row = await post.message(number)
    assert (row["cost_minor"], row["currency"], row["provider_id"], row["attempts"]) == (7, "EUR", "p1", 1)
    assert (await post.events(node)).count("Email Sent") == 1
    await worker.close()


@pytest.mark.parametrize(("kind", "state"), [("delivered", "accepted"), ("failed", "refused")])
async def test_what_is_to_be_tried_again_and_waits_is_found_out_too(post: Office, kind: str, state: str) -> None:
    """It may have arrived, its second try is held up by its account: the provider's word comes first, and ends it."""
    post.sink.reply = lambda _: Reply(None)
    _, number = await sent(post)
    post.sink.reply = lambda _: Reply()
    tried = post.sink.count[number]
    async with transaction(post.pool) as conn:
        await delivery.settle_unknown(conn, number, "again", why="asked for", actor="anna", now=post.now)
        await conn.execute("update channel_account set status = 'paused'")
    await post.drain()
    assert (await post.message(number))["reason"] == "account_paused"
    await tell(post, event(kind, number, at=post.now))
    await post.pool.execute("update channel_account set status = 'active'")
    post.later(hours=1)
    await post.drain()
    assert ((await post.message(number))["state"], post.sink.count[number]) == (state, tried)
