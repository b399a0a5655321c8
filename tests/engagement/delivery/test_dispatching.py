"""The way of a message, from planned to what came of it, on the test's clock and a real SMTP connection."""

from __future__ import annotations

import asyncio
import json
import socket
from datetime import timedelta
from typing import Any

import pytest

from tests.support.posting import NOON, Office, Reply, check_ledger, make_addresses, smtp_settings
from unisono.customers.consent import service as consent
from unisono.customers.identity import service as identity
from unisono.engagement.delivery import claiming, handing, rendering, sending, settling
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.desk import Desk
from unisono.engagement.delivery.dispatcher import Dispatcher
from unisono.engagement.delivery.rendering import Ready
from unisono.engagement.policy.model import Cap, Quiet
from unisono.kit.database import transaction


async def test_a_message_leaves_once_and_everything_is_known_of_it(post: Office) -> None:
    """Content, decision, attempt, cost, timeline; a second look sends nothing more."""
    [node] = await post.people(1)
    [number] = await post.plan([node])
    await post.drain()
    await post.drain()
    assert post.sink.count == {number: 1}
    async with transaction(post.pool) as conn:
        status = await delivery.status(conn, number)
    assert (status.message.state, status.message.channel, status.message.address_node) == ("accepted", "email", node)
    assert status.decision is not None
    assert status.decision["outcome"] == "send"
    assert status.content is not None
    assert status.content["subject"] == "Hello"
    assert [one.outcome for one in status.attempts] == ["accepted"]
    assert await post.events(node) == ["Consent Updated", "Email Sent"]


async def test_the_letter_carries_how_to_be_left_alone(post: Office) -> None:
    """One-click unsubscription (RFC 8058), its own link, the same Message-ID on each try."""
    nodes = await post.people(1)
    await post.plan(nodes)
    await post.drain()
    [mail] = post.sink.mails
    head = mail.text.partition(b"\r\n\r\n")[0]
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in head
    assert b"https://shop.example/u/" in head


async def test_without_consent_nothing_leaves_and_the_reason_is_kept(post: Office) -> None:
    """Skipped, weighing nothing."""
    nodes = await post.people(1, consents=())
    [number] = await post.plan(nodes)
    await post.drain()
    row = await post.message(number)
    assert (row["state"], post.sink.mails) == ("skipped", [])
    assert json.loads(row["decision"])["outcome"] == "skip"


async def test_a_transactional_message_needs_no_consent(post: Office) -> None:
    """It is part of a contract."""
    nodes = await post.people(1, consents=())
    await post.plan(nodes, purpose="transactional")
    await post.drain()
    assert await post.states() == {"accepted": 1}


async def test_what_is_not_due_waits(post: Office) -> None:
    """Until the instant, and no longer."""
    nodes = await post.people(1)
    await post.plan(nodes, due_at=NOON + timedelta(minutes=5))
    await post.drain()
    assert post.sink.mails == []
    post.later(minutes=5)
    await post.drain()
    assert len(post.sink.mails) == 1


async def test_another_policy_decides_at_once_what_was_held(post: Office) -> None:
    """Held for the night; with quiet hours taken away it leaves now, not in the morning. Another still is held."""
    await post.free_policy(quiet=(Quiet(channels=("email",), from_="11:00", until="13:00"),))
    messages = await post.plan(await post.people(1))
    later = await post.plan(await post.people(1), due_at=post.now + timedelta(hours=5))
    await post.drain()
    assert await post.states() == {"planned": 2}
    await post.free_policy(quiet=(Quiet(channels=("email",), from_="11:00", until="12:30"),))
    await post.drain()
    assert await post.states() == {"planned": 2}
    assert (await post.message(messages[0]))["try_at"] == post.now + timedelta(minutes=30)
    await post.free_policy()
    await post.drain()
    assert await post.states(messages) == {"accepted": 1}
    assert await post.states(later) == {"planned": 1}


async def test_quiet_hours_hold_a_message_until_they_are_over(post: Office) -> None:
    """It is looked at again at their end, not before."""
    await post.free_policy(quiet=(Quiet(channels=("email",), from_="11:00", until="13:00"),))
    nodes = await post.people(1)
    [number] = await post.plan(nodes)
    await post.drain()
    row = await post.message(number)
    assert (row["state"], row["try_at"]) == ("planned", NOON + timedelta(hours=1))
    post.later(hours=1)
    await post.drain()
    assert len(post.sink.mails) == 1


async def test_past_its_end_a_message_is_skipped(post: Office) -> None:
    """Never sent late; nor when it would be held past its end."""
    nodes = await post.people(2)
    [late] = await post.plan(nodes[:1], not_after=NOON + timedelta(minutes=1))
    await post.free_policy(quiet=(Quiet(channels=("email",), from_="11:00", until="13:00"),))
    [held] = await post.plan(nodes[1:], not_after=NOON + timedelta(minutes=30))
    post.later(minutes=2)
    await post.drain()
    rows = [await post.message(one) for one in (late, held)]
    assert [(row["state"], row["reason"]) for row in rows] == [("skipped", "too_late"), ("skipped", "quiet_hours")]
    assert post.sink.mails == []


async def test_workers_away_for_six_hours_do_not_burst(post: Office) -> None:
    """3,000 due messages: those with an end are skipped with a reason, the others go at the account's rate."""
    nodes = await post.people(3000, consents=())
    await post.plan(nodes[:2700], purpose="transactional", not_after=NOON + timedelta(hours=1))
    await post.plan(nodes[2700:], purpose="transactional", key="late")
    post.later(hours=6)
    await post.drain()
    assert len(post.sink.mails) <= 300
    rows = await post.pool.fetch("select state, reason, count(*) from message group by 1, 2")
    found = {(row["state"], row["reason"]): row["count"] for row in rows}
    assert found["skipped", "too_late"] == 2700
    assert sum(count for (state, _), count in found.items() if state in ("accepted", "planned")) == 300


async def stage(post: Office, ids: list[int]) -> tuple[Dispatcher, Desk, list[Ready]]:
    """Everything up to the hand-over."""
    worker = post.dispatcher()
    await worker._renew(force=True)
    desk = worker._desk
    taken = await claiming.claim(desk, urgent=False, many=100)
    ready, unfit = await rendering.render(desk, taken.claimed)
    assert (len(ready), unfit) == (len(ids), [])
    return worker, desk, ready


@pytest.mark.parametrize("when", ["after planning", "after rendering"])
async def test_who_opts_out_gets_nothing_that_has_not_left(post: Office, when: str) -> None:
    """After fan-out, after rendering, in the queue: the withdrawal counts until the hand-over."""
    nodes = await post.people(2)
    ids = await post.plan(nodes)

    async def opt_out() -> None:
        async with transaction(post.pool) as conn:
            await consent.withdraw(conn, nodes[:1], channel="email", source="test", actor="test", now=post.now)

    if when == "after planning":
        await opt_out()
        await post.drain()
    else:
        worker, desk, ready = await stage(post, ids)
        await opt_out()
        going = await handing.hand_over(desk, ready)
        assert [one.claimed.id for one in going] == ids[1:]
        await worker.close()
        post.later(minutes=2)
        await post.drain()
    assert (await post.message(ids[0]))["state"] == "skipped"
    assert ids[0] not in post.sink.count


async def test_a_withdrawal_under_another_address_counts_too(post: Office) -> None:
    """Two addresses of one person: no under one is no under both (RULES R9)."""
    one, other = await post.people(2)
    async with transaction(post.pool) as conn:
        await identity.join(conn, one, other, actor="test", reason="same")
    ids = await post.plan([one])
    worker, desk, ready = await stage(post, ids)
    async with transaction(post.pool) as conn:
        await consent.withdraw(conn, [other], channel="email", source="test", actor="test", now=post.now)
    assert await handing.hand_over(desk, ready) == []
    await worker.close()
    assert await post.states() == {"skipped": 1}


async def test_a_paused_broadcast_holds_what_was_rendered_and_resuming_sends_it(post: Office) -> None:
    """Pause in the queue; no cursor is needed to go on; nobody gets it twice."""
    nodes = await post.people(3)
    broadcast = await make_broadcast(post)
    ids = await post.plan(nodes, origin="broadcast", broadcast_id=broadcast)
    worker, desk, ready = await stage(post, ids)
    await set_status(post, broadcast, "paused")
    assert await handing.hand_over(desk, ready) == []
    await worker.close()
    await post.drain()
    assert post.sink.mails == []
    reasons = await post.pool.fetch("select distinct reason from message")
    assert [row["reason"] for row in reasons] == ["broadcast_paused"]
    async with transaction(post.pool) as conn:
        await conn.execute("update broadcast set status = 'running'")
        assert await delivery.resume_broadcast(conn, broadcast, now=post.now) == 3
    await post.drain()
    assert post.sink.count == dict.fromkeys(ids, 1)
    async with transaction(post.pool) as conn:
        counts = await delivery.counts(conn, broadcast)
    assert (counts.states, counts.waiting) == ({"accepted": 3}, 0)


async def test_a_stopped_broadcast_sends_no_more(post: Office) -> None:
    """Its messages are cancelled, with the reason."""
    nodes = await post.people(2)
    broadcast = await make_broadcast(post)
    await post.plan(nodes, origin="broadcast", broadcast_id=broadcast)
    await set_status(post, broadcast, "stopped")
    await post.drain()
    assert await post.states() == {"cancelled": 2}


async def make_broadcast(post: Office) -> int:
    made: int = await post.pool.fetchval(
        """insert into broadcast (code, name, status, template, channels, purpose, created_by)
           values ('spring', 'Spring', 'running', 'x', '{email}', 'marketing', 'test') returning id"""
    )
    return made


async def set_status(post: Office, broadcast: int, status: str) -> None:
    await post.pool.execute("update broadcast set status = $2 where id = $1", broadcast, status)


async def test_a_person_whose_identifiers_were_erased_is_passed_over(post: Office) -> None:
    """While planned, and while claimed: no error, nothing sent, the reason says it."""
    one, other = await post.people(2)
    ids = await post.plan([one, other])
    await erase(post, one)
    worker, desk, ready = await stage(post, ids[1:])
    await erase(post, other)
    assert await handing.hand_over(desk, ready) == []
    await worker.close()
    rows = await post.pool.fetch("select state, reason from message")
    assert {(row["state"], row["reason"]) for row in rows} == {("skipped", "erased")}


async def test_an_erasure_while_a_message_is_on_its_way_harms_nobody(post: Office) -> None:
    """What came of it is written down without the person."""
    [node] = await post.people(1)
    [number] = await post.plan([node])
    worker, desk, ready = await stage(post, [number])
    going = await handing.hand_over(desk, ready)
    await erase(post, node)
    worker._lane("mail")._see_off(going, 0.0, await opened(worker))
    while not worker._outcomes:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await worker.close()
    assert (await post.message(number))["state"] == "accepted"
    assert await post.pool.fetchval("select count(*) from event where name = 'Email Sent'") == 0


async def opened(worker: Dispatcher) -> Any:
    sender = await worker._lane("mail")._opened()
    assert sender is not None
    return sender


async def erase(post: Office, node: int) -> None:
    """As an erasure leaves it: the identifier is gone."""
    for table in ("consent_entry", "consent_state", "suppression", "event"):
        await post.pool.execute(f"delete from {table} where node_id = $1", node)
    await post.pool.execute("delete from node where id = $1", node)


async def test_a_message_of_a_person_merged_while_claimed_is_still_sent_once(post: Office) -> None:
    """And counts for the person there is now."""
    await post.free_policy(caps=(Cap(name="one", purposes=("marketing",), most=1, seconds=86_400),))
    one, other = await post.people(2)
    first = await post.plan([one])
    worker, desk, ready = await stage(post, first)
    async with transaction(post.pool) as conn:
        await identity.join(conn, one, other, actor="test", reason="same")
    going = await handing.hand_over(desk, ready)
    assert [item.claimed.id for item in going] == first
    await worker.close()
    second = await post.plan([other])
    await post.drain()
    assert second[0] not in post.sink.count


async def test_a_refused_address_is_suppressed_and_the_next_channel_tried(post: Office) -> None:
    """The site's inbox takes what the dead mailbox refused."""
    await post.account("inbox", "onsite", kind="onsite", settings={})
    post.sink.reply = lambda to: Reply("550 5.1.1 no such user", at_rcpt=True)
    nodes = await post.people(1)
    [number] = await post.plan(nodes, channels=("email", "onsite"))
    await post.drain()
    row = await post.message(number)
    assert (row["state"], row["channel"]) == ("accepted", "onsite")
    tried = await post.pool.fetch("select channel, outcome from message_attempt order by id")
    assert [tuple(one) for one in tried] == [("email", "refused"), ("onsite", "accepted")]
    blocked = await post.pool.fetch("select reason, purposes from suppression")
    assert [tuple(one) for one in blocked] == [("hard_bounce", "all")]
    assert await post.pool.fetchval("select count(*) from inbox_item where message_id = $1", number) == 1


async def test_refused_for_good_without_another_channel_is_over(post: Office) -> None:
    """It weighs nothing, and says what the server said."""
    post.sink.reply = lambda to: Reply("554 5.7.1 not wanted", at_rcpt=True)
    nodes = await post.people(1)
    [number] = await post.plan(nodes)
    await post.drain()
    assert (await post.message(number))["state"] == "refused"


async def test_a_failing_person_waits_alone(post: Office) -> None:
    """Parked for that provider only: later messages to him wait behind, those of others go (RULES R10)."""
    await post.account("inbox", "onsite", kind="onsite", settings={})
    one, other = await post.people(2)
    post.sink.reply = lambda to: Reply("451 4.3.0 later", at_rcpt=True) if to == "p1@example.it" else Reply()
    [first] = await post.plan([one], key="first")
    await post.drain()
    [second] = await post.plan([one], key="second")
    [third] = await post.plan([other], key="third")
    [fourth] = await post.plan([one], key="fourth", channels=("onsite",))
    await post.drain()
    states = [(await post.message(number))["state"] for number in (first, second, third, fourth)]
    assert states == ["planned", "planned", "accepted", "accepted"]
    assert (await post.message(second))["reason"] == "person_parked"
    assert post.sink.tries["p1@example.it"] == 1
    post.sink.reply = lambda to: Reply()
    post.later(seconds=30)
    await post.drain()
    assert await post.states() == {"accepted": 4}


async def test_what_never_succeeds_is_given_up_after_three_hours(post: Office) -> None:
    """Not before three tries and 180 minutes."""
    post.sink.reply = lambda to: Reply("451 4.3.0 later", at_rcpt=True)
    nodes = await post.people(1)
    [number] = await post.plan(nodes)
    began = post.now
    while (await post.message(number))["state"] == "planned":
        await check_ledger(post.pool)
        post.now = max(post.now, (await post.message(number))["try_at"])
        assert post.now - began < timedelta(hours=4)
        await post.drain()
    row = await post.message(number)
    assert (row["state"], row["reason"]) == ("refused", "gave_up")
    assert post.now - began >= timedelta(minutes=180)
    assert row["attempts"] > 30


async def test_a_cut_after_the_text_is_unknown_and_marketing_is_not_sent_again(post: Office) -> None:
    """However long one waits."""
    post.sink.reply = lambda to: Reply(None)
    nodes = await post.people(1)
    [number] = await post.plan(nodes)
    for _ in range(3):
        await post.drain()
        post.later(hours=1)
    assert (await post.message(number))["state"] == "unknown"
    assert post.sink.count == {number: 1}


async def test_a_cut_transactional_message_is_tried_once_more_with_the_same_id(post: Office) -> None:
    """A mailbox tells the copy by its Message-ID; there is no third."""
    post.sink.reply = lambda to: Reply(None)
    nodes = await post.people(1)
    [number] = await post.plan(nodes, purpose="transactional")
    for _ in range(3):
        await post.drain()
        post.later(hours=1)
    assert (await post.message(number))["state"] == "unknown"
    assert post.sink.count == {number: 2}
    assert len({mail.reference for mail in post.sink.mails}) == 1


async def test_an_account_in_trouble_rests_while_others_work(post: Office) -> None:
    """After five failures nothing is tried there; what waits is planned again; one message asks whether it is over."""
    await post.account("inbox", "onsite", kind="onsite", settings={})
    nodes = await post.people(40)
    await post.plan(nodes)
    await post.plan(nodes[:5], key="site", channels=("onsite",))
    # Taken and not listened on: nobody can connect, and nobody else can begin to answer there.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        deaf = taken.getsockname()[1]
        await post.pool.execute(
            "update channel_account set settings = $1 where code = 'mail'", json.dumps(smtp_settings(deaf))
        )
        await post.drain()
    account = await post.pool.fetchrow("select failures, closed_until from channel_account where code = 'mail'")
    assert account is not None
    assert account["failures"] >= 5
    assert account["closed_until"] > post.now
    tried = await post.pool.fetchval("select count(*) from message_attempt where channel = 'email'")
    assert tried < 40
    assert await post.states() == {"planned": 40, "accepted": 5}
    await post.pool.execute(
        "update channel_account set settings = $1 where code = 'mail'", json.dumps(smtp_settings(post.sink.port))
    )
    for _ in range(40):
        post.later(seconds=30)
        await post.drain()
    assert await post.states() == {"accepted": 45}
    assert await post.pool.fetchval("select failures from channel_account where code = 'mail'") == 0


async def test_a_young_account_sends_no_more_than_it_may(post: Office) -> None:
    """The rest goes the next day, and so on."""
    await post.pool.execute(
        "update channel_account set warm_up = $1",
        json.dumps({"begins": "2026-05-13", "first_day": 10, "growth": 2.0, "full": 1000}),
    )
    nodes = await post.people(25)
    await post.plan(nodes)
    await post.drain()
    assert len(post.sink.mails) == 10
    reasons = await post.pool.fetch("select distinct reason from message where state = 'planned'")
    assert [row["reason"] for row in reasons] == ["warm_up"]
    post.later(days=1)
    await post.drain()
    assert len(post.sink.mails) == 25


async def test_a_content_that_cannot_be_written_does_not_leave(post: Office) -> None:
    """Its mistake is the reason."""
    content = {"email": {"en": {"subject": "Hello", "blocks": [{"is": "text", "text": "{{ person.nothing | "}]}}}
    nodes = await post.people(1)
    [number] = await post.plan(nodes, content=content)
    await post.drain()
    row = await post.message(number)
    assert (row["state"], row["reason"], post.sink.mails) == ("skipped", "content", [])


async def test_many_at_once_are_not_mixed_up(post: Office) -> None:
    """Each e-mail went to the address of its message."""
    nodes = await post.people(60)
    ids = await post.plan(nodes)
    await post.drain()
    wanted = {number: f"p{place}@example.it" for place, number in enumerate(ids, start=1)}
    assert {mail.message_id: mail.to for mail in post.sink.mails} == wanted


async def test_while_all_sending_is_paused_nothing_is_claimed_or_handed_over(post: Office) -> None:
    """Also what was rendered already; resuming sends it once."""
    nodes = await post.people(3)
    ids = await post.plan(nodes)
    worker, desk, ready = await stage(post, ids)
    async with transaction(post.pool) as conn:
        await sending.pause(conn, reason="test", actor="test", now=post.now)
    assert await handing.hand_over(desk, ready) == []
    await worker.close()
    await post.drain()
    assert (await post.states(), post.sink.mails) == ({"planned": 3}, [])
    async with transaction(post.pool) as conn:
        await sending.resume(conn, post.settings, actor="test", now=post.now)
    await post.drain()
    assert post.sink.count == dict.fromkeys(ids, 1)


async def test_people_do_not_wait_behind_a_broadcast(post: Office) -> None:
    """A transactional message goes before thousands that were due earlier."""
    nodes = await post.people(600)
    await post.plan(nodes, due_at=NOON - timedelta(hours=1))
    [urgent] = await post.plan(nodes[-1:], key="urgent", purpose="transactional")
    await post.drain()
    order = [mail.message_id for mail in post.sink.mails]
    assert order.index(urgent) < 100


async def test_the_same_person_gets_his_messages_one_after_the_other(post: Office) -> None:
    """One lane a person (RULES R10): the weightier first."""
    [node] = await post.people(1)
    light = await post.plan([node], key="light", purpose="transactional", priority=10)
    heavy = await post.plan([node], key="heavy", purpose="transactional", priority=90)
    await post.drain()
    assert {mail.message_id for mail in post.sink.mails} == {*light, *heavy}


async def test_addresses_the_channel_cannot_use_are_passed_over(post: Office) -> None:
    """An address no server would take is not tried."""
    async with transaction(post.pool) as conn:
        [node] = await make_addresses(conn, 1, "email", 50)
        await conn.execute("update node set value = 'no address' where id = $1", node)
    [number] = await post.plan([node], purpose="transactional")
    await post.drain()
    row = await post.message(number)
    assert (row["state"], row["reason"]) == ("skipped", "address_invalid")


async def test_a_message_that_breaks_the_rendering_stops_nobody_else(
    post: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits, with the reason; the others go."""
    nodes = await post.people(20)
    ids = await post.plan(nodes)
    real = rendering._one

    def breaking(desk: Desk, claimed: Any, bench: Any) -> Any:
        if claimed.id == ids[7]:
            raise ZeroDivisionError
        return real(desk, claimed, bench)

    monkeypatch.setattr(rendering, "_one", breaking)
    await post.drain()
    assert await post.states() == {"accepted": 19, "planned": 1}
    assert (await post.message(ids[7]))["reason"] == "broken"
    monkeypatch.undo()
    post.later(minutes=5)
    await post.drain()
    assert post.sink.count == dict.fromkeys(ids, 1)


async def test_a_message_that_breaks_the_decision_stops_nobody_else(
    post: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by halving the batch; it waits, the others go."""
    nodes = await post.people(20)
    ids = await post.plan(nodes)
    real = claiming.policy_rules.decide_all

    def breaking(asked: Any, *more: Any) -> Any:
        if any(one.message_id == ids[7] for one in asked):
            raise ZeroDivisionError
        return real(asked, *more)

    monkeypatch.setattr(claiming.policy_rules, "decide_all", breaking)
    await post.drain()
    assert await post.states() == {"accepted": 19, "planned": 1}
    assert (await post.message(ids[7]))["reason"] == "broken"


async def test_an_outcome_that_cannot_be_written_costs_no_other(post: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as unknown when its lease ends; it is not sent again."""
    nodes = await post.people(20)
    ids = await post.plan(nodes)
    real = settling._verdict

    def breaking(one: Any, now: Any) -> Any:
        if one.ready.claimed.id == ids[7]:
            raise ZeroDivisionError
        return real(one, now)

    monkeypatch.setattr(settling, "_verdict", breaking)
    await post.drain()
    assert await post.states() == {"accepted": 19, "handed_over": 1}
    post.later(minutes=2)
    await post.drain()
    assert (await post.message(ids[7]))["state"] == "unknown"
    assert post.sink.count == dict.fromkeys(ids, 1)


async def test_messages_wait_for_a_paused_account_unless_another_carries_them(post: Office) -> None:
    """Nothing is given up because somebody paused an account for a while."""
    nodes = await post.people(2)
    await post.pool.execute("update channel_account set status = 'paused'")
    [first] = await post.plan(nodes[:1])
    await post.drain()
    assert (await post.message(first))["reason"] == "account_paused"
    await post.account("second", rank=200)
    [second] = await post.plan(nodes[1:])
    await post.drain()
    assert await post.states() == {"planned": 1, "accepted": 1}
    assert list(post.sink.count) == [second]
    await post.pool.execute("update channel_account set status = 'active'")
    post.later(minutes=5)
    await post.drain()
    assert await post.states() == {"accepted": 2}
