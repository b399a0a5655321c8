"""The ledger's door: plan once, cancel in time, look."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.posting import CONTENT, NOON, Office, Sink, check_ledger, settings_for
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.model import Filters, NewMessage
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import BadRequest, NotFound


@pytest.fixture
async def office(pool: Pool, dsn: str, tmp_path: Path) -> AsyncIterator[Office]:
    """No server is needed: nothing is sent here."""
    office = Office(pool, settings_for(dsn, tmp_path), Sink())
    office.sink.port = 2525
    yield office
    await check_ledger(pool)


def wanted(node: int, key: str = "a", **more: object) -> NewMessage:
    fields: dict[str, object] = {
        "key": key,
        "node_id": node,
        "origin": "api",
        "purpose": "marketing",
        "channels": ("email",),
        "due_at": NOON,
        "created_by": "test",
        "content": CONTENT,
        **more,
    }
    return NewMessage(**fields)  # type: ignore[arg-type]


async def test_a_key_is_one_message_however_often_it_is_planned(office: Office) -> None:
    """Twice in one call, again later, by two at once: one row, the same id."""
    [node] = await office.people(1)
    async with transaction(office.pool) as conn:
        first = await delivery.plan(conn, [wanted(node), wanted(node)], now=NOON)
        second = await delivery.plan(conn, [wanted(node), wanted(node, "b")], now=NOON)
    assert [one.new for one in first] == [True]
    assert [(one.key, one.new) for one in second] == [("a", False), ("b", True)]
    assert first[0].id == second[0].id
    assert await office.pool.fetchval("select count(*) from message") == 2


async def test_nothing_is_planned_for_identifiers_that_are_gone(office: Office) -> None:
    """They are left out of the answer."""
    [node] = await office.people(1)
    async with transaction(office.pool) as conn:
        made = await delivery.plan(conn, [wanted(node), wanted(999_999_999, "b")], now=NOON)
    assert [one.key for one in made] == ["a"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"channels": ()}, "no_channel"),
        ({"channels": ("email", "smoke signs")}, "unknown_channel"),
        ({"content": None}, "no_content"),
        ({"not_after": NOON - timedelta(seconds=1)}, "bad_not_after"),
        ({"data": {"x": "y" * 300_000}}, "message_too_large"),
        ({"data": {"x": "a\x00b"}}, "bad_text"),
    ],
    ids=["no channel", "unknown channel", "nothing to say", "too late at once", "too large", "a NUL"],
)
async def test_what_could_never_be_sent_is_refused(office: Office, fields: dict[str, object], code: str) -> None:
    """With a code, and nothing is planned."""
    [node] = await office.people(1)
    with pytest.raises(BadRequest) as refused:
        async with transaction(office.pool) as conn:
            await delivery.plan(conn, [wanted(node, "fine"), wanted(node, **fields)], now=NOON)
    assert refused.value.code == code
    assert await office.pool.fetchval("select count(*) from message") == 0


async def test_what_is_cancelled_in_time_is_not_sent(office: Office) -> None:
    """And says so; what is over already stays as it is."""
    nodes = await office.people(3)
    ids = await office.plan(nodes)
    async with transaction(office.pool) as conn:
        assert await delivery.cancel(conn, ids[:2], reason="changed_mind", now=NOON) == ids[:2]
        assert await delivery.cancel(conn, ids[:2], reason="again", now=NOON) == []
        status = await delivery.status(conn, ids[0])
    assert (status.message.state, status.message.reason) == ("cancelled", "changed_mind")
    assert await office.states() == {"cancelled": 2, "planned": 1}


async def test_the_outbox_is_read_page_by_page(office: Office) -> None:
    """Newest first, each message once, narrowed by whatever one asks for."""
    nodes = await office.people(5)
    ids = await office.plan(nodes)
    await office.plan(nodes[:1], key="t", purpose="transactional", channels=("sms",))
    async with transaction(office.pool) as conn:
        seen, before = [], None
        while True:
            page = await delivery.page(conn, Filters(purpose="marketing"), before=before, limit=2)
            seen += [one.id for one in page.messages]
            if (before := page.next) is None:
                break
        texts = await delivery.page(conn, Filters(channel="sms", state="planned", nodes=(nodes[0],)))
        none = await delivery.page(conn, Filters(reason="too_late"))
    assert seen == ids[::-1]
    assert [one.key for one in texts.messages] == [f"t:{nodes[0]}"]
    assert none.messages == []


async def test_who_asks_for_a_message_there_is_not_is_told_so(office: Office) -> None:
    """404."""
    async with transaction(office.pool) as conn:
        with pytest.raises(NotFound):
            await delivery.status(conn, 4711)
