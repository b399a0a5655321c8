"""Sources and keys, live and failed events, identity, health."""

from __future__ import annotations

import asyncio
import re

from litestar import Request
from pytest import MonkeyPatch

from tests.support.console import Site, identify, text_of, track
from tests.support.shop import basic
from unisono.access.guards import identify as who_asks
from unisono.access.keys import SCOPES, create_source
from unisono.console import figures
from unisono.console.routes import events
from unisono.console.views.sources import SCOPE_TEXTS


async def test_a_key_is_made_shown_once_works_and_is_disabled_with_an_undo(site: Site) -> None:
    await site.sign_in_as("owner")
    answer = await site.post("/console/sources/keys", {"name": "Web shop", "kind": "write"})
    key = re.search(r"wk_[0-9a-f]{40}", answer.text)
    assert key
    sent = await site.client.post("/v1/track", json=track("u", "Hello"), headers=basic(key[0]))
    assert sent.status_code == 200
    page = (await site.get("/console/sources")).text
    assert "Web shop" in page
    number = await site.pool.fetchval("select max(id) from api_key")
    await site.post(f"/console/sources/keys/{number}/disable")
    refused = await site.client.post("/v1/track", json=track("u", "Hello"), headers=basic(key[0]))
    assert refused.status_code == 401
    await site.post(f"/console/sources/keys/{number}/enable")
    assert (await site.client.post("/v1/track", json=track("u", "Hi"), headers=basic(key[0]))).status_code == 200
    assert [len(await site.audit(f"key.{deed}")) for deed in ("create", "disable", "enable")] == [1, 1, 1]


async def test_a_secret_key_is_never_shown_again_and_carries_the_scopes_chosen(site: Site) -> None:
    await site.sign_in_as("owner")
    answer = await site.post(
        "/console/sources/keys", {"name": "ERP", "kind": "secret", "scopes": ["people:read", "events:write"]}
    )
    key = re.search(r"sk_[0-9a-f]{40}", answer.text)
    assert key
    assert key[0] not in (await site.get("/console/sources")).text
    assert key[0] not in str(await site.audit("key.create"))
    assert sorted(await site.pool.fetchval("select scopes from api_key order by id desc limit 1")) == [
        "events:write",
        "people:read",
    ]
    number = await site.pool.fetchval("select max(id) from api_key")
    rotated = await site.post(f"/console/sources/keys/{number}/rotate")
    fresh = re.search(r"sk_[0-9a-f]{40}", rotated.text)
    assert fresh
    assert fresh[0] != key[0]
    assert "The old value works until" in text_of(rotated.text)


async def test_what_is_missing_for_a_key_is_said_and_what_was_typed_is_kept(site: Site) -> None:
    await site.sign_in_as("owner")
    answer = await site.post("/console/sources/keys", {"name": "Till 2", "kind": "till"})
    assert answer.status_code == 400
    assert "bound to a store and a till" in text_of(answer.text)
    assert 'value="Till 2"' in answer.text
    scope = await site.post("/console/sources/keys", {"name": "X", "kind": "secret", "scopes": "everything"})
    assert "There is no such permission for keys" in text_of(scope.text)


async def test_many_tills_are_folded_paged_and_found_and_hide_nothing_else(site: Site) -> None:
    async with site.pool.acquire() as conn:
        for number in range(1, 121):
            await create_source(
                conn, name=f"Till {number}", kind="till", actor="test", store_id=str(300 + number % 60), till_id="1"
            )
        await create_source(conn, name="Web shop", kind="browser", actor="test")
    await site.sign_in_as("owner")
    page = (await site.get("/console/sources")).text
    assert page.index("Create a key") < page.index("sample-curl") < page.index(">Web shop<") < page.index(">Till 60<")
    assert page.count("<tr") == 2 + 1 + 50
    assert "120 keys" in page
    assert not re.search(r'<details class="fold" open>', page)
    second = (await site.get("/console/sources?after=50&open=tills")).text
    assert re.search(r'<details class="fold" open>', second)
    assert not set(re.findall(r">Till (\d+)<", page)) & set(re.findall(r">Till (\d+)<", second))
    found = (await site.get("/console/sources", params={"till": "till 120"})).text
    assert set(re.findall(r">Till (\d+)<", found)) == {"120"}
    assert "Nothing matches" in (await site.get("/console/sources", params={"till": "<x>"})).text


async def test_events_of_the_day_are_counted_whatever_their_number(site: Site, monkeypatch: MonkeyPatch) -> None:
    await site.send(*[track("u", f"Step {n}") for n in range(12)])
    await site.sign_in_as("owner")
    monkeypatch.setattr(figures, "MOST_COUNTED", 10)
    assert "10+" in text_of((await site.get("/console/sources")).text)
    assert "10+" in text_of((await site.get("/console/health")).text)
    site.app.state.console_figures.clear()
    monkeypatch.setattr(figures, "MOST_COUNTED", 1000)
    assert "12 0" in text_of((await site.get("/console/sources")).text)


def test_every_scope_of_a_key_has_its_words() -> None:
    assert SCOPE_TEXTS.keys() == SCOPES.keys()


async def test_live_events_come_with_person_source_and_channel(site: Site) -> None:
    await site.sign_in_as("marketer")
    assert "Waiting for the first event" in text_of((await site.get("/console/live")).text)
    await site.send(identify("mario", name="Mario Rossi"), track("mario", "Product Viewed", name="Socks"))
    page = text_of((await site.get("/console/live")).text)
    assert "Product Viewed" in page
    assert "Mario Rossi" in page
    assert "Web shop" in page
    assert "Nothing matches" in text_of((await site.get("/console/live?channel=app")).text)
    for before in ("nonsense", "1-", "99999999999999999999-1", "1-1"):
        assert (await site.get("/console/live", params={"before": before})).status_code == 200


async def test_the_stream_sends_each_new_event_as_a_row(site: Site) -> None:
    await site.sign_in_as("marketer")
    await site.send(track("mario", "Before The Stream"))
    got: list[str] = []

    async def follow() -> None:
        request = _request(site)
        principal = await who_asks(request)
        assert principal is not None
        async for message in events._follow(request, principal, None):
            # The feed begins where all is settled: what came just before may be told again.
            if message.data and "Before The Stream" not in str(message.data):
                got.append(str(message.data))
                return

    task = asyncio.create_task(follow())
    await asyncio.sleep(0.3)
    await site.send(track("mario", "During The Stream"))
    await asyncio.wait_for(task, 10)
    assert "During The Stream" in got[0]
    assert got[0].startswith("<tr")
    assert "\n" not in got[0]


def _request(site: Site) -> Request:
    cookie = "; ".join(f"{name}={value}" for name, value in site.client.cookies.items())
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/console/live/stream",
        "query_string": b"",
        "headers": [(b"cookie", cookie.encode())],
        "app": site.app,
        "litestar_app": site.app,
        "state": {},
        "session": {},
    }
    return Request(scope)


async def test_a_failed_event_says_why_is_replayed_and_leaves_the_list(site: Site) -> None:
    await site.send({"type": "track", "userId": "u", "properties": {}}, {"type": "nonsense", "userId": "u"})
    await site.sign_in_as("owner")
    page = text_of((await site.get("/console/live?tab=failed")).text)
    assert "The event has no name" in page
    assert "Its type is unknown" in page
    only = (await site.get("/console/live?tab=failed&reason=event_name_missing")).text
    assert only.count('<code class="excerpt">') == 1
    number = await site.pool.fetchval("select min(id) from failed_event")
    raw = await site.get(f"/console/live/failed/{number}/raw")
    assert "properties" in raw.text
    assert (await site.get("/console/live/failed/9999/raw")).status_code == 404
    await site.post(f"/console/live/failed/{number}/replay", {"next": "/console/live?tab=failed"})
    assert "1 failed again" in text_of((await site.get("/console/live?tab=failed")).text)
    await site.pool.execute(
        "update failed_event set raw = $1 where id = $2",
        b'{"type":"track","userId":"u","event":"Mended","messageId":"mended-1"}',
        number,
    )
    await site.post("/console/live/failed/replay", {"next": "/console/live?tab=failed&reason=event_name_missing"})
    assert await site.pool.fetchval("select count(*) from event where name = 'Mended'") == 1
    other = await site.pool.fetchval("select max(id) from failed_event")
    await site.post(f"/console/live/failed/{other}/discard")
    assert "Nothing has failed" in text_of((await site.get("/console/live?tab=failed")).text)


async def test_identity_shows_rules_joins_and_refusals(site: Site) -> None:
    """Two users on one tablet by a browser's word: the second join is refused, and the rule is named."""
    await site.send(*[{**identify(user), "anonymousId": "tablet-1"} for user in ("anna", "bice")])
    await site.sign_in_as("analyst")
    page = text_of((await site.get("/console/identity")).text)
    assert "Loyalty card" in page
    assert "One person has only one User id" in page
    assert "Rules" in page


async def test_health_tells_what_waits_and_raises_dead_letters(site: Site) -> None:
    await site.send(track("mario", "Hello"))
    event = await site.pool.fetchrow("select txid::text, id from event limit 1")
    person = await site.person("user_id", "mario")
    await site.sign_in_as("owner")
    assert "no worker reads them yet" in text_of((await site.get("/console/health")).text)
    await site.pool.execute(
        "insert into log_reader (reader, lane, lanes, txid, event_id) values ('profiles', 0, 1, '0', 0)"
    )
    await site.pool.execute(
        "insert into dead_letter (reader, person_id, txid, event_id, attempts, first_at, error)"
        " values ('profiles', $1, $2::text::xid8, $3, 3, now() - interval '4 hours', 'ValueError: no')",
        person, event["txid"], event["id"],
    )  # fmt: skip
    page = text_of((await site.get("/console/health")).text)
    assert "1 event was given up and waits for you." in page
    assert "ValueError: no" in page
    await site.post("/console/health/dead-letters/replay")
    page = text_of((await site.get("/console/health")).text)
    assert "1 dead letter goes to its reader again." in page
    assert "No dead letters" in page
    assert "Parked people" in page
    assert len(await site.audit("dead_letter.replay")) == 1
