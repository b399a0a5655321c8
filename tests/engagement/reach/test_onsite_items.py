"""What waits for people on the site: shown from its beginning to its end, to the person, told of once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.consent import people
from tests.support.reaching import outgoing
from unisono.engagement.channels.adapters.onsite import OnsiteSender
from unisono.engagement.channels.model import Button, Sent
from unisono.engagement.channels.onsite import service
from unisono.kit.database import Connection, Pool
from unisono.kit.errors import NotFound

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


async def send(conn: Connection, node: int, *, number: int = 1, chat: bool = False, **more: Any) -> Sent:
    """A message on the site."""
    sender = OnsiteSender(service.CHAT if chat else service.INBOX, fixed=chat, clock=lambda: NOW)
    given: dict[str, Any] = {"message_id": number, "channel": "onsite", "node_id": node, "title": "Ciao", "text": None}
    return await sender.send(conn, outgoing(**(given | more)))


async def shown(conn: Connection, nodes: list[int], slot: str, at: datetime = NOW) -> list[str | None]:
    """Titles in a slot."""
    return [item.content.title for item in await service.waiting(conn, nodes, slot, now=at)]


async def events(conn: Connection) -> list[tuple[str, int]]:
    """Names of the events written, and under which identifier."""
    return [(row["name"], row["node_id"]) for row in await conn.fetch("select name, node_id from event order by id")]


async def test_a_message_is_there_once_for_all_identifiers_of_the_person(pool: Pool) -> None:
    """Sent again it is the same; somebody else sees nothing; a rolled back one was never there."""
    async with pool.acquire() as conn:
        one, other = await people(conn, 2)
        undone = conn.transaction()
        await undone.start()
        await send(conn, one.user, number=9)
        await undone.rollback()
        buttons = (Button("Apri", url="https://s.example"), Button("No", payload="NO"))
        for _ in range(2):
            assert (
                await send(conn, one.user, data={"slot": "home-top", "front": {"tone": 1}}, buttons=buttons)
            ).outcome
        assert await shown(conn, one.nodes, "home-top") == ["Ciao"]
        assert await shown(conn, other.nodes, "home-top") == []
        assert await shown(conn, one.nodes, "inbox") == []
        [item] = await service.waiting(conn, [one.email, one.user], "home-top", now=NOW)
    assert item.content.buttons == ({"text": "Apri", "url": "https://s.example"}, {"text": "No", "payload": "NO"})
    assert item.content.data == {"tone": 1}


async def test_it_is_shown_from_its_beginning_to_its_end(pool: Pool) -> None:
    """The end is the first instant at which it is gone."""
    async with pool.acquire() as conn:
        [who] = await people(conn, 1)
        await send(conn, who.user, ends_at=NOW + timedelta(hours=1))
        before, last, over = (
            NOW - timedelta(microseconds=1),
            NOW + timedelta(minutes=59, seconds=59),
            NOW + timedelta(hours=1),
        )
        assert [await shown(conn, who.nodes, "inbox", at) for at in (before, NOW, last, over)] == [
            [],
            ["Ciao"],
            ["Ciao"],
            [],
        ]


async def test_what_was_done_with_it_is_told_once(pool: Pool) -> None:
    """Following is seeing; again changes nothing; closed it is gone."""
    async with pool.acquire() as conn:
        [who] = await people(conn, 1)
        await send(conn, who.user, url="https://s.example", campaign="spring")
        [item] = await service.waiting(conn, who.nodes, "inbox", now=NOW)
        assert await service.unseen(conn, who.nodes, "inbox", now=NOW) == 1
        marked = await service.mark(conn, who.nodes, item.id, "clicked", channel="app", now=NOW)
        assert (marked.seen_at, marked.clicked_at) == (NOW, NOW)
        for deed in ("seen", "clicked"):
            again = await service.mark(conn, who.nodes, item.id, deed, channel="app", now=NOW + timedelta(hours=1))
            assert again.clicked_at == NOW
        assert await events(conn) == [("Slot Viewed", who.user), ("Slot Clicked", who.user)]
        assert await service.unseen(conn, who.nodes, "inbox", now=NOW) == 0
        await service.mark(conn, who.nodes, item.id, "dismissed", channel="app", now=NOW)
        assert await shown(conn, who.nodes, "inbox") == []
        facts = await conn.fetchval("select properties->>'campaign_id' from event where name = 'Slot Clicked'")
        assert facts == "spring"


async def test_nobody_marks_what_is_not_his(pool: Pool) -> None:
    """Others' things do not exist."""
    async with pool.acquire() as conn:
        one, other = await people(conn, 2)
        await send(conn, one.user)
        [item] = await service.waiting(conn, one.nodes, "inbox", now=NOW)
        with pytest.raises(NotFound):
            await service.mark(conn, other.nodes, item.id, "seen", channel="web", now=NOW)


async def test_two_looks_at_once_are_one_event(pool: Pool) -> None:
    """Two tabs of one browser."""
    async with pool.acquire() as conn:
        [who] = await people(conn, 1)
        await send(conn, who.user)
        [item] = await service.waiting(conn, who.nodes, "inbox", now=NOW)

    async def look() -> None:
        async with pool.acquire() as own, own.transaction():
            await service.mark(own, who.nodes, item.id, "seen", channel="web", now=NOW)

    await asyncio.gather(*(look() for _ in range(5)))
    async with pool.acquire() as conn:
        assert await events(conn) == [("Slot Viewed", who.user)]


async def test_chat_has_its_own_slot_and_bad_slots_are_refused(pool: Pool) -> None:
    """The chat is the chat, whatever a message says; a slot's name is a name."""
    async with pool.acquire() as conn:
        [who] = await people(conn, 1)
        assert (await send(conn, who.user, chat=True, data={"slot": "home-top"})).outcome == "accepted"
        assert await shown(conn, who.nodes, "chat") == ["Ciao"]
        assert (await send(conn, who.user, number=2, data={"slot": "../x"})).code == "slot"
        assert (await send(conn, who.user, number=3, title=None)).code == "empty"
