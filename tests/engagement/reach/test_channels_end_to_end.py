"""A message planned, decided, rendered and handed over on every channel of ours, by the real dispatcher."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.consent import make_node
from tests.support.posting import Office, check_ledger, settings_for, sinking
from tests.support.reaching import Wire, wire
from unisono.demo.counterparts import google, meta, push, telegram, webhook
from unisono.demo.counterparts.model import TOKEN
from unisono.engagement.channels.adapters.web_push import public_key
from unisono.engagement.channels.push import service as devices
from unisono.kit.database import Pool

SAID: dict[str, Any] = {"text": "Pronto", "title": "Ciao", "body": "Pronto", "url": "https://shop.example/o/1"}
CONTENT: dict[str, Any] = {
    name: {"en": dict(SAID)}
    for name in (
        "push",
        "telegram",
        "messenger",
        "onsite",
        "chat",
        "mail",
        "call",
        "clerk",
        "till",
        "webhook",
        "ads",
        "other",
    )
}
FACEBOOK = {"access_token": TOKEN, "app_secret": TOKEN, "verify_token": TOKEN}


class House:
    """An office with every provider of ours."""

    def __init__(self, office: Office, opened: Wire) -> None:
        self.office = office
        self.wire = opened
        self.providers: dict[str, Any] = {}
        self.person = 0

    async def open(self, providers: dict[str, Any]) -> None:
        """An account of each kind, and a person with an address for each."""
        self.providers = providers
        urls = {name: self.wire.url(provider) for name, provider in providers.items()}
        service = providers["fcm"].service_account(urls["fcm"])
        apprise = urls["webhook"].replace("http://", "json://") + "/apprise"
        for code, channel, settings, secrets in (
            ("web_push", "web_push", {"subject": "mailto:push@shop.example"}, {}),
            ("fcm", "app_push", {"base_url": urls["fcm"]}, {"service_account": service}),
            (
                "telegram",
                "telegram",
                {"bot": telegram.BOT, "base_url": urls["telegram"]},
                {"token": telegram.BOT_TOKEN, "secret_token": TOKEN},
            ),
            ("messenger", "messenger", {"page_id": meta.PAGE, "base_url": urls["messenger"]}, FACEBOOK),
            ("onsite", "onsite", {}, {}),
            ("chat", "chat", {}, {}),
            ("letter", "mail", {"sender": "Shop Srl"}, {}),
            ("call_task", "call", {}, {}),
            ("clerk_task", "clerk", {}, {}),
            ("till_coupon", "till", {}, {}),
            ("webhook", "webhook", {"url": urls["webhook"]}, {}),
            (
                "meta_audience",
                "ads",
                {"audience_id": meta.AUDIENCE, "base_url": urls["meta_ads"]},
                {"access_token": TOKEN},
            ),
            ("apprise", "other", {}, {"url": apprise}),
        ):
            made = await self.office.account(code, channel, kind=code, settings=settings, secrets=secrets)
            if code == "web_push":
                await self._people(public_key(made.secret("vapid_private_key")))

    async def _people(self, key: str) -> None:
        browser = self.providers["push"].subscribe(key)
        subscription = browser.subscription(self.wire.url(self.providers["push"]))
        async with self.office.pool.acquire() as conn:
            self.person = await make_node(conn, "user_id")
            for namespace, value in (
                ("email", "maria@example.it"),
                ("phone", "+393331234567"),
                ("telegram", "555001"),
                ("messenger", "2451001"),
            ):
                await make_node(conn, namespace, value, person=self.person)
            await devices.register(
                conn,
                node_id=self.person,
                channel="web_push",
                endpoint=subscription["endpoint"],
                keys=subscription["keys"],
                now=self.office.now,
            )
            await devices.register(
                conn, node_id=self.person, channel="app_push", endpoint="phone-token-" + "x" * 30, now=self.office.now
            )
            address = {"street": "Via Po 1", "city": "Torino", "postalCode": "10123"}
            await conn.execute(
                "insert into trait values ($1, 'address', (select min(id) from source), $2, now())",
                self.person,
                json.dumps(address),
            )

    async def send(self, channel: str) -> dict[str, Any]:
        """One transactional message on one channel; its row afterwards."""
        [number] = await self.office.plan(
            [self.person], key=channel, channels=(channel,), purpose="transactional", content=CONTENT
        )
        await self.office.drain()
        return await self.office.message(number)


@pytest.fixture
async def house(pool: Pool, dsn: str, tmp_path: Path) -> AsyncIterator[House]:
    """Ready to send on every channel."""
    providers = {
        "push": push.PushService(),
        "fcm": google.Fcm(),
        "telegram": telegram.Telegram(),
        "messenger": meta.Messenger(),
        "meta_ads": meta.MetaAds(),
        "webhook": webhook.WebhookReceiver(),
    }
    async with sinking() as sink, wire(providers.values()) as opened:
        office = Office(pool, settings_for(dsn, tmp_path), sink)
        await office.free_policy()
        made = House(office, opened)
        await made.open(providers)
        yield made
        await check_ledger(pool)


async def test_a_message_reaches_the_person_on_every_channel(house: House) -> None:
    """Accepted once each; what came of it lies with the provider or in our own tables."""
    pool, total = house.office.pool, house.wire.total
    there = {
        "web_push": lambda: total(house.providers["push"]),
        "app_push": lambda: total(house.providers["fcm"]),
        "telegram": lambda: total(house.providers["telegram"]),
        "onsite": lambda: pool.fetchval("select count(*) from inbox_item where slot = 'inbox'"),
        "chat": lambda: pool.fetchval("select count(*) from inbox_item where slot = 'chat'"),
        "mail": lambda: pool.fetchval("select count(*) from print_item where content->>'link' like '%/q/%'"),
        "call": lambda: pool.fetchval("select count(*) from staff_task where kind = 'call'"),
        "clerk": lambda: pool.fetchval("select count(*) from staff_task where kind = 'clerk'"),
        "till": lambda: pool.fetchval("select count(*) from print_item where kind = 'till_coupon'"),
        "ads": lambda: total(house.providers["meta_ads"]),
        "webhook": lambda: total(house.providers["webhook"]),
    }
    found = {}
    for channel, count in there.items():
        row = await house.send(channel)
        counted = count()
        found[channel] = (row["state"], row["reason"], counted if isinstance(counted, int) else await counted)
    assert found == dict.fromkeys(there, ("accepted", None, 1))


async def test_the_long_tail_and_a_closed_window(house: House) -> None:
    """Apprise takes it; Messenger is refused where the person has never written."""
    before = house.wire.total(house.providers["webhook"])
    assert (await house.send("other"))["state"] == "accepted"
    assert house.wire.total(house.providers["webhook"]) == before + 1
    row = await house.send("messenger")
    assert row["state"] in ("refused", "skipped")
    assert house.wire.total(house.providers["messenger"]) == 0


async def test_a_push_goes_to_all_devices_of_the_person_as_one_message(house: House) -> None:
    """A phone under another of his identifiers too; the one whose app was removed gets no more."""
    pool, there, dead = house.office.pool, "tablet-token-" + "x" * 30, "gone" + "x" * 30
    async with pool.acquire() as conn:
        tablet = await make_node(conn, "device_id", "tablet-1", person=house.person)
        stranger = await make_node(conn, "user_id")
        for node, token in ((tablet, there), (tablet, dead), (stranger, "stranger-token-" + "x" * 30)):
            await devices.register(conn, node_id=node, channel="app_push", endpoint=token, now=house.office.now)
    row = await house.send("app_push")
    assert (row["state"], row["attempts"]) == ("accepted", 1)
    assert house.wire.total(house.providers["fcm"]) == 2
    alive = await pool.fetch("select endpoint from push_address where channel = 'app_push' and gone_at is null")
    assert {one["endpoint"][:8] for one in alive} == {"phone-to", "tablet-t", "stranger"}
