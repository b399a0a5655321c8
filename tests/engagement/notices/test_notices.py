"""What happened to a person is told to him: once, while it is news, and never because of history."""

from __future__ import annotations

import asyncio
import email
import re
from datetime import timedelta
from email.message import Message
from typing import Any

import msgspec
import pytest

from tests.support.log import new_event
from tests.support.posting import SECRET, Mail, Office
from unisono.access.keys import create_source
from unisono.customers.consent import confirming, texts
from unisono.customers.consent.model import NewEntry
from unisono.customers.identity import service as identity
from unisono.customers.timeline.model import NewEvent
from unisono.customers.timeline.service import append
from unisono.customers.timeline.worker import Worker
from unisono.engagement.messages.model import NewMessageRequest
from unisono.engagement.messages.service import send
from unisono.engagement.notices import service
from unisono.engagement.notices.reader import NoticeReader
from unisono.engagement.templates import service as templates
from unisono.engagement.templates.builtin import builtins
from unisono.engagement.templates.errors import TemplateConflict
from unisono.kit import tokens
from unisono.kit.database import transaction

READY = "Order Ready for Pickup"


async def told(post: Office, *events: NewEvent) -> list[Mail]:
    """Write events down, let the reader follow, send what is due; the new mails."""
    before = len(post.sink.mails)
    async with transaction(post.pool) as conn:
        await append(conn, events)
    # A database made meanwhile for another test is a transaction too: the log is read up to the oldest that is open.
    written = "select pg_snapshot_xmin(now) = pg_snapshot_xmax(now) from pg_current_snapshot() as now"
    while not await post.pool.fetchval(written):  # noqa: ASYNC110 - the database is looked at
        await asyncio.sleep(0.01)
    await Worker(post.pool, [NoticeReader(post.clock)], 1).drain()
    await post.drain()
    return post.sink.mails[before:]


def ready(post: Office, node: int, order: str = "A-1", **more: Any) -> NewEvent:
    """An order of ours is ready."""
    name = more.pop("name", READY)
    at = more.pop("at", post.now)
    key = more.pop("message_id", f"unisono:order:{order}:ready")
    return new_event(node, name, at=at, message_id=key, order_id=order, pickup_code="7Q2", **more)


def parts(mail: Mail) -> str:
    """Subject and text of a mail."""
    read: Message = email.message_from_bytes(mail.text)
    texts = [part.get_payload(decode=True) for part in read.walk() if part.get_content_type() == "text/plain"]
    return "\n".join(one.decode() for one in texts if isinstance(one, bytes))


async def enable(post: Office, *codes: str) -> None:
    """Publish templates that come with the product."""
    async with transaction(post.pool) as conn:
        await service.enable(conn, codes, actor="test", now=post.now, settings=post.settings)


async def test_nothing_is_said_until_somebody_publishes_it(post: Office) -> None:
    """Then an order that is ready is told, with its code, without any consent to marketing."""
    [node] = await post.people(1, consents=())
    assert await told(post, ready(post, node)) == []
    await enable(post, "order-ready")
    await enable(post, "order-ready")
    [mail] = await told(post, ready(post, node, "A-2"))
    assert "A-2" in parts(mail)
    assert "7Q2" in parts(mail)
    row = await post.pool.fetchrow("select origin, purpose, template, template_version from message")
    assert row is not None
    assert tuple(row) == ("notice", "transactional", "order-ready", 1)


async def test_the_same_event_is_told_once(post: Office) -> None:
    """Read again by a reader that begins anew."""
    [node] = await post.people(1, consents=())
    await enable(post, "order-ready")
    assert len(await told(post, ready(post, node))) == 1
    await post.pool.execute("delete from log_reader")
    assert await told(post) == []


async def test_history_is_told_to_nobody(post: Office) -> None:
    """Older than an hour, brought together by a join, written by an import or by a browser: nobody hears of it."""
    one, two = await post.people(2, consents=())
    await enable(post, "order-ready")
    await enable_on_entering(post)
    async with transaction(post.pool) as conn:
        for kind in ("browser", "server"):
            await create_source(conn, name=kind, kind=kind, actor="test")
        await conn.execute("insert into source (name, kind) values ('file', 'import')")
    sources = {row["kind"]: row["id"] for row in await post.pool.fetch("select id, kind from source")}

    def outside(kind: str, order: str) -> NewEvent:
        return ready(post, one, order, message_id=f"test:{order}")._replace(source_id=sources[kind])

    assert await told(post, ready(post, one, "old", at=post.now - timedelta(hours=1, seconds=1))) == []
    assert await told(post, outside("browser", "forged"), outside("import", "file")) == []
    entered = {"name": "Segment Entered", "segment": "vip"}
    assert await told(post, ready(post, one, "m", **entered, reason="merge")) == []
    assert await told(post, ready(post, one, "d", **entered, reason="definition")) == []
    assert len(await told(post, outside("server", "theirs"))) == 1
    assert len(await told(post, ready(post, one, "e", **entered, reason="event"))) == 1
    async with transaction(post.pool) as conn:
        await identity.join(conn, one, two, actor="test", reason="the same")
    assert await told(post) == []


async def enable_on_entering(post: Office) -> None:
    """A service message to whoever enters a segment."""
    new = builtins()["order-ready"]
    async with transaction(post.pool) as conn:
        changed = type(new)(name="Entered", purpose="service", notice="Segment Entered", content=new.content)
        await templates.save(conn, "entered", changed, actor="test", now=post.now)
        await templates.publish(conn, "entered", actor="test", now=post.now, settings=post.settings)


async def test_a_double_opt_in_asks_the_address_itself(post: Office) -> None:
    """The mail goes to that address, though the person has an older one; its link confirms that request."""
    older, newer = await post.people(2, consents=())
    async with transaction(post.pool) as conn:
        await identity.join(conn, older, newer, actor="test", reason="the same")
        await texts.publish_text(
            conn, "news", {"en": "Yes, write to me."}, purpose="marketing", channels=("email",), actor="t", now=post.now
        )
        asked = await confirming.request_opt_in(conn, grant(post, newer), now=post.now)
    assert asked is not None
    [mail] = await told(post)
    assert mail.to == await post.pool.fetchval("select value from node where id = $1", newer)
    assert "Yes, write to me." in parts(mail)
    [token] = re.findall(r"https://shop\.example/p/([^/\s]+)/confirm", parts(mail))
    assert tokens.read(SECRET, tokens.CONFIRM, token) == (asked.entry_id,)
    async with transaction(post.pool) as conn:
        assert await confirming.request_opt_in(conn, grant(post, newer, key="again"), now=post.now) == asked
    assert await told(post) == []


async def test_who_writes_other_words_keeps_nobody_waiting(post: Office) -> None:
    """While the shop's own question is a draft, ours is asked; and again when its own is out of use."""
    node, other = await post.people(2, consents=())
    ours = builtins()["confirm-opt-in"]
    async with transaction(post.pool) as conn:
        await templates.save(
            conn, "confirm-opt-in", msgspec.structs.replace(ours, name="Mine"), actor="t", now=post.now
        )
        assert await confirming.request_opt_in(conn, grant(post, node, key="plain"), now=post.now)
    [mail] = await told(post)
    assert "/confirm" in parts(mail)
    async with transaction(post.pool) as conn:
        await templates.publish(conn, "confirm-opt-in", actor="t", now=post.now, settings=post.settings)
        await templates.archive(conn, "confirm-opt-in", now=post.now)
        assert await confirming.request_opt_in(conn, grant(post, other, key="other"), now=post.now)
    [mail] = await told(post)
    assert "/confirm" in parts(mail)
    assert await post.pool.fetchval("select count(*) from parked_event") == 0


async def test_nobody_else_gets_the_link(post: Office) -> None:
    """An address that cannot be written to is not answered at another one; and a sender of messages makes no link."""
    older, newer = await post.people(2, consents=())
    async with transaction(post.pool) as conn:
        await identity.join(conn, older, newer, actor="test", reason="the same")
        await conn.execute(
            """insert into suppression (node_id, channel, reason, purposes, at, source)
               values ($1, 'email', 'hard_bounce', 'all', $2, 'test')""",
            newer,
            post.now,
        )
        asked = await confirming.request_opt_in(conn, grant(post, newer), now=post.now)
    assert asked is not None
    assert await told(post) == []
    assert await post.pool.fetchval("select reason from message") == "other_address"
    forged = NewMessageRequest(
        person_id=older, template="confirm-opt-in", data={"consent_entry": asked.entry_id}, purpose="transactional"
    )
    async with transaction(post.pool) as conn:
        await send(conn, forged, actor="test", origin="api", now=post.now, settings=post.settings)
    [mail] = await told(post)
    assert "/confirm" not in parts(mail)


def grant(post: Office, node: int, key: str = "asked") -> NewEntry:
    """Somebody typed this address into a form."""
    return NewEntry(
        node_id=node,
        purpose="marketing",
        channel="email",
        action="granted",
        key=key,
        source="form",
        actor="customer",
        at=post.now,
        text_id="news" if key != "plain" else None,
        text_version=1,
        text_language="en",
    )


async def test_those_that_come_with_the_product_can_be_published(post: Office) -> None:
    """Each is listed, off; each compiles; one that answers no event cannot be let go."""
    async with transaction(post.pool) as conn:
        listed = await service.state(conn)
        assert [(one.code, one.enabled) for one in listed] == [
            ("order-cancelled", False),
            ("order-ready", False),
            ("reservation-kept", False),
            ("reservation-expiring", False),
        ]
        made = await service.enable(
            conn, [one.code for one in listed], actor="test", now=post.now, settings=post.settings
        )
        assert all(one.enabled and one.version == 1 for one in made)
        with pytest.raises(TemplateConflict, match="no event"):
            await service.enable(conn, ["welcome"], actor="test", now=post.now, settings=post.settings)
