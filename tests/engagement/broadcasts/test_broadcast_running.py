"""From a draft to the last message: the audience, the buttons, who is left out and why."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta

import pytest

from tests.support.broadcasting import MJML, Desk, enter
from unisono.customers.consent import service as consent
from unisono.customers.identity import service as identity
from unisono.customers.segments import service as segments
from unisono.customers.segments.errors import SegmentConflict
from unisono.customers.segments.service import Changes
from unisono.engagement import app_part
from unisono.engagement.broadcasts.errors import BadBroadcast, BroadcastConflict
from unisono.engagement.broadcasts.model import BroadcastSchedule
from unisono.engagement.messages import service as messages
from unisono.engagement.messages.model import NewMessageRequest
from unisono.engagement.policy.model import LocalTime
from unisono.engagement.templates import service as templates
from unisono.engagement.templates.errors import TemplateNotFound
from unisono.engagement.templates.model import ChannelContent
from unisono.kit.database import transaction

assert app_part.routes, "what the rooms give each other is given there"


async def test_everybody_in_the_segment_gets_one(desk: Desk) -> None:
    """Planned, decided, sent, each once; then it is finished, which nobody had to write down."""
    people = await desk.people(25)
    await desk.segment(people[:20])
    desk.portion = 7
    await desk.broadcast(data={"word": "from us"})
    launched = await desk.launch()
    assert (launched.status, launched.segment_version, launched.template_version) == ("scheduled", 1, 1)
    await desk.drive()
    assert (await desk.get()).phase == "running"
    await desk.drain()
    found = await desk.progress()
    assert (found.audience, found.planned, found.decided, found.sent, found.waiting) == (20, 20, 20, 20, 0)
    assert found.finished
    assert sorted(desk.sink.count.values()) == [1] * 20
    assert b"Good day from us" in desk.sink.mails[0].text.replace(b"=\r\n", b"")
    assert (await desk.get()).phase == "finished"


async def test_who_is_not_sent_it_says_why(desk: Desk) -> None:
    """Without consent, opted out after the plan, erased meanwhile: counted by reason."""
    wanting, never = await desk.people(4), await desk.people(3, consents=())
    await desk.segment([*wanting, *never])
    await desk.broadcast()
    await desk.launch()
    await desk.drive()
    async with transaction(desk.pool) as conn:
        await consent.withdraw(conn, wanting[:1], source="test", actor="test", now=desk.now)
    await desk.drain()
    found = await desk.progress()
    assert (found.sent, found.not_sent) == (3, 4)
    assert await desk.why_not() == {"no_consent": 3, "consent_withdrawn": 1}


async def test_the_audience_is_fixed_at_one_instant(desk: Desk) -> None:
    """Who comes later gets none; who leaves gets it all the same, unless he has to be in still."""
    people = await desk.people(6)
    await desk.segment(people[:4])
    await desk.broadcast()
    await desk.broadcast("members", require_member=True)
    for code in ("spring", "members"):
        await desk.launch(code)
        await desk.drive(code)
    async with transaction(desk.pool) as conn:
        await conn.execute("delete from segment_member where person_id = $1", people[0])
        await enter(conn, 1, people[4:])
    await desk.drain()
    assert (await desk.progress()).sent == 4
    assert (await desk.progress("members")).sent == 3
    assert await desk.why_not("members") == {"left_segment": 1}


async def test_a_segment_that_changed_goes_as_it_was_launched(desk: Desk) -> None:
    """The version of the launch is counted anew when the segment has another one by the time it begins."""
    people = await desk.people(3)
    await desk.segment(people)
    await desk.broadcast(schedule=BroadcastSchedule(at=desk.now + timedelta(hours=1)))
    await desk.launch()
    other = {"is": "trait", "trait": "namespaces", "op": "contains", "value": "email"}
    async with transaction(desk.pool) as conn:
        await segments.change(conn, "romans", Changes(rule=other), actor="test", now=desk.now)
    desk.later(hours=1)
    await desk.drive()
    found = await desk.get()
    assert (found.segment_version, found.phase) == (1, "finished")
    assert (await desk.progress()).audience == 0


async def test_a_template_that_changed_goes_as_it_was_launched(desk: Desk) -> None:
    """Also one that comes with the product, whatever somebody publishes in its place meanwhile."""
    await desk.segment(await desk.people(2))
    await desk.broadcast("hello", template="welcome", channels=("email",))
    assert (await desk.launch("hello")).template_version == 0
    await desk.template("welcome", content={"email": {"en": ChannelContent(subject="Other words", mjml=MJML)}})
    await desk.drive("hello")
    await desk.drain()
    assert [b"Other words" in mail.text for mail in desk.sink.mails] == [False, False]


async def test_paused_nothing_leaves_resumed_the_rest_does(desk: Desk) -> None:
    """What waits because of the pause leaves at once when it ends; pressing twice is pressing once."""
    await desk.segment(await desk.people(10))
    await desk.broadcast()
    await desk.launch()
    await desk.drive()
    await desk.press("pause")
    assert (await desk.press("pause")).status == "paused"
    await desk.drain()
    assert (len(desk.sink.mails), await desk.why_not()) == (0, {"broadcast_paused": 10})
    await desk.press("resume")
    assert (await desk.press("resume")).status == "running"
    await desk.drive()
    await desk.drain()
    assert sorted(desk.sink.count.values()) == [1] * 10
    with pytest.raises(BroadcastConflict, match="finished"):
        await desk.press("pause")


async def test_paused_while_it_is_planned_it_goes_on_where_it_was(desk: Desk) -> None:
    """A pause in the middle of the audience: nobody is forgotten, nobody planned twice."""
    await desk.segment(await desk.people(9))
    await desk.broadcast()
    await desk.launch()
    await desk.drive()
    async with transaction(desk.pool) as conn:
        # As if the planner had been killed after five of nine.
        await conn.execute("delete from message where id in (select id from message order by id desc limit 4)")
        await conn.execute("""insert into broadcast_audience select 1, person_id from segment_member
            where person_id not in (select node_id from message)""")
        await conn.execute("update broadcast set status = 'planning'")
    await desk.press("pause")
    await desk.drive()
    assert ((await desk.progress()).planned, (await desk.progress()).audience) == (5, 9)
    assert (await desk.press("resume")).status == "planning"
    await desk.drive()
    await desk.drain()
    assert sorted(desk.sink.count.values()) == [1] * 9


async def test_stopped_it_is_over(desk: Desk) -> None:
    """What is planned is cancelled, what is claimed not handed over, and nothing begins it again."""
    await desk.segment(await desk.people(10))
    await desk.broadcast()
    await desk.launch()
    await desk.drive()
    await desk.pool.execute(
        "update message set state = 'claimed', lease_until = now() + interval '1 hour' where id <= 3"
    )
    await desk.press("stop")
    await desk.drive()
    assert (await desk.press("stop")).status == "stopped"
    await desk.drain()
    assert (len(desk.sink.mails), await desk.why_not()) == (0, {"broadcast_stopped": 10})
    with pytest.raises(BroadcastConflict):
        await desk.press("resume")


async def test_two_buttons_at_once_are_one_after_the_other(desk: Desk) -> None:
    """Pause and stop, and many launches, pressed together: one answer wins, no state is torn."""
    await desk.segment(await desk.people(5))
    await desk.broadcast()
    launched = await asyncio.gather(*(desk.launch() for _ in range(4)))
    assert {one.version for one in launched} == {launched[0].version}
    await asyncio.gather(desk.drive(), desk.drive(), desk.press("stop"), desk.press("pause"), return_exceptions=True)
    await desk.drive()
    await desk.drain()
    found = await desk.get()
    assert (found.status in ("stopped", "paused"), len(desk.sink.mails)) == (True, 0)


async def test_two_planners_share_the_audience(desk: Desk) -> None:
    """In the same second, portion by portion: one message a person."""
    people = await desk.people(120)
    await desk.segment(people)
    desk.portion = 10
    await desk.broadcast()
    await desk.launch()
    await asyncio.gather(*(desk.drive() for _ in range(4)))
    rows = await desk.pool.fetch("select node_id, count(*) as times from message group by node_id")
    assert {row["node_id"]: row["times"] for row in rows} == dict.fromkeys(people, 1)
    assert (await desk.get()).status == "running"


async def test_joined_people_get_one(desk: Desk) -> None:
    """Two of the audience turn out to be one, before their portion and after it."""
    people = await desk.people(4)
    await desk.segment(people)
    await desk.broadcast()
    await desk.launch()
    async with transaction(desk.pool) as conn:
        await conn.execute("insert into broadcast_audience select 1, unnest($1::bigint[])", people)
        await conn.execute("update broadcast set status = 'planning', snapshot_at = now()")
        await identity.join(conn, people[0], people[1], actor="test", reason="the same")
    await desk.drive()
    assert (await desk.progress()).planned == 3
    async with transaction(desk.pool) as conn:
        await identity.join(conn, people[2], people[3], actor="test", reason="the same")
    await desk.drain()
    assert len(desk.sink.mails) == 2
    assert await desk.why_not() == {"same_person": 1}


async def test_local_time_is_each_persons_own(desk: Desk) -> None:
    """At 18:30 on everybody's wall: New York waits six hours longer than Rome; who moved is asked anew."""
    rome, york = await desk.people(1), await desk.people(2)
    await zone(desk, york, "America/New_York")
    await desk.segment([*rome, *york])
    local = LocalTime(date=date(2026, 5, 13), time="18:30")
    await desk.broadcast(schedule=BroadcastSchedule(local=local))
    await desk.launch()
    await desk.drive()
    await desk.drain()
    due = {row["node_id"]: row["try_at"] for row in await desk.pool.fetch("select node_id, try_at from message")}
    assert due[rome[0]] == datetime.fromisoformat("2026-05-13T16:30Z")
    assert due[york[0]] == datetime.fromisoformat("2026-05-13T22:30Z")
    desk.now = due[rome[0]]
    await desk.drain()
    assert len(desk.sink.mails) == 1
    desk.now = due[york[0]]
    await desk.drain()
    assert len(desk.sink.mails) == 3


async def test_past_its_end_it_is_skipped(desk: Desk) -> None:
    """Six hours late, by one clock or by each person's: skipped with the reason, not sent in a burst."""
    await desk.segment(await desk.people(3))
    local = BroadcastSchedule(local=LocalTime(date=date(2026, 5, 13), time="13:00"))
    await desk.broadcast(schedule=BroadcastSchedule(at=desk.now + timedelta(hours=1)))
    await desk.broadcast("local", schedule=local)
    for code in ("spring", "local"):
        await desk.launch(code)
    desk.later(hours=7, minutes=1)
    for code in ("spring", "local"):
        await desk.drive(code)
    await desk.drain()
    assert (len(desk.sink.mails), await desk.why_not(), await desk.why_not("local")) == (
        0,
        {"too_late": 3},
        {"too_late": 3},
    )


async def test_taken_back_it_is_a_draft(desk: Desk) -> None:
    """Before it begins; after that it can only be stopped."""
    await desk.segment(await desk.people(1))
    later = BroadcastSchedule(at=desk.now + timedelta(hours=1))
    await desk.broadcast()
    await desk.launch(schedule=later)
    with pytest.raises(BroadcastConflict, match="only a draft"):
        await desk.broadcast(priority=51)
    assert (await desk.press("unschedule")).status == "draft"
    desk.later(hours=2)
    await desk.drive()
    assert (await desk.progress()).planned == 0
    with pytest.raises(BadBroadcast, match="over"):
        await desk.launch()
    await desk.launch(schedule=BroadcastSchedule())
    await desk.drive()
    with pytest.raises(BroadcastConflict):
        await desk.press("unschedule")


async def test_a_segment_in_use_is_not_archived(desk: Desk) -> None:
    """It says who uses it until the last message is settled."""
    await desk.segment(await desk.people(1))
    await desk.broadcast()
    await desk.launch()
    async with transaction(desk.pool) as conn:
        with pytest.raises(SegmentConflict, match="broadcast spring"):
            await segments.archive(conn, "romans", now=desk.now)
    await desk.drive()
    await desk.drain()
    async with transaction(desk.pool) as conn:
        assert (await segments.archive(conn, "romans", now=desk.now)).status == "archived"


async def test_a_template_out_of_use_begins_nothing(desk: Desk) -> None:
    """Archived, it is neither launched nor sent by itself, until it is published again."""
    [node] = await desk.people(1)
    await desk.segment([node])
    await desk.broadcast()
    async with transaction(desk.pool) as conn:
        await templates.archive(conn, "spring", now=desk.now)
    with pytest.raises(TemplateNotFound, match="out of use"):
        await desk.launch()
    asked = NewMessageRequest(person_id=node, template="spring")
    async with transaction(desk.pool) as conn:
        with pytest.raises(TemplateNotFound, match="out of use"):
            await messages.send(conn, asked, actor="t", origin="api", now=desk.now, settings=desk.settings)
        await templates.publish(conn, "spring", actor="t", now=desk.now, settings=desk.settings)
    assert (await desk.launch()).status == "scheduled"


async def test_what_cannot_be_launched_says_why(desk: Desk) -> None:
    """No segment, nothing said on the channel, a time that is over, somebody else's change."""
    await desk.segment([])
    await desk.broadcast(segment=None)
    with pytest.raises(BroadcastConflict, match="to whom"):
        await desk.launch()
    await desk.broadcast(channels=("onsite",))
    with pytest.raises(Exception, match="nothing on onsite"):
        await desk.launch()
    await desk.broadcast()
    with pytest.raises(BroadcastConflict, match="somebody else"):
        await desk.launch(expected_version=1)
    with pytest.raises(BadBroadcast, match="over"):
        await desk.launch(schedule=BroadcastSchedule(at=desk.now - timedelta(hours=1)))


async def zone(desk: Desk, nodes: list[int], name: str) -> None:
    """Let people say where they live."""
    async with transaction(desk.pool) as conn:
        for node in nodes:
            await conn.execute(
                """insert into trait (node_id, name, source_id, value, occurred_at)
                   values ($1, 'timezone', 1, to_jsonb($2::text), $3)
                   on conflict (node_id, name, source_id) do update set value = excluded.value""",
                node,
                name,
                desk.now,
            )
