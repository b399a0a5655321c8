"""A shop in which customers leave traces in every room, and somebody who looks for what is left of them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from tests.support.furnished import Furnished, furnish
from tests.support.secret import TEST_SECRET
from tests.support.shop import Shop, basic, fresh, open_shop
from unisono.access.keys import SCOPES, create_source
from unisono.customers.privacy.timing import PrivacyNight, PrivacyWork
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Pool, open_pool
from unisono.personal import PARTS


class Customer:
    """Somebody with values nobody else has."""

    def __init__(self, number: int) -> None:
        mark = f"q{number}uokka"
        self.user = f"ottavia-{mark}"
        self.device = f"device-{mark}-77"
        self.email = f"ottavia.{mark}@esempio-unico.it"
        self.phone = f"+39333{number:03d}9876"
        self.card = f"CARD{number:04d}9876"
        self.name = f"Ottavia Delle{mark.capitalize()}"
        self.street = f"Via Ornitorinco {mark} 7"

    @property
    def values(self) -> list[str]:
        """What must be nowhere once they are erased."""
        return [self.user, self.device, self.email, self.phone, self.phone[3:], self.card, self.name, self.street]


class Registry:
    """The shop, its key of all scopes, and the worker."""

    def __init__(self, shop: Shop, made: Furnished, pool: Pool) -> None:
        self.shop = shop
        self.made = made
        self.pool = pool
        self.worker = TimerWorker(pool, [PrivacyWork(PARTS, TEST_SECRET), PrivacyNight()])
        self._count = 0

    @property
    def conn(self) -> asyncpg.Connection[asyncpg.Record]:
        """A connection of the test's own."""
        return self.shop.conn

    async def api(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Ask with the key of all scopes; returns the answer."""
        sent = {"authorization": f"Bearer {self.made.key}"} | headers
        return await self.shop.client.request(method, path, json=body, headers=sent)

    async def say(self, *events: dict[str, Any]) -> None:
        """Send events with a server's key."""
        answer = await self.shop.client.post(
            "/v1/batch", json={"batch": [{"messageId": fresh()} | one for one in events]}, headers=basic(self.made.key)
        )
        assert answer.status_code == 200, answer.text

    async def customer(self) -> Customer:
        """Somebody new, with an identity."""
        self._count += 1
        who = Customer(self._count)
        traits = {"name": who.name, "email": who.email, "phone": who.phone, "address": {"street": who.street}}
        await self.say(
            {"type": "identify", "userId": who.user, "anonymousId": who.device, "traits": traits},
            {"type": "track", "event": "Product Viewed", "anonymousId": who.device, "properties": {"sku": "SHOE-42"}},
            {
                "type": "track",
                "event": "Note Added",
                "userId": who.user,
                "properties": {"text": f"wrote to {who.email}", "loyalty_card": who.card},
            },
        )
        return who

    async def person(self, who: Customer) -> int | None:
        """His number, while he is somebody."""
        return await self.shop.person("user_id", who.user)

    async def ask(self, kind: str, person: int, **more: Any) -> dict[str, Any]:
        """A privacy request."""
        answer = await self.api("POST", "/api/privacy/requests", {"kind": kind, "person_id": person} | more)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def confirm(self, request: int, **more: Any) -> Any:
        """Say yes to what the preview shows."""
        preview = (await self.api("GET", f"/api/privacy/requests/{request}/preview")).json()
        body = {"confirmation": preview["confirmation"], "despite_standing": True} | more
        return await self.api("POST", f"/api/privacy/requests/{request}/confirm", body)

    async def begin(self, who: Customer) -> int:
        """An erasure asked for and confirmed; nobody has worked on it yet."""
        person = await self.person(who)
        assert person is not None
        number = int((await self.ask("erasure", person, reason=f"{who.name} wrote"))["id"])
        answer = await self.confirm(number)
        assert answer.status_code == 200, answer.text
        return number

    async def work(self, later: timedelta = timedelta(0)) -> None:
        """All that is due."""
        await self.worker.drain(datetime.now(UTC) + later)

    async def erase(self, who: Customer) -> dict[str, Any]:
        """From the request to the last look; returns the request."""
        number = await self.begin(who)
        await self.work()
        await self.work(timedelta(minutes=20))
        return dict((await self.api("GET", f"/api/privacy/requests/{number}")).json())

    async def left(self, who: Customer) -> list[str]:
        """Where any of his values still stands, in whatever spelling, in any column of any table."""
        return await left_of(self.conn, who.values)


def spellings(value: str) -> set[str]:
    """A value as it may have been written down, in lower case."""
    encoded = {base64.b64encode(b"x" * shift + value.encode()).decode() for shift in range(3)}
    inner = {one[4:-4].lower() for one in encoded if len(one) > 16}
    return {value.lower(), json.dumps(value)[1:-1].lower(), value.replace("@", "%40").lower()} | inner


async def left_of(conn: asyncpg.Connection[asyncpg.Record], values: list[str]) -> list[str]:
    """Every table and value found in it."""
    tables = [row[0] for row in await conn.fetch("select tablename from pg_tables where schemaname = 'public'")]
    found = []
    for table in tables:
        columns = await conn.fetch(
            """select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
               where attrelid = $1::regclass and attnum > 0 and not attisdropped""",
            f"public.{table}",
        )
        text = " || ' ' || ".join(
            f"coalesce(encode({row['name']}, 'escape'), '')"
            if row["type"] == "bytea"
            else f"coalesce({row['name']}::text, '')"
            for row in columns
        )
        whole = await conn.fetchval(f"select lower(coalesce(string_agg({text}, ' '), '')) from {table}")
        found += [f"{table}: {value}" for value in values if any(one in whole for one in spellings(value))]
    return sorted(found)


@asynccontextmanager
async def open_registry(server_dsn: str) -> AsyncIterator[Registry]:
    """Everything there is; gone at the end."""
    async with open_shop(server_dsn, env={"UNISONO_TEST_PAYMENTS": "true"}) as shop:
        made = await create_source(
            shop.conn, name="all", kind="server", actor="test", scopes=frozenset(SCOPES) | {"events:write"}
        )
        furnished = await furnish(shop, made.key)
        pool = await open_pool(shop.dsn, 6)
        yield Registry(shop, furnished, pool)
        await pool.close()


async def trade(registry: Registry, who: Customer) -> None:
    """Buy, reserve, make an appointment, review: by the channels' and the office's API."""
    made, user = registry.made, who.user
    await made.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, user)
    ship = {"fulfilment": "ship", "address": {"name": who.name, "street": who.street, "email": who.email}}
    begun = await made.call("POST", "/channel/checkouts", ship, user)
    paid = {"provider": "test", "token": "tok_approve", "key": f"pay {who.email}"}
    await made.call("POST", f"/channel/checkouts/{begun['id']}/pay", paid, user)
    await made.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-43", "note": f"for {who.name}"}]}, user)
    placed = {
        "source": "erp",
        "source_order_id": fresh("erp"),
        "lines": [{"sku": "SHOE-42"}],
        "location": "hub",
        "identifier": f"user_id:{user}",
        "customer": {"name": who.name, "email": who.email, "phone": who.phone},
        "address": {"street": who.street, "name": who.name},
    }
    answer = await registry.api("POST", "/api/orders", placed, **{"idempotency-key": f"order {who.email}"})
    assert answer.status_code < 300, answer.text
    asked = {"code": "SHOE-43", "store_id": "milano", "identifier": f"user_id:{user}", "note": f"call {who.phone}"}
    await made.call("POST", "/api/reservations", asked)
    when = (datetime.now(UTC) + timedelta(days=2)).replace(hour=10, minute=0, second=0, microsecond=0)
    visit = {"store_id": "milano", "starts_at": when.isoformat(), "minutes": 30, "identifier": f"user_id:{user}"}
    await made.call("POST", "/api/appointments", visit | {"note": who.name})
    await made.call("POST", "/channel/products/shoe/reviews", {"rating": 4, "body": f"Thanks! {who.name}"}, user)


async def converse(registry: Registry, who: Customer) -> None:
    """What consent, channels, delivery, staff, failures and systems keep: written as those rooms write it."""
    conn = registry.conn
    person = await registry.person(who)
    assert person is not None
    email = await conn.fetchval("select id from node where namespace = 'email' and value = $1", who.email)
    said = {"purpose": "marketing", "action": "granted", "channel": "email", "confirmed": True}
    answer = await registry.api("POST", f"/api/people/{person}/consents", said | {"proof": {"form": who.email}})
    assert answer.status_code < 300, answer.text
    message = await conn.fetchval(
        """insert into message (key, node_id, origin, purpose, content, data, channels, due_at, try_at, created_by,
               decision, address_node, state)
           values ($1, $2, 'api', 'service', $3, $3, '{email}', now(), now() + interval '1 day', 'test', $3, $4,
               'planned')
           returning id""",
        fresh("key"),
        person,
        json.dumps({"subject": f"Dear {who.name}", "to": who.email}),
        email,
    )
    content = json.dumps({"html": f"<p>{who.name}, {who.street}</p>"})
    await conn.execute("insert into message_content (message_id, rendered) values ($1, $2)", message, content)
    await conn.execute(
        """insert into message_attempt (message_id, account_id, channel, at, outcome, detail)
           values ($1, 1, 'email', now(), 'retry', $2)""",
        message,
        f"550 {who.email} is away",
    )
    await conn.execute(
        """insert into contact (key, node_id, at, channel, purpose, weight, origin, message_id)
           values ($1, $2, now(), 'email', 'service', 1, 'message', $3)""",
        f"message:{message}",
        email,
        message,
    )
    await conn.execute(
        "insert into push_address (node_id, channel, endpoint) values ($1, 'web_push', $2)",
        person,
        f"https://push.example/{who.device}",
    )
    await conn.execute(
        "insert into inbox_item (node_id, slot, content, starts_at) values ($1, 'inbox', $2, now())", person, content
    )
    await conn.execute(
        "insert into staff_task (node_id, kind, title, body) values ($1, 'call', $2, $3), (null, 'other', $4, $5)",
        person,
        f"Call {who.name}",
        who.phone,
        "Somebody called",
        f"from {who.phone[:6]} {who.phone[6:]}, says write to {who.email.upper()}",
    )
    await conn.execute(
        "insert into print_item (node_id, kind, code, content, document) values ($1, 'letter', $2, $3, $4)",
        person,
        fresh("code"),
        content,
        who.name.encode(),
    )
    await conn.execute(
        "insert into timer (kind, key, due_at, try_at, payload) values ('consent-test', $1, $2, $2, $3)",
        fresh("timer"),
        datetime.now(UTC) + timedelta(days=9),
        json.dumps({"node_id": person, "email": who.email}),
    )
    await conn.execute(
        """insert into register_check (node_id, channel, checked_at, listed, source)
           values ($1, 'mail', now(), true, 'x')""",
        person,
    )
    await registry.api("POST", "/api/households", {"name": f"Casa {who.name}", "people": [person], "reason": "home"})
    # Not understood: kept as it came, in more than one spelling.
    bad = {"type": "track", "event": "", "userId": who.user, "properties": {"mail": who.email.upper()}}
    await registry.say(
        bad, {"type": "track", "event": "", "properties": {"u": f"https://x/?e={who.email.replace('@', '%40')}"}}
    )
    # Somebody else has spoken of him.
    await registry.say(
        {
            "type": "track",
            "event": "Friend Invited",
            "userId": "user-2",
            "properties": {"friend": who.email, "link": base64.b64encode(f"for={who.email};".encode()).decode()},
        },
        {"type": "identify", "userId": "user-3", "traits": {"partner_phone": who.phone}},
    )
    await registry.api("GET", f"/api/people?q={who.email}")
    await registry.api("GET", f"/api/people/{person}")
