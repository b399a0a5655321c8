"""The feed of changes: order, resuming, filters, whose is whose, where a subject stands, over HTTP."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import msgspec
import pytest

from tests.support.changing import change, new_change
from tests.support.log import make_nodes
from tests.support.serving import serving
from unisono.access.keys import create_source
from unisono.app import create_app
from unisono.commerce.changes import service
from unisono.commerce.changes.feed import ChangeFeed
from unisono.commerce.changes.model import KINDS, Change, Wanted, read_again
from unisono.commerce.changes.propagation import BOUNDS, percentile
from unisono.customers.timeline import following
from unisono.customers.timeline.feed import Feed
from unisono.customers.timeline.model import BEGINNING, Position
from unisono.kit.database import Connection, Pool, open_pool
from unisono.kit.settings import Settings


@pytest.fixture
async def events(pool: Pool) -> AsyncIterator[Feed]:
    """The running feed of events, beside which that of changes runs."""
    feed = Feed(pool)
    await feed.start()
    yield feed
    await feed.stop()


@pytest.fixture
async def feed(events: Feed) -> ChangeFeed:
    """A running feed of changes."""
    return await events.beside(ChangeFeed)


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[Connection]:
    """A connection to write with."""
    async with pool.acquire() as connection:
        yield connection


async def collect(feed: ChangeFeed, wanted: Wanted, after: Position | None, into: list[Change]) -> None:
    async for told in feed.listen(wanted, after):
        into.extend(told.items)


async def until(condition: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_process_has_one_feed_of_changes_and_one_watch_for_all_logs(events: Feed, feed: ChangeFeed) -> None:
    """Asked for by many at once it is begun once; it waits on the connection the events wait on."""
    assert all(one is feed for one in await asyncio.gather(*(events.beside(ChangeFeed) for _ in range(5))))
    looks = events.watch.looks
    await until(lambda: events.watch.looks > looks)


async def test_what_writers_commit_out_of_order_is_told_once_in_commit_order(
    feed: ChangeFeed, pool: Pool, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live listener, and one that resumes after every few changes, both hear each change once, in one order."""
    monkeypatch.setattr(following, "PAGE", 7)
    live: list[Change] = []
    listening = asyncio.create_task(collect(feed, Wanted(), None, live))
    await until(lambda: feed.listeners == 1)

    async def writer(number: int) -> None:
        async with pool.acquire() as own:
            for n in range(25):
                async with own.transaction():
                    await service.record_changes(own, [new_change(f"price:W{number}", n + 1)])
                    await asyncio.sleep(0.02 * (number % 3))
                await own.execute("notify unisono_log")

    writing = asyncio.gather(*(writer(n) for n in range(3)))
    resumed: list[Change] = []
    position, size = BEGINNING, 1
    while len(resumed) < 75:
        taken = 0
        async with asyncio.timeout(20):
            async for told in feed.listen(Wanted(), position):
                resumed.extend(told.items)
                position = told.position
                taken += len(told.items)
                if taken >= size or len(resumed) >= 75:
                    break
        size = size % 9 + 1
    await writing
    await until(lambda: len(live) >= 75)
    await cancel(listening)
    assert [one.id for one in live] == [one.id for one in resumed]
    assert len({one.id for one in live}) == 75
    assert [one.position for one in live] == sorted(one.position for one in live)
    for number in range(3):
        assert [one.sequence for one in live if one.subject == f"price:W{number}"] == list(range(1, 26))


async def test_filters_choose_by_kind_subject_sku_and_place(feed: ChangeFeed, conn: Connection) -> None:
    """What is heard live is what is read back, for every filter."""
    batch = [
        new_change("price:A"),
        new_change("price:B"),
        new_change("stock:A@milano"),
        new_change("stock:A@B@roma"),
        new_change("slot:milano/pickup/-/2026-10-01T10:00:00Z"),
        new_change("order:12", store_id="milano"),
        new_change("incident:1", sku="A"),
        new_change("offer:TEN"),
    ]
    wanted = {
        "kinds": Wanted(kinds=("offer", "slot")),
        "subjects": Wanted(subjects=("price:B",)),
        "skus": Wanted(skus=("A",)),
        "at": Wanted(skus=("A@B",)),
        "locations": Wanted(locations=("milano",)),
        "both": Wanted(skus=("A",), locations=("milano",)),
    }
    heard: dict[str, list[Change]] = {name: [] for name in wanted}
    tasks = [asyncio.create_task(collect(feed, wants, None, heard[name])) for name, wants in wanted.items()]
    await until(lambda: feed.listeners == len(wanted))
    await change(conn, *batch)
    await until(lambda: feed.position > BEGINNING)
    await asyncio.sleep(0.1)
    await cancel(*tasks)
    expected = {"kinds": [4, 7], "subjects": [1], "skus": [0, 2, 6], "at": [3], "locations": [2, 4, 5], "both": [2]}
    for name, numbers in expected.items():
        subjects = [batch[n].subject for n in numbers]
        assert [one.subject for one in heard[name]] == subjects, name
        told = await feed.page(BEGINNING, wanted[name], limit=100)
        assert [one.subject for one in told.items] == subjects, name


async def test_a_customer_hears_of_what_is_his_and_what_is_open_through_joins(
    feed: ChangeFeed, conn: Connection
) -> None:
    """Carts and orders of his identifiers, also after a join; prices and stock; nobody's coupons, no incidents."""
    mine, other, stranger = await make_nodes(conn, 3)
    wanted = Wanted(nodes=frozenset({mine}))
    heard: list[Change] = []
    task = asyncio.create_task(collect(feed, wanted, None, heard))
    await until(lambda: feed.listeners == 1)

    async def all_of_it(sequence: int) -> None:
        for node, name in ((mine, "mine"), (other, "other"), (stranger, "stranger")):
            await change(conn, new_change(f"cart:{name}", sequence, node))
        open_or_not = ("price:A", "coupon:SECRET", "incident:1", "budget:TEN", "order:anonymous", "stock:A@x")
        await change(conn, *(new_change(subject, sequence) for subject in open_or_not))

    await all_of_it(1)
    await until(lambda: len(heard) >= 3)
    await conn.execute("update node set person_id = $1 where id = $2", mine, other)
    await all_of_it(2)
    await until(lambda: len(heard) >= 7)
    await cancel(task)
    first, second = ["cart:mine", "price:A", "stock:A@x"], ["cart:mine", "cart:other", "price:A", "stock:A@x"]
    assert [one.subject for one in heard] == first + second
    told = await feed.page(BEGINNING, wanted, limit=100)
    assert [one.subject for one in told.items] == second + second
    nobody = await feed.page(BEGINNING, Wanted(nodes=frozenset()), limit=100)
    assert {one.subject for one in nobody.items} == {"price:A", "stock:A@x"}


async def test_a_slow_listener_is_cut_off_and_resumes(
    feed: ChangeFeed, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More waiting than allowed ends the stream; from the last position it goes on without loss."""
    monkeypatch.setattr(following, "MOST_WAITING", 10)
    listening = feed.listen(Wanted())
    start = (await anext(listening)).position
    waiting = asyncio.ensure_future(anext(listening))
    await until(lambda: feed.listeners == 1)
    await change(conn, new_change("price:S0"))
    told = await waiting
    await change(conn, *(new_change(f"price:S{n}") for n in range(1, 30)))
    await until(lambda: feed.position > told.position)
    with pytest.raises(StopAsyncIteration):
        await anext(listening)
    assert start < told.position
    again = await feed.page(told.position, Wanted(), limit=100)
    assert [one.subject for one in again.items] == [f"price:S{n}" for n in range(1, 30)]


async def test_a_subject_cannot_skip_or_repeat_a_sequence_unseen(conn: Connection) -> None:
    """The present sequence of a subject is that of its last change; the same sequence twice is refused."""
    await change(conn, new_change("stock:A@milano", 1), new_change("stock:A@milano", 2))
    assert (await service.present(conn, "stock:A@milano")).sequence == 2
    with pytest.raises(asyncpg.UniqueViolationError):
        await change(conn, new_change("stock:A@milano", 2))


def test_every_kind_says_where_it_is_read_again() -> None:
    """With the key in its place, quoted."""
    subjects = {kind: read_again(f"{kind}:a/b@c d") for kind in KINDS}
    assert [kind for kind, link in subjects.items() if link is None] == ["points"]
    assert subjects["product"] == "/api/products/a%2Fb%40c%20d"
    assert subjects["stock"] is not None
    assert "a%2Fb" in subjects["stock"]
    assert "c%20d" in subjects["stock"]
    assert (
        read_again("slot:milano/appointment/giulia/2026-10-25T08:00:00+00:00")
        == "/api/slots?store_id=milano&kind=appointment&resource=giulia&day=2026-10-25"
    )
    assert read_again("budget:TEN/uses") == "/api/promotions/TEN"
    assert read_again("nonsense") is None


def test_each_link_leads_to_a_route_of_the_api() -> None:
    """What a channel is told to read again can be read."""
    app = create_app(Settings(), "postgresql://nowhere")
    for kind in sorted(set(KINDS) - {"points"}):
        link = read_again(f"{kind}:x/appointment/y/2026-10-25T08:00" if kind == "slot" else f"{kind}:1") or ""
        pattern = re.compile(r"\{\w+:(?:str|int)\}")
        routes = [re.compile(pattern.sub("[^/]+", route.path) + "$") for route in app.routes]
        assert any(route.match(link.partition("?")[0]) for route in routes), link


async def test_the_time_a_change_took_is_counted_by_kind_and_channel(
    feed: ChangeFeed, pool: Pool, conn: Connection
) -> None:
    """What a listener hears live counts, what it reads back does not; several processes add to the same counts."""
    await change(conn, new_change("price:OLD"))
    await until(lambda: feed.position > BEGINNING)
    heard = 0

    async def listen() -> None:
        nonlocal heard
        async for told in feed.listen_as("stream/shop", Wanted(), BEGINNING):
            heard += len(told.items)

    task = asyncio.create_task(listen())
    await until(lambda: feed.listeners == 1)
    await change(conn, new_change("price:N1"), new_change("stock:N1@x"), new_change("stock:N2@x"))
    await until(lambda: heard == 4)
    await change(conn, new_change("price:N2"))
    await until(lambda: heard == 5)
    await asyncio.sleep(0.05)
    await cancel(task)
    await feed.meter.flush()
    since = datetime.now(UTC) - timedelta(minutes=2)
    found = {(one.kind, one.channel): one for one in await service.propagation(conn, since)}
    assert found["price", "stream/shop"].seen in (1, 2)
    assert found["stock", "stream/shop"].seen == 2
    assert found[None, None].seen == found[None, "stream/shop"].seen
    assert 0 < found["stock", "stream/shop"].p50_ms <= found["stock", "stream/shop"].p99_ms <= 1000
    assert await service.propagation(conn, datetime.now(UTC) + timedelta(minutes=1)) == []
    other = ChangeFeed(pool, Feed(pool).watch)
    other.meter.saw([await service.present(conn, "stock:N1@x")], "stream/shop")
    await other.meter.flush()
    found = {(one.kind, one.channel): one for one in await service.propagation(conn, since)}
    assert found["stock", "stream/shop"].seen == 3


async def test_what_was_measured_waits_for_the_database(dsn: str, conn: Connection) -> None:
    """A process that cannot write its counts keeps them and adds them later."""
    own = await open_pool(dsn, 1)
    feed = ChangeFeed(own, Feed(own).watch)
    await change(conn, new_change("price:W"))
    feed.meter.saw([await service.present(conn, "price:W")], "stream/x")
    await own.close()
    await feed.meter.flush()
    again = await open_pool(dsn, 1)
    feed.meter._pool = again
    await feed.meter.flush()
    await again.close()
    assert await conn.fetchval("select sum(seen) from propagation") == 1


def test_a_percentile_is_the_bound_that_so_many_stayed_within() -> None:
    """Of 100 counts, 95 up to 50 ms and 5 up to 500: the 95th is 50, the 99th 500."""
    counts = [(50, 95), (500, 5)]
    assert [percentile(counts, percent) for percent in (50, 95, 96, 99)] == [50, 50, 500, 500]
    assert percentile([], 95) == 0
    assert list(BOUNDS) == sorted(set(BOUNDS))


async def key(conn: Connection, *scopes: str) -> dict[str, str]:
    made = await create_source(conn, name="-".join(scopes), kind="server", actor="test", scopes=frozenset(scopes))
    return {"authorization": f"Bearer {made.key}", "accept-encoding": "identity"}


def changes_in(text: str) -> list[tuple[str, dict[str, object]]]:
    """The changes of a piece of stream: (id, data)."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
        if "data" in fields:
            found.append((fields["id"], msgspec.json.decode(fields["data"])))
    return found


async def test_stream_pages_and_subjects_over_http(dsn: str, conn: Connection) -> None:
    """A real server: the scope is needed, the stream resumes by Last-Event-ID, pages wait, a subject says where it
    stands, a bad filter is refused."""
    headers = await key(conn, "commerce:read")
    wrong = await key(conn, "people:read")
    with serving(dsn) as (web,):
        async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=40) as client:
            assert (await client.get("/api/changes/stream", headers=wrong)).status_code == 403
            for bad in ("after=x", "kind=nonsense"):
                assert (await client.get(f"/api/changes?{bad}")).status_code == 400, bad
            async with client.stream("GET", "/api/changes/stream?kind=price&kind=order") as stream:
                assert stream.headers["content-type"].startswith("text/event-stream")
                chunks = stream.aiter_text()
                text = await anext(chunks)
                assert "retry:" in text
                await asyncio.sleep(0.3)
                await change(conn, new_change("price:H1", amount_minor=100), new_change("stock:H1@milano"))
                await change(conn, new_change("order:1204", node=None), new_change("price:H1", 2))
                while len(changes_in(text.rpartition("\n\n")[0])) < 3:
                    text += await asyncio.wait_for(anext(chunks), 10)
            heard = changes_in(text)
            assert [one["subject"] for _, one in heard] == ["price:H1", "order:1204", "price:H1"]
            assert heard[0][1]["data"] == {"amount_minor": 100}
            assert heard[2][1]["sequence"] == 2
            resume = {"last-event-id": heard[0][0]}
            async with client.stream("GET", "/api/changes/stream", headers=resume) as stream:
                text = ""
                async for chunk in stream.aiter_text():
                    text += chunk
                    if len(changes_in(text.rpartition("\n\n")[0])) >= 3:
                        break
            assert [one["subject"] for _, one in changes_in(text)] == ["stock:H1@milano", "order:1204", "price:H1"]
            page = (await client.get("/api/changes", params={"limit": 3})).json()
            assert [one["subject"] for one in page["changes"]] == ["price:H1", "stock:H1@milano", "order:1204"]
            page = (await client.get("/api/changes", params={"after": page["next"]})).json()
            assert [one["sequence"] for one in page["changes"]] == [2]
            after = page["next"]
            waiting = asyncio.create_task(client.get("/api/changes", params={"wait": "20", "after": after}))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            await change(conn, new_change("slot:milano/pickup/-/2026-10-01T10:00:00Z"))
            assert len((await asyncio.wait_for(waiting, 5)).json()["changes"]) == 1
            stands = (await client.get("/api/changes/subjects/price:H1")).json()
            assert (stands["sequence"], stands["read"]) == (2, "/api/prices?sku=H1")
            slot = await client.get("/api/changes/subjects/slot:milano/pickup/-/2026-10-01T10:00:00Z")
            assert slot.json()["subject"] == "slot:milano/pickup/-/2026-10-01T10:00:00Z"
            missing = await client.get("/api/changes/subjects/price:NONE")
            assert (missing.status_code, missing.json()["code"]) == (404, "subject_unknown")
            for poison in ("price:%00", "%F0%9F%98%80", "undefined"):
                assert (await client.get(f"/api/changes/subjects/{poison}")).status_code == 404, poison
