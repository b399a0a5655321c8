"""The ledger of consent on the real database: recorded, withdrawn, suppressed, looked at."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.support.consent import NOW, granted, people
from unisono.customers.consent import service
from unisono.customers.consent.errors import BadConsent
from unisono.customers.consent.model import Allowed, Legal, Refused, Suppression
from unisono.customers.consent.rules import allowed
from unisono.kit.database import Pool, transaction

LEGAL = Legal()


async def test_a_grant_is_a_state_an_event_and_counts_once(pool: Pool) -> None:
    """Recorded twice under one key it is one entry, one state and one event of the timeline."""
    async with transaction(pool) as conn:
        node = (await people(conn, 1))[0].email
        for _ in range(2):
            [entry] = await service.record(conn, [granted(node)], now=NOW)
        assert (await service.states_of(conn, [node]))[node][0].entry_id == entry.id
        assert await conn.fetchval("select count(*) from consent_entry") == 1
        events = await conn.fetch("select name, properties from event where node_id = $1", node)
    assert [event["name"] for event in events] == ["Consent Updated"]
    assert '"granted": true' in events[0]["properties"].replace('":', '": ').replace("  ", " ")


async def test_a_withdrawal_under_one_address_silences_the_other_addresses(pool: Pool) -> None:
    """Two e-mail addresses of one person both agreed; one withdraws: neither is written to, till it agrees again."""
    async with transaction(pool) as conn:
        maria = (await people(conn, 1))[0]
        other = await maria.another(conn, "email")
        await service.record(conn, [granted(maria.email), granted(other)], now=NOW)
        await service.withdraw(conn, [maria.email], channel="email", source="one_click", actor="x", now=NOW)
        standing = (await service.standings(conn, [maria.person]))[maria.person]
        for address in (maria.email, other):
            answer = allowed(standing, address=address, channel="email", purpose="marketing", at=NOW, legal=LEGAL)
            assert isinstance(answer, Refused)
            assert answer.reason.code == "consent_withdrawn"
        await service.record(conn, [granted(maria.email, at=NOW + timedelta(seconds=9))], now=NOW + timedelta(hours=1))
        standing = (await service.standings(conn, [maria.person]))[maria.person]
        answer = allowed(standing, address=other, channel="email", purpose="marketing", at=NOW, legal=LEGAL)
        assert isinstance(answer, Allowed)


async def test_a_withdrawal_waits_for_a_message_being_handed_over_and_no_longer(pool: Pool) -> None:
    """Who hands over holds the address; the withdrawal of a sibling address commits after it, not before."""
    async with transaction(pool) as conn:
        maria = (await people(conn, 1))[0]
        other = await maria.another(conn, "email")
        await service.record(conn, [granted(maria.email), granted(other)], now=NOW)
    order: list[str] = []

    async def withdraw() -> None:
        async with transaction(pool) as conn:
            await service.withdraw(conn, [maria.email], source="one_click", actor="x", now=NOW)
        order.append("withdrawn")

    async with transaction(pool) as conn:
        await service.lock_addresses(conn, [other], shared=True)
        waiting = asyncio.create_task(withdraw())
        await asyncio.sleep(0.2)
        order.append("handed over")
    await asyncio.wait_for(waiting, 10)
    assert order == ["handed over", "withdrawn"]


async def test_a_complaint_blocks_all_and_withdraws(pool: Pool) -> None:
    """After a complaint not even an order's confirmation goes to the address; lifting it leaves the withdrawal."""
    async with transaction(pool) as conn:
        maria = (await people(conn, 1))[0]
        await service.record(conn, [granted(maria.email)], now=NOW)
        complaint = Suppression(
            node_id=maria.email, channel="email", reason="complaint", purposes="all", at=NOW, source="ses"
        )
        assert await service.suppress(conn, [complaint, complaint], now=NOW) == 1
        assert await service.suppress(conn, [complaint], now=NOW) == 0
        standing = await service.standing_of_nodes(conn, [maria.email])
        for purpose in ("marketing", "transactional", "service"):
            answer = allowed(standing, address=maria.email, channel="email", purpose=purpose, at=NOW, legal=LEGAL)  # type: ignore[arg-type]
            assert isinstance(answer, Refused)
            assert answer.reason.code == "suppressed_complaint"
        assert await service.lift(conn, [(maria.email, "email")], actor="o", now=NOW) == 1
        standing = await service.standing_of_nodes(conn, [maria.email])
        order = allowed(standing, address=maria.email, channel="email", purpose="transactional", at=NOW, legal=LEGAL)
        news = allowed(standing, address=maria.email, channel="email", purpose="marketing", at=NOW, legal=LEGAL)
        assert isinstance(order, Allowed)
        assert isinstance(news, Refused)


async def test_a_new_consent_takes_the_address_off_the_opt_out_list(pool: Pool) -> None:
    """An address a provider reported as unsubscribed is on the list again once its owner agrees again."""
    async with transaction(pool) as conn:
        maria = (await people(conn, 1))[0]
        opted = Suppression(
            node_id=maria.email, channel="email", reason="opt_out", purposes="marketing", at=NOW, source="mailgun"
        )
        await service.suppress(conn, [opted], now=NOW)
        assert await service.suppressions_of(conn, [maria.email])
        later = NOW + timedelta(days=1)
        await service.record(conn, [granted(maria.email, at=later)], now=later)
        assert await service.suppressions_of(conn, [maria.email]) == {}
        await service.suppress(conn, [opted], now=later)
        assert await service.suppressions_of(conn, [maria.email]) == {}, "the same report again is not news"


async def test_a_soft_opt_in_is_of_an_order_and_a_category(pool: Pool) -> None:
    """Told about what is like the thing bought, not about other things, and never after an objection."""
    async with transaction(pool) as conn:
        maria = (await people(conn, 1))[0]
        soft = {"order_ref": "1204", "source": "checkout", "actor": "shop", "at": NOW, "now": NOW}
        await service.soft_opt_in(conn, maria.email, category="coffee", **soft)  # type: ignore[arg-type]
        standing = await service.standing_of_nodes(conn, [maria.email])
        ask = {"address": maria.email, "channel": "email", "purpose": "marketing", "at": NOW, "legal": LEGAL}
        assert isinstance(allowed(standing, category="coffee", **ask), Allowed)  # type: ignore[arg-type]
        for category in ("shoes", None):
            other = allowed(standing, category=category, **ask)  # type: ignore[arg-type]
            assert isinstance(other, Refused)
            assert other.reason.code == "not_similar"
        await service.withdraw(conn, [maria.email], source="one_click", actor="x", now=NOW)
        await service.soft_opt_in(conn, maria.email, category="tea", **soft | {"at": NOW, "order_ref": "1205"})  # type: ignore[arg-type]
        standing = await service.standing_of_nodes(conn, [maria.email])
        assert isinstance(allowed(standing, category="tea", **ask), Refused)  # type: ignore[arg-type]


async def test_a_no_repeated_outlasts_a_yes_that_was_said_before_it_and_comes_after_it(pool: Pool) -> None:
    """Withdrawn in January, granted at noon, withdrawn at one: the yes of noon is heard last and changes nothing."""
    async with transaction(pool) as conn:
        maria = (await people(conn, 1))[0]
        for ago in (timedelta(days=300), timedelta()):
            await service.withdraw(
                conn, [maria.email], channel="email", source="one_click", actor="x", at=NOW - ago, now=NOW
            )
        late = await service.record(conn, [granted(maria.email, at=NOW - timedelta(hours=1))], now=NOW)
        states = (await service.states_of(conn, [maria.email]))[maria.email]
        told = await conn.fetchval("select count(*) from event where properties ->> 'status' = 'withdrawn'")
    assert [entry.action for entry in late] == ["granted"]
    assert [(state.status, state.since) for state in states] == [("withdrawn", NOW)]
    assert told == 1


async def test_withdrawing_everything_covers_every_address_and_purpose(pool: Pool) -> None:
    """Without a channel, marketing ends on all channels of each identifier, also where nobody ever agreed."""
    async with transaction(pool) as conn:
        maria = (await people(conn, 1))[0]
        entries = await service.withdraw(
            conn,
            [maria.user, maria.email, maria.phone],
            purposes=("marketing", "profiling"),
            source="preference_page",
            actor="x",
            now=NOW,
        )
        again = await service.withdraw(conn, [maria.email], channel="email", source="one_click", actor="x", now=NOW)
    said = {(entry.node_id, entry.purpose, entry.channel) for entry in entries}
    assert (maria.phone, "marketing", "sms") in said
    assert (maria.phone, "marketing", "call") in said
    assert (maria.user, "marketing", "mail") in said
    assert (maria.email, "marketing", "email") in said
    assert (maria.user, "profiling", "any") in said
    assert again == []


async def test_legal_defaults_are_switched_with_a_reason_and_back(pool: Pool) -> None:
    """A switch needs a reason, is checked, is audited, and None goes back to the law."""
    async with transaction(pool) as conn:
        assert await service.legal(conn) == Legal()
        with pytest.raises(BadConsent, match="Say why"):
            await service.set_legal(conn, "separate_profiling", False, reason=" ", actor="o", now=NOW)
        for name, value in (("register_max_age_days", 0), ("consent_channels", ["fax"]), ("separate_profiling", "no")):
            with pytest.raises(BadConsent):
                await service.set_legal(conn, name, value, reason="because", actor="o", now=NOW)
        changed = await service.set_legal(conn, "separate_profiling", False, reason="one form", actor="o", now=NOW)
        assert changed.separate_profiling is False
        assert [one.reason for one in await service.legal_overrides(conn)] == ["one form"]
        back = await service.set_legal(conn, "separate_profiling", None, reason="new form", actor="o", now=NOW)
        assert back == Legal()
        assert await conn.fetchval("select count(*) from audit_entry where action = 'consent.legal'") == 2


async def test_what_is_no_consent_changes_nothing(pool: Pool) -> None:
    """A mistake is refused with a code of ours and leaves no trace."""
    mistakes: list[dict[str, object]] = [
        {"channel": "fax"},
        {"channel": "any"},
        {"purpose": "profiling"},
        {"key": "a\x00"},
        {"source": ""},
        {"expires_at": NOW - timedelta(days=1)},
        {"at": NOW + timedelta(hours=1)},
        {"at": NOW.replace(tzinfo=None)},
        {"basis": "soft_opt_in"},
        {"proof": {"a": "b" * 9000}},
        {"proof": {"a": "\x00"}},
        {"proof": {"a": float("nan"), "b": {1, 2}}, "text_id": "t"},
    ]
    async with transaction(pool) as conn:
        maria = (await people(conn, 1))[0]
        for change in mistakes:
            with pytest.raises(BadConsent):
                await service.record(conn, [granted(maria.email, **change)], now=NOW)
        assert await conn.fetchval("select count(*) from consent_entry") == 0
