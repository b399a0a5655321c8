"""Invented bytes and invented JSON, by the thousand, through the reader and through the whole application."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.shop import Shop, basic, fresh, open_shop
from unisono.access.keys import KeyKind, Sender
from unisono.customers.collect.model import Limits
from unisono.customers.collect.reading import MAX_MESSAGE_ID, Reader, open_envelope, unpack
from unisono.customers.identity.rulebook import Rulebook, read_rulebook
from unisono.kit.errors import BadRequest

ODD = [
    "undefined",
    "null",
    "0",
    "guest",
    "\x00",
    "\ud800",
    "\ufffd",
    "a@b.it",
    "+39 333 1234567",
    "NaN",
    "",
    " ",
    "e9999",
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(10**60), max_value=10**60),
    st.floats(),
    st.text(st.characters(), max_size=20),
    st.sampled_from(ODD),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(
    st.sampled_from(
        ["email", "phone", "name", "points", "store_id", "receipt_id", "loyalty_card", "company", "\x00", "x"]
    ),
    values,
    max_size=4,
)
contexts = st.fixed_dictionaries(
    {},
    optional={
        "traits": objects | values,
        "device": st.fixed_dictionaries({}, optional={"id": values, "type": values, "advertisingId": values}) | values,
        "library": st.fixed_dictionaries({}, optional={"name": values}) | values,
        "channel": values,
        "externalIds": values
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "id": values,
                    "type": values | st.sampled_from(["email", "ios.idfa", "user_id", "no_such"]),
                    "collection": st.sampled_from(["users", "accounts"]) | values,
                },
            ),
            max_size=3,
        ),
    },
)
kinds = st.sampled_from(["track", "identify", "page", "screen", "group", "alias", "TRACK", "x"])
events = st.fixed_dictionaries(
    {},
    optional={
        "type": kinds | values,
        "event": st.sampled_from(["Order Completed", "Receipt Issued", "Return Made"]) | values,
        "messageId": values,
        "userId": values | st.sampled_from(["u1", "u2"]),
        "anonymousId": values | st.sampled_from(["a1", "a2"]),
        "previousId": values,
        "groupId": values,
        "name": values,
        "category": values,
        "channel": values,
        "timestamp": values | st.datetimes().map(str),
        "originalTimestamp": values,
        "sentAt": values | st.datetimes().map(str),
        "properties": objects | values,
        "traits": objects | values,
        "context": contexts | values,
    },
)


def as_json(value: Any) -> bytes:
    """JSON as Python writes it: NaN and lone surrogates included."""
    return json.dumps(value).encode()


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """An event with some of its bytes cut out or replaced."""
    data = bytearray(as_json(draw(events)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(data)


items = st.one_of(events.map(as_json), values.map(as_json), broken(), st.binary(max_size=60))


@pytest.fixture(scope="module")
async def rulebook(template_dsn: str) -> Rulebook:
    """The rules of a new installation."""
    conn = await asyncpg.connect(template_dsn)
    try:
        return await read_rulebook(conn)
    finally:
        await conn.close()


def make_reader(rulebook: Rulebook, kind: KeyKind, **more: Any) -> Reader:
    """A reader for a sender of this kind."""
    sender = Sender(1, "s", "till", 1, kind, frozenset({"events:write"}), "milano", "cassa-1")
    return Reader(sender, datetime(2026, 5, 1, tzinfo=UTC), rulebook, Limits(), **more)


def check(reader: Reader) -> None:
    """What the pipeline relies on."""
    for event in reader.incoming:
        assert event.claims
        assert event.claims[0].strength == "proof"
        assert 0 < len(event.message_id) <= MAX_MESSAGE_ID
        assert event.name.strip()
        assert (event.occurred_at - event.received_at).total_seconds() <= 300
        for part in (event.properties, event.context, event.identifiers):
            assert part is None or isinstance(json.loads(part), dict)
        for text in (event.message_id, event.name, event.channel, *(claim.key.value for claim in event.claims)):
            text.encode()
            assert "\x00" not in text
    for failure in reader.failures:
        assert failure.code
        assert failure.detail
        for text in (failure.detail, failure.message_id or "", failure.name or "", failure.context):
            text.encode()


@settings(
    max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(item=items, kind=st.sampled_from(["write", "till", "secret"]), path=st.none() | kinds)
def test_the_reader_never_breaks(rulebook: Rulebook, item: bytes, kind: KeyKind, path: str | None) -> None:
    """Whatever an item is, it becomes one event or one failed event, fit for the database."""
    reader = make_reader(rulebook, kind)
    reader.read(item, path)
    assert len(reader.incoming) + sum(f.code != "reserved_trait" for f in reader.failures) == 1
    check(reader)


@settings(max_examples=600, deadline=None)
@given(
    body=st.one_of(
        st.lists(items, max_size=4).map(lambda i: b'{"batch":[' + b",".join(i) + b"]}"), st.binary(), broken()
    )
)
def test_envelopes_never_break(body: bytes) -> None:
    """Whatever a body is, it is opened or refused as a bad request."""
    try:
        envelope = open_envelope(unpack(body, Limits()))
    except BadRequest as error:
        assert error.detail
    else:
        assert envelope.batch is not None


@settings(max_examples=1000, deadline=None)
@given(
    item=st.one_of(
        values.map(as_json), st.sampled_from([b"NaN", b'{"a":NaN}', b'{"a":[1,}', b"tru", b"{'a':1}", b'"', b"\xff"])
    ),
    at=st.integers(0, 2),
)
def test_good_items_around_a_broken_one_are_found(item: bytes, at: int) -> None:
    """Where brackets pair, the good neighbours of a broken item come out as they went in, in order."""
    good = [b'{"event":"]},{["}', b'{"event":"b"}']
    parts = [*good]
    parts.insert(at, item)
    try:
        envelope = open_envelope(b'{"batch":[' + b",".join(parts) + b"]}")
    except BadRequest:
        assert item in (b'"', b'{"a":[1,}')
    else:
        found = [bytes(raw) for raw in envelope.batch or []]
        # A quote without its fellow swallows what follows: kept, but as one item.
        assert found == parts or (item == b'"' and found[:at] == parts[:at] and len(found) == at + 1)


@settings(max_examples=500, deadline=None)
@given(value=values)
def test_reading_keeps_what_was_sent(rulebook: Rulebook, value: Any) -> None:
    """Properties come out as they went in, but for what no database can store."""
    reader = make_reader(rulebook, "secret")
    reader.read(as_json({"type": "track", "event": "e", "userId": "u1", "properties": {"x": value}}))
    if reader.incoming:
        stored = json.loads(reader.incoming[0].properties or "")["x"]
        if not any(odd in json.dumps(value) for odd in ("\\u0000", "\\ud", "\\ufffd")):
            assert json.dumps(stored) == json.dumps(value)
    else:
        assert any(word in json.dumps(value) for word in ("NaN", "Infinity"))


@pytest.fixture(scope="module")
async def shop(server_dsn: str, template_dsn: str) -> AsyncIterator[Shop]:
    """One shop for the module."""
    async with open_shop(server_dsn) as shop:
        yield shop


async def test_the_application_never_breaks(shop: Shop) -> None:
    """Invented items between good ones through batches, plain and gzipped: always an answer, no good one lost."""
    good: list[str] = []
    assert (await shop.send("/v1/track", {"event": "e", "anonymousId": "a1"})).status_code == 200
    client = httpx.Client(base_url=shop.url, timeout=60)

    @settings(max_examples=250, deadline=None, database=None)
    @given(batch=st.lists(items, max_size=6), packed=st.booleans(), key=st.sampled_from(["write", "till", "secret"]))
    def send(batch: list[bytes], packed: bool, key: str) -> None:
        message = fresh()
        one = as_json({"type": "track", "event": "e", "anonymousId": "a1", "messageId": message})
        body = b'{"batch":[' + b",".join([one, *batch]) + b"]}"
        answer = client.post(
            "/v1/batch",
            content=gzip.compress(body, 1) if packed else body,
            headers=basic(getattr(shop.keys, key)),
        )
        assert answer.status_code in (200, 400), answer.text
        if answer.status_code == 200:
            good.append(message)

    await asyncio.to_thread(send)
    await asyncio.to_thread(client.close)
    found = await shop.conn.fetchval("select count(*) from event where message_id = any($1::text[])", good)
    assert found == len(set(good))
    assert len(good) > 100


async def test_single_events_and_pixels_never_break(shop: Shop) -> None:
    """Invented bodies at single-event paths and invented queries of pixels: never a 500."""
    client = httpx.Client(base_url=shop.url, timeout=60, headers=basic(shop.keys.write))
    paths = st.sampled_from(["/v1/track", "/v1/identify", "/v1/t", "/v1/g", "/v1/alias", "/v1/page", "/v1/b"])

    @settings(max_examples=250, deadline=None, database=None)
    @given(path=paths, body=items)
    def post(path: str, body: bytes) -> None:
        assert client.post(path, content=body).status_code in (200, 400)

    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    queries = st.dictionaries(
        st.sampled_from(["event", "anonymousId", "userId", "properties", "data", "messageId", "timestamp"]),
        texts | st.binary(max_size=20) | values.map(as_json),
    )

    @settings(max_examples=150, deadline=None, database=None)
    @given(query=queries)
    def get(query: dict[str, Any]) -> None:
        assert client.get("/pixel/v1/track", params=query).status_code == 200

    await asyncio.to_thread(post)
    await asyncio.to_thread(get)
    await asyncio.to_thread(client.close)
