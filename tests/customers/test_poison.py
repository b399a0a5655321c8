"""Poison: what broken programs send survives every door, costs no neighbour and leaves a reason behind."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from tests.support.shop import Shop, fresh, open_shop, track


@pytest.fixture(scope="module")
async def shop(server_dsn: str, template_dsn: str) -> AsyncIterator[Shop]:
    """One shop for the module."""
    async with open_shop(server_dsn) as shop:
        yield shop


BASE = b'"type":"track","event":"e","anonymousId":"poisoned"'
DEEP = b'{"a":' * 5000 + b"1" + b"}" * 5000


def with_properties(value: bytes) -> bytes:
    """An event whose properties hold this JSON."""
    return b"{" + BASE + b',"properties":{"x":' + value + b"}}"


WRITTEN = {
    "NUL in a property": with_properties(b'"a\\u0000b"'),
    "NUL in a name of a property": b"{" + BASE + b',"properties":{"a\\u0000":1}}',
    "NUL in an event's name": b'{"type":"track","event":"a\\u0000b","anonymousId":"poisoned"}',
    "lone high surrogate": with_properties(b'"\\ud800"'),
    "lone low surrogate": with_properties(b'"x\\udc00y"'),
    "surrogates the wrong way round": with_properties(b'"\\udc00\\ud800"'),
    "a pair of surrogates": with_properties(b'"\\ud83d\\ude00"'),
    "an escaped backslash before u0000": with_properties(b'"C:\\\\u0000\\u0000"'),
    "surrogate in the message id": b"{" + BASE + b',"messageId":"\\ud800poisoned"}',
    "duplicate keys": b"{" + BASE + b',"properties":{"x":1,"x":2},"event":"f"}',
    "1e400": with_properties(b"1e400"),
    "an integer of 400 digits": with_properties(b"9" * 400),
    "minus zero": with_properties(b"-0.0"),
    "deep, but no database minds": with_properties(b'{"a":' * 90 + b"1" + b"}" * 90),
    "a clock 400 days ahead": b"{" + BASE + b',"timestamp":"2099-01-01T00:00:00Z"}',
    "a clock of the year 1": b"{" + BASE + b',"timestamp":"0001-01-01T00:00:00+14:00"}',
    "a clock of the year 9999": b"{" + BASE + b',"timestamp":"9999-12-31T23:59:59-14:00"}',
    "year 1 sent in year 9999": b"{" + BASE + b',"timestamp":"0001-01-01","sentAt":"9999-12-31T23:59:59Z"}',
    "a clock without zone": b"{" + BASE + b',"timestamp":"2006-01-01T00:00:00"}',
    "a clock of words": b"{" + BASE + b',"timestamp":"yesterday"}',
    "a clock of milliseconds": b"{" + BASE + b',"timestamp":1700000000000}',
    "a clock of 400 digits": b"{" + BASE + b',"timestamp":' + b"9" * 400 + b"}",
    "a clock of 1e300": b"{" + BASE + b',"timestamp":1e300,"sentAt":-1e300}',
    "a clock that is an object": b"{" + BASE + b',"timestamp":{}}',
    "a number for an id": b'{"type":"track","event":"e","anonymousId":12345}',
    "a float for an id": b'{"type":"track","event":"e","anonymousId":123.0}',
    "null where objects belong": b"{" + BASE + b',"properties":null,"context":null,"traits":null}',
    "odd parts of the context": b"{" + BASE + b',"context":{"externalIds":[1,{"id":{}}],"device":"x","library":7}}',
    "an odd message id": b"{" + BASE + b',"messageId":{"a":1}}',
    "a message id of 5,000 characters": b"{" + BASE + b',"messageId":"poisoned' + b"a" * 5000 + b'"}',
    "a trait of a NUL": b'{"type":"identify","anonymousId":"poisoned","traits":{"name":"A\\u0000","\\ud800":1}}',
    "a trait without a name": b'{"type":"identify","anonymousId":"poisoned","traits":{"":1}}',
    "separators in traits": b'{"type":"identify","anonymousId":"poisoned",'
    b'"traits":{"a\\u001fb":1,"name":"x\\u001fy","{\\",}":"{\\"","c\\u001e":"d\\u001f"}}',
    "a separator in the message id": b"{" + BASE + b',"messageId":"poisoned\\u001fx"}',
    "a separator in the event's name": b'{"type":"track","event":"a\\u001fb","anonymousId":"poisoned"}',
    "300 traits": json.dumps(
        {"type": "identify", "anonymousId": "poisoned", "traits": {f"t{n}": n for n in range(300)}}
    ).encode(),
    "names that are no text": b'{"type":"identify","anonymousId":"poisoned","traits":{"name":[1],"company":{}}}',
    "a bad id beside a good one": b'{"type":"track","event":"e","anonymousId":"poisoned","userId":"[object Object]"}',
    "an e-mail that is none": b'{"type":"identify","anonymousId":"poisoned","traits":{"email":"@@","phone":"+"}}',
}
"""Odd, but an event: it is written, whatever has to be replaced."""

FAILED = {
    "NaN": with_properties(b"NaN"),
    "Infinity": with_properties(b"Infinity"),
    "minus Infinity": with_properties(b"-Infinity"),
    "a number beyond numeric": with_properties(b"1e400000"),
    "an integer of 140,000 digits is too long an event": with_properties(b"9" * 140_000),
    "5,000 deep": with_properties(DEEP),
    "501 deep": with_properties(b'{"a":' * 500 + b"1" + b"}" * 500),
    "5,000 deep in the context": b"{" + BASE + b',"context":{"traits":' + DEEP + b"}}",
    "5,000 arrays": with_properties(b"[" * 5000 + b"]" * 5000),
    "a string of 100 KB": with_properties(b'"' + b"a" * 100_000 + b'"'),
    "Latin-1": with_properties('"perché"'.encode("latin-1")),
    "Latin-1 in the id": '{"type":"track","event":"e","anonymousId":"caffè"}'.encode("latin-1"),
    "raw surrogate bytes": with_properties(b'"\xed\xa0\x80"'),
    "an overlong NUL": with_properties(b'"\xc0\x80"'),
    "a raw control character": with_properties(b'"a\x01b"'),
    "a raw NUL": with_properties(b'"a\x00b"'),
    "no type": b'{"event":"e","anonymousId":"poisoned","type":"nonsense"}',
    "no name": b'{"type":"track","anonymousId":"poisoned"}',
    "a name of 300 characters": b'{"type":"track","anonymousId":"poisoned","event":"' + b"a" * 300 + b'"}',
    "nobody": b'{"type":"track","event":"e"}',
    "undefined": b'{"type":"track","event":"e","userId":"undefined"}',
    "null as text": b'{"type":"track","event":"e","anonymousId":"null"}',
    "[object Object]": b'{"type":"track","event":"e","anonymousId":"[object Object]"}',
    "an object for an id": b'{"type":"track","event":"e","anonymousId":{}}',
    "a true for an id": b'{"type":"track","event":"e","anonymousId":true}',
    "1e400 for an id": b'{"type":"track","event":"e","anonymousId":1e400}',
    "0": b'{"type":"track","event":"e","userId":0}',
    "guest": b'{"type":"track","event":"e","userId":"guest"}',
    "an id of 300 characters": b'{"type":"track","event":"e","anonymousId":"' + b"a" * 300 + b'"}',
    "an id of only a NUL": b'{"type":"track","event":"e","userId":"\\u0000"}',
    "properties that are text": b"{" + BASE + b',"properties":"x"}',
    "a context that is a list": b"{" + BASE + b',"context":[]}',
    "no object": b'"hello"',
    "a number": b"42",
    "null": b"null",
    "a list": b"[1]",
    "half an object": b"{" + BASE + b',"properties":{"x":}}',
    "an unknown escape": with_properties(b'"\\x41"'),
    "half an escape": with_properties(b'"\\u12"'),
}
"""No event: it is kept as failed, with a reason."""

POISON = {**WRITTEN, **FAILED}

Door = Callable[[Shop, bytes], Awaitable[int]]


async def through_a_batch(shop: Shop, item: bytes) -> int:
    """Alone in a batch."""
    return (await shop.send("/v1/batch", b'{"batch":[' + item + b"]}")).status_code


async def through_gzip(shop: Shop, item: bytes) -> int:
    """In a gzipped batch that does not say so."""
    return (await shop.send("/v1/import", gzip.compress(b'{"batch":[' + item + b"]}"))).status_code


async def through_a_beacon(shop: Shop, item: bytes) -> int:
    """In a beacon."""
    body = b'{"batch":[' + item + b"]}"
    answer = await shop.client.post("/beacon/v1/batch", params={"writeKey": shop.keys.write}, content=body)
    return answer.status_code


async def through_one(shop: Shop, item: bytes) -> int:
    """As a single event."""
    return (await shop.send("/v1/track", item)).status_code


async def through_a_short_path(shop: Shop, item: bytes) -> int:
    """As a browser posts it."""
    return (await shop.send("/v1/t", item, headers={"content-type": "text/plain"})).status_code


async def through_a_pixel(shop: Shop, item: bytes) -> int:
    """As base64 in an image's address."""
    data = base64.urlsafe_b64encode(item).decode()
    url = f"/pixel/v1/track?writeKey={shop.keys.write}&data={quote(data)}"
    return (await shop.client.get(url)).status_code


DOORS: list[Door] = [
    through_a_batch,
    through_gzip,
    through_a_beacon,
    through_one,
    through_a_short_path,
    through_a_pixel,
]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
async def test_poison_through_every_door(shop: Shop, door: Door) -> None:
    """Every poison gets an answer the client understands, and ends as an event or as a failed event with a reason."""
    wrong = {}
    for name, poison in POISON.items():
        item = poison.replace(b"poisoned", fresh().encode())
        if door is through_a_pixel and len(item) > 40_000:
            continue  # an address that long is refused by the server before it reaches the application
        since = await shop.last_failure()
        before = await shop.conn.fetchval("select count(*) from event")
        status = await door(shop, item)
        failed = await shop.failures(since)
        written = await shop.conn.fetchval("select count(*) from event") - before
        fine = status in (200, 400) and (written or failed) and all(row["detail"] for row in failed)
        if name in FAILED:
            fine = fine and failed and not written
        elif door is not through_a_pixel or b'type":"identify' not in item:
            fine = fine and written == 1 and status == 200
        if not fine:
            wrong[name] = (status, written, [(row["code"], row["detail"][:100]) for row in failed])
    assert wrong == {}


@pytest.mark.parametrize("position", ["first", "middle", "last"])
async def test_no_neighbour_is_lost(shop: Shop, position: str) -> None:
    """Between good events, each poison costs only itself, and what failed is kept as it came."""
    wrong = {}
    for name, poison in POISON.items():
        item = poison.replace(b"poisoned", fresh().encode())
        good = [track(type="track") for _ in range(3)]
        parts = [json.dumps(one).encode() for one in good]
        parts.insert({"first": 0, "middle": 1, "last": 3}[position], item)
        since = await shop.last_failure()
        answer = await shop.send("/v1/batch", b'{"batch":[' + b", ".join(parts) + b'],"sentAt":null}')
        ids = [one["messageId"] for one in good]
        found = await shop.conn.fetchval("select count(*) from event where message_id = any($1::text[])", ids)
        failed = await shop.failures(since)
        kept = [row["raw"] for row in failed] == ([item] if name in FAILED else [])
        if (answer.status_code, found) != (200, 3) or not kept:
            wrong[name] = (answer.status_code, found, [(row["code"], row["raw"][:60]) for row in failed])
    assert wrong == {}


@pytest.mark.parametrize(
    "item",
    [
        b"NaN",
        b"",
        b"undefined",
        b'{"type":"track"}}',
        b"{'single': 'quotes'}",
        b"[",
        b'{"event":"x",}',
        b"tru",
        b'{"event": "a ] and a , and a } in a text" "x"}',
    ],
)
async def test_items_that_are_not_even_json(shop: Shop, item: bytes) -> None:
    """An item that keeps the whole body from being JSON is kept as failed; its neighbours are written.

    Where brackets do not pair nothing can be told apart: then the body is refused and kept whole.
    """
    good = [track(type="track") for _ in range(2)]
    parts = [json.dumps(good[0]).encode(), item, json.dumps(good[1]).encode()]
    since = await shop.last_failure()
    answer = await shop.send("/v1/batch", b'{"batch":[' + b",".join(parts) + b"]}")
    ids = [one["messageId"] for one in good]
    found = await shop.conn.fetchval("select count(*) from event where message_id = any($1::text[])", ids)
    failed = await shop.failures(since)
    if item == b"[":
        assert (answer.status_code, found, len(failed)) == (400, 0, 1)
        assert ids[0].encode() in failed[0]["raw"]
    else:
        assert (answer.status_code, found) == (200, 2)
        assert [row["raw"] for row in failed] == ([item] if item else [])


async def test_the_key_in_the_body_of_a_batch_with_a_broken_item(shop: Shop) -> None:
    """A key in the body is found although one item keeps the body from being JSON."""
    item = track(type="track")
    body = b'{"batch":[' + json.dumps(item).encode() + b',{"x":NaN}],"writeKey":"' + shop.keys.write.encode() + b'"}'
    assert (await shop.client.post("/v1/batch", content=body)).status_code == 200
    await shop.event(item["messageId"])


async def test_two_megabytes_in_one_string(shop: Shop) -> None:
    """A body beyond the limit is refused as too large, at every path."""
    item = b'{"batch":[' + with_properties(b'"' + b"a" * 2_000_000 + b'"') + b"]}"
    for path in ("/v1/batch", "/v1/track", "/v1/t", "/v1/b"):
        assert (await shop.send(path, item)).status_code == 413


@pytest.mark.parametrize("charset", ["utf-16", "utf-32", "latin-1", "cp1252", "utf-8-sig"])
async def test_wrong_charsets(shop: Shop, charset: str) -> None:
    """A body in another charset is no 500: refused, or only the unreadable item fails."""
    item = track(type="track", properties={"city": "Cantù"})
    since = await shop.last_failure()
    answer = await shop.send("/v1/batch", json.dumps({"batch": [item]}, ensure_ascii=False).encode(charset))
    found = await shop.conn.fetchval("select count(*) from event where message_id = $1", item["messageId"])
    assert answer.status_code in (200, 400)
    assert found + len(await shop.failures(since)) == 1


async def test_poison_in_the_envelope(shop: Shop) -> None:
    """Odd values around the items do not touch the items."""
    for around in (
        b'"sentAt":1e300',
        b'"sentAt":{}',
        b'"context":[1]',
        b'"context":{"a":"\\ud800\\u0000"}',
        b'"context":' + DEEP,
        b'"context":{"x":1e400}',
        b'"context":{"x":"\xff"}',
        b'"writeKey":7',
        b'"sentAt":"\\u0000"',
    ):
        item = track(type="track")
        body = b'{"batch":[' + json.dumps(item).encode() + b"]," + around + b"}"
        since = await shop.last_failure()
        answer = await shop.send("/v1/batch", body)
        found = await shop.conn.fetchval("select count(*) from event where message_id = $1", item["messageId"])
        failed = await shop.failures(since)
        assert answer.status_code in (200, 400), around[:40]
        assert found == 1 or failed, around[:40]


async def test_odd_queries_of_pixels(shop: Shop) -> None:
    """Bytes that are no text, brackets without end and repeated fields are no 500."""
    key = shop.keys.write
    for query in (
        "event=%00%ff&anonymousId=a",
        "event=e&anonymousId=a&properties=%7B%22a%22:",
        "event=e&anonymousId=a&properties=" + quote("[" * 5000),
        "event=e&anonymousId=a&anonymousId=b&event=f",
        "event=e&anonymousId=a&properties=" + quote('{"x":"\ud800"}', errors="surrogatepass"),
        "data=" + quote(base64.b64encode(b'{"event":"\\ud800"}').decode()),
        "data=%ff",
        "&&&===",
    ):
        since = await shop.last_failure()
        before = await shop.conn.fetchval("select count(*) from event")
        answer = await shop.client.get(f"/pixel/v1/track?writeKey={key}&{query}")
        assert answer.status_code == 200, query[:40]
        written = await shop.conn.fetchval("select count(*) from event") - before
        assert written or await shop.failures(since), query[:40]


async def test_a_phone_offline_for_twenty_days(shop: Shop) -> None:
    """3,000 events uploaded in shuffled batches after 20 days, by a clock that is a year behind.

    All are there once, each when it happened, and the phone's owner has them all.
    """
    rng = random.Random(20)
    phone, user = fresh("anon"), fresh("u")
    now = datetime.now(UTC)
    wrong_by = timedelta(days=-365)
    events = []
    for n in range(3000):
        ago = timedelta(seconds=20 * 86_400 * (3000 - n) / 3000)
        item = {
            "type": "track",
            "event": "Screen Tapped",
            "anonymousId": phone,
            "messageId": f"{phone}-{n}",
            "timestamp": (now + wrong_by - ago).isoformat(),
            "properties": {"ago": ago.total_seconds()},
        }
        if n > 1500:
            item["userId"] = user
        events.append(item)
    rng.shuffle(events)
    for start in range(0, 3000, 250):
        batch = {"batch": events[start : start + 250], "sentAt": (datetime.now(UTC) + wrong_by).isoformat()}
        assert (await shop.send("/v1/batch", batch)).status_code == 200
    rows = await shop.conn.fetch(
        """select message_id, received_at - occurred_at as age, (properties->>'ago')::float as ago, node.person_id
           from event join node on node.id = node_id where message_id like $1""",
        f"{phone}-%",
    )
    assert len(rows) == len({row["message_id"] for row in rows}) == 3000
    assert {row["person_id"] for row in rows} == {await shop.person("user_id", user)}
    assert all(abs(row["age"].total_seconds() - row["ago"]) < 60 for row in rows)


async def test_separators_do_not_shift_neighbours(shop: Shop) -> None:
    """Control characters in one event's traits and ids leave the traits and ids of its neighbours where they are."""
    users = [fresh("u") for _ in range(5)]
    separator = "\x1f"
    items = [
        {
            "type": "identify",
            "userId": user,
            "anonymousId": f"{user}-d",
            "messageId": user + separator * n,
            "traits": {"name": f"Name {user}", "t" + separator * n: n, separator: separator},
        }
        for n, user in enumerate(users)
    ]
    for _ in range(2):
        assert (await shop.send("/v1/batch", {"batch": items}, key=shop.keys.secret)).status_code == 200
    for user in users:
        rows = await shop.conn.fetch(
            "select trait.name, trait.value from trait join node on node.id = node_id where node.value = $1", user
        )
        found = {row["name"]: row["value"] for row in rows}
        assert found["name"] == json.dumps(f"Name {user}")
        count = "select count(*) from event join node on node.id = node_id where node.value = $1 and type = 'identify'"
        assert await shop.conn.fetchval(count, user) == 1
        assert await shop.person("user_id", user) == await shop.person("anonymous_id", f"{user}-d")
