"""What becomes of an event: traits, tills, clocks, message ids; and requests shaped as official clients send them."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.shop import STORE, TILL, Shop, fresh, open_shop, track

ORIGIN = "https://shop.example"


@pytest.fixture(scope="module")
async def shop(server_dsn: str, template_dsn: str) -> AsyncIterator[Shop]:
    """One shop for the module: every test uses message ids and identifiers of its own."""
    async with open_shop(server_dsn) as shop:
        yield shop


async def test_reserved_traits_of_a_write_key_are_dropped_and_kept_as_failed(shop: Shop) -> None:
    """A public key cannot set points, tier or consent, however spelled; the rest of the event is written."""
    user, message = fresh("u"), fresh()
    since = await shop.last_failure()
    traits = {"name": "Eva", "points": 999_999, "Tier": "gold", "consents": {"email": True}}
    answer = await shop.send(
        "/v1/identify",
        {"messageId": message, "userId": user, "traits": traits, "context": {"traits": {"role": "owner"}}},
    )
    assert answer.status_code == 200
    event = await shop.event(message)
    stored = await shop.conn.fetch("select name from trait where node_id = $1", event["node_id"])
    assert [row["name"] for row in stored] == ["name"]
    assert json.loads(event["properties"]) == {"name": "Eva"}
    failed = await shop.failures(since)
    assert [row["code"] for row in failed] == ["reserved_trait"]
    for name in ("points", "Tier", "consents", "role"):
        assert name in failed[0]["detail"]


@pytest.mark.parametrize("kind", ["till", "secret"])
async def test_trusted_keys_may_set_reserved_traits(shop: Shop, kind: str) -> None:
    """A till and a server may say what tier somebody has."""
    user, message = fresh("u"), fresh()
    key = getattr(shop.keys, kind)
    await shop.send("/v1/identify", {"messageId": message, "userId": user, "traits": {"tier": "gold"}}, key=key)
    event = await shop.event(message)
    assert await shop.conn.fetchval("select value from trait where node_id = $1", event["node_id"]) == '"gold"'


async def test_rudderstacks_traits_are_found_in_the_context(shop: Shop) -> None:
    """Identify traits that travel in context.traits are written; the item's own win."""
    user, message = fresh("u"), fresh()
    item = {
        "messageId": message,
        "userId": user,
        "anonymousId": None,
        "traits": {"city": "Lecco"},
        "context": {"traits": {"city": "Como", "name": "Ugo"}},
    }
    await shop.send("/v1/identify", item, key=shop.keys.secret)
    node = (await shop.event(message))["node_id"]
    stored = await shop.conn.fetch("select name, value from trait where node_id = $1 order by name", node)
    assert [(row["name"], row["value"]) for row in stored] == [("city", '"Lecco"'), ("name", '"Ugo"')]


async def test_a_till_is_bound_to_its_store(shop: Shop) -> None:
    """The key's store wins over what the body says."""
    item = track(properties={"store_id": "roma"})
    await shop.send("/v1/track", item, key=shop.keys.till)
    event = await shop.event(item["messageId"])
    assert (event["store_id"], event["channel"]) == (STORE, "store")


async def test_a_receipts_number_makes_it_one_event(shop: Shop) -> None:
    """The same receipt of the same till is one event under any message id; a return is another one."""
    number = fresh("r")
    for event in ("Receipt Issued", "Receipt Issued", "Return Made"):
        properties = {"receipt_id": number, "return_id": number, "store_id": "roma", "total": 10}
        answer = await shop.send("/v1/track", track(event=event, properties=properties), key=shop.keys.till)
        assert answer.status_code == 200
    receipt = await shop.event(f"receipt:{STORE}:{TILL}:{number}")
    assert receipt["name"] == "Receipt Issued"
    assert (await shop.event(f"return:{STORE}:{TILL}:{number}"))["name"] == "Return Made"


async def test_long_receipt_numbers_are_not_cut_into_one_another(shop: Shop) -> None:
    """Two receipts whose numbers differ only after the hundredth character are two events."""
    anon = fresh("anon")
    for end in ("1", "2"):
        item = track(event="Receipt Issued", properties={"receipt_id": "9" * 120 + end}, anonymousId=anon)
        await shop.send("/v1/track", item, key=shop.keys.till)
    count = await shop.conn.fetchval(
        "select count(*) from event join node on node.id = node_id where node.value = $1", anon
    )
    assert count == 2


async def test_a_browser_cannot_take_a_receipts_place(shop: Shop) -> None:
    """A public key that sends a till's message id does not keep the receipt from being written."""
    number = fresh("r")
    forged = f"receipt:{STORE}:{TILL}:{number}"
    assert (await shop.send("/v1/track", track(messageId=forged))).status_code == 200
    real = track(event="Receipt Issued", properties={"receipt_id": number})
    await shop.send("/v1/track", real, key=shop.keys.till)
    assert (await shop.event(forged))["name"] == "Receipt Issued"


async def test_the_clock_of_the_client_is_corrected(shop: Shop) -> None:
    """``timestamp = receivedAt - (sentAt - originalTimestamp)``, and the raw times are kept."""
    now = datetime.now(UTC)
    for skew in (timedelta(days=400), timedelta(days=-7300), timedelta()):
        sent = now + skew
        original = sent - timedelta(hours=5)
        item = track(timestamp=original.isoformat(), sentAt=sent.isoformat())
        await shop.send("/v1/track", item)
        event = await shop.event(item["messageId"])
        assert event["occurred_at"] == event["received_at"] - timedelta(hours=5)
        assert (event["sent_at"], event["original_at"]) == (sent, original)


async def test_original_timestamp_wins_and_the_envelope_sent_at_serves_all(shop: Shop) -> None:
    """A batch's sentAt corrects each item that has none; originalTimestamp is the client's time."""
    sent = datetime.now(UTC) + timedelta(days=3)
    original = sent - timedelta(minutes=10)
    item = track(type="track", originalTimestamp=original.isoformat(), timestamp="2001-01-01T00:00:00Z")
    own = track(type="track", originalTimestamp=original.isoformat(), sentAt=(sent + timedelta(minutes=5)).isoformat())
    await shop.send("/v1/batch", {"batch": [item, own], "sentAt": sent.isoformat()})
    event = await shop.event(item["messageId"])
    assert event["received_at"] - event["occurred_at"] == timedelta(minutes=10)
    event = await shop.event(own["messageId"])
    assert event["received_at"] - event["occurred_at"] == timedelta(minutes=15)


async def test_no_event_lies_in_the_future(shop: Shop) -> None:
    """A time after its arrival is set back to five minutes after it; without zone it is UTC."""
    ahead = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    item = track(timestamp=ahead)
    await shop.send("/v1/track", item)
    event = await shop.event(item["messageId"])
    assert event["occurred_at"] - event["received_at"] == timedelta(minutes=5)
    plain = track(timestamp="2024-05-06T07:08:09")
    await shop.send("/v1/track", plain)
    assert (await shop.event(plain["messageId"]))["occurred_at"] == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


async def test_without_a_time_an_event_happened_when_it_arrived(shop: Shop) -> None:
    """Items of one batch keep the order they were sent in."""
    items = [track(type="track", anonymousId="ordered") for _ in range(20)]
    await shop.send("/v1/batch", {"batch": items})
    rows = [await shop.event(item["messageId"]) for item in items]
    assert all(row["occurred_at"] == row["received_at"] for row in rows)
    times = [row["occurred_at"] for row in rows]
    assert times == sorted(set(times))


async def test_a_repeated_message_is_one_event(shop: Shop) -> None:
    """Within a batch, across batches and with another sentAt, one message id is one event."""
    item = track(type="track")
    for _ in range(3):
        body = {"batch": [item, item], "sentAt": datetime.now(UTC).isoformat()}
        assert (await shop.send("/v1/batch", body)).status_code == 200
    await shop.event(item["messageId"])


async def test_words_that_look_like_large_numbers_pass(shop: Shop) -> None:
    """An e followed by digits inside a text is a text, not a number beyond measure."""
    item = track(properties={"sku": "SHOE2024", "e12345": "1e99999", "price": 1.5e3})
    since = await shop.last_failure()
    await shop.send("/v1/track", item)
    assert json.loads((await shop.event(item["messageId"]))["properties"])["sku"] == "SHOE2024"
    assert await shop.failures(since) == []


@pytest.mark.parametrize("value", ["undefined", "null", "[object Object]", "0", "guest", "", " ", "00000-0000"])
async def test_ids_that_are_nobody(shop: Shop, value: str) -> None:
    """What careless programs send for an id makes no person: alone the event is kept as failed."""
    since = await shop.last_failure()
    answer = await shop.send("/v1/track", {"event": "e", "userId": value, "messageId": fresh()})
    assert answer.status_code == 200
    assert [row["code"] in ("blocked_identifier", "no_identifier") for row in await shop.failures(since)] == [True]
    item = track(userId=value)
    await shop.send("/v1/track", item)
    assert (await shop.event(item["messageId"]))["namespace"] == "anonymous_id"
    assert await shop.person("user_id", value) is None


async def test_a_write_keys_email_is_a_hint(shop: Shop) -> None:
    """What a browser says of an e-mail address cannot join two people who signed in."""
    address = f"{fresh('e')}@example.it"
    users = [fresh("u"), fresh("u")]
    for user in users:
        await shop.send("/v1/identify", {"userId": user, "traits": {"email": address}})
    one, other = [await shop.person("user_id", user) for user in users]
    assert one is not None
    assert one != other


# replay of what clients send ------------------------------------------------------------------------------


def _segment_python() -> tuple[str, dict[str, str], bytes, list[str]]:
    ids = [fresh(), fresh()]
    items = [
        {
            "integrations": {},
            "anonymousId": "an-1",
            "timestamp": "2026-11-22T00:55:40.379+00:00",
            "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
            "type": "identify",
            "userId": "us-1",
            "traits": {"email": "ann@example.it", "createdAt": "2024-01-02T03:04:05+00:00"},
            "messageId": ids[0],
        },
        {"anonymousId": None, "type": "page", "userId": "us-1", "name": "Home", "messageId": ids[1]},
    ]
    body = json.dumps({"batch": items, "sentAt": "2026-11-22T00:55:41.379+00:00", "writeKey": "ignored"}).encode()
    return "/v1/batch", {"content-encoding": "gzip"}, gzip.compress(body), ids


def _rudder_node() -> tuple[str, dict[str, str], bytes, list[str]]:
    ids = [fresh()]
    item = {
        "userId": "us-2",
        "traits": {"email": "bob@example.it"},
        "context": {"traits": {"email": "bob@example.it"}, "library": {"name": "analytics-node"}},
        "type": "identify",
        "channel": "server",
        "originalTimestamp": "2026-11-22T00:58:19.336Z",
        "sentAt": "2026-11-22T00:58:19.336Z",
        "messageId": ids[0],
    }
    body = gzip.compress(json.dumps({"batch": [item], "sentAt": "2026-11-22T00:58:19.336Z"}).encode())
    return "/v1/batch", {"content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip"}, body, ids


def _rudder_browser() -> tuple[str, dict[str, str], bytes, list[str]]:
    ids = [fresh()]
    item = {
        "properties": {"path": "/shop/"},
        "userId": "",
        "anonymousId": "an-3",
        "channel": "web",
        "type": "page",
        "context": {"traits": {}, "sessionId": 1795309294, "library": {"name": "RudderLabs JavaScript SDK"}},
        "integrations": {"All": True},
        "originalTimestamp": "2026-11-22T01:01:34.386Z",
        "sentAt": "2026-11-22T01:01:34.386Z",
        "messageId": ids[0],
    }
    headers = {
        "content-type": "application/json;charset=UTF-8",
        "anonymousid": base64.b64encode(b"an-3").decode(),
        "sentat": "2026-11-22T01:01:34.386Z",
        "origin": ORIGIN,
    }
    return "/v1/page", headers, json.dumps(item).encode(), ids


def _segment_browser() -> tuple[str, dict[str, str], bytes, list[str]]:
    ids = ["ajs-next-1795309118-" + fresh()]
    item = {
        "timestamp": "2026-11-22T00:58:39.964Z",
        "integrations": {"Segment.io": True},
        "type": "track",
        "event": "Product Added",
        "userId": None,
        "anonymousId": "an-4",
        "context": {"page": {"path": "/"}, "campaign": {"source": "nl"}, "library": {"name": "analytics.js"}},
        "messageId": ids[0],
        "_metadata": {"bundled": ["Segment.io"]},
    }
    body = {"writeKey": "ignored", "batch": [item], "sentAt": "2026-11-22T00:58:40Z"}
    return "/v1/b", {"content-type": "text/plain", "origin": ORIGIN}, json.dumps(body).encode(), ids


@pytest.mark.parametrize("client", [_segment_python, _rudder_node, _rudder_browser, _segment_browser])
async def test_requests_as_official_clients_send_them(shop: Shop, client: Any) -> None:
    """Requests of the shape official clients send are answered 200 and give their events, nothing failed."""
    path, headers, body, ids = client()
    since = await shop.last_failure()
    answer = await shop.send(path, body, key=shop.keys.secret, headers=headers)
    assert answer.status_code == 200
    for message in ids:
        await shop.event(message)
    assert await shop.failures(since) == []
