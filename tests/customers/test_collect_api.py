"""The collector's routes, spoken to over real sockets as the field's clients speak."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.shop import Shop, basic, fresh, open_shop, track
from unisono.access.keys import CACHE_SECONDS, create_source, disable_key


@pytest.fixture(scope="module")
async def shop(server_dsn: str, template_dsn: str) -> AsyncIterator[Shop]:
    """One shop for the module: every test uses message ids and identifiers of its own."""
    async with open_shop(server_dsn) as shop:
        yield shop


LONG = {
    "track": ("Product Viewed", {"event": "Product Viewed", "properties": {"sku": "A"}}),
    "identify": ("Traits Updated", {"traits": {"name": "Ada"}}),
    "page": ("Page Viewed", {"name": "Home", "properties": {"path": "/"}}),
    "screen": ("Screen Viewed", {"name": "Home"}),
    "group": ("Company Joined", {"groupId": "g1", "traits": {"name": "Rossi srl"}}),
    "alias": ("Identifier Aliased", {"previousId": "old-login"}),
}


@pytest.mark.parametrize("kind", LONG)
async def test_every_type_has_a_route(shop: Shop, kind: str) -> None:
    """Each type of the protocol is taken at its own path, answered 200 with success, and is on the timeline."""
    name, body = LONG[kind]
    message = fresh()
    answer = await shop.send(f"/v1/{kind}", {"messageId": message, "userId": fresh("u"), **body})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    event = await shop.event(message)
    assert (event["type"], event["name"], event["namespace"]) == (kind, name, "user_id")


@pytest.mark.parametrize("kind", LONG)
async def test_short_paths_as_browsers_post_them(shop: Shop, kind: str) -> None:
    """The browser library's one-letter paths take text/plain and mean the type they begin."""
    name, body = LONG[kind]
    message = fresh()
    item = {"messageId": message, "anonymousId": fresh("anon"), "userId": fresh("u"), **body}
    answer = await shop.send(f"/v1/{kind[0]}", json.dumps(item).encode(), headers={"content-type": "text/plain"})
    assert answer.status_code == 200
    assert (await shop.event(message))["name"] == name


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"])
async def test_batches_at_every_path(shop: Shop, path: str) -> None:
    """A batch is taken at the long, the short, the import and the beacon path; each item keeps its own type."""
    items = [track(type="track"), {**track(type="page"), "event": None}]
    answer = await shop.send(path, {"batch": items, "sentAt": datetime.now(UTC).isoformat()})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert [(await shop.event(item["messageId"]))["type"] for item in items] == ["track", "page"]


async def test_the_browser_librarys_own_metrics_are_no_events(shop: Shop) -> None:
    """What analytics-next measures of itself is answered and left."""
    count = "select count(*) from event"
    before = await shop.conn.fetchval(count)
    answer = await shop.send("/v1/m", {"series": [{"type": "Counter", "metric": "x", "value": 1}]})
    assert answer.status_code == 200
    assert await shop.conn.fetchval(count) == before


# keys ---------------------------------------------------------------------------------------------------


def _places(key: str) -> dict[str, dict[str, Any]]:
    return {
        "basic": {"headers": basic(key)},
        "basic without colon": {"headers": {"authorization": "Basic " + base64.b64encode(key.encode()).decode()}},
        "bearer": {"headers": {"authorization": f"Bearer {key}"}},
        "x-write-key": {"headers": {"x-write-key": key}},
        "query": {"params": {"writeKey": key}},
        "body": {"json": {"writeKey": key}},
        "body as Jitsu writes it": {"json": {"writeKey": f"{key}:***"}},
    }


@pytest.mark.parametrize("place", _places(""))
@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
async def test_the_key_in_every_place(shop: Shop, place: str, path: str) -> None:
    """The write key is found as Basic user, Bearer, X-Write-Key, in the query and in the body."""
    sent = _places(shop.keys.write)[place]
    item = track(type="track")
    body = (item if path == "/v1/track" else {"batch": [item]}) | sent.get("json", {})
    answer = await shop.client.post(path, json=body, headers=sent.get("headers"), params=sent.get("params"))
    assert answer.status_code == 200, answer.text
    await shop.event(item["messageId"])


async def test_the_header_wins_over_query_and_body(shop: Shop) -> None:
    """With keys in several places the header's counts, then the query's, then the body's."""
    sources = {row["name"]: row["id"] for row in await shop.conn.fetch("select id, name from source")}
    keys = shop.keys
    first = track(writeKey=keys.write)
    await shop.client.post("/v1/track", json=first, params={"writeKey": keys.till}, headers=basic(keys.secret))
    assert (await shop.event(first["messageId"]))["source_id"] == sources["server"]
    second = track(writeKey=keys.write)
    await shop.client.post("/v1/track", json=second, params={"writeKey": keys.till})
    assert (await shop.event(second["messageId"]))["source_id"] == sources["till"]
    third = track(writeKey=keys.write)
    answer = await shop.client.post("/v1/track", json=third, headers=basic("wk_wrong"))
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("wk_nobody"),
        {"authorization": "Basic ###"},
        {"authorization": "Basic"},
        {"authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
        {"authorization": "Bearer"},
        {"authorization": "Digest abc"},
        {"x-write-key": ":"},
    ],
)
async def test_without_a_known_key_401(shop: Shop, headers: dict[str, str]) -> None:
    """A missing, broken or unknown key is refused with 401 and a reason, and nothing is written."""
    item = track()
    answer = await shop.client.post("/v1/track", json=item, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_key")
    assert "www-authenticate" in answer.headers
    found = await shop.conn.fetchval("select count(*) from event where message_id = $1", item["messageId"])
    assert found == 0


async def test_a_key_that_may_not_send(shop: Shop) -> None:
    """A secret key without events:write is refused."""
    answer = await shop.send("/v1/track", track(), key=shop.keys.reader)
    assert (answer.status_code, answer.json()["code"]) == (401, "scope_missing")


async def test_a_disabled_key_stops_within_seconds(shop: Shop) -> None:
    """Disabling a key takes effect on running processes after the time keys are believed."""
    made = await create_source(shop.conn, name="old site", kind="browser", actor="test")
    assert (await shop.send("/v1/track", track(), key=made.key)).status_code == 200
    await disable_key(shop.conn, made.id)
    await asyncio.sleep(CACHE_SECONDS + 0.2)
    assert (await shop.send("/v1/track", track(), key=made.key)).status_code == 401


# bodies -------------------------------------------------------------------------------------------------

CONTENT_TYPES = [
    "application/json",
    "application/json; charset=utf-8",
    "text/plain",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    "",
]


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
@pytest.mark.parametrize("compressed", ["no", "announced", "silent"])
async def test_json_under_any_content_type_and_compression(shop: Shop, content_type: str, compressed: str) -> None:
    """JSON is read whatever the content type says, gzipped or not, announced or not."""
    item = track(type="track")
    body = json.dumps({"batch": [item]}).encode()
    headers = {"content-type": content_type}
    if compressed != "no":
        body = gzip.compress(body)
    if compressed == "announced":
        headers["content-encoding"] = "gzip"
    answer = await shop.send("/v1/batch", body, headers=headers)
    assert answer.status_code == 200, answer.text
    await shop.event(item["messageId"])


async def test_a_byte_order_mark_is_no_obstacle(shop: Shop) -> None:
    """UTF-8 with a byte order mark, as some tills write files, is read."""
    item = track()
    assert (await shop.send("/v1/track", b"\xef\xbb\xbf" + json.dumps(item).encode())).status_code == 200
    await shop.event(item["messageId"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"hello", "invalid_json"),
        (b'{"batch": [', "invalid_json"),
        (b'{"a": 1}', "no_batch"),
        (b"[]", "invalid_json"),
        (b"\x1f\x8b\x08nonsense", "bad_compression"),
        (gzip.compress(b'{"batch": []}', mtime=0)[:-9], "bad_compression"),
    ],
)
async def test_an_unreadable_batch_is_a_400(shop: Shop, body: bytes, code: str) -> None:
    """Only a body nothing can be made of is refused as a whole, with 400 and the reason."""
    answer = await shop.send("/v1/batch", body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_an_empty_batch_is_fine(shop: Shop) -> None:
    """Nothing to write is no error."""
    assert (await shop.send("/v1/batch", {"batch": []})).status_code == 200


async def test_event_limit_is_32_kb(shop: Shop) -> None:
    """An event of 32 KB is written; one byte more is kept as failed, and its neighbour is written."""
    limit = 32 * 1024

    def sized(size: int) -> tuple[dict[str, Any], bytes]:
        item = track(type="track", properties={"x": ""})
        item["properties"]["x"] = "a" * (size - len(json.dumps(item)))
        return item, json.dumps(item).encode()

    (fits, one), (over, two), (small, three) = sized(limit), sized(limit + 1), sized(300)
    since = await shop.last_failure()
    answer = await shop.send("/v1/batch", b'{"batch":[' + b",".join([one, two, three]) + b"]}")
    assert answer.status_code == 200
    await shop.event(fits["messageId"])
    await shop.event(small["messageId"])
    failed = await shop.failures(since)
    assert [row["code"] for row in failed] == ["event_too_large"]
    assert failed[0]["raw"] == two
    assert over["messageId"].encode() in failed[0]["raw"]


async def test_batch_limits_are_500_kb_and_2500_events(shop: Shop) -> None:
    """2,500 events pass in one body; 2,501 and a body over 500 KB are refused with 413, gzipped or not."""
    small = [{"type": "track", "event": "e", "anonymousId": "a-2500", "messageId": fresh()} for _ in range(2500)]
    assert (await shop.send("/v1/batch", json.dumps({"batch": small}).encode())).status_code == 200
    ids = [item["messageId"] for item in small]
    found = await shop.conn.fetchval("select count(*) from event where message_id = any($1::text[])", ids)
    assert found == 2500
    many = {"batch": [{"type": "track", "event": "e", "anonymousId": "a"}] * 2501}
    answer = await shop.send("/v1/batch", many)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_events")
    large = json.dumps({"batch": [track(type="track", properties={"x": "a" * 30_000})] * 20}).encode()
    for body in (large, gzip.compress(large)):
        answer = await shop.send("/v1/batch", body)
        assert (answer.status_code, answer.json()["code"]) == (413, "batch_too_large")


async def test_a_small_body_that_unpacks_to_a_gigabyte_is_refused_cheaply(shop: Shop) -> None:
    """Decompression stops at the limit."""
    packer = zlib.compressobj(9, wbits=31)
    body = b"".join(packer.compress(b"0" * 1_000_000) for _ in range(400)) + packer.flush()
    assert len(body) < 500 * 1024
    answer = await shop.send("/v1/batch", body)
    assert answer.status_code == 413


# browsers -----------------------------------------------------------------------------------------------

ORIGIN = "https://shop.example"


@pytest.mark.parametrize(
    "path", ["/v1/t", "/v1/batch", "/v1/projects/x/settings", "/sourceConfig/", "/beacon/v1/batch"]
)
async def test_preflight_allows_what_the_browser_libraries_send(shop: Shop, path: str) -> None:
    """A preflight from any origin is answered with the origin, credentials and the headers asked for."""
    asked = "authorization,content-type,x-retry-count,anonymousid,sentat"
    answer = await shop.client.options(
        path,
        headers={
            "origin": ORIGIN,
            "access-control-request-method": "POST",
            "access-control-request-headers": asked,
        },
    )
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = {name.strip() for name in answer.headers["access-control-allow-headers"].lower().split(",")}
    assert set(asked.split(",")) <= allowed
    assert answer.headers["access-control-max-age"] == "900"
    assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize("key", ["good", "bad"])
async def test_answers_and_refusals_can_be_read_across_origins(shop: Shop, key: str) -> None:
    """The answer, and a refusal too, name the origin: else the page sees only a network error."""
    answer = await shop.send(
        "/v1/t", track(), key=shop.keys.write if key == "good" else "wk_no", headers={"origin": ORIGIN}
    )
    assert answer.status_code == (200 if key == "good" else 401)
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"


async def test_no_cors_for_what_is_not_public(shop: Shop) -> None:
    """Routes that are not for browsers of other sites do not let them read."""
    answer = await shop.client.get("/health", headers={"origin": ORIGIN})
    assert "access-control-allow-origin" not in answer.headers


async def test_segments_settings_say_where_to_send(shop: Shop) -> None:
    """analytics-next finds key, host and plan; an unknown key has no settings."""
    answer = await shop.client.get(f"/v1/projects/{shop.keys.write}/settings", headers={"origin": ORIGIN})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    settings = answer.json()
    integration = settings["integrations"]["Segment.io"]
    assert integration["apiKey"] == shop.keys.write
    assert f"{integration['protocol']}://{integration['apiHost']}" == f"{shop.url}/v1"
    assert settings["analyticsNextEnabled"] is True
    assert (await shop.client.get("/v1/projects/wk_no/settings")).status_code == 404


@pytest.mark.parametrize("path", ["/sourceConfig", "/sourceConfig/"])
async def test_rudderstacks_source_config(shop: Shop, path: str) -> None:
    """RudderStack's library finds its source enabled and this server as its data plane."""
    answer = await shop.client.get(path, params={"p": "npm", "writeKey": shop.keys.write}, headers={"origin": ORIGIN})
    assert answer.status_code == 200
    source = answer.json()["source"]
    assert source["enabled"] is True
    assert source["writeKey"] == shop.keys.write
    assert source["dataplanes"]["US"] == [{"url": shop.url, "default": True}]
    assert (await shop.client.get(path, params={"writeKey": "wk_no"})).status_code == 401


@pytest.mark.parametrize("kind", ["track", "page"])
async def test_pixel(shop: Shop, kind: str) -> None:
    """An image with the event in its query is a transparent GIF nobody caches, and the event is written."""
    message = fresh()
    query = {"writeKey": shop.keys.write, "anonymousId": fresh("anon"), "messageId": message}
    query |= {"event": "Email Opened"} if kind == "track" else {"name": "Offer"}
    query |= {"properties": json.dumps({"email_id": "e1"})}
    answer = await shop.client.get(f"/pixel/v1/{kind}", params=query)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/gif"
    assert answer.content.startswith(b"GIF89a")
    assert "no-store" in answer.headers["cache-control"]
    event = await shop.event(message)
    assert event["type"] == kind
    assert json.loads(event["properties"])["email_id"] == "e1"


async def test_pixel_with_base64_data(shop: Shop) -> None:
    """Segment's pixel carries the whole event as base64 JSON in ``data``."""
    item = track()
    data = base64.b64encode(json.dumps(item | {"writeKey": shop.keys.write}).encode()).decode()
    answer = await shop.client.get("/v1/pixel/track", params={"data": data, "writeKey": shop.keys.write})
    assert answer.status_code == 200
    await shop.event(item["messageId"])


async def test_beacon_as_a_closing_page_sends_it(shop: Shop) -> None:
    """A beacon has no headers of its own: the key is in the query, the body is text/plain."""
    item = track(type="track")
    answer = await shop.client.post(
        "/beacon/v1/batch",
        params={"writeKey": shop.keys.write},
        content=json.dumps({"batch": [item]}).encode(),
        headers={"content-type": "text/plain;charset=UTF-8", "origin": ORIGIN},
    )
    assert answer.status_code == 200
    await shop.event(item["messageId"])


async def test_pixel_without_a_usable_event_is_kept(shop: Shop) -> None:
    """A pixel whose data cannot be read is answered with the image and kept as failed with what was sent."""
    since = await shop.last_failure()
    query = urlencode({"writeKey": shop.keys.write, "data": "%%%not-base64"})
    answer = await shop.client.get(f"/pixel/v1/track?{query}")
    assert answer.status_code == 200
    failed = await shop.failures(since)
    assert len(failed) == 1
    assert b"not-base64" in failed[0]["raw"]
