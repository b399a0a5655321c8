"""The policy's versions, its file, what is booked and released, and the contacts of our people."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.consent import make_node
from tests.support.log import ManualClock, new_event, write
from tests.support.policy import NOON, message
from tests.support.serving import ROOT
from unisono.customers.record import OURS
from unisono.customers.timeline.model import NewEvent
from unisono.customers.timeline.worker import Worker
from unisono.engagement.policy import service
from unisono.engagement.policy.checking import BadPolicy, check
from unisono.engagement.policy.defaults import default_policy
from unisono.engagement.policy.model import Budget, Cap, Decision, Policy, Quiet
from unisono.engagement.policy.reading import differences, read_policy, write_policy
from unisono.engagement.policy.service import PolicyChanged, PolicyVersionUnknown
from unisono.engagement.policy.staff import ContactReader
from unisono.kit.database import Connection, Pool, transaction
from unisono.kit.errors import BadRequest

DEFAULT = default_policy()


@pytest.fixture
async def conn(pool: Pool) -> Connection:
    """A connection for the length of a test."""
    async with pool.acquire() as connection:
        yield connection


def changed(**fields: Any) -> Policy:
    return msgspec.structs.replace(DEFAULT, **fields)


# Versions -------------------------------------------------------------------------------------------------


async def test_the_package_has_a_policy_and_every_change_is_a_version(pool: Pool) -> None:
    """Newest first, with who and why; the package's own is version 0."""
    async with transaction(pool) as conn:
        assert (await service.current(conn)).version == 0
        first = await service.save(conn, changed(give_way=False), actor="anna", reason="Try", now=NOON, expected=0)
        second = await service.save(conn, DEFAULT, actor="ugo", reason="Back", now=NOON, expected=first.version)
    async with pool.acquire() as conn:
        assert (await service.current(conn)) == second
        history = await service.versions(conn)
        assert [one.actor for one in history] == ["ugo", "anna", "unisono"]
        assert [one.version for one in await service.versions(conn, before=second.version)] == [first.version, 0]
        assert (await service.version(conn, first.version)).policy.give_way is False
        with pytest.raises(PolicyVersionUnknown):
            await service.version(conn, 10**12)


async def test_saving_what_counts_already_is_no_version(conn: Connection) -> None:
    """Applying the same file twice changes nothing."""
    async with conn.transaction():
        assert (await service.save(conn, DEFAULT, actor="anna", reason="Same", now=NOON)).version == 0
    assert await conn.fetchval("select count(*) from contact_policy") == 0


async def test_of_two_who_change_it_at_once_the_second_is_told(conn: Connection) -> None:
    """He made his from a policy that counts no more."""
    async with conn.transaction():
        await service.save(conn, changed(give_way=False), actor="anna", reason="One", now=NOON, expected=0)
    with pytest.raises(PolicyChanged):
        async with conn.transaction():
            await service.save(conn, changed(fallback=("sms",)), actor="ugo", reason="Two", now=NOON, expected=0)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\x00b", "half \ud800"], ids=lambda text: repr(text)[:12])
async def test_a_change_needs_a_reason(conn: Connection, reason: str) -> None:
    """Whoever asks later finds one; nothing changes without."""
    with pytest.raises(BadRequest):
        await service.save(conn, changed(give_way=False), actor="anna", reason=reason, now=NOON)
    assert (await service.current(conn)).version == 0


@pytest.mark.parametrize(
    ("policy", "word"),
    [
        pytest.param(changed(weights={"pigeon": 1}), "pigeon", id="weight"),
        pytest.param(changed(fallback=("email", "fax")), "fax", id="fallback"),
        pytest.param(changed(quiet=(Quiet(channels=("fax",), from_="21:00", until="09:00"),)), "fax", id="quiet"),
        pytest.param(
            changed(quiet=(Quiet(channels=("sms",), from_="00:00", until="24:00"),)), "never end", id="always"
        ),
        pytest.param(changed(quiet=(Quiet(channels=("sms",), from_="24:00", until="09:00"),)), "00:00", id="midnight"),
        pytest.param(changed(budgets=(Budget(name="week", limit=1, seconds=60),) * 2), "week", id="twice"),
        pytest.param(
            changed(caps=(Cap(name="all", purposes=("transactional",), most=1, seconds=60),)), "all", id="ordered"
        ),
        pytest.param(changed(caps=(Cap(name="none", purposes=(), most=1, seconds=60),)), "none", id="nothing"),
        pytest.param(
            changed(budgets=(Budget(name="all", limit=1, seconds=60, binds=("transactional",)),)), "all", id="bound"
        ),
        pytest.param(
            changed(caps=tuple(Cap(name=f"c{n}", purposes=("service",), most=1, seconds=60) for n in range(101))),
            "100",
            id="too-many",
        ),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(policy: Policy, word: str) -> None:
    """The mistake is named."""
    with pytest.raises(BadPolicy, match=word):
        check(policy)


# As a file ------------------------------------------------------------------------------------------------


def test_what_is_written_reads_back_the_same() -> None:
    """The package's policy by way of YAML."""
    assert read_policy(write_policy(DEFAULT)) == DEFAULT


def test_times_need_no_quotes() -> None:
    """YAML 1.1 would take 21:00 for 1260."""
    policy = read_policy("weights: {email: 1}\nquiet:\n- {channels: [email], from: 21:00, until: 09:00}\n")
    assert (policy.quiet[0].from_, policy.quiet[0].until) == ("21:00", "09:00")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "weights: {email: -1}",
        "weights: {email: 1}\nbudget: []",
        "weights: {email: 1}\ncaps: [{name: Über, purposes: [marketing], most: 1, seconds: 5}]",
        "weights: {email: .nan}",
        "weights: {email: 1e400}",
        "weights: &a [*a]",
        "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]",
        "weights: {email: 1}\nquiet: [{channels: [email], from: '9', until: '10:00'}]",
        "!!python/object/apply:os.system ['true']",
        "weights: {email: 1\x00}",
        "[" * 5000,
        "- " * 5000,
        "{a: " * 5000,
        b"\xff\xfe\x00",
        "x" * 300_000,
        "2026-13-45",
        "!!timestamp 99999-01-01",
    ],
    ids=lambda text: repr(text)[:24],
)
def test_what_is_no_policy_is_refused_whatever_it_is(text: str | bytes) -> None:
    """With a clear error, and quickly."""
    with pytest.raises(BadPolicy):
        read_policy(text)


def test_differences_are_told_by_path() -> None:
    """Budgets and caps by their names."""
    day = msgspec.structs.replace(DEFAULT.caps[0], most=2)
    other = changed(caps=(day, *DEFAULT.caps[1:]), budgets=(), give_way=False)
    found = {change.path: (change.before, change.after) for change in differences(DEFAULT, other)}
    assert found["caps[day].most"] == (1, 2)
    assert found["give_way"] == (True, False)
    assert found["budgets[week].limit"] == (10, None)
    assert differences(DEFAULT, DEFAULT) == []


def test_the_command_shows_and_applies(dsn: str, tmp_path: Path) -> None:
    """`unisono policy show`, a change in the file, a dry run, apply, and once more without effect."""

    def unisono(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "unisono.cli", "--database-url", dsn, "policy", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    file = tmp_path / "policy.yaml"
    file.write_text(unisono("show").stdout.replace("most: 1\n", "most: 2\n"), "utf-8")
    assert "caps[day].most: 1 -> 2" in unisono("apply", str(file), "--dry-run").stdout
    assert unisono("show").stdout.startswith("# version 0")
    applied = unisono("apply", str(file), "--reason", "Two a day in December")
    assert (applied.returncode, "values changed" in applied.stdout) == (0, True), applied.stderr
    assert "Two a day in December" in unisono("show").stdout
    file.write_text("weights: {fax: 1}", "utf-8")
    refused = unisono("apply", str(file))
    assert (refused.returncode, "fax" in refused.stderr) == (2, True)


# What is booked -------------------------------------------------------------------------------------------


def sent(number: int, node: int, channel: str = "email") -> tuple[Any, Decision]:
    decision = Decision(
        message_id=number, person_id=node, outcome="send", at=NOON, channel=channel, address_node=node, weight=1
    )
    return message(number, node_id=node), decision


async def test_a_message_is_one_contact_however_often_it_is_decided(conn: Connection) -> None:
    """Booked, released, booked again by another channel: one row, counting; held ones are none."""
    node = await make_node(conn, "email")
    held = Decision(message_id=2, person_id=node, outcome="hold", at=NOON, hold_until=NOON)
    await service.book(conn, [sent(1, node), (message(2), held)], now=NOON)
    assert await service.release(conn, [1, 2, 3], now=NOON) == 1
    assert await service.release(conn, [1], now=NOON) == 0
    assert await service.release(conn, [], now=NOON) == 0
    later = NOON + timedelta(hours=1)
    await service.book(conn, [sent(1, node, "sms")], now=later)
    rows = await conn.fetch("select key, at, channel, released_at from contact")
    assert [tuple(row) for row in rows] == [("message:1", later, "sms", None)]


# What our people did ----------------------------------------------------------------------------------------


async def follow(pool: Pool, conn: Connection, *events: Any) -> list[tuple[str, str, int, str]]:
    """What a follower made of these events: channel, purpose, weight, origin."""
    await write(conn, events)
    worker = Worker(pool, [ContactReader(ManualClock(NOON))], lanes=2)
    await worker.drain()
    await worker.drain()
    rows = await conn.fetch("select channel, purpose, weight, origin from contact order by channel, purpose")
    return [(row["channel"], row["purpose"], row["weight"], row["origin"]) for row in rows]


def note(node: int, **properties: Any) -> NewEvent:
    """A note with these properties."""
    written = msgspec.json.encode(properties).decode()
    return new_event(node, "Note Added", at=NOON)._replace(properties=written)


async def test_calls_notes_and_letters_of_ours_are_contacts(pool: Pool, conn: Connection) -> None:
    """An outgoing call, a note of a talk in the shop; not a call or a note of somebody who came to us."""
    node = await make_node(conn, "phone")
    found = await follow(
        pool,
        conn,
        new_event(node, "Call Logged", at=NOON, direction="out"),
        new_event(node, "Call Logged", at=NOON, direction="in"),
        new_event(node, "Call Logged", at=NOON),
        note(node, text="Spoke in the shop", channel="store"),
        note(node, text="Likes blue"),
        note(node, text="He rang", channel="call", direction="in"),
        note(node, text="?", channel=["x"]),
    )
    assert found == [("call", "staff", 5, "staff"), ("clerk", "staff", 2, "staff")]


async def test_what_other_systems_send_counts_and_our_own_does_not_twice(pool: Pool, conn: Connection) -> None:
    """A newsletter of another program is marketing, its receipt is service; ours were counted when decided."""
    node = await make_node(conn, "email")
    found = await follow(
        pool,
        conn,
        new_event(node, "Email Sent", at=NOON, campaign_name="Spring"),
        new_event(node, "Email Sent", at=NOON, message_id=f"{OURS}message:1:sent"),
        new_event(node, "Email Opened", at=NOON),
        new_event(node, "Mail Sent", at=NOON),
        new_event(node, "SMS Sent", at=NOON - timedelta(days=400)),
    )
    assert found == [("email", "marketing", 1, "elsewhere"), ("mail", "service", 3, "elsewhere")]


async def test_a_clerks_task_counts_once_whoever_made_it(pool: Pool, conn: Connection) -> None:
    """Done without a message behind it: a contact. Of a message: counted when it was decided. A call: by its call."""
    node = await make_node(conn, "user_id")
    ids = [
        await conn.fetchval(
            "insert into staff_task (node_id, message_id, kind, title, state) values ($1, $2, $3, 'x', 'done')"
            " returning id",
            node,
            of_message,
            kind,
        )
        for kind, of_message in (("clerk", None), ("clerk", 77), ("call", None), ("clerk", None))
    ]

    def done(place: int, outcome: str = "done") -> Any:
        return new_event(
            node, "Task Completed", at=NOON, message_id=f"{OURS}task:{ids[place]}:completed", task_id=str(ids[place]),
            outcome=outcome,
        )  # fmt: skip

    poison = new_event(node, "Task Completed", at=NOON, message_id=f"{OURS}task:x", task_id="9" * 40)
    foreign = new_event(node, "Task Completed", at=NOON, task_id=str(ids[0]), outcome="done")
    found = await follow(pool, conn, done(0), done(1), done(2), done(3, "not_reached"), poison, foreign)
    assert found == [("clerk", "staff", 2, "staff")]


async def test_events_read_twice_are_contacts_once(pool: Pool, conn: Connection) -> None:
    """The reader's position and its contacts commit together; even read anew they are the same rows."""
    node = await make_node(conn, "phone")
    call = new_event(node, "Call Logged", at=NOON, direction="out")
    assert len(await follow(pool, conn, call)) == 1
    await conn.execute("delete from log_reader where reader = 'contacts'")
    assert len(await follow(pool, conn)) == 1


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["direction", "channel", "task_id", "message_id"]), st.none() | st.text() | st.integers() | st.floats() | st.lists(st.text())))  # fmt: skip  # noqa: E501
def test_no_property_of_an_event_breaks_the_reader(properties: dict[str, Any]) -> None:
    """Whatever clients wrote, an event tells of a contact or of none."""
    from unisono.customers.timeline.model import Event
    from unisono.engagement.policy.staff import contact_in

    at = datetime(2026, 1, 1, tzinfo=UTC)
    for name in ("Call Logged", "Note Added", "Task Completed", "Email Sent"):
        event = Event(1, 1, 1, 1, "track", name, "web", None, None, f"{OURS}x", at, at, properties)
        contact_in(event, {1: ("clerk", False)})
