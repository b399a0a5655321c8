"""Consent over the API: who may, what it answers, what a proof holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.consent import Somebody, people
from tests.support.console import Site, console_site
from unisono.access.keys import create_source
from unisono.kit.database import Pool, transaction


class Desk:
    """Maria at the counter, and somebody with a key."""

    def __init__(self, site: Site, maria: Somebody, key: str, reader: str) -> None:
        self.site, self.maria = site, maria
        self.headers = {"authorization": f"Bearer {key}"}
        self.reader = {"authorization": f"Bearer {reader}"}

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """With the key unless told otherwise."""
        headers = self.headers | more.pop("headers", {})
        return await self.site.browser().request(method, path, headers=headers, **more)

    async def say(self, status: int = 200, **body: Any) -> dict[str, Any]:
        """Record something Maria said."""
        answer = await self.call("POST", f"/api/people/{self.maria.person}/consents", json=body)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def desk(pool: Pool, dsn: str) -> AsyncIterator[Desk]:
    """The application with Maria in it."""
    async with transaction(pool) as conn:
        maria = (await people(conn, 1))[0]
        scopes = frozenset({"consents:write", "privacy:manage", "people:read"})
        key = await create_source(conn, name="crm", kind="server", actor="test", scopes=scopes)
        reader = await create_source(conn, name="bi", kind="server", actor="test", scopes=frozenset({"people:read"}))
    async with console_site(dsn) as site:
        yield Desk(site, maria, key.key, reader.key)


def held(answer: dict[str, Any], purpose: str, channel: str = "any") -> Any:
    """The status of a purpose and channel in an overview."""
    consents = answer.get("consents", answer)
    return next(one["status"] for one in consents["holdings"] if (one["purpose"], one["channel"]) == (purpose, channel))


async def test_what_is_said_at_the_counter_is_recorded_once_and_read_back(desk: Desk) -> None:
    """SMS counts at once, e-mail is asked for, profiling needs no channel; a repeated request answers the same."""
    said = await desk.say(purpose="marketing", action="granted", channel="sms", source="till")
    assert held(said, "marketing", "sms") == "granted"
    asked = await desk.say(purpose="marketing", action="granted", channel="email")
    assert held(asked, "marketing", "email") == "requested"
    assert len(asked["to_confirm"]) == 1
    path = f"/api/people/{desk.maria.person}/consents"
    body = {"purpose": "profiling", "action": "granted"}
    first, again = [await desk.call("POST", path, json=body, headers={"idempotency-key": "k1"}) for _ in range(2)]
    assert first.json() == again.json()
    found = (await desk.call("GET", path)).json()
    assert held(found, "profiling") == "granted"
    assert {address["namespace"] for address in found["addresses"]} == {"user_id", "email", "phone"}
    history = (await desk.call("GET", f"{path}/history")).json()["entries"]
    assert sorted(entry["action"] for entry in history) == ["granted", "granted", "requested"]
    gone = await desk.call("POST", f"{path}/withdraw", json={"reason": "asked at the counter"})
    assert held(gone.json(), "marketing", "sms") == "withdrawn"
    assert held(gone.json(), "profiling") == "granted"
    deeds = await desk.site.pool.fetch(
        "select action from audit_entry where person_id = $1 and action <> 'consent.read' order by id",
        desk.maria.person,
    )
    assert [row["action"] for row in deeds] == ["consent.say"] * 3 + ["consent.withdraw"]


async def test_a_soft_opt_in_is_one_a_sale_and_kind_of_goods(desk: Desk) -> None:
    """Told twice it is one entry; it needs no confirmation."""
    sale = {"purpose": "marketing", "action": "granted", "channel": "email", "order_ref": "O-1", "category": "coffee"}
    first, again = [await desk.say(**sale) for _ in range(2)]
    assert held(first, "marketing", "email") == "granted"
    assert (first["to_confirm"], first["entries"]) == ([], again["entries"])
    other = await desk.say(**sale | {"category": "tea"})
    [state] = other["consents"]["states"]
    assert (state["basis"], state["categories"]) == ("soft_opt_in", ["coffee", "tea"])


async def test_mistakes_are_named_and_change_nothing(desk: Desk) -> None:
    """Wrong channels, other people's identifiers, unknown texts, half a soft opt-in, poison: 400 or 404, no entry."""
    wrong: list[tuple[int, dict[str, Any]]] = [
        (400, {"purpose": "marketing", "action": "granted"}),
        (400, {"purpose": "marketing", "action": "granted", "channel": "fax"}),
        (400, {"purpose": "marketing", "action": "granted", "channel": "telegram"}),
        (400, {"purpose": "profiling", "action": "granted", "channel": "sms"}),
        (400, {"purpose": "marketing", "action": "granted", "channel": "sms", "node_id": 2**62}),
        (400, {"purpose": "marketing", "action": "granted", "channel": "email", "order_ref": "1"}),
        (404, {"purpose": "profiling", "action": "granted", "text": {"id": "x", "version": 1, "language": "it"}}),
        (400, {"purpose": "profiling", "action": "granted", "proof": {"a": "\x00"}}),
        (400, {"purpose": "profiling", "action": "granted", "source": "a\x00"}),
        (400, {"purpose": "profiling", "action": "granted", "at": "2099-01-01T00:00:00Z"}),
        (400, {"purpose": "profiling", "action": "granted", "at": "0001-01-01T00:00:00+14:00"}),
        (400, {"purpose": "profiling", "action": "granted", "expires_at": "9999-12-31T23:59:59-14:00"}),
        (400, {"purpose": "profiling", "action": "granted", "surprise": 1}),
    ]
    for status, body in wrong:
        await desk.say(status, **body)
    history = await desk.call("GET", f"/api/people/{desk.maria.person}/consents/history")
    assert history.json()["entries"] == []
    assert (await desk.call("GET", "/api/people/999999/consents")).status_code == 404


async def test_a_proof_holds_every_entry_with_its_words(desk: Desk) -> None:
    """As data and as a page that loads nothing; words are escaped; the reading is in the audit."""
    words = {"purpose": "marketing", "channels": ["sms"], "bodies": {"it": "Sì <b>scrivetemi</b>", "en": "Yes"}}
    made = (await desk.call("PUT", "/api/consents/texts/news", json=words)).json()
    assert [one["version"] for one in made["texts"]] == [1, 1]
    again = (await desk.call("PUT", "/api/consents/texts/news", json=words)).json()
    assert again == made
    words["bodies"] = {"it": "Altre parole"}
    assert (await desk.call("PUT", "/api/consents/texts/news", json=words)).json()["texts"][0]["version"] == 2
    text = {"id": "news", "version": 1, "language": "it"}
    await desk.say(purpose="marketing", action="granted", channel="sms", text=text, proof={"clerk": "Anna"})
    base = f"/api/people/{desk.maria.person}/consents/proof"
    found = (await desk.call("GET", f"{base}?purpose=marketing")).json()
    assert found["entries"][0]["text"]["body"] == "Sì <b>scrivetemi</b>"
    assert found["entries"][0]["entry"]["proof"] == {"clerk": "Anna"}
    page = await desk.call("GET", f"{base}.html?language=it")
    assert "Sì &lt;b&gt;scrivetemi&lt;/b&gt;" in page.text
    assert page.headers["content-type"].startswith("text/html")
    assert "http" not in page.text
    async with transaction(desk.site.pool) as conn:
        assert await conn.fetchval("select count(*) from audit_entry where action = 'consent.proof'") == 2
    assert len((await desk.call("GET", "/api/consents/texts/news")).json()["texts"]) == 3
    assert (await desk.call("GET", "/api/consents/texts/other")).status_code == 404


async def test_only_who_may_writes(desk: Desk) -> None:
    """A key that reads people reads no consents; a clerk sees people of the own stores alone."""
    path = f"/api/people/{desk.maria.person}/consents"
    assert (await desk.call("GET", path, headers=desk.reader)).status_code == 403
    assert (await desk.call("PUT", "/api/consents/legal/separate_profiling", headers=desk.reader)).status_code == 403
    await desk.site.sign_in_as("clerk", "milano")
    assert (await desk.site.get(path)).status_code == 404
    await desk.site.sign_in_as("analyst")
    seen = await desk.site.get(path)
    assert seen.status_code == 200
    assert {address["value"] for address in seen.json()["addresses"]} == {None}
    denied = await desk.site.client.post(
        path, json={"purpose": "profiling", "action": "granted"}, headers={"x-csrftoken": desk.site.csrf}
    )
    assert denied.status_code == 403


async def test_the_law_is_switched_with_a_reason(desk: Desk) -> None:
    """Seen with its default, switched, refused without a reason, gone back to."""
    path = "/api/consents/legal/register_max_age_days"
    for body in ({"value": 20, "reason": ""}, {"value": "many", "reason": "so"}, {"value": 20}):
        assert (await desk.call("PUT", path, json=body)).status_code == 400
    changed = (await desk.call("PUT", path, json={"value": 20, "reason": "new rules"})).json()
    assert changed["settings"]["register_max_age_days"] == 20
    assert changed["defaults"]["register_max_age_days"] == 15
    assert changed["overrides"][0]["reason"] == "new rules"
    back = (await desk.call("PUT", path, json={"value": None, "reason": "as before"})).json()
    assert back["overrides"] == []
    unknown = await desk.call("PUT", "/api/consents/legal/nothing", json={"value": 1, "reason": "so"})
    assert unknown.status_code == 404


async def test_addresses_are_blocked_and_freed_and_the_register_uploaded(desk: Desk) -> None:
    """Blocked by hand, freed with a reason; a CSV says whom not to call."""
    path = f"/api/people/{desk.maria.person}/suppressions"
    one = {"node_id": desk.maria.email, "channel": "email"}
    blocked = await desk.call("POST", path, json={**one, "purposes": "all", "detail": "asked by letter"})
    assert [found["purposes"] for found in blocked.json()["suppressions"]] == ["all"]
    freed = await desk.call("POST", f"{path}/lift", json={**one, "why": "a mistake"})
    assert freed.json()["suppressions"] == []
    assert (await desk.call("POST", path, json={**one, "channel": "fax"})).status_code == 400
    assert (await desk.call("POST", path, json={**one, "node_id": 2**61})).status_code == 400
    async with transaction(desk.site.pool) as conn:
        number = await conn.fetchval("select value from node where id = $1", desk.maria.phone)
    upload = "/api/consents/register-checks?channel=call&source=rpo"
    headers = {"content-type": "text/csv"}
    done = await desk.call("POST", upload, content=f"value,listed\n{number},yes\n".encode(), headers=headers)
    assert done.json() == {"lines": 1, "checked": 1, "listed": 1, "unknown": 0, "unreadable": []}
    bad = await desk.call("POST", upload, content=b"\xff\xfe", headers=headers)
    assert bad.status_code == 400
