"""What providers tell, over the wire: genuine, forged, twice, out of order, all at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from tests.support.channels import NOW, SENDER, outgoing
from tests.support.secret import TEST_KEY, TEST_SECRET
from tests.support.shop import Shop, open_shop
from unisono.customers.consent import service as consent
from unisono.customers.consent.model import NewEntry
from unisono.customers.identity.graph import RulesChanged
from unisono.demo.counterparts import twilio as their_twilio
from unisono.demo.counterparts import whatsapp as their_whatsapp
from unisono.demo.counterparts.model import ACCOUNT, TOKEN, Callback
from unisono.demo.counterparts.whatsapp import NUMBER
from unisono.engagement.channels import accounts, hooks
from unisono.engagement.channels.accounts import Draft
from unisono.engagement.channels.hooks import message_of, reference_of
from unisono.engagement.channels.model import Account, ProviderEvent
from unisono.kit.database import TRANSIENT, Connection, Pool, transaction

PUBLIC = "https://crm.shop.example"


class Heard:
    """Delivery's place, in these tests: it writes down what it is told, in the same transaction."""

    def __init__(self) -> None:
        self.events: list[ProviderEvent] = []

    async def __call__(self, conn: Connection, events: Sequence[ProviderEvent], /, *, now: datetime) -> None:
        """Take them in."""
        await conn.executemany("insert into heard values ($1)", [(event.delivery_id,) for event in events])
        self.events.extend(events)


def drafts() -> list[Draft]:
    """An account of each kind that hears something."""
    secrets = {"access_token": TOKEN, "app_secret": TOKEN, "verify_token": TOKEN}
    mail = {"host": "mail.shop.example", "sender": SENDER, "events": "mailgun"}
    bounces = mail | {"events": "mail"}
    sid = {"account_sid": ACCOUNT, "sender": "+390212345678"}
    return [
        Draft(code="texts", kind="twilio_sms", channel="sms", name="T", settings=sid, secrets={"auth_token": TOKEN}),
        Draft(
            code="wa",
            kind="whatsapp",
            channel="whatsapp",
            name="W",
            settings={"phone_number_id": NUMBER},
            secrets=secrets,
        ),
        Draft(code="mail", kind="smtp", channel="email", name="M", settings=mail, secrets={"hook_key": TOKEN}),
        Draft(code="bounces", kind="smtp", channel="email", name="B", settings=bounces, secrets={"hook_key": TOKEN}),
    ]


async def make_accounts(conn: Connection) -> None:
    """Store them."""
    for draft in drafts():
        await accounts.create(conn, TEST_SECRET, draft, private=False, actor="test", now=NOW)


@pytest.fixture
async def heard(pool: Pool) -> Heard:
    """A database with accounts, and a listener in delivery's place."""
    async with transaction(pool) as conn:
        await conn.execute("create table heard (delivery_id text)")
        await make_accounts(conn)
    return Heard()


async def account(pool: Pool, code: str) -> Account:
    """One of them."""
    async with transaction(pool) as conn:
        return await accounts.account(conn, TEST_SECRET, code, base_url=PUBLIC)


def event(delivery_id: str, kind: str = "delivered", **more: Any) -> ProviderEvent:
    """Something told about a message."""
    fields: dict[str, Any] = {"kind": kind, "account_id": 0, "delivery_id": delivery_id, "at": NOW}
    return ProviderEvent(**fields | more)


async def take(pool: Pool, to: Account, heard: Heard, *events: ProviderEvent) -> int:
    """As the route does it."""
    for _ in range(hooks.TRIES):
        try:
            async with transaction(pool) as conn:
                return await hooks.take(conn, TEST_SECRET, to, events, heard, now=NOW)
        except (*TRANSIENT, RulesChanged):
            continue
    raise AssertionError("it lost every race")


async def test_each_thing_told_counts_once(pool: Pool, heard: Heard) -> None:
    """Twice in one call, in two calls, and in many at once."""
    texts = await account(pool, "texts")
    assert await take(pool, texts, heard, event("a"), event("a"), event("b")) == 2
    assert await take(pool, texts, heard, event("b"), event("c")) == 1
    counts = await asyncio.gather(
        *(take(pool, texts, heard, *(event(f"m{number}") for number in range(20))) for _ in range(6))
    )
    assert sum(counts) == 20
    async with transaction(pool) as conn:
        assert await conn.fetchval("select count(*) from heard") == 23
        assert await conn.fetchval("select count(*) from provider_call") == 23


async def test_two_accounts_have_ids_of_their_own(pool: Pool, heard: Heard) -> None:
    """The same id of another provider is another thing."""
    assert await take(pool, await account(pool, "texts"), heard, event("a")) == 1
    assert await take(pool, await account(pool, "wa"), heard, event("a")) == 1


async def test_a_genuine_reference_names_the_message_and_a_made_up_one_does_not(pool: Pool, heard: Heard) -> None:
    """Only this installation's key makes references."""
    reference = reference_of(TEST_SECRET, 4711)
    assert message_of(TEST_SECRET, reference) == 4711
    texts = await account(pool, "texts")
    forged = [
        event(f"f{place}", reference=one) for place, one in enumerate(("4711", reference[:-1], "", None, "é" * 300))
    ]
    await take(pool, texts, heard, event("a", reference=reference), *forged)
    assert [one.message_id for one in heard.events] == [4711, None, None, None, None, None]


async def test_what_is_not_taken_is_not_remembered(pool: Pool, heard: Heard) -> None:
    """When delivery fails the provider tells it again, and then it counts."""

    async def fails(conn: Connection, events: Sequence[ProviderEvent], /, *, now: datetime) -> None:
        raise asyncpg.DataError("no")

    texts = await account(pool, "texts")
    with pytest.raises(asyncpg.DataError):
        async with transaction(pool) as conn:
            await hooks.take(conn, TEST_SECRET, texts, [event("a")], fails, now=NOW)
    assert await take(pool, texts, heard, event("a")) == 1


async def node(conn: Connection, namespace: str, value: str) -> int | None:
    """The node of an address."""
    found = await conn.fetchval("select id from node where namespace = $1 and value = $2", namespace, value)
    return None if found is None else int(found)


async def marketing(conn: Connection, node_id: int, channel: str) -> str | None:
    """The marketing consent of an address."""
    states = (await consent.states_of(conn, [node_id])).get(node_id, ())
    return next((one.status for one in states if one.purpose == "marketing" and one.channel == channel), None)


async def test_what_people_write_is_on_their_timeline(pool: Pool, heard: Heard) -> None:
    """Once, under their own identifiers; on WhatsApp the number is theirs too."""
    wa = await account(pool, "wa")
    wrote = event("wamid.1", "inbound", address="+393330000001", text="Avete la taglia 42?", sender_name="Maria")
    await take(pool, wa, heard, wrote)
    await take(pool, wa, heard, wrote)
    assert heard.events == []
    async with transaction(pool) as conn:
        rows = await conn.fetch(
            """select event.channel, event.properties ->> 'text' as text, node.namespace, node.person_id
               from event join node on node.id = event.node_id where event.name = 'Message Received'"""
        )
        assert [(row["channel"], row["text"], row["namespace"]) for row in rows] == [
            ("messages", "Avete la taglia 42?", "whatsapp")
        ]
        phone = await conn.fetchval("select person_id from node where namespace = 'phone' and value = '+393330000001'")
        assert phone == rows[0]["person_id"]


async def grant(conn: Connection, node_id: int, channel: str) -> None:
    """A marketing consent of an address."""
    entry = NewEntry(
        node_id=node_id,
        purpose="marketing",
        channel=channel,
        action="granted",
        key=f"test:{node_id}:{channel}",
        source="test",
        actor="test",
        at=NOW - timedelta(days=1),
    )
    await consent.record(conn, [entry], now=NOW)


async def test_stop_withdraws_on_that_channel(pool: Pool, heard: Heard) -> None:
    """The word alone, in the languages we know; a sentence with it in is a sentence. Told twice it is one entry."""
    texts = await account(pool, "texts")
    cases = [
        ("stop", "STOP", "withdrawn"),
        ("inbound", " stop! ", "withdrawn"),
        ("inbound", "Basta", "withdrawn"),
        ("inbound", "non fermatevi, stop alle 18", "granted"),
        ("inbound", "Ciao", "granted"),
    ]
    for place, (kind, text, status) in enumerate(cases):
        number = f"+39333000000{place}"
        await take(pool, texts, heard, event(f"hello{place}", "inbound", address=number, text="Buongiorno"))
        async with transaction(pool) as conn:
            address = await node(conn, "phone", number)
            assert address is not None
            await grant(conn, address, "sms")
            await grant(conn, address, "whatsapp")
        for _ in range(2):
            await take(pool, texts, heard, event(f"said{place}", kind, address=number, text=text))
        async with transaction(pool) as conn:
            assert await marketing(conn, address, "sms") == status, text
            assert await marketing(conn, address, "whatsapp") == "granted"
    async with transaction(pool) as conn:
        assert await conn.fetchval("select count(*) from consent_entry where action = 'withdrawn'") == 3


async def test_start_undoes_a_stop_and_nothing_else(pool: Pool, heard: Heard) -> None:
    """Who never consented does not by it; who stopped does; who withdrew elsewhere does not."""
    texts = await account(pool, "texts")
    numbers = ("+393330000001", "+393330000002", "+393330000003")
    for number in numbers:
        await take(pool, texts, heard, event(f"hello{number}", "inbound", address=number, text="Ciao"))
    async with transaction(pool) as conn:
        nodes = [await node(conn, "phone", number) for number in numbers]
        assert nodes[0] is not None
        assert nodes[1] is not None
        assert nodes[2] is not None
        await grant(conn, nodes[1], "sms")
        await grant(conn, nodes[2], "sms")
        before = NOW - timedelta(minutes=1)
        await consent.withdraw(conn, [nodes[2]], channel="sms", source="console", actor="anna", at=before, now=NOW)
    await take(
        pool, texts, heard, event("stop", "stop", address=numbers[1], text="STOP", at=NOW - timedelta(minutes=1))
    )
    for number in numbers:
        await take(pool, texts, heard, event(f"start{number}", "inbound", address=number, text="START"))
    async with transaction(pool) as conn:
        found = [await marketing(conn, one, "sms") for one in nodes if one is not None]
    assert found == [None, "granted", "withdrawn"]


async def test_an_unsubscription_at_the_provider_is_one_here(pool: Pool, heard: Heard) -> None:
    """Even of an address nobody had said anything under; of nobody it is nothing."""
    mail = await account(pool, "mail")
    async with transaction(pool) as conn:
        await conn.execute(
            """insert into node (id, namespace, value, person_id, cluster_id)
               select 900001, 'email', 'maria1@posta.example', 900001, 900001"""
        )
    await take(pool, mail, heard, event("u1", "unsubscribed", address="maria1@posta.example"))
    await take(pool, mail, heard, event("u2", "unsubscribed", address="nobody@posta.example"))
    async with transaction(pool) as conn:
        assert await marketing(conn, 900001, "email") == "withdrawn"
        assert await node(conn, "email", "nobody@posta.example") is None


async def test_an_address_that_is_none_is_passed_over(pool: Pool, heard: Heard) -> None:
    """The call is answered; nobody is made of nonsense."""
    texts = await account(pool, "texts")
    for place, address in enumerate((None, "", "undefined", "null", "\x00", "+39", "0", "x" * 5000)):
        wrote = event(f"n{place}", "inbound", address=address, text="Ciao")
        await take(pool, texts, heard, wrote, event(f"m{place}", address=address))
    async with transaction(pool) as conn:
        assert await conn.fetchval("select count(*) from node where namespace = 'phone'") == 0
    assert [one.delivery_id for one in heard.events] == [f"m{place}" for place in range(8)]


# Over the wire ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def shop(server_dsn: str, template_dsn: str) -> AsyncIterator[Shop]:
    """A shop with accounts, under its public name."""
    async with open_shop(server_dsn, env={"UNISONO_PUBLIC_URL": PUBLIC, "UNISONO_SECRET_KEY": TEST_KEY}) as opened:
        await make_accounts(opened.conn)
        yield opened


async def call(shop: Shop, code: str, callback: Callback) -> httpx.Response:
    """A provider's call."""
    query = callback.url.partition("?")[2]
    return await shop.client.post(
        f"/hooks/{code}?{query}" if query else f"/hooks/{code}", content=callback.body, headers=dict(callback.headers)
    )


async def told(shop: Shop, code: str) -> list[str]:
    """What an account's provider told, by id."""
    rows = await shop.conn.fetch(
        """select delivery_id from provider_call join channel_account on channel_account.id = account_id
           where code = $1 order by 1""",
        code,
    )
    return [row["delivery_id"] for row in rows]


async def test_a_genuine_call_is_answered_and_counted_once(shop: Shop) -> None:
    """Twilio's statuses arrive, in whatever order, as often as it likes."""
    url = f"{PUBLIC}/hooks/texts?m={outgoing(1).reference}"
    for status in ("read", "delivered", "delivered", "sent", "read"):
        fields = {"MessageSid": "SM900", "MessageStatus": status, "To": "+393330000001"}
        answer = await call(shop, "texts", their_twilio.signed(url, fields))
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/xml")
    assert await told(shop, "texts") == ["SM900:delivered", "SM900:read"]


async def test_a_forged_call_changes_nothing(shop: Shop) -> None:
    """401, and not even its having come is written down."""
    before = await shop.conn.fetchval("select count(*) from provider_call")
    good = their_twilio.signed(f"{PUBLIC}/hooks/texts", {"MessageSid": "SM901", "MessageStatus": "delivered"})
    forged = [
        ("texts", good.body + b"&To=x", good.headers),
        ("texts", good.body, {"content-type": "application/x-www-form-urlencoded"}),
        ("wa", b'{"entry": []}', {"x-hub-signature-256": "sha256=" + "0" * 64}),
        ("mail", b'{"signature": {"timestamp": "1", "token": "t", "signature": "x"}}', {}),
        ("bounces", b"Subject: x\r\n\r\n", {"authorization": "Bearer guess"}),
    ]
    for code, body, headers in forged:
        answer = await shop.client.post(f"/hooks/{code}", content=body, headers=dict(headers))
        assert answer.status_code == 401, (code, answer.text)
        assert answer.json()["code"] == "bad_signature"
    assert await shop.conn.fetchval("select count(*) from provider_call") == before


async def test_a_person_writes_and_is_known(shop: Shop) -> None:
    """From Meta's call to the timeline; the same call again is nothing new."""
    message = {"id": "wamid.9", "from": "393339999999", "timestamp": "1", "type": "text", "text": {"body": "Ciao"}}
    callback = their_whatsapp.told(f"{PUBLIC}/hooks/wa", NUMBER, {"messages": [message]})
    for _ in range(3):
        assert (await call(shop, "wa", callback)).status_code == 200
    rows = await shop.conn.fetch("select * from event where name = 'Message Received'")
    assert len(rows) == 1
    assert json.loads(rows[0]["properties"])["text"] == "Ciao"


async def test_metas_question_is_answered(shop: Shop) -> None:
    """GET with the word; GET changes nothing, and a link scanner's GET is refused."""
    query = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "42"}
    answer = await shop.client.get("/hooks/wa", params=query)
    assert (answer.status_code, answer.text) == (200, "42")
    for code in ("wa", "texts", "mail", "bounces"):
        assert (await shop.client.get(f"/hooks/{code}")).status_code == 401


async def test_nobody_is_called_there(shop: Shop) -> None:
    """An account that does not exist, or is disabled, is not found; too much is refused."""
    assert (await shop.client.post("/hooks/nobody", content=b"x")).status_code == 404
    assert (await shop.client.post("/hooks/%00", content=b"x")).status_code == 404
    await shop.conn.execute("update channel_account set status = 'disabled' where code = 'bounces'")
    assert (await shop.client.post("/hooks/bounces", content=b"x")).status_code == 404
    # The server answers before it has read all, and hangs up: whoever goes on writing may not see the answer.
    with contextlib.suppress(httpx.NetworkError):
        answer = await shop.client.post("/hooks/mail", content=b"x" * (hooks.MAX_BODY + 1))
        assert answer.status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00" * 1000,
        b"[" * 5000,
        b'{"a":' * 5000,
        b"\xff\xfe",
        b"x" * 2_000_000,
        b"1e400",
        b'{"signature": 1e400}',
    ],
    ids=["empty", "nul", "deep list", "deep object", "charset", "long", "number", "infinite"],
)
async def test_poison_is_refused_in_words(shop: Shop, body: bytes) -> None:
    """Unsigned, whatever it is: never an error of ours."""
    for code in ("texts", "wa", "mail"):
        answer = await shop.client.post(f"/hooks/{code}", content=body)
        assert answer.status_code == 401, (code, answer.text)
