"""A post office for tests of delivery: an SMTP server that counts, an account on it, people who consented, a worker."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from unisono.customers.consent import service as consent
from unisono.customers.consent.model import NewEntry
from unisono.engagement.channels import accounts
from unisono.engagement.channels.hooks import message_of
from unisono.engagement.channels.model import Account
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.dispatcher import Dispatcher
from unisono.engagement.delivery.model import NewMessage
from unisono.engagement.policy import service as policy
from unisono.engagement.policy.defaults import default_policy
from unisono.kit.database import Connection, Pool, transaction
from unisono.kit.secret import Secret
from unisono.kit.settings import Settings

SECRET = Secret(b"0123456789abcdef0123456789abcdef")
NOON = datetime(2026, 5, 13, 10, 0, tzinfo=UTC)
"""A Wednesday, noon in Rome."""

_REFERENCE = re.compile(rb"^Message-ID:\s*<u\.([^@>]+)@", re.MULTILINE | re.IGNORECASE)


class Mail(NamedTuple):
    """One e-mail as it reached the server."""

    to: str
    reference: str
    text: bytes

    @property
    def message_id(self) -> int:
        """The message of the ledger it is."""
        found = message_of(SECRET, self.reference)
        assert found is not None
        return found


class Reply(NamedTuple):
    """What to say to an e-mail, after how many seconds; without an answer the connection is cut."""

    answer: str | None = "250 taken"
    after: float = 0.0
    at_rcpt: bool = False
    """Say it when the recipient is named, before any text."""
    until: asyncio.Event | None = None
    """Say it when that has happened."""


class Sink:
    """An SMTP server that takes everything, or does as it is told, and counts."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        """Taken: the text was read whole and was not refused."""
        self.reply: Callable[[str], Reply] = lambda _: Reply()
        self.tries: Counter[str] = Counter()
        self.port = 0
        self.connections: set[asyncio.StreamWriter] = set()

    @property
    def count(self) -> Counter[int]:
        """How often each message of the ledger was taken."""
        return Counter(mail.message_id for mail in self.mails)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections.add(writer)
        try:
            writer.write(b"220 sink ESMTP\r\n")
            to = ""
            while line := await reader.readline():
                word = line[:4].upper()
                if word in (b"EHLO", b"HELO"):
                    writer.write(b"250-sink\r\n250 8BITMIME\r\n")
                elif word == b"RCPT":
                    to = line.decode().partition("<")[2].partition(">")[0]
                    self.tries[to] += 1
                    reply = self.reply(to)
                    writer.write(f"{reply.answer if reply.at_rcpt else '250 ok'}\r\n".encode())
                elif word == b"DATA":
                    writer.write(b"354 go on\r\n")
                    if not await self._take(to, reader, writer):
                        break
                elif word == b"QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                else:
                    writer.write(b"250 ok\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.connections.discard(writer)
            writer.close()

    async def _take(self, to: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        text = await reader.readuntil(b"\r\n.\r\n")
        reply = self.reply(to)
        if reply.answer is None or reply.answer.startswith("2"):
            found = _REFERENCE.search(text)
            assert found, text[:500]
            self.mails.append(Mail(to, found.group(1).decode(), text))
        await asyncio.sleep(reply.after)
        if reply.until is not None:
            await reply.until.wait()
        if reply.answer is None:
            return False
        writer.write(f"{reply.answer}\r\n".encode())
        return True


@asynccontextmanager
async def sinking(port: int = 0) -> AsyncIterator[Sink]:
    """A sink on a port of this machine."""
    sink = Sink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", port, limit=2**22)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
        for writer in list(sink.connections):
            writer.close()


def settings_for(dsn: str, folder: Path) -> Settings:
    """Settings of an installation on a test's database."""
    return Settings(
        database_url=dsn, data_dir=folder, provider_private_addresses=True, public_url="https://shop.example"
    )


CONTENT: dict[str, Any] = {
    "email": {"en": {"subject": "Hello", "mjml": "", "blocks": [{"is": "text", "text": "Good day."}]}},
    "sms": {"en": {"text": "Good day."}},
    "onsite": {"en": {"slot": "inbox", "title": "Hello", "body": "Good day."}},
    "clerk": {"en": {"title": "Greet", "body": "Good day."}},
    "webhook": {"en": {"text": "Good day."}},
}


class Office:
    """Everything a test of delivery needs, and the shortest way to do it."""

    secret = SECRET

    def __init__(self, pool: Pool, settings: Settings, sink: Sink) -> None:
        self.pool = pool
        self.settings = settings
        self.sink = sink
        self.now = NOON
        self._made = 0

    def clock(self) -> datetime:
        """The present of the test."""
        return self.now

    def later(self, **amount: float) -> datetime:
        """Move the clock on."""
        self.now += timedelta(**amount)
        return self.now

    def dispatcher(self, **more: Any) -> Dispatcher:
        """A worker on the test's clock."""
        return Dispatcher(self.pool, self.settings, self.secret, self.clock, **more)

    async def drain(self) -> int:
        """All that is due, sent."""
        return await self.dispatcher().drain()

    async def account(self, code: str = "mail", channel: str = "email", **more: Any) -> Account:
        """An SMTP account on the sink, or one of another kind."""
        draft = accounts.Draft(
            code=code,
            kind=more.pop("kind", "smtp"),
            channel=channel,
            name=code,
            per_second=more.pop("per_second", 1000.0),
            settings=more.pop("settings", smtp_settings(self.sink.port)),
            **more,
        )
        async with transaction(self.pool) as conn:
            return await accounts.create(conn, self.secret, draft, private=True, actor="test", now=self.now)

    async def people(self, many: int, *, consents: Sequence[str] = ("email",), namespace: str = "email") -> list[int]:
        """People with an e-mail address each (or a phone) and their consent; the identifiers."""
        async with transaction(self.pool) as conn:
            nodes = await make_addresses(conn, many, namespace, self._made)
            self._made += many
            await grant(conn, nodes, consents, now=self.now - timedelta(days=1))
        return nodes

    async def plan(self, nodes: Sequence[int], **more: Any) -> list[int]:
        """A message to each; the ids in the order of the nodes."""
        async with transaction(self.pool) as conn:
            return await plan(conn, nodes, now=self.now, **more)

    async def free_policy(self, **changes: Any) -> None:
        """A policy without caps, budgets and quiet hours, or with those named."""
        async with transaction(self.pool) as conn:
            await free_policy(conn, now=self.now, **changes)

    async def states(self, ids: Sequence[int] | None = None) -> Counter[str]:
        """How many messages are in which state."""
        rows = await self.pool.fetch("select state from message where $1::bigint[] is null or id = any($1)", ids)
        return Counter(row["state"] for row in rows)

    async def message(self, message_id: int) -> dict[str, Any]:
        """A message's row."""
        row = await self.pool.fetchrow("select * from message where id = $1", message_id)
        assert row is not None
        return dict(row)

    async def events(self, node: int) -> list[str]:
        """Names of the events of an identifier, oldest first."""
        rows = await self.pool.fetch("select name from event where node_id = $1 order by occurred_at, id", node)
        return [row["name"] for row in rows]


def smtp_settings(port: int) -> dict[str, Any]:
    """Settings of an account on the sink."""
    return {"host": "127.0.0.1", "port": port, "security": "none", "sender": "shop@shop.example", "connections": 8}


async def make_addresses(conn: Connection, many: int, namespace: str = "email", first: int = 0) -> list[int]:
    """Identifiers that are addresses, each its own person."""
    value = "'p' || ($3::int + n) || '@example.it'" if namespace == "email" else "'+39333' || (1000000 + $3::int + n)"
    rows = await conn.fetch(
        f"""with made as (
                select nextval(pg_get_serial_sequence('node', 'id')) as id, n from generate_series(1, $1::int) n)
            insert into node (id, namespace, value, person_id, cluster_id)
            select id, $2, {value}, id, id from made returning id""",
        many,
        namespace,
        first,
    )
    return [row["id"] for row in rows]


async def grant(conn: Connection, nodes: Sequence[int], channels: Sequence[str], *, now: datetime) -> None:
    """Consents to marketing on these channels."""
    entries = [
        NewEntry(
            node_id=node,
            purpose="marketing",
            channel=channel,
            action="confirmed",
            key=f"test:{node}:{channel}:{now.isoformat()}",
            source="test",
            actor="test",
            at=now,
        )
        for node in nodes
        for channel in channels
    ]
    await consent.record(conn, entries, now=now)


async def plan(conn: Connection, nodes: Sequence[int], *, now: datetime, **more: Any) -> list[int]:
    """A message to each node; the ids in the order of the nodes."""
    prefix = more.pop("key", "k")
    fields: dict[str, Any] = {
        "origin": "api",
        "purpose": "marketing",
        "channels": ("email",),
        "due_at": now,
        "created_by": "test",
        "content": CONTENT,
        **more,
    }
    made = await delivery.plan(
        conn, [NewMessage(key=f"{prefix}:{node}", node_id=node, **fields) for node in nodes], now=now
    )
    return [one.id for one in made]


async def free_policy(conn: Connection, *, now: datetime, **changes: Any) -> None:
    """A policy without caps, budgets and quiet hours, or with those named."""
    free = {"budgets": (), "caps": (), "quiet": (), **changes}
    await policy.save(
        conn, msgspec.structs.replace(default_policy(), **free), actor="test", reason="for the test", now=now
    )


INVARIANTS = {
    "an accepted message has one contact that counts": """
        select message.id from message left join contact on contact.message_id = message.id
        where message.state = 'accepted' group by message.id
        having count(*) filter (where contact.released_at is null and contact.id is not null) <> 1""",
    "an accepted message has its decision, its hand-over and its content": """
        select id from message where state = 'accepted' and (
            decision is null or handed_over_at is null or account_id is null or address_node is null
            or not exists (select 1 from message_content where message_id = message.id))""",
    "an accepted message was accepted once, or found out later": """
        select message.id from message left join message_attempt tried
            on tried.message_id = message.id and tried.outcome = 'accepted'
        where message.state = 'accepted' group by message.id having count(tried.id) > 1""",
    "what was not sent weighs nothing": """
        select message.id from message join contact on contact.message_id = message.id
        where message.state in ('planned', 'skipped', 'cancelled', 'refused') and contact.released_at is null
          and not exists (select 1 from message_attempt where message_id = message.id and outcome = 'unknown')""",
    "what is over has an end, what is not has none": """
        select id from message
        where (state in ('accepted', 'refused', 'unknown', 'skipped', 'cancelled')) <> (settled_at is not null)""",
    "only what somebody holds has a lease": """
        select id from message where (state in ('claimed', 'handed_over')) <> (lease_until is not null)""",
    "what is not sent says why": """
        select id from message where state in ('skipped', 'refused', 'unknown', 'cancelled') and reason is null""",
    # Taken for lost, and heard of later after all, it has two entries of one hand-over.
    "no marketing is tried again once it may have arrived": """
        select message.id from message join message_attempt on message_attempt.message_id = message.id
        where message.purpose <> 'transactional' group by message.id
        having count(*) filter (
            where outcome in ('accepted', 'unknown') and (code is distinct from 'worker_lost' or at < handed_over_at)
        ) > 1""",
    "an e-mail that was accepted is on the timeline once": """
        select message.id from message left join event on event.message_id = 'unisono:message:' || message.id || ':sent'
        where message.state = 'accepted' and message.channel = 'email'
          and exists (select 1 from node where node.id = message.address_node)
        group by message.id having count(event.id) <> 1""",
}
"""What must be true after anything: each statement finds what is wrong."""


async def check_ledger(conn: Connection | Pool) -> None:
    """Every invariant of the ledger."""
    wrong = {what: [row["id"] for row in await conn.fetch(sql)] for what, sql in INVARIANTS.items()}
    assert {what: ids for what, ids in wrong.items() if ids} == {}
