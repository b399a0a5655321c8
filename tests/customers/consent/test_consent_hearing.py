"""What events, answers by text message and looks into the register do to the ledger."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tests.support.consent import NOW, granted, people
from tests.support.shop import Shop, fresh, open_shop
from unisono.customers.consent import confirming, registers, rules, service
from unisono.customers.consent.errors import BadConsent, OptInOver
from unisono.customers.consent.model import Allowed, Legal, Refused
from unisono.customers.consent.reader import ConsentReader
from unisono.customers.consent.timing import ConsentExpiry
from unisono.customers.consent.words import is_start, is_stop
from unisono.customers.timeline.worker import Worker
from unisono.customers.timers.worker import TimerWorker
from unisono.kit.database import Pool, open_pool, transaction


class Ear:
    """A shop whose events are heard."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.user = fresh("u")
        self.email = f"{fresh('e')}@example.it"
        self.phone = f"+39333{uuid.uuid4().int % 10_000_000:07d}"
        self.pool: Pool | None = None

    async def say(
        self, properties: dict[str, Any], *, name: str = "Consent Updated", key: str = "", **more: Any
    ) -> None:
        """An event of the person, heard."""
        event = {"messageId": fresh(), "userId": self.user, "event": name, "properties": properties} | more
        answer = await self.shop.send("/v1/track", event, key=key or self.shop.keys.secret)
        assert answer.status_code == 200
        await self.hear()

    async def hear(self) -> None:
        """Let the reader read."""
        if self.pool is None:
            self.pool = await open_pool(self.shop.dsn, 4)
        await Worker(self.pool, [ConsentReader()], 1).drain()
        parked = await self.shop.conn.fetchval("select count(*) from parked_event")
        assert parked == 0

    async def nodes(self) -> list[int]:
        """All identifiers of the person."""
        rows = await self.shop.conn.fetch(
            """select node.id from node join node as mine using (person_id)
               where mine.namespace = 'user_id' and mine.value = $1""",
            self.user,
        )
        return [row["id"] for row in rows]

    async def count(self, table: str, more: str = "true") -> int:
        """How many rows there are of the person."""
        sql = f"select count(*) from {table} where node_id = any($1) and {more}"
        return int(await self.shop.conn.fetchval(sql, await self.nodes()))

    async def states(self) -> dict[tuple[str, str, str], str]:
        """Everything that holds, by namespace, purpose and channel."""
        rows = await self.shop.conn.fetch(
            """select node.namespace, purpose, channel, status from consent_state
               join node on node.id = consent_state.node_id where node.id = any($1)""",
            await self.nodes(),
        )
        return {(row["namespace"], row["purpose"], row["channel"]): row["status"] for row in rows}


@pytest.fixture(scope="module")
async def shop(server_dsn: str, template_dsn: str) -> AsyncIterator[Shop]:
    """One for all tests of this file: each has a person of its own."""
    async with open_shop(server_dsn) as opened:
        yield opened


@pytest.fixture
async def ears() -> AsyncIterator[list[Ear]]:
    """Those that were opened are closed."""
    opened: list[Ear] = []
    yield opened
    for ear in opened:
        if ear.pool is not None:
            await ear.pool.close()


async def hearing(shop: Shop, ears: list[Ear]) -> Ear:
    """Somebody the shop knows by account, e-mail and phone."""
    ear = Ear(shop)
    ears.append(ear)
    body = {"userId": ear.user, "messageId": fresh(), "traits": {"email": ear.email, "phone": ear.phone}}
    assert (await shop.send("/v1/identify", body, key=shop.keys.secret)).status_code == 200
    return ear


async def test_events_of_every_shape_become_entries(shop: Shop, ears: list[Ear]) -> None:
    """Grants of servers, requests of forms, banners, lists, aliases, unsubscriptions, nonsense: each its own way."""
    ear = await hearing(shop, ears)
    await ear.say({"purpose": "marketing", "channel": ["sms", "call"], "granted": True, "text_version": "t/1/it"})
    assert (await ear.states())["phone", "marketing", "sms"] == "granted"
    assert (await ear.states())["phone", "marketing", "call"] == "granted"
    await ear.say({"purpose": "marketing", "channel": "email", "status": "granted"})
    assert (await ear.states())["email", "marketing", "email"] == "requested"
    told = await shop.conn.fetch(
        "select properties->>'status' as s from event where message_id like 'unisono:%' and node_id = any($1)",
        await ear.nodes(),
    )
    assert [row["s"] for row in told] == ["requested"]
    await ear.say({"purpose": "marketing", "channel": "email", "granted": True, "double_opt_in": True})
    assert (await ear.states())["email", "marketing", "email"] == "granted"
    await ear.say({"purposes": {"statistics": True, "marketing": False}}, key=shop.keys.write)
    assert (await ear.states())["user_id", "statistics", "any"] == "granted"
    assert (await ear.states())["user_id", "tracking", "any"] == "refused"
    assert (await ear.states())["email", "marketing", "email"] == "granted"
    await ear.say({"list_name": "news"}, name="Email Unsubscribed")
    assert (await ear.states())["email", "marketing", "email"] == "withdrawn"
    await ear.say({"purpose": "marketing", "status": "unsubscribed"})
    assert (await ear.states())["user_id", "marketing", "any"] == "withdrawn"
    before = await ear.count("consent_entry")
    for nonsense in (
        {},
        {"purpose": "fax", "granted": True},
        {"purpose": "marketing", "granted": True},
        {"purpose": "marketing", "channel": "pigeon", "granted": True},
        {"purpose": ["marketing", None, 7], "channel": {"a": 1}, "granted": "perhaps"},
        {"purpose": "marketing", "channel": "sms", "address": "undefined", "granted": True},
        {"purpose": "profiling", "granted": True, "expires_at": "2001-01-01T00:00:00Z"},
        {"purposes": {"statistics": "yes", "x": None}},
    ):
        await ear.say(nonsense)
    assert await ear.count("consent_entry") == before


@pytest.mark.parametrize("ends", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"], ids=["after", "before"])
async def test_an_end_outside_of_all_years_keeps_nobody_from_being_heard(
    shop: Shop, ears: list[Ear], ends: str
) -> None:
    """It is no end; what the person says afterwards is heard."""
    ear = await hearing(shop, ears)
    await ear.say({"purpose": "marketing", "channel": "sms", "granted": True, "expires_at": ends})
    assert (await ear.states())["phone", "marketing", "sms"] == "granted"
    await ear.say({"purpose": "marketing", "channel": "sms", "granted": False})
    assert (await ear.states())["phone", "marketing", "sms"] == "withdrawn"


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(dict.fromkeys(("proof", "ip", "form", "url", "store_id"), "🛒" * 600), id="long-proof"),
        pytest.param({"text_version": "privacy/99999999999999/it"}, id="huge-version"),
        pytest.param({"text_version": "privacy/-1/it"}, id="version-below-none"),
        pytest.param({"source": "🛒" * 400, "order_id": "x" * 400, "category": "y" * 400}, id="long-words"),
    ],
)
async def test_a_no_is_heard_whatever_comes_with_it(shop: Shop, ears: list[Ear], more: dict[str, Any]) -> None:
    """What cannot be kept beside it is shortened or left out, the withdrawal is not."""
    ear = await hearing(shop, ears)
    await ear.say({"purpose": "marketing", "channel": "sms", "granted": True})
    await ear.say({"purpose": "marketing", "channel": "sms", "granted": False, **more})
    assert (await ear.states())["phone", "marketing", "sms"] == "withdrawn"


async def test_a_public_key_lifts_no_objection_and_proves_no_address(shop: Shop, ears: list[Ear]) -> None:
    """What a page says of an address is asked for first; what somebody refused under his account stays refused."""
    ear = await hearing(shop, ears)
    await ear.say({"purpose": "profiling", "granted": False})
    await ear.say({"purpose": "profiling", "granted": True}, key=shop.keys.write)
    assert (await ear.states())["user_id", "profiling", "any"] == "withdrawn"
    await ear.say(
        {"purpose": "marketing", "channel": "sms", "granted": True, "double_opt_in": True}, key=shop.keys.write
    )
    assert (await ear.states())["phone", "marketing", "sms"] == "requested"
    soft = {"purpose": "marketing", "channel": "email", "granted": True, "legal_basis": "soft_opt_in"}
    await ear.say({**soft, "order_id": "1", "category": "coffee"}, key=shop.keys.write)
    assert ("email", "marketing", "email") not in await ear.states()
    await ear.say({**soft, "order_id": "1", "category": "coffee"})
    assert (await ear.states())["email", "marketing", "email"] == "granted"


async def test_an_order_with_the_notice_is_a_soft_opt_in_for_its_kinds_of_goods(shop: Shop, ears: list[Ear]) -> None:
    """Under the address given with it, once an order and kind; an order never lifts a no."""
    ear = await hearing(shop, ears)
    wanted = {"order_id": fresh(), "email": ear.email, "soft_opt_in": True, "total": 9, "currency": "EUR"}
    wanted["products"] = [{"sku": "A", "category": "coffee"}, {"sku": "B", "category": "tea"}, {"sku": "C"}, "poison"]
    place = partial(ear.say, name="Order Completed")
    for nothing in (
        {"soft_opt_in": "yes"},
        {"soft_opt_in": None},
        {"email": None},
        {"email": "somebody.else@example.it"},
        {"products": None},
        {"products": [{"sku": "C"}]},
        {"order_id": ""},
    ):
        await place(wanted | nothing)
    await place(wanted, key=shop.keys.write)
    await ear.say({"purpose": "marketing", "channel": "email", "granted": True, "legal_basis": "soft_opt_in"})
    assert ("email", "marketing", "email") not in await ear.states()
    for _ in range(2):
        await place(wanted)
    rows = await shop.conn.fetch(
        "select basis, order_ref, category, source from consent_entry where node_id = any($1) order by id",
        await ear.nodes(),
    )
    assert [tuple(row) for row in rows] == [
        ("soft_opt_in", wanted["order_id"], kind, "sale") for kind in ("coffee", "tea")
    ]
    standing = await service.standing_of_nodes(shop.conn, await ear.nodes())
    [state] = standing.states
    assert (state.status, state.categories) == ("granted", ("coffee", "tea"))
    mail = partial(
        rules.allowed, standing, address=state.node_id, channel="email", purpose="marketing", at=NOW, legal=Legal()
    )
    assert mail(category="tea") == Allowed("soft_opt_in", state.entry_id)
    assert isinstance(mail(category="shoes"), Refused)
    await ear.say({"channel": "email"}, name="Unsubscribed")
    await place(wanted | {"order_id": fresh()})
    assert (await ear.states())["email", "marketing", "email"] == "withdrawn"


async def test_history_asks_nobody_to_confirm(shop: Shop, ears: list[Ear]) -> None:
    """A consent said a year ago and loaded today is a request without a message; read twice it is one entry."""
    ear = await hearing(shop, ears)
    before = await shop.conn.fetchval("select count(*) from opt_in_request")
    old = {"timestamp": "2025-01-05T10:00:00Z"}
    await ear.say({"purpose": "marketing", "channel": "email", "granted": True}, **old)
    assert (await ear.states())["email", "marketing", "email"] == "requested"
    assert await shop.conn.fetchval("select count(*) from opt_in_request") == before
    assert await ear.count("event", "message_id like 'unisono:%'") == 0


async def test_a_complaint_of_a_provider_ends_the_address(shop: Shop, ears: list[Ear]) -> None:
    """From a server it blocks all messages; from a page it is only an event."""
    ear = await hearing(shop, ears)
    await ear.say({}, name="Email Marked as Spam", key=shop.keys.write)
    assert await ear.count("suppression") == 0
    await ear.say({"email": ear.email}, name="Email Marked as Spam")
    row = await shop.conn.fetchrow(
        "select reason, purposes from suppression where node_id = any($1)", await ear.nodes()
    )
    assert tuple(row) == ("complaint", "all")


async def test_a_consent_for_a_time_ends_at_its_instant_and_again_when_renewed(pool: Pool) -> None:
    """The timer notes the end once; a renewal has an end of its own."""
    ends = NOW + timedelta(hours=1)
    async with transaction(pool) as conn:
        maria = (await people(conn, 1))[0]
        await service.record(conn, [granted(maria.phone, channel="sms", expires_at=ends)], now=NOW)
    timers = TimerWorker(pool, [ConsentExpiry()])
    assert await timers.drain(ends - timedelta(seconds=1)) == 0
    assert await timers.drain(ends) == 1
    async with transaction(pool) as conn:
        [state] = (await service.states_of(conn, [maria.phone]))[maria.phone]
        assert (state.status, state.since) == ("expired", ends)
        later = ends + timedelta(hours=1)
        renewed = granted(maria.phone, channel="sms", at=ends, expires_at=later)
        await service.record(conn, [renewed], now=later - timedelta(minutes=1))
    assert await timers.drain(later) == 1
    async with transaction(pool) as conn:
        actions = [entry.action for entry in await service.entries_of(conn, [maria.phone])]
        said = await conn.fetch("select properties->>'status' as s from event order by id")
    assert actions == ["expired", "granted", "expired", "granted"] or sorted(actions) == sorted(
        ["expired", "granted", "expired", "granted"]
    )
    assert [row["s"] for row in said] == ["granted", "expired", "granted", "expired"]


async def test_asking_twice_within_the_hour_is_asking_once(pool: Pool) -> None:
    """A form filled in again and again sends one message; what holds is not asked for; what is late is refused."""
    async with transaction(pool) as conn:
        maria = (await people(conn, 1))[0]
        first = await confirming.request_opt_in(conn, granted(maria.email, key="a"), now=NOW)
        again = await confirming.request_opt_in(conn, granted(maria.email, key="b"), now=NOW + timedelta(minutes=59))
        later = await confirming.request_opt_in(conn, granted(maria.email, key="c"), now=NOW + timedelta(minutes=61))
        assert first is not None
        assert again == first
        assert later is not None
        assert later.entry_id != first.entry_id
        assert await conn.fetchval("select count(*) from event") == 2
        with pytest.raises(OptInOver):
            await confirming.confirm(conn, first.entry_id, now=first.expires_at)
        await confirming.confirm(conn, later.entry_id, now=NOW + timedelta(hours=2))
        done = NOW + timedelta(hours=3)
        assert await confirming.request_opt_in(conn, granted(maria.email, key="d"), now=done) is None


async def test_a_consent_for_a_time_is_confirmed_for_that_time(pool: Pool) -> None:
    """Confirming does not make it one for ever; past its end there is nothing to confirm, nor to ask for."""
    ends, hour = NOW + timedelta(days=3), timedelta(hours=1)
    async with transaction(pool) as conn:
        maria, carlo, paola = await people(conn, 3)
        asked = await confirming.request_opt_in(conn, granted(maria.email, key="a", expires_at=ends), now=NOW)
        assert asked is not None
        assert asked.expires_at == ends
        entry = await confirming.confirm(conn, asked.entry_id, now=NOW + hour)
        assert entry.expires_at == ends
        [state] = (await service.states_of(conn, [maria.email]))[maria.email]
        assert (state.status, state.holds(ends - hour), state.holds(ends)) == ("granted", True, False)
        assert await confirming.confirm(conn, asked.entry_id, now=ends + hour) == entry

        late = await confirming.request_opt_in(conn, granted(carlo.email, key="b", expires_at=ends), now=NOW)
        assert late is not None
        with pytest.raises(OptInOver):
            await confirming.confirm(conn, late.entry_id, now=ends)

        events = await conn.fetchval("select count(*) from event")
        over = granted(paola.email, key="c", at=NOW - 2 * hour, expires_at=NOW - hour)
        assert await confirming.request_opt_in(conn, over, now=NOW) is None
        assert await conn.fetchval("select count(*) from event") == events


async def test_the_register_blocks_and_frees_numbers(pool: Pool) -> None:
    """Listed: no marketing by call; looked up again and free: open again; an older look changes nothing."""
    async with transaction(pool) as conn:
        maria = (await people(conn, 1))[0]
        number = await conn.fetchval("select value from node where id = $1", maria.phone)
        national = number.removeprefix("+39")

        async def look(text: str, *, at: timedelta = timedelta()) -> registers.Uploaded:
            lines = registers.read_csv(text, now=NOW + at)
            return await registers.upload(conn, lines, channel="call", source="rpo", country="IT", now=NOW + at)

        done = await look(f"value;listed\n{national};si\n+390212345678;no\nnonsense;no\n")
        assert (done.lines, done.checked, done.listed, done.unknown, done.unreadable) == (4 - 1, 1, 1, 1, (3,))
        assert [one.reason for one in (await service.suppressions_of(conn, [maria.phone]))[maria.phone]] == ["register"]
        old = (NOW - timedelta(days=3)).isoformat()
        await look(f"value,listed,checked_at\n{number},no,{old}\n")
        assert await service.suppressions_of(conn, [maria.phone])
        await look(f"value,listed\n{number},no\n", at=timedelta(days=1))
        assert await service.suppressions_of(conn, [maria.phone]) == {}
        assert not (await service.registers_of(conn, [maria.phone]))[maria.phone][0].listed


@pytest.mark.parametrize(
    "text",
    ["", "a,b\n1,2\n", "value,listed\n+39,maybe\n", "value,listed\n\x00,no\n", "value,listed,checked_at\n1,no,then\n",
     "value,listed,checked_at\n1,no,2030-01-01T00:00:00Z\n"],
    ids=["empty", "columns", "maybe", "nul", "then", "future"],
)  # fmt: skip
def test_a_register_file_that_cannot_be_read_is_refused(text: str) -> None:
    """With the line that is wrong, before anything is kept."""
    with pytest.raises(BadConsent):
        registers.read_csv(text, now=NOW)


@pytest.mark.parametrize(
    ("text", "stop", "start"),
    [
        ("STOP", True, False),
        (" stop. ", True, False),
        ("Basta, grazie!", True, False),
        ("non scrivetemi più", True, False),
        ("Unsubscribe please", True, False),
        ("START", False, True),
        ("iscrivimi", False, True),
        ("when does the shop stop selling?", False, False),
        ("please cancel my order", False, False),
        ("", False, False),
        ("stop" * 1000, False, False),
        ("ＳＴＯＰ", True, False),
    ],
    ids=[
        "stop",
        "dotted",
        "basta",
        "accent",
        "polite",
        "start",
        "iscrivimi",
        "question",
        "order",
        "empty",
        "long",
        "wide",
    ],
)
def test_stop_words_are_the_whole_message(text: str, stop: bool, start: bool) -> None:
    """A word of a sentence ends nothing."""
    assert (is_stop(text), is_start(text)) == (stop, start)


def test_a_language_keeps_its_own_words_and_english() -> None:
    """English is what carriers tell people to answer."""
    assert is_stop("STOP", "it")
    assert is_stop("basta", "it-IT")
    assert not is_stop("basta", "en")
