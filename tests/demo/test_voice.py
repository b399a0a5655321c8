"""The demo's voice: the rule of consents, that it is loaded once, its segments, its broadcast, what the check sees."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from unisono.customers.consent import service as consent
from unisono.customers.consent.reader import ConsentReader
from unisono.customers.timeline.worker import Worker
from unisono.demo.findings import Findings
from unisono.demo.retailer import load_year
from unisono.demo.voice import broadcast, ledger
from unisono.demo.voice.checking import check_said, unlike_folds
from unisono.demo.voice.consents import CONFIRMED_AFTER, RULES, SUBSCRIBED_AT, History, said_by
from unisono.demo.voice.loading import VoiceReport, demo_policy, load_voice
from unisono.engagement.brand import service as brands
from unisono.engagement.broadcasts import keeping
from unisono.engagement.policy import service as policies
from unisono.engagement.policy.checking import check as check_policy
from unisono.engagement.templates import service as templates
from unisono.kit.database import Pool, connection, transaction
from unisono.kit.settings import Settings

TODAY = date(2026, 3, 10)
NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
ENDS = datetime(2017, 12, 31, 20)
SPRING = (8, "Type A", datetime(2017, 5, 8), datetime(2017, 6, 25))
AUTUMN = (14, "Type C", datetime(2017, 9, 4), datetime(2017, 11, 8))


async def load(pool: Pool, folder: Path, *, limit: int | None = None) -> VoiceReport:
    """Load the year and the voice, and say nothing."""
    report = await load_year(
        pool, Settings(), limit_households=limit, progress=lambda _: None, folder=folder, today=TODAY
    )
    return await load_voice(
        pool,
        Settings(),
        limit_households=limit,
        shift_days=report.shift_days,
        progress=lambda _: None,
        folder=folder,
        now=NOW,
    )


def said(household: int, **more: Any) -> dict[str, str]:
    """What a household said, rule to action; the last thing of a rule."""
    about = {"first_basket": datetime(2017, 1, 3, 9), "last_basket": datetime(2017, 12, 30, 9), "last_basket_id": 77}
    history = History(household=household, **about, **more)
    return {one.rule: one.action for one in said_by(history, ENDS)}


# The rule -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("household", "more", "expected"),
    [
        (6, {"campaigns": (SPRING, AUTUMN)}, "letters profiling tracking email"),
        (7, {"campaigns": (AUTUMN,)}, "letters email"),
        (7, {"campaigns": (SPRING,)}, "letters profiling email withdrawn"),
        (8, {"campaigns": (AUTUMN,)}, "letters tracking"),
        (15, {"campaigns": (AUTUMN,)}, "newsletter letters"),
        (25, {}, "newsletter"),
        (11, {}, "refused"),
        (13, {}, "unanswered"),
        (14, {}, "soft"),
        (16, {}, ""),
        (9, {"campaigns": (AUTUMN,), "redeemed": (datetime(2017, 10, 1),)}, "letters email sms"),
        (4, {"campaigns": (AUTUMN,), "redeemed": (datetime(2017, 10, 1),)}, "letters tracking email"),
        (9, {"campaigns": (AUTUMN,), "redeemed": (datetime(2017, 10, 1),) * 3}, "letters email sms whatsapp"),
    ],
    ids=[
        "personal-offers-even", "others-odd", "none-since-july", "no-email", "newsletter-and-campaign", "newsletter",
        "ends-in-1", "ends-in-3", "ends-in-4", "never-asked", "used-a-coupon", "no-telephone", "used-three",
    ],
)  # fmt: skip
def test_what_a_household_said_follows_from_its_campaigns(household: int, more: dict[str, Any], expected: str) -> None:
    """Each part of the documented rule, by an example."""
    assert list(said(household, **more)) == expected.split()


def test_an_email_was_confirmed_after_it_was_asked_for() -> None:
    """Two entries, two hours apart, the day before the first campaign; the newsletter's on its day."""
    history = History(household=7, campaigns=(AUTUMN,), first_basket=ENDS, last_basket=ENDS, last_basket_id=1)
    asked, confirmed = [one for one in said_by(history, ENDS) if one.rule == "email"]
    assert (asked.action, asked.at) == ("requested", datetime(2017, 9, 3, 12))
    assert (confirmed.action, confirmed.at - asked.at) == ("confirmed", CONFIRMED_AFTER)
    assert confirmed.proof == {
        "invented": True, "household_number": 7, "rule": RULES["email"], "campaigns": [14],
    }  # fmt: skip
    newsletter = next(iter(said_by(msg(25), ENDS)))
    assert newsletter.at == SUBSCRIBED_AT


def msg(household: int) -> History:
    """A household without campaigns."""
    return History(household=household, first_basket=ENDS, last_basket=ENDS, last_basket_id=1)


# Loading ------------------------------------------------------------------------------------------------


async def test_the_rule_becomes_states_that_can_be_proven(pool: Pool, mini: Path) -> None:
    """The mini data: four households got a campaign in May and none since: letters yes, e-mail withdrawn."""
    report = await load(pool, mini)
    rows = await pool.fetch(
        "select node.namespace, state.purpose, state.channel, state.status, count(*) as many from consent_state state"
        " join node on node.id = state.node_id group by 1, 2, 3, 4 order by 1, 2, 3, 4"
    )
    assert [tuple(row) for row in rows] == [
        ("email", "marketing", "email", "granted", 1),
        ("email", "marketing", "email", "withdrawn", 4),
        ("loyalty_card", "marketing", "mail", "granted", 4),
        ("loyalty_card", "profiling", "any", "granted", 4),
        ("loyalty_card", "tracking", "any", "granted", 2),
        ("phone", "marketing", "sms", "granted", 1),
    ]
    assert report.entries == await pool.fetchval("select count(*) from consent_entry where source = 'campaign history'")
    texts = await pool.fetch("select distinct text_id from consent_entry where text_id is not null order by 1")
    assert [row["text_id"] for row in texts] == ["demo-marketing", "demo-profiling", "demo-tracking"]
    assert await pool.fetchval("select count(*) from register_check") == 4
    assert await pool.fetchval("select count(*) from event where name = 'Consent Updated'") == report.entries


async def test_templates_segments_policy_and_brand_are_in_force(pool: Pool, mini: Path) -> None:
    """Published in both languages, counted, and the policy can be used."""
    report = await load(pool, mini)
    assert report.segments == 12
    assert report.members["store-only"] == 6
    async with connection(pool) as conn:
        for code in ("weekly-offers", "we-miss-you", "happy-birthday", "coupon-for-you", "how-was-it"):
            found = await templates.get(conn, code)
            assert found.version == 1
            assert all(set(by_language) == {"it", "en"} for by_language in found.draft.values())
        policy = await policies.current(conn)
        assert (await brands.get(conn)).kit.name == "Corner & Field"
        draft = await keeping.get(conn, broadcast.CODE)
    assert (draft.status, draft.segment, draft.template) == ("draft", "coupon-users", "weekly-offers")
    assert policy.policy == demo_policy()
    check_policy(policy.policy)
    assert all("email" not in quiet.channels for quiet in policy.policy.quiet)
    assert await pool.fetchval("select count(*) from segment where filled_version is distinct from version") == 0


async def test_a_second_load_says_nothing_and_leaves_what_people_changed(pool: Pool, mini: Path) -> None:
    """A policy, a consent and a template that were changed since are as people made them."""
    first = await load(pool, mini)
    async with transaction(pool) as conn:
        card = await conn.fetchval("select node_id from consent_state where channel = 'mail' order by 1 limit 1")
        await consent.withdraw(conn, [card], channel="mail", source="test", actor="anna", now=NOW)
        policy = await policies.current(conn)
        other = demo_policy()
        await policies.save(
            conn, type(other)(weights=other.weights), actor="anna", reason="No limits.", now=NOW + timedelta(days=1)
        )
        await conn.execute("update template set name = 'Ours' where code = 'weekly-offers'")
    again = await load(pool, mini)
    assert (again.entries, again.templates, again.segments) == (first.entries, first.templates, first.segments)
    async with connection(pool) as conn:
        assert (await policies.current(conn)).version == policy.version + 1
        assert (await templates.get(conn, "weekly-offers")).name == "Ours"
        [state] = [one for one in (await consent.states_of(conn, [card]))[card] if one.channel == "mail"]
    assert state.status == "withdrawn"


async def test_a_load_that_broke_off_is_finished_by_the_next(
    pool: Pool, mini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off between two portions of the ledger, the next load says what is missing and nothing twice."""
    monkeypatch.setattr(ledger, "AT_ONCE", 5)
    honest, calls = consent.record, 0

    async def breaks(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise asyncio.CancelledError
        return await honest(*args, **kwargs)

    monkeypatch.setattr(consent, "record", breaks)
    with pytest.raises(asyncio.CancelledError):
        await load(pool, mini)
    assert await pool.fetchval("select count(*) from consent_entry") == 5
    report = await load(pool, mini)
    keys = await pool.fetch("select key from consent_entry")
    assert len({row["key"] for row in keys}) == len(keys) == report.entries
    async with connection(pool) as conn:
        assert await unlike_folds(conn) == 0


async def test_the_broadcast_is_launched_once_and_only_as_the_demo_wrote_it(pool: Pool, mini: Path) -> None:
    """A second start of the counterparts launches nothing; without a draft there is nothing to launch."""
    settings = Settings()
    assert not await broadcast.launch_once(pool, settings, now=NOW)
    await load(pool, mini)
    assert await broadcast.launch_once(pool, settings, now=datetime.now(UTC))
    assert not await broadcast.launch_once(pool, settings, now=datetime.now(UTC))


async def test_the_check_sees_a_state_that_is_no_fold_and_a_member_who_is_none(
    pool: Pool, mini: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One consent is tampered with, and somebody is put into a segment: both are found, each in its line."""
    await load(pool, mini)
    findings = Findings()
    await check_said(findings, pool, Settings())
    assert findings.failed == 0
    await pool.execute("update consent_state set status = 'granted' where status = 'withdrawn' and channel = 'email'")
    await pool.execute(
        "insert into segment_member select segment.id, node.person_id, now() from segment, node"
        " where segment.code = 'birthday' and node.namespace = 'loyalty_card' on conflict do nothing"
    )
    capsys.readouterr()
    await check_said(findings, pool, Settings())
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    assert len(failed) == 2
    assert "the fold of what was said: expected 0, saw 4" in failed[0]
    assert "members of birthday" in failed[1]


async def test_readers_that_find_nothing_in_the_year_begin_behind_it(pool: Pool, mini: Path) -> None:
    """Following the log they pass over the receipts, and hear of what the load itself said afterwards."""
    report = await load(pool, mini)
    reader = ConsentReader()
    taken = await Worker(pool, [reader], Settings().readers).drain()
    assert taken == report.entries
    assert await pool.fetchval("select count(*) from event") > taken + 2500
