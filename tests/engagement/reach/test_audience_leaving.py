"""Out of an ad audience by itself: who leaves the segment, takes back the consent, or is erased."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.consent import Somebody, granted, people
from tests.support.forking import forks
from tests.support.posting import SECRET, Office, settings_for, sinking
from tests.support.reaching import Wire, wire
from unisono.customers.consent import service as consent
from unisono.customers.record import Happening, record
from unisono.customers.timeline.worker import Worker
from unisono.customers.timers.worker import TimerWorker
from unisono.demo.counterparts.meta import AUDIENCE, MetaAds
from unisono.demo.counterparts.model import TOKEN
from unisono.engagement.channels.adapters.meta_audience import MetaAudience
from unisono.engagement.channels.audiences import membership, service
from unisono.engagement.channels.audiences.leaving import AudienceKeeper, AudienceReader
from unisono.engagement.channels.audiences.membership import AudienceStanding
from unisono.engagement.channels.personal import PERSONAL
from unisono.kit.database import Pool, transaction
from unisono.kit.http import Http
from unisono.kit.personal import Erasing


class Ads:
    """An audience at Meta, and people in it who are in the segments ``vip`` and ``new``."""

    def __init__(self, office: Office, opened: Wire, meta: MetaAds) -> None:
        self.office, self.wire, self.meta = office, opened, meta
        self.pool = office.pool
        self.account: Any = None
        self.people: list[Somebody] = []

    async def open(self) -> None:
        """The account, three people who agreed, two segments."""
        settings = {"audience_id": AUDIENCE, "base_url": self.wire.url(self.meta)}
        self.account = await self.office.account(
            "meta", "ads", kind="meta_audience", settings=settings, secrets={"access_token": TOKEN}
        )
        async with transaction(self.pool) as conn:
            self.people = await people(conn, 3)
            entries = [
                granted(node, purpose="third_party", channel="any", at=self.office.now - timedelta(days=1))
                for one in self.people
                for node in one.nodes
            ]
            await consent.record(conn, entries, now=self.office.now)
            for code in ("vip", "new"):
                await conn.execute(
                    """with made as (
                           insert into segment (code, name, definition, created_by, status, filled_version)
                           values ($1, $1, '{}', 't', 'live', 1) returning id)
                       insert into segment_member (segment_id, person_id, since)
                       select made.id, person, now() from made, unnest($2::bigint[]) as person""",
                    code,
                    [one.person for one in self.people],
                )
        await self.put("vip", self.people)
        await self.work()

    async def put(self, segment: str | None, who: list[Somebody]) -> None:
        """Put people in, as the API does."""
        adapter = MetaAudience()
        async with transaction(self.pool) as conn:
            known = await service.identities(conn, [one.person for one in who])
            matched = {person: adapter.matched(one) for person, one in known.items()}
            await membership.note(conn, self.account.id, matched, segment=segment, now=self.office.now)
        http = Http(private=True)
        audience = await adapter.open_audience(self.account, http)
        assert (await audience.change("add", list(known.values()))).sent.outcome == "accepted"
        await http.close()
        async with transaction(self.pool) as conn:
            await membership.put_in(conn, self.account.id, matched.values())

    async def leave(self, segment: str, one: Somebody) -> None:
        """Somebody leaves a segment."""
        async with transaction(self.pool) as conn:
            await conn.execute(
                """delete from segment_member using segment
                   where segment.id = segment_id and code = $1 and person_id = $2""",
                segment,
                one.person,
            )
            key = f"left:{segment}:{one.person}"
            await record(
                conn, [Happening(node_id=one.email, name="Segment Left", key=key, channel="system")],
                clock=self.office.clock,
            )  # fmt: skip

    async def withdraw(self, one: Somebody) -> None:
        """Somebody takes back that third parties may know of him."""
        async with transaction(self.pool) as conn:
            await consent.withdraw(
                conn, one.nodes, purposes=("third_party",), source="t", actor="t", now=self.office.now
            )

    async def read(self) -> None:
        """What readers do now."""
        # What another session is still writing, the server's own included, keeps readers from what came after.
        quiet = "select pg_snapshot_xmin(s) = pg_snapshot_xmax(s) from pg_current_snapshot() s"
        while not await self.pool.fetchval(quiet):  # noqa: ASYNC110 - the database is looked at
            await asyncio.sleep(0.01)
        await Worker(self.pool, [AudienceReader(self.office.settings, self.office.clock)], 1).drain()

    async def work(self) -> AudienceStanding:
        """What readers and timers do now."""
        await self.read()
        keeper = AudienceKeeper(self.office.settings, SECRET, self.office.clock)
        await TimerWorker(self.pool, [keeper]).drain(self.office.now)
        async with transaction(self.pool) as conn:
            return await membership.standing(conn, self.account.id)


@pytest.fixture
async def ads(pool: Pool, dsn: str, tmp_path: Path) -> AsyncIterator[Ads]:
    """Three people in the audience."""
    meta = MetaAds()
    async with sinking() as sink, wire([meta]) as opened:
        made = Ads(Office(pool, settings_for(dsn, tmp_path), sink), opened, meta)
        await made.open()
        assert len(meta.members) == 3
        yield made


async def test_who_leaves_the_segment_leaves_the_audience(ads: Ads) -> None:
    """At once, and he alone; a second look takes out nobody."""
    await ads.leave("vip", ads.people[0])
    assert await ads.work() == AudienceStanding(2, 0, None, None)
    assert len(ads.meta.members) == 2
    calls = ads.wire.total(ads.meta)
    ads.office.later(days=1, minutes=1)
    assert (await ads.work()).members == 2
    assert ads.wire.total(ads.meta) == calls


async def test_who_takes_back_the_consent_leaves_every_audience(ads: Ads) -> None:
    """Also by which other segment he was put in."""
    await ads.put("new", ads.people[:1])
    await ads.withdraw(ads.people[0])
    assert await ads.work() == AudienceStanding(2, 0, None, None)
    assert len(ads.meta.members) == 2


async def test_a_consent_that_ends_by_itself_is_noticed_within_a_day(ads: Ads) -> None:
    """Nothing happens at its end: everybody's stay is looked at every day."""
    await ads.pool.execute("update consent_state set expires_at = $1", ads.office.now + timedelta(hours=1))
    ads.office.later(hours=2)
    assert (await ads.work()).members == 3
    ads.office.later(hours=23)
    assert await ads.work() == AudienceStanding(0, 0, None, None)
    assert ads.meta.members == set()


async def test_who_is_in_by_another_segment_stays(ads: Ads) -> None:
    """Until he has left that one too."""
    await ads.put("new", ads.people[:1])
    await ads.leave("vip", ads.people[0])
    assert await ads.work() == AudienceStanding(3, 0, None, None)
    assert len(ads.meta.members) == 3
    await ads.leave("new", ads.people[0])
    assert await ads.work() == AudienceStanding(2, 0, None, None)
    assert len(ads.meta.members) == 2


async def test_who_is_erased_is_taken_out_though_nothing_is_left_of_him(ads: Ads) -> None:
    """By the hashes, which go when it is done."""
    one = ads.people[0]
    [table] = [table for table in PERSONAL.tables if table.name == "audience_member"]
    async with transaction(ads.pool) as conn:
        await conn.execute(table.erasing(), one.nodes)
        for name in ("consent_entry", "consent_state", "event", "segment_member", "node"):
            column = {"segment_member": "person_id", "node": "id"}.get(name, "node_id")
            await conn.execute(f"delete from {name} where {column} = any($1)", one.nodes)
        await PERSONAL.after(conn, Erasing(nodes=one.nodes, now=ads.office.now))
    assert await ads.work() == AudienceStanding(2, 0, None, None)
    assert len(ads.meta.members) == 2
    assert await ads.pool.fetchval("select count(*) from audience_member") == 2


@pytest.mark.parametrize("how", [{"status": 500}, {"cut": "after"}, {"status": 400}], ids=["500", "cut", "400"])
async def test_a_removal_that_fails_is_tried_until_it_is_done(ads: Ads, how: dict[str, Any]) -> None:
    """Whatever the advertiser says: what is owed to the person stays written down, with the error beside it."""
    await ads.leave("vip", ads.people[0])
    ads.wire.fails(ads.meta, **how)
    found = await ads.work()
    assert (found.members, found.leaving, found.leaving_since) == (2, 1, ads.office.now)
    assert found.last_error
    assert (await ads.work()).leaving == 1, "not before its time"
    ads.office.later(minutes=2)
    assert await ads.work() == AudienceStanding(2, 0, None, None)
    assert len(ads.meta.members) == 2


async def test_a_paused_account_takes_out_when_it_is_active_again(ads: Ads) -> None:
    """It waits, and is not forgotten."""
    await ads.pool.execute("update channel_account set status = 'paused' where code = 'meta'")
    await ads.leave("vip", ads.people[0])
    assert (await ads.work()).leaving == 1
    await ads.pool.execute("update channel_account set status = 'active' where code = 'meta'")
    ads.office.later(minutes=2)
    assert (await ads.work()).leaving == 0
    assert len(ads.meta.members) == 2


async def test_nobody_is_taken_out_while_his_segment_is_counted(ads: Ads) -> None:
    """A new version has no members for a moment: that is no leaving."""
    await ads.pool.execute("update segment set filled_version = null where code = 'vip'")
    await ads.pool.execute("delete from segment_member")
    ads.office.later(days=1)
    assert (await ads.work()).members == 3
    await ads.pool.execute("update segment set filled_version = version where code = 'vip'")
    ads.office.later(minutes=11)
    assert await ads.work() == AudienceStanding(0, 0, None, None)


async def test_who_comes_back_before_he_was_taken_out_stays_in(ads: Ads) -> None:
    """The removal that is still to be done is not done after it."""
    one = ads.people[0]
    await ads.leave("vip", one)
    ads.wire.fails(ads.meta, status=500)
    assert (await ads.work()).leaving == 1
    await ads.put(None, [one])
    ads.office.later(minutes=5)
    assert await ads.work() == AudienceStanding(3, 0, None, None)
    assert len(ads.meta.members) == 3


async def test_who_could_not_be_put_in_again_is_still_taken_out(ads: Ads) -> None:
    """A removal that is to be done is done unless the advertiser took the person anew."""
    one = ads.people[0]
    await ads.leave("vip", one)
    ads.wire.fails(ads.meta, status=500)
    assert (await ads.work()).leaving == 1
    async with transaction(ads.pool) as conn:
        matched = MetaAudience().matched((await service.identities(conn, [one.person]))[one.person])
        noted = await membership.note(conn, ads.account.id, {one.person: matched}, segment=None, now=ads.office.now)
        await membership.drop(conn, noted)
    ads.office.later(minutes=5)
    assert await ads.work() == AudienceStanding(2, 0, None, None)
    assert len(ads.meta.members) == 2


async def test_a_message_on_the_channel_ads_counts_as_putting_in(ads: Ads) -> None:
    """Whom a broadcast put in leaves like the others; a message that takes out is the end of it."""
    await ads.office.free_policy()
    content = {"ads": {"en": {"text": "x"}}}
    one = ads.people[0]
    await ads.pool.execute("delete from audience_member")
    ads.meta.members.clear()
    await ads.office.plan([one.email], channels=("ads",), purpose="transactional", content=content)
    await ads.office.drain()
    assert (await ads.work()).members == 1
    await ads.withdraw(one)
    assert await ads.work() == AudienceStanding(0, 0, None, None)
    assert ads.meta.members == set()


async def test_who_was_taken_out_by_a_process_that_died_is_taken_out_once_more(ads: Ads) -> None:
    """Killed after the advertiser did it and before it was written down: removing again does no harm, the row goes."""
    await ads.leave("vip", ads.people[0])
    await ads.read()
    settings = ads.office.settings
    told = (settings.database_url, settings.data_dir, ads.office.now)
    with forks("audience_process", *told, label="audiences.after_removal") as [process]:
        assert await asyncio.to_thread(process.wait, 60) == 137
    assert len(ads.meta.members) == 2
    async with transaction(ads.pool) as conn:
        assert (await membership.standing(conn, ads.account.id)).leaving == 1
    ads.office.later(minutes=10)
    assert await ads.work() == AudienceStanding(2, 0, None, None)
    assert len(ads.meta.members) == 2
