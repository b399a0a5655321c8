"""One message over the API: asked for, decided, sent, reported, explained."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.console import Site, console_site
from tests.support.posting import (
    CONTENT,
    Sink,
    free_policy,
    grant,
    make_addresses,
    settings_for,
    sinking,
    smtp_settings,
)
from tests.support.secret import TEST_SECRET
from unisono.access.keys import create_source
from unisono.engagement.channels import accounts
from unisono.engagement.delivery.dispatcher import Dispatcher
from unisono.kit.database import Pool, transaction

HOOK_KEY = "mailgun-signs-with-this"


class Api:
    """The application, keys, two people: one who wants news and one who does not, and an SMTP server."""

    def __init__(self, site: Site, sink: Sink, keys: dict[str, str], people: list[int], folder: Path) -> None:
        self.site, self.sink, self.keys, self.people, self.folder = site, sink, keys, people, folder
        self.maria, self.bruno = ({"email": f"p{number}@example.it"} for number in (1, 2))

    async def ask(self, method: str, path: str, body: Any = None, key: str = "all", **headers: str) -> httpx.Response:
        """Ask with a key."""
        given = {"authorization": f"Bearer {self.keys[key]}", **headers}
        return await self.site.browser().request(method, path, json=body, headers=given)

    async def send(self, body: dict[str, Any], **headers: str) -> httpx.Response:
        """Send a message."""
        return await self.ask("POST", "/api/messages", body, **headers)

    async def deliver(self) -> None:
        """Whatever is due, sent."""
        dsn = self.site.app.state.settings.database_url
        await Dispatcher(self.site.pool, settings_for(dsn, self.folder), TEST_SECRET).drain()

    async def report(self, event: dict[str, Any]) -> httpx.Response:
        """What the provider tells, as Mailgun signs it."""
        stamp, token = str(int(time.time())), "t" * 50
        signature = hmac.new(HOOK_KEY.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
        body = {"signature": {"timestamp": stamp, "token": token, "signature": signature}, "event-data": event}
        return await self.site.browser().post("/hooks/mail", json=body)


@pytest.fixture
async def api(dsn: str, pool: Pool, tmp_path: Path) -> AsyncIterator[Api]:
    """The application on a fresh database."""
    now = datetime.now(UTC)
    keys = {}
    for name, scopes in (
        ("all", {"messages:send", "voice:write", "people:read", "broadcasts:send"}),
        ("looks", {"voice:read"}),
    ):
        async with transaction(pool) as conn:
            made = await create_source(conn, name=name, kind="server", actor="t", scopes=frozenset(scopes))
            keys[name] = made.key
    async with sinking() as sink, console_site(dsn) as site:
        draft = accounts.Draft(
            code="mail",
            kind="smtp",
            channel="email",
            name="mail",
            settings={**smtp_settings(sink.port), "events": "mailgun"},
            secrets={"hook_key": HOOK_KEY},
        )
        async with transaction(pool) as conn:
            await accounts.create(conn, TEST_SECRET, draft, private=True, actor="test", now=now)
            people = await make_addresses(conn, 2)
            await grant(conn, people[:1], ["email"], now=now - timedelta(days=1))
            await free_policy(conn, now=now)
        yield Api(site, sink, keys, people, tmp_path)


def news(**more: Any) -> dict[str, Any]:
    """A promotion."""
    content = {"email": {**CONTENT["email"], "it": {"subject": "Ciao", "blocks": [{"is": "text", "text": "Salve."}]}}}
    return {"content": content, "purpose": "marketing", **more}


async def test_the_whole_way(api: Api) -> None:
    """Asked for, sent by SMTP, reported by the provider, on the timeline, explained in two languages."""
    answer = await api.send(news(to=api.maria, key="spring-1"), **{"idempotency-key": "a"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["new"], made["channels"], made["person_id"]) == (True, ["email"], api.people[0])
    await api.deliver()
    [mail] = api.sink.mails
    assert mail.to == "p1@example.it"
    [reference] = re.findall(rb"^Message-ID: <([^>]+)>", mail.text, re.MULTILINE)
    told = {
        "event": "delivered",
        "id": "e1",
        "recipient": mail.to,
        "timestamp": time.time(),
        "message": {"headers": {"message-id": reference.decode()}},
    }
    for _ in range(2):
        assert (await api.report(told)).status_code == 200
    events = await api.site.pool.fetch("select name from event where node_id = $1 order by id", api.people[0])
    assert [row["name"] for row in events][-2:] == ["Email Sent", "Email Delivered"]
    shown = (await api.ask("GET", f"/api/messages/{made['id']}", **{"accept-language": "it"})).json()
    assert [one["state"] for one in shown["states"]] == ["planned", "handed_over", "accepted", "delivered"]
    assert shown["content"]["subject"] == "Hello"
    assert [one["outcome"] for one in shown["attempts"]] == ["accepted"]
    assert (shown["decision"]["channel"], shown["can_cancel"]) == ("email", False)
    why = (await api.ask("GET", f"/api/messages/{made['id']}/why", key="looks")).json()
    assert why["reasons"][0]["text"] == "There is a consent to marketing by E-mail."
    hidden = (await api.ask("GET", f"/api/messages/{made['id']}", key="looks")).json()
    assert hidden["content"] is None


async def test_who_looked_at_whose_message_is_written_down(api: Api) -> None:
    """One message, why it went, a page of the outbox: each names the person."""
    made = (await api.send(news(to=api.maria))).json()["id"]
    for path in (f"/api/messages/{made}", f"/api/messages/{made}/why", "/api/messages", "/api/messages?state=unknown"):
        assert (await api.ask("GET", path, key="looks")).status_code == 200
    rows = await api.site.pool.fetch("select action, person_id, detail from audit_entry order by id")
    looked = [(row["action"], row["person_id"], json.loads(row["detail"])) for row in rows]
    person = api.people[0]
    assert looked[-3:] == [
        ("message.read", person, {"message": made}),
        ("message.read", person, {"message": made}),
        ("people.list", None, {"people": [person]}),
    ]


async def test_asked_twice_it_is_one(api: Api) -> None:
    """By the header the same answer; by its own key the same message; to somebody else a conflict."""
    first = await api.send(news(to=api.maria), **{"idempotency-key": "a"})
    assert (await api.send(news(to=api.maria), **{"idempotency-key": "a"})).content == first.content
    answers = await asyncio.gather(*(api.send(news(to=api.maria, key="invoice-7")) for _ in range(8)))
    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["id"] for one in answers}) == 1
    assert sum(one.json()["new"] for one in answers) == 1
    other = await api.send(news(to=api.bruno, key="invoice-7"))
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")
    await api.deliver()
    assert len(api.sink.mails) == 2


async def test_a_dry_run_says_what_would_become_of_it(api: Api) -> None:
    """The decision, the words, what the brand has against them; nothing is planned."""
    yes = await api.send(news(to=api.maria), key="all")
    assert yes.status_code == 201
    would = await api.ask("POST", "/api/messages?dry_run=true", news(to=api.maria))
    assert would.status_code == 200, would.text
    found = would.json()
    assert (found["id"], found["decision"]["outcome"], found["rendered"]["subject"]) == (None, "send", "Hello")
    no = (await api.ask("POST", "/api/messages?dry_run=true", news(to=api.bruno))).json()
    assert (no["decision"]["outcome"], no["decision"]["reasons"][0]["code"]) == ("skip", "no_consent")
    assert await api.site.pool.fetchval("select count(*) from message") == 1


async def test_the_outbox_says_why_not(api: Api) -> None:
    """Filtered, in pages, with the reason; a message to come can be cancelled once and for all."""
    for place in range(3):
        await api.send(news(to=api.bruno, key=f"n{place}"))
    await api.deliver()
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    planned = (await api.send(news(to=api.maria, at=later))).json()["id"]
    page = (await api.ask("GET", "/api/messages?state=skipped&reason=no_consent&limit=2")).json()
    assert [row["why"]["code"] for row in page["rows"]] == ["no_consent"] * 2
    rest = (await api.ask("GET", f"/api/messages?state=skipped&limit=2&before={page['next']}")).json()
    assert (len(rest["rows"]), rest["next"]) == (1, None)
    mine = (await api.ask("GET", f"/api/messages?person_id={api.people[0]}")).json()
    assert [row["message"]["id"] for row in mine["rows"]] == [planned]
    for _ in range(2):
        cancelled = await api.ask("POST", f"/api/messages/{planned}/cancel")
        assert (cancelled.status_code, cancelled.json()["message"]["state"]) == (200, "cancelled")
    gone = await api.ask("POST", f"/api/messages/{page['rows'][0]['message']['id']}/cancel")
    assert (gone.status_code, gone.json()["code"]) == (409, "message_gone")
    assert (await api.ask("GET", "/api/messages?broadcast=nothing")).status_code == 404


async def test_the_address_that_is_named_is_the_one(api: Api) -> None:
    """A person with two addresses is written to at the one the sender names."""
    await api.site.pool.execute("update node set person_id = $1 where id = $2", api.people[0], api.people[1])
    await api.send(news(to=api.bruno, purpose="service"))
    await api.send(news(person_id=api.people[0], purpose="service"))
    await api.deliver()
    assert sorted(mail.to for mail in api.sink.mails) == ["p1@example.it", "p2@example.it"]


P1 = {"email": "p1@example.it"}
BAD_LIQUID = {"sms": {"it": {"text": "{% if"}}}
WRONG: list[tuple[dict[str, Any], int, str]] = [
    (news(), 400, "recipient_missing"),
    (news(to=P1, person_id=1), 400, "recipient_missing"),
    (news(to={}), 400, "recipient_missing"),
    (news(to={"email": "nobody@example.it"}), 404, "person_not_found"),
    (news(to={"email": "\u0000"}), 400, "bad_identifier"),
    (news(to={"nothing": "x"}), 400, "bad_identifier"),
    (news(person_id=2**63 - 1), 404, "person_not_found"),
    ({"to": P1, "purpose": "service"}, 400, "content_missing"),
    ({"to": P1, "content": CONTENT}, 400, "purpose_missing"),
    ({"to": P1, "template": "nothing"}, 404, "template_not_found"),
    ({"to": P1, "template": "welcome", "purpose": "transactional"}, 409, "purpose_mismatch"),
    (news(to=P1, channels=["pigeon"]), 400, "channel_unknown"),
    (news(to=P1, channels=["sms"]), 409, "content_missing"),
    (news(to=P1, at="2026-01-01T10:00:00"), 400, "time_without_zone"),
    (news(to=P1, at="9999-01-01T10:00:00Z"), 400, "bad_time"),
    (news(to=P1, not_after="2020-01-01T10:00:00Z"), 400, "bad_not_after"),
    (news(to=P1, key="a\u0000"), 400, "bad_text"),
    (news(to=P1, data={"a": "\u0000"}), 400, "bad_text"),
    (news(to=P1, data={"a": "x" * 300_000}), 400, "message_too_large"),
    ({"to": P1, "purpose": "service", "content": BAD_LIQUID}, 400, "bad_template"),
]


async def test_what_cannot_be_sent_says_why(api: Api) -> None:
    """A code for each, and nothing planned."""
    answers = [await api.send(body) for body, _, _ in WRONG]
    found = [(answer.status_code, answer.json().get("code")) for answer in answers]
    assert found == [(status, code) for _, status, code in WRONG]
    assert await api.site.pool.fetchval("select count(*) from message") == 0


async def test_a_test_of_a_draft_goes_to_one_person(api: Api) -> None:
    """From the room of templates: without consent, as a service message."""
    draft = {"name": "Try", "content": {"email": {"en": {"subject": "Draft", "blocks": [{"is": "text", "text": "x"}]}}}}
    assert (await api.ask("PUT", "/api/templates/try", draft)).status_code == 200
    sent = await api.ask("POST", "/api/templates/try/test", {"to": "email:p2@example.it"})
    assert sent.status_code == 201, sent.text
    await api.deliver()
    assert [mail.to for mail in api.sink.mails] == ["p2@example.it"]
    row = await api.site.pool.fetchrow("select purpose, origin from message where id = $1", sent.json()["message_id"])
    assert row is not None
    assert tuple(row) == ("service", "console")
    assert json.loads((await api.ask("GET", "/api/notices", key="looks")).content)


async def test_somebody_settles_what_nobody_knew(api: Api) -> None:
    """With a verdict and a reason; once; and nothing but what is unknown."""
    number = (await api.send(news(to=api.maria))).json()["id"]
    await api.deliver()
    path, lost = f"/api/messages/{number}/settle", {"verdict": "lost", "reason": "not in their log"}
    assert (await api.ask("POST", path, lost)).json()["code"] == "message_not_unknown"
    await api.site.pool.execute("update message set state = 'unknown', reason = 'unknown' where id = $1", number)
    assert (await api.ask("POST", path, {"verdict": "lost"})).status_code == 400
    assert (await api.ask("POST", path, lost, key="looks")).status_code == 403
    settled = (await api.ask("POST", path, lost)).json()
    assert (settled["message"]["state"], settled["reasons"][0]["code"]) == ("refused", "lost_by_hand")
    assert (await api.ask("POST", path, lost)).status_code == 409
    assert (await api.ask("POST", "/api/messages/999999/settle", lost)).status_code == 404
