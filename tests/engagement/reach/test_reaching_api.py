"""The channels that end with us over the API, in a web process with real sockets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pypdf
import pytest

from tests.support.consent import granted
from tests.support.reaching import Wire, outgoing, wire
from tests.support.shop import STORE, Shop, fresh, open_shop
from unisono.access.keys import SCOPES, create_source
from unisono.customers.consent import service as consent
from unisono.demo.counterparts.meta import AUDIENCE, PAGE, MetaAds
from unisono.demo.counterparts.model import TOKEN
from unisono.demo.counterparts.push import PushService
from unisono.demo.counterparts.telegram import BOT, BOT_TOKEN, wrote
from unisono.engagement.channels.adapters.letter import LetterSender, LetterSettings
from unisono.engagement.channels.adapters.onsite import OnsiteSender
from unisono.engagement.channels.adapters.staff import StaffSettings, TaskSender
from unisono.engagement.channels.adapters.till_coupon import CouponSender
from unisono.engagement.channels.audiences.formats import sha256
from unisono.engagement.channels.push import service as push


class Company:
    """A web process, the company's server, the providers."""

    def __init__(self, shop: Shop, server: str, opened: Wire) -> None:
        self.shop = shop
        self.wire = opened
        self.server = {"authorization": f"Bearer {server}"}
        self.page = {"authorization": f"Bearer {shop.keys.write}"}
        self.till = {"authorization": f"Bearer {shop.keys.till}"}
        self._number = 0

    async def call(self, method: str, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
        """Call, expecting a status."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.shop.client.request(method, path, json=body, headers=sent)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text[:500])
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.content

    async def customer(self, user: str) -> dict[str, str]:
        """Somebody who has signed in."""
        body = {"identifiers": {"user_id": user}}
        made = await self.call("POST", "/channel/sessions", body, status=201, **self.server)
        return {"authorization": f"Bearer {made['token']}"}

    async def node(self, namespace: str, value: str) -> int:
        """An identifier's id."""
        found = await self.shop.conn.fetchval(
            "select id from node where namespace = $1 and value = $2", namespace, value
        )
        assert found is not None
        return int(found)

    async def put(self, sender: Any, node: int, **more: Any) -> int:
        """A message of a local channel; returns its number."""
        self._number += 1
        given: dict[str, Any] = {"message_id": self._number, "node_id": node, "title": "Ciao", "text": "Vieni?"}
        assert (await sender.send(self.shop.conn, outgoing(**(given | more)))).outcome == "accepted"
        return self._number

    async def account(self, code: str, kind: str, channel: str, settings: Any, secrets: Any = None) -> Any:
        """A channel account."""
        body = {"code": code, "kind": kind, "channel": channel, "name": code, "settings": settings}
        return await self.call("POST", "/api/channels", body | {"secrets": secrets or {}}, status=201, **self.server)


@pytest.fixture(scope="module")
async def company(server_dsn: str, template_dsn: str) -> AsyncIterator[Company]:
    """One for all tests of this file."""
    async with (
        wire([MetaAds(), PushService()]) as opened,
        open_shop(server_dsn, env={"UNISONO_PROVIDER_PRIVATE_ADDRESSES": "true"}) as shop,
    ):
        made = await create_source(shop.conn, name="server", kind="server", actor="t", scopes=frozenset(SCOPES))
        yield Company(shop, made.key, opened)


async def test_a_page_subscribes_its_visitor_and_a_server_its_customer(company: Company) -> None:
    """The key is made with the account; the browser that changes hands belongs to the last."""
    assert (await company.call("GET", "/channel/push/key", status=404))["code"] == "web_push_off"
    await company.account("push", "web_push", "web_push", {"subject": "mailto:push@shop.example"})
    key = (await company.call("GET", "/channel/push/key"))["public_key"]
    assert len(key) == 87
    service = PushService()
    subscription = service.subscribe(key).subscription("https://push.example")
    visitor, user = fresh("anon"), fresh("u")
    body = {**subscription, "anonymous_id": visitor}
    first = await company.call("POST", "/channel/push", body, status=201, **company.page)
    owner = "select node_id from push_address where endpoint = $1 and gone_at is null"
    assert await company.shop.conn.fetchval(owner, subscription["endpoint"]) == await company.node(
        "anonymous_id", visitor
    )
    signed_in = await company.customer(user)
    again = await company.call("POST", "/channel/push", subscription, status=201, **signed_in)
    assert again == first, "one browser, one row"
    assert await company.shop.conn.fetchval(owner, subscription["endpoint"]) == await company.node("user_id", user)
    owner_now = await company.node("user_id", user)
    [found] = (await push.of_persons(company.shop.conn, [owner_now], "web_push"))[owner_now]
    assert (found.endpoint, found.keys) == (subscription["endpoint"], subscription["keys"])
    ended = await company.call("POST", "/channel/push/end", {"endpoint": subscription["endpoint"]})
    assert ended == {"ended": True}
    assert await company.shop.conn.fetchval(owner, subscription["endpoint"]) is None


async def test_a_page_alone_subscribes_nobody_who_is_known(company: Company) -> None:
    """Else a stranger's browser would get what is meant for somebody."""
    device = fresh("anon")
    identifiers = {"identifiers": {"anonymous_id": device, "user_id": fresh("u")}}
    await company.call("POST", "/channel/sessions", identifiers, status=201, **company.server)
    body = {"token": "x" * 40, "anonymous_id": device}
    refused = await company.call("POST", "/channel/devices", body, status=403, **company.page)
    assert refused["code"] == "sign_in_needed"
    assert (await company.call("POST", "/channel/devices", {"token": "x" * 40}, status=400, **company.page))["code"]
    await company.call("POST", "/channel/devices", {"token": "x" * 40}, status=401)


async def test_subscriptions_that_cannot_be_sent_to_are_refused(company: Company) -> None:
    """Broken keys, addresses that are none, tokens that are none: nothing is stored."""
    before = await company.shop.conn.fetchval("select count(*) from push_address")
    good = PushService().subscribe("k").subscription("https://push.example")
    signed_in = await company.customer(fresh("u"))
    for wrong in (
        {**good, "endpoint": "file:///etc/passwd"},
        {**good, "endpoint": "https://a b"},
        {**good, "keys": {"p256dh": "AAAA", "auth": "AAAA"}},
        {"endpoint": good["endpoint"]},
    ):
        await company.call("POST", "/channel/push", wrong, status=400, **signed_in)
    for token in ("short", "x" * 5000, "with space " * 4):
        await company.call("POST", "/channel/devices", {"token": token}, status=400, **signed_in)
    assert await company.shop.conn.fetchval("select count(*) from push_address") == before


async def test_nobody_keeps_more_than_twenty_phones(company: Company) -> None:
    """The oldest are given up."""
    user = fresh("u")
    signed_in = await company.customer(user)
    for number in range(22):
        body = {"token": f"{user}-{number:03d}" + "x" * 20, "platform": "android"}
        await company.call("POST", "/channel/devices", body, status=201, **signed_in)
    rows = await company.shop.conn.fetch(
        "select endpoint from push_address where node_id = $1 and gone_at is null order by id",
        await company.node("user_id", user),
    )
    assert (len(rows), rows[0]["endpoint"].startswith(f"{user}-002")) == (20, True)


async def test_slots_and_inbox_show_the_customer_his_own(company: Company) -> None:
    """What was done with it is on his timeline; others' things do not exist for him."""
    user = fresh("u")
    signed_in = await company.customer(user)
    node = await company.node("user_id", user)
    await company.put(OnsiteSender("inbox"), node, title="Uno")
    await company.put(OnsiteSender("inbox"), node, title="Due", data={"slot": "home-top"})
    banner = await company.call("GET", "/channel/slots/home-top", **signed_in)
    assert [item["content"]["title"] for item in banner["items"]] == ["Due"]
    inbox = await company.call("GET", "/channel/inbox", **signed_in)
    assert ([item["content"]["title"] for item in inbox["items"]], inbox["unseen"]) == (["Uno"], 1)
    number = banner["items"][0]["id"]
    assert (await company.call("POST", f"/channel/inbox/{number}/clicked", **signed_in))["clicked_at"] is not None
    stranger = await company.customer(fresh("u"))
    await company.call("POST", f"/channel/inbox/{number}/seen", status=404, **stranger)
    await company.call("GET", "/channel/slots/..%2Fx", status=404, **signed_in)
    await company.call("GET", "/channel/slots/UPPER", status=400, **signed_in)
    names = await company.shop.conn.fetch(
        "select name from event where node_id = $1 and type = 'track' order by id", node
    )
    assert [row["name"] for row in names] == ["Slot Viewed", "Slot Clicked"]


async def test_letters_are_downloaded_as_one_pdf_and_marked(company: Company) -> None:
    """Downloading changes nothing; marked, they leave the list."""
    user = fresh("u")
    await company.customer(user)
    node = await company.node("user_id", user)
    sender = LetterSender(LetterSettings(sender="Negozio Srl"))
    for name in ("Maria", "Mario"):
        await company.put(
            sender, node, data={"address": [name, "Via Po 1", "10123 Torino"]}, url="https://s.example/l/1"
        )
    waiting = (await company.call("GET", "/api/letters", **company.server))["letters"]
    assert [letter["recipient"] for letter in waiting] == ["Maria", "Mario"]
    looked = await company.shop.conn.fetchval(
        "select detail from audit_entry where action = 'letters.list' order by id desc"
    )
    assert json.loads(looked) == {"letters": [letter["id"] for letter in waiting]}
    for _ in range(2):
        document = await company.call("GET", "/api/letters/pdf", **company.server)
        sheets = pypdf.PdfReader(io.BytesIO(document)).pages
        assert [name in sheet.extract_text() for name, sheet in zip(("Maria", "Mario"), sheets, strict=True)] == [
            True,
            True,
        ]
    ids = [letter["id"] for letter in waiting]
    assert await company.call("POST", "/api/letters/printed", {"letters": ids[:1]}, **company.server) == {"marked": 1}
    assert [one["id"] for one in (await company.call("GET", "/api/letters", **company.server))["letters"]] == ids[1:]
    again = await company.call("GET", f"/api/letters/pdf?letter={ids[0]}", **company.server)
    assert len(pypdf.PdfReader(io.BytesIO(again)).pages) == 1
    await company.call("GET", "/api/letters", status=403, **company.till)
    followed = await company.shop.client.get(f"/q/{waiting[0]['code'].lower()}")
    assert (followed.status_code, followed.headers["location"]) == (302, "https://s.example/l/1")
    await company.call("GET", "/q/AAAAAAAAAA", status=404)
    torn = {"address": ["Half", "Via Po 1", "10123 Torino"]}
    await company.put(sender, node, data=torn, url="https://[s.example/l/1")
    half = (await company.call("GET", "/api/letters", **company.server))["letters"][-1]
    assert half["recipient"] == "Half"
    await company.call("GET", f"/q/{half['code']}", status=404)


async def test_a_call_task_is_settled_and_who_wants_no_more_calls_is_heard(company: Company) -> None:
    """The number is for those who may see it; a refusal withdraws the consent for calls."""
    user = fresh("u")
    await company.customer(user)
    node = await company.node("user_id", user)
    await company.put(TaskSender(StaffSettings(), "call"), node, title="Richiamare")
    [task] = [
        one
        for one in (await company.call("GET", "/api/tasks?kind=call", **company.server))["tasks"]
        if one["node_id"] == node
    ]
    looked = await company.shop.conn.fetchval(
        "select detail from audit_entry where action = 'people.list' order by id desc"
    )
    assert task["person_id"] in json.loads(looked)["people"]
    settled = {"outcome": "do_not_contact", "note": "Mai più", "seconds": 40}
    done = await company.call("POST", f"/api/tasks/{task['id']}/settle", settled, **company.server)
    assert (done["state"], done["outcome"]) == ("done", "do_not_contact")
    refused = await company.call("POST", f"/api/tasks/{task['id']}/settle", settled, status=409, **company.server)
    assert refused["code"] == "task_settled"
    deeds = "select action from audit_entry where person_id = $1 and action <> 'person.read' order by id"
    found = [row["action"] for row in await company.shop.conn.fetch(deeds, task["person_id"])]
    assert found[-2:] == ["task.settled", "consent.withdraw"]
    states = await consent.states_of(company.shop.conn, [node])
    assert [(one.channel, one.status) for one in states[node]] == [("call", "withdrawn")]
    made = await company.call(
        "POST", "/api/tasks", {"title": "Guardare", "person_id": node}, status=201, **company.server
    )
    assert (made["kind"], made["state"], made["person_id"]) == ("other", "open", node)
    for wrong in ({"title": ""}, {"title": "x", "due_at": "2026-12-01T10:00:00"}, {"title": "x", "person_id": 10**12}):
        assert (await company.shop.client.post("/api/tasks", json=wrong, headers=company.server)).status_code in (
            400,
            404,
        )


async def test_a_till_prints_a_coupon_once_for_whom_it_has_recognised(company: Company) -> None:
    """Looking changes nothing; taking it twice is refused; a customer's own token may not."""
    user = fresh("u")
    signed_in = await company.customer(user)
    await company.put(CouponSender(), await company.node("user_id", user), store_id=STORE, data={"coupon": "SPRING10"})
    named = company.till | {"x-customer": f"user_id:{user}"}
    for _ in range(2):
        [coupon] = (await company.call("GET", "/channel/till/coupons", **named))["coupons"]
    path = f"/channel/till/coupons/{coupon['id']}/printed"
    assert (await company.call("POST", path, **named))["content"]["coupon"] == "SPRING10"
    assert (await company.call("POST", path, status=409, **named))["code"] == "coupon_printed"
    assert (await company.call("GET", "/channel/till/coupons", **named))["coupons"] == []
    await company.call("GET", "/channel/till/coupons", status=403, **signed_in)


async def test_only_people_who_allow_it_are_told_to_advertisers(company: Company) -> None:
    """The others are counted and left out; whoever withdrew may still be taken out."""
    people = [fresh("u") for _ in range(3)]
    nodes = []
    for user in people:
        identifiers = {"identifiers": {"user_id": user, "email": f"{user}@example.it"}}
        await company.call("POST", "/channel/sessions", identifiers, status=201, **company.server)
        nodes.append(await company.node("user_id", user))
    now = datetime.now(UTC)
    entries = [granted(node, purpose="third_party", channel="any", key=f"tp:{node}", at=now) for node in nodes[:2]]
    async with company.shop.conn.transaction():
        await consent.record(company.shop.conn, entries, now=now)
        mails = [await company.node("email", f"{user}@example.it") for user in people]
        await consent.withdraw(
            company.shop.conn, [nodes[1], mails[1]], purposes=("third_party",), source="t", actor="t", now=now
        )
    url = company.wire.server.url("meta_ads")
    await company.account(
        "meta", "meta_audience", "ads", {"audience_id": AUDIENCE, "base_url": url}, {"access_token": TOKEN}
    )
    changed = await company.call("POST", "/api/audiences/meta/members", {"persons": nodes}, **company.server)
    assert {name: changed[name] for name in ("asked", "without_consent", "sent", "outcome", "received")} == {
        "asked": 3,
        "without_consent": 2,
        "sent": 1,
        "outcome": "accepted",
        "received": 1,
    }
    said = company.wire.server.book.of("meta_ads")
    assert [key.split(":")[1] for key in said] == [sha256(f"{people[0]}@example.it")]
    body = {"persons": nodes, "action": "remove"}
    assert (await company.call("POST", "/api/audiences/meta/members", body, **company.server))["sent"] == 3
    conn = company.shop.conn
    segment = await conn.fetchval(
        "insert into segment (code, name, definition, created_by) values ('vip', 'VIP', '{}', 't') returning id"
    )
    persons = await conn.fetch("select distinct person_id from node where id = any($1::bigint[])", nodes)
    await conn.executemany(
        "insert into segment_member (segment_id, person_id, since) values ($1, $2, $3)",
        [(segment, row["person_id"], now) for row in persons],
    )
    text = await company.call("GET", "/api/audiences/meta/members.csv?segment=vip", **company.server)
    [head, line] = csv.reader(io.StringIO(text.decode()))
    assert (head[0], line[0]) == ("email", sha256(f"{people[0]}@example.it"))
    await company.call("GET", "/api/audiences/meta/members.csv?segment=none", status=404, **company.server)
    await company.call("POST", "/api/audiences/meta/members", {}, status=400, **company.server)
    await company.call("POST", "/api/audiences/push/members", {"persons": nodes}, status=400, **company.server)


async def test_who_follows_a_link_into_a_messenger_becomes_one_person_with_it(company: Company) -> None:
    """The token of the link says who; a stranger's token, or an old one, joins nobody."""
    settings, secrets = {"bot": BOT}, {"token": BOT_TOKEN, "secret_token": TOKEN}
    await company.account("bot", "telegram", "telegram", settings, secrets)
    user = fresh("u")
    signed_in = await company.customer(user)
    link = (await company.call("GET", "/channel/join/telegram", **signed_in))["url"]
    base, _, token = link.partition("?start=")
    assert (base, len(token) <= 64) == (f"https://t.me/{BOT}", True)
    for chat, words in ((900001, f"/start {token}"), (900002, "/start AAAA"), (900003, "/start")):
        call = wrote(f"{company.shop.url}/hooks/bot", chat, words)
        answer = await httpx.AsyncClient().post(call.url, content=call.body, headers=dict(call.headers))
        assert answer.status_code == 200, answer.text
    person = await company.shop.person("user_id", user)
    assert await company.shop.person("telegram", "900001") == person
    assert person not in (
        await company.shop.person("telegram", "900002"),
        await company.shop.person("telegram", "900003"),
    )
    await company.call("GET", "/channel/join/messenger", status=404, **signed_in)
    await company.account(
        "page",
        "messenger",
        "messenger",
        {"page_id": PAGE, "base_url": "https://graph.facebook.com"},
        {"access_token": TOKEN, "app_secret": TOKEN, "verify_token": TOKEN},
    )
    url = (await company.call("GET", "/channel/join/messenger", **signed_in))["url"]
    assert url.startswith(f"https://m.me/{PAGE}?ref=")
