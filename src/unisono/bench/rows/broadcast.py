"""``broadcast``: one e-mail to each of 100,000 people, from planned to taken by the mail server, every reason kept.

What: people with an address and a consent each, one message planned for every one of them; then a worker process as
it is run in production decides, renders, hands over and settles them towards an SMTP server in a process of its own,
on this machine. The clock runs from the start of the worker's first message to the last message accepted in the
ledger. Every e-mail must have come once, and every message must have its decision, its content and its event. The
limit is the server alone, fed by a bare aiosmtplib loop with the same letter over as many connections.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any, Final

import aiosmtplib
import msgspec

from unisono.bench.model import BenchError, Load, Measured, Row, Wanted
from unisono.bench.scratch import Database, Scratch, free_port, start
from unisono.engagement.channels import accounts
from unisono.engagement.delivery import service as delivery
from unisono.engagement.delivery.model import NewMessage
from unisono.engagement.policy import service as policy
from unisono.engagement.policy.defaults import default_policy
from unisono.kit.database import Pool, transaction
from unisono.kit.secret import Secret

WANTED: Final = Wanted("at least", 300.0)
CONNECTIONS: Final = 8
CHUNK: Final = 5_000
KEY: Final = bytes(range(32))

CONTENT: Final[dict[str, Any]] = {
    "email": {
        "en": {
            "subject": "{{ person.first_name | default: 'Hello' }}, spring is here",
            "preheader": "New shoes for the hills",
            "blocks": [
                {"is": "heading", "text": "Spring is here"},
                {"is": "text", "text": "Dear {{ person.first_name | default: 'friend' }}, the new shoes have come."},
                {"is": "button", "text": "See them", "url": "https://shop.example/spring?p={{ person.id }}"},
            ],
        }
    }
}

PEOPLE: Final = """
    with made as (
        select nextval(pg_get_serial_sequence('node', 'id')) as id, n from generate_series(1, $1::int) n
    ), nodes as (
        insert into node (id, namespace, value, person_id, cluster_id)
        select id, 'email', 'bench' || n || '@example.com', id, id from made returning id
    ), said as (
        insert into consent_entry (key, node_id, purpose, channel, action, basis, source, actor, at)
        select 'bench:' || id, id, 'marketing', 'email', 'confirmed', 'consent', 'bench', 'bench', $2 from nodes
        returning id, node_id
    )
    insert into consent_state (node_id, purpose, channel, status, basis, since, entry_id)
    select node_id, 'marketing', 'email', 'granted', 'consent', $2, id from said
"""

WRONG: Final = """
    select count(*) from message where state <> 'accepted' or decision is null
       or not exists (select 1 from message_content where message_id = message.id)
       or not exists (select 1 from event where event.message_id = 'unisono:message:' || message.id || ':sent')
"""


async def _furnish(database: Database, port: int, people: int) -> None:
    """People, a mail account, and a message for each."""
    now = datetime.now(UTC)
    async with transaction(database.pool) as conn:
        await conn.execute(PEOPLE, people, now - timedelta(days=1))
        draft = accounts.Draft(
            code="bench",
            kind="smtp",
            channel="email",
            name="bench",
            per_second=accounts.FASTEST,
            settings={
                "host": "127.0.0.1",
                "port": port,
                "security": "none",
                "sender": "shop@shop.example",
                "connections": CONNECTIONS,
            },
        )
        await accounts.create(conn, Secret(KEY), draft, private=True, actor="bench", now=now)
        # The night must not decide about the figure; all else is as it comes.
        free = msgspec.structs.replace(default_policy(), quiet=())
        await policy.save(conn, free, actor="bench", reason="a figure at any hour", now=now)
    nodes = [
        row["id"] for row in await database.pool.fetch("select id from node where namespace = 'email' order by id")
    ]
    for begin in range(0, people, CHUNK):
        async with transaction(database.pool) as conn:
            wanted = [_message(node, now) for node in nodes[begin : begin + CHUNK]]
            await delivery.plan(conn, wanted, now=now)
    await database.pool.execute("vacuum analyze message, node, consent_state, consent_entry")


def _message(node: int, now: datetime) -> NewMessage:
    return NewMessage(
        key=f"bench:{node}",
        node_id=node,
        origin="broadcast",
        purpose="marketing",
        channels=("email",),
        due_at=now,
        created_by="bench",
        content=CONTENT,
    )


async def _send_all(database: Database, people: int) -> float:
    """Messages a second, from the worker's first hand-over to the last acceptance."""
    environment = {
        "database_url": database.dsn,
        "serve_parent": str(os.getpid()),
        "secret_key": base64.b64encode(KEY).decode(),
        "provider_private_addresses": "true",
        "public_url": "https://shop.example",
    }
    worker = start(["unisono.cli", "worker"], 0, **environment)
    try:
        end = time.monotonic() + 60 + people / 50
        while await _count(database.pool, "state <> 'accepted'"):
            if worker.popen.poll() is not None or time.monotonic() > end:
                raise BenchError("The worker did not send the broadcast.")
            await asyncio.sleep(0.25)
    finally:
        worker.stop()
    seconds: float = await database.pool.fetchval(
        "select extract(epoch from max(settled_at) - min(handed_over_at))::float8 from message"
    )
    return people / seconds


async def _count(pool: Pool, condition: str) -> int:
    counted: int = await pool.fetchval(f"select count(*) from (select 1 from message where {condition} limit 1000) m")
    return counted


async def _taken(port: int) -> tuple[int, int]:
    """E-mails the server took, and the different ones among them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    writer.write(b"STAT\r\n")
    _, taken, different = (await reader.readline()).split()
    writer.close()
    return int(taken), int(different)


async def _alone(port: int, many: int, letter: str) -> float:
    """E-mails a second the server takes from a bare loop."""
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "shop@shop.example", "Spring is here"
    mail.set_content("Spring is here")
    mail.add_alternative(letter, subtype="html")

    async def feed(number: int) -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as smtp:
            for turn in range(many // CONNECTIONS):
                del mail["To"], mail["Message-ID"]
                mail["To"] = f"alone{number}@example.com"
                mail["Message-ID"] = f"<{number}.{turn}@bench.example>"
                await smtp.send_message(mail)

    began = time.perf_counter()
    await asyncio.gather(*(feed(number) for number in range(CONNECTIONS)))
    return many / (time.perf_counter() - began)


async def _ready(port: int) -> None:
    for _ in range(200):
        try:
            await _taken(port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            return
    raise BenchError("The mail server of the measurement did not start.")


async def measure(bench: Scratch, load: Load) -> list[Measured]:
    """Measure it."""
    port = free_port()
    sink = start(["unisono.bench.sink", str(port)], port)
    try:
        await _ready(port)
        async with bench.database() as database:
            await _furnish(database, port, load.recipients)
            rate = await _send_all(database, load.recipients)
            taken = await _taken(port)
            if taken != (load.recipients, load.recipients):
                raise BenchError(f"Of {load.recipients} e-mails {taken[0]} came, {taken[1]} different ones.")
            if wrong := await database.pool.fetchval(WRONG):
                raise BenchError(f"{wrong} messages lack a decision, a content or an event.")
            letter: str = await database.pool.fetchval("select rendered ->> 'html' from message_content limit 1")
        alone = await _alone(port, max(2_000, load.recipients // 20), letter)
    finally:
        sink.stop()
    return [
        Measured(
            row="broadcast",
            value=rate,
            unit="/s",
            wanted=WANTED,
            note=f"{load.recipients:,} people, {len(letter) / 1000:.1f} kB each, every reason kept, none twice;"
            f" {rate / alone:.2f} of what a bare loop gets the server to take ({alone:.0f}/s)",
        )
    ]


ROW = Row("broadcast", measure)
