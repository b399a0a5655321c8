"""The facts of a decision, read from the database: addresses, zones, trouble, preference, contacts, plans."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.support.consent import Somebody, granted, make_node, people
from tests.support.log import new_event, write
from tests.support.policy import NOON
from unisono.commerce.inventory.model import Location
from unisono.commerce.inventory.places import save_location
from unisono.customers.consent import ledger
from unisono.customers.profiles.service import traits_of
from unisono.customers.timeline.model import NewEvent
from unisono.engagement.channels.model import CHANNELS
from unisono.engagement.policy import facts, service
from unisono.engagement.policy.helping import HELP_EVENTS
from unisono.engagement.policy.model import Asked, ContactFacts
from unisono.engagement.policy.preferring import CLICKS, REPLIES
from unisono.engagement.policy.rules import decide
from unisono.kit.database import Connection, Pool
from unisono.kit.sql import load

ROME = facts.Company("Europe/Rome", "IT")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
async def conn(pool: Pool) -> Connection:
    """A connection for the length of a test."""
    async with pool.acquire() as connection:
        yield connection


async def somebody(conn: Connection) -> Somebody:
    """One person with an account, an e-mail address and a phone."""
    (made,) = await people(conn, 1)
    return made


async def known(
    conn: Connection, node: int, *, now: datetime = NOON, channels: tuple[str, ...] = ("any",)
) -> ContactFacts:
    """The facts for a promotion."""
    asked = Asked(message_id=1, node_id=node, purpose="marketing", channels=channels, due_at=now)
    policy = await service.current(conn)
    accounts = {channel: f"{channel}-account" for channel in CHANNELS}
    found = await facts.load(conn, [asked], policy=policy, accounts=accounts, company=ROME, now=now)
    return found[1]


async def say(conn: Connection, node: int, name: str, value: Any, *, ago: timedelta = DAY) -> None:
    """A trait from some source."""
    await conn.execute(
        "insert into trait (node_id, name, source_id, value, occurred_at) values ($1, $2, $3, $4, $5)",
        node,
        name,
        int(ago.total_seconds()) % 30_000,
        msgspec.json.encode(value).decode(),
        NOON - ago,
    )


async def touch(conn: Connection, node: int, channel: str, *, ago: timedelta, purpose: str = "marketing") -> None:
    """A contact that was."""
    await conn.execute(
        "insert into contact (key, node_id, at, channel, purpose, weight, origin)"
        " values (gen_random_uuid()::text, $1, $2, $3, $4, 1, 'message')",
        node,
        NOON - ago,
        channel,
        purpose,
    )


def reached(found: ContactFacts) -> dict[str, list[int]]:
    """The addresses by channel, best first."""
    by_channel: dict[str, list[int]] = {}
    for one in sorted(found.addresses, key=lambda one: (one.rank, one.node_id)):
        by_channel.setdefault(one.channel, []).append(one.node_id)
    return by_channel


async def test_each_identifier_is_an_address_of_its_channels(conn: Connection) -> None:
    """E-mail, phone for SMS, calls and WhatsApp unless there is a WhatsApp one; the strongest for who comes to us."""
    person = await somebody(conn)
    addresses = reached(await known(conn, person.email))
    assert addresses["email"] == [person.email]
    assert addresses["sms"] == addresses["call"] == addresses["whatsapp"] == [person.phone]
    assert addresses["onsite"] == addresses["clerk"] == [person.user]
    assert addresses["ads"] == [person.email, person.phone]
    assert not {"mail", "web_push", "app_push", "telegram"} & set(addresses)
    whatsapp = await person.another(conn, "whatsapp")
    telegram = await person.another(conn, "telegram")
    addresses = reached(await known(conn, person.user))
    assert addresses["whatsapp"] == [whatsapp, person.phone]
    assert addresses["telegram"] == [telegram]


async def test_an_anonymous_visitor_is_reached_where_he_is(conn: Connection) -> None:
    """On the site and in the chat, and nowhere else."""
    visitor = await make_node(conn, "anonymous_id")
    addresses = reached(await known(conn, visitor))
    assert set(addresses) == {"onsite", "chat", "clerk", "till", "webhook", "other"}


async def test_push_and_letters_need_a_device_and_a_letterbox(conn: Connection) -> None:
    """A browser that takes messages, a street with a town; the consent under any identifier of his counts."""
    person = await somebody(conn)
    device = await person.another(conn, "device_id")
    await conn.executemany(
        "insert into push_address (node_id, channel, endpoint, gone_at) values ($1, $2, $3, $4)",
        [(device, "web_push", "https://push.example/1", None), (device, "app_push", "token", NOON)],
    )
    await say(conn, person.user, "address", {"street": "Via Roma 1"})
    addresses = reached(await known(conn, person.user))
    assert (addresses["web_push"], "app_push" in addresses, "mail" in addresses) == ([device], False, False)
    await say(conn, person.email, "address", {"street": "Via Roma 1", "city": "Milano"}, ago=HOUR)
    await ledger.record(conn, [granted(person.user, channel="web_push", at=NOON - DAY)], now=NOON)
    found = await known(conn, person.user)
    assert (reached(found)["mail"], reached(found)["web_push"]) == ([person.user], [device])
    asked = Asked(message_id=1, node_id=person.user, purpose="marketing", channels=("web_push",), due_at=NOON)
    decision = decide(asked, found, await service.current(conn), await _legal(conn), NOON)
    assert (decision.outcome, decision.address_node) == ("send", device)


async def test_consents_suppressions_and_the_register_are_of_the_whole_person(conn: Connection) -> None:
    """Whichever identifier is asked about."""
    person = await somebody(conn)
    await ledger.record(conn, [granted(person.email, action="confirmed", at=NOON - DAY)], now=NOON)
    found = await known(conn, person.phone)
    assert [state.node_id for state in found.standing.states] == [person.email]
    decided = decide(
        Asked(message_id=1, node_id=person.phone, purpose="marketing", channels=("sms", "email"), due_at=NOON),
        found,
        await service.current(conn),
        await _legal(conn),
        NOON,
    )
    assert (decided.outcome, decided.channel, decided.address_node) == ("send", "email", person.email)


async def _legal(conn: Connection) -> Any:
    from unisono.customers.consent import service as consent

    return await consent.legal(conn)


async def test_contacts_count_over_all_identifiers_and_only_as_long_as_they_must(conn: Connection) -> None:
    """A week is the longest window of the package; what was released weighs nothing."""
    person = await somebody(conn)
    await touch(conn, person.email, "email", ago=DAY)
    await touch(conn, person.phone, "sms", ago=6 * DAY)
    await touch(conn, person.phone, "sms", ago=8 * DAY)
    await touch(conn, person.user, "email", ago=HOUR)
    await conn.execute("update contact set released_at = $1 where at = $2", NOON, NOON - HOUR)
    found = await known(conn, person.user)
    assert sorted((one.channel, NOON - one.at) for one in found.contacts) == [("email", DAY), ("sms", 6 * DAY)]


async def test_messages_planned_within_the_window_are_known(conn: Connection) -> None:
    """Not those further away, decided already, or transactional."""
    person = await somebody(conn)
    rows = [
        ("soon", "marketing", "planned", NOON + DAY),
        ("far", "marketing", "planned", NOON + 8 * DAY),
        ("done", "marketing", "skipped", NOON + DAY),
        ("ordered", "transactional", "planned", NOON + DAY),
    ]
    for key, purpose, state, at in rows:
        await conn.execute(
            "insert into message (key, node_id, origin, purpose, channels, due_at, try_at, state, created_by)"
            " values ($1, $2, 'api', $3, '{email}', $4, $4, $5, 'test')",
            key,
            person.phone,
            purpose,
            at,
            state,
        )
    found = await known(conn, person.user)
    assert [(one.at, one.channels) for one in found.planned] == [(NOON + DAY, ("email",))]


async def test_a_zone_is_the_newest_that_was_named(conn: Connection) -> None:
    """A trait of the profile against what a phone said on its way, whichever is newer; nonsense is passed over."""
    person = await somebody(conn)
    assert (await known(conn, person.user)).zone.source == "company"
    await say(conn, person.user, "timezone", "America/New_York", ago=10 * DAY)
    assert (await known(conn, person.user)).zone.name == "America/New_York"
    phone = await person.another(conn, "device_id")
    for zone, ago in (("Asia/Tokyo", 3 * DAY), ("Europe/London", 5 * DAY)):
        event = new_event(phone, at=NOON - ago)._replace(context=msgspec.json.encode({"timezone": zone}).decode())
        await write(conn, [event, new_event(phone, at=NOON - DAY)])
    found = (await known(conn, person.user)).zone
    assert (found.name, found.source, found.sure) == ("Asia/Tokyo", "person", True)
    for poison, ago in (("Mars/Olympus", HOUR), ({"a": 1}, 2 * HOUR), (7, 3 * HOUR)):
        event = new_event(phone, at=NOON - ago)._replace(context=msgspec.json.encode({"timezone": poison}).decode())
        await write(conn, [event])
    assert (await known(conn, person.user)).zone.name in ("Asia/Tokyo", "America/New_York")


async def test_without_a_zone_the_home_store_has_one(conn: Connection) -> None:
    """The shop the person named, else the one he is seen in; both are not sure."""
    person = await somebody(conn)
    for code, zone in (("lisboa", "Europe/Lisbon"), ("athina", "Europe/Athens")):
        await save_location(conn, Location(code=code, name=code, kind="store", timezone=zone))
    await conn.execute(
        "insert into person_summary (person_id, identified, store_id) values ($1, true, 'lisboa')", person.person
    )
    found = (await known(conn, person.user)).zone
    assert (found.name, found.source, found.sure) == ("Europe/Lisbon", "store", False)
    await say(conn, person.user, "timezone", "Not/AZone")
    await say(conn, person.email, "home_store", "athina")
    assert (await known(conn, person.user)).zone.name == "Europe/Athens"
    await say(conn, person.phone, "home_store", "nowhere", ago=HOUR)
    assert (await known(conn, person.user)).zone.source == "company"


def survey(node: int, ago: timedelta, **answer: Any) -> NewEvent:
    """An answer to a survey; what its properties say is kept as it is."""
    properties = msgspec.json.encode(answer).decode()
    return new_event(node, "Survey Answered", at=NOON - ago)._replace(properties=properties)


async def test_trouble_is_found_under_any_identifier(conn: Connection) -> None:
    """A complaint by phone, a late parcel of the web shop, a bad score by e-mail."""
    person = await somebody(conn)
    await write(
        conn,
        [
            new_event(person.phone, "Complaint Opened", at=NOON - DAY, complaint_id="C1"),
            new_event(person.user, "Order Delayed", at=NOON - DAY, order_id="O1"),
            survey(person.email, DAY, kind="nps", score=2),
            survey(person.email, 2 * DAY, kind="csat", score="😡" * 10),
        ],
    )
    assert [one.kind for one in (await known(conn, person.email)).troubles] == ["complaint", "late_order", "nps"]


@pytest.mark.parametrize(
    ("kind", "state", "status", "late"),
    [
        pytest.param("ship", "shipped", "open", True, id="on-its-way"),
        pytest.param("ship", "delivered", "completed", False, id="delivered"),
        pytest.param("pickup", "picking", "open", True, id="not-ready"),
        pytest.param("pickup", "ready", "ready", False, id="waits-for-him"),
    ],
)
async def test_an_order_past_its_promise_is_late_without_anybody_saying_so(
    conn: Connection, kind: str, state: str, status: str, late: bool
) -> None:
    """The orders know what was promised."""
    person = await somebody(conn)
    order = await conn.fetchval(
        "insert into sales_order (number, source, source_order_id, node_id, channel, status, payment_status, currency,"
        " subtotal_minor, total_minor, placed_at)"
        " values ('U-1', 'web', 'U-1', $1, 'web', $2, 'paid', 'EUR', 100, 100, $3) returning id",
        person.email,
        status,
        NOON - 3 * DAY,
    )
    await conn.execute(
        "insert into fulfilment (order_id, kind, state, promised_at) values ($1, $2, $3, $4)",
        order,
        kind,
        state,
        NOON - HOUR,
    )
    found = (await known(conn, person.user)).troubles
    assert [(one.kind, one.reference) for one in found] == ([("late_order", "U-1")] if late else [])


async def test_the_preferred_channel_is_stated_or_learned(conn: Connection) -> None:
    """Two of three messages on WhatsApp answered, one of five mails: WhatsApp; what he says himself goes before."""
    person = await somebody(conn)
    for days in range(1, 6):
        await touch(conn, person.email, "email", ago=days * 10 * DAY)
    for days in range(1, 4):
        await touch(conn, person.phone, "whatsapp", ago=days * 9 * DAY)
    await write(
        conn,
        [
            new_event(person.email, "Email Link Clicked", at=NOON - 10 * DAY + HOUR, channel="email"),
            new_event(person.phone, "Message Received", at=NOON - 9 * DAY + HOUR, channel="messages"),
            new_event(person.user, "Product Viewed", at=NOON - 50 * DAY + 25 * HOUR),
            new_event(person.user, "Page Viewed", at=NOON - 18 * DAY + HOUR, channel="web"),
            new_event(person.user, "Page Viewed", at=NOON - 27 * DAY + 24 * HOUR, channel="store"),
        ],
    )
    found = (await known(conn, person.user)).preference
    assert found.contacts == {"email": 5, "whatsapp": 3}
    assert found.answers == {"email": 1, "whatsapp": 2}
    assert (found.stated, found.learned) == (None, "whatsapp")
    await say(conn, person.user, "preferred_channel", "E-Mail")
    assert (await known(conn, person.user)).preference.stated == "email"
    assert (await known(conn, person.user, channels=("email",))).preference.learned is None


async def test_hundreds_of_people_take_as_many_statements_as_one(conn: Connection) -> None:
    """Facts are loaded set-wise."""
    crowd = await people(conn, 300)
    policy = await service.current(conn)
    counts = []
    # The first time the driver asks about types of its own.
    for some in (crowd[:1], crowd[:1], crowd):
        asked = [
            Asked(message_id=place, node_id=one.email, purpose="marketing", channels=("any",), due_at=NOON)
            for place, one in enumerate(some)
        ]
        statements: list[str] = []

        def seen(record: Any, into: list[str] = statements) -> None:
            into.append(record.query)

        with conn.query_logger(seen):
            found = await facts.load(conn, asked, policy=policy, accounts={}, company=ROME, now=NOON)
        assert len(found) == len(some)
        counts.append(len(statements))
    assert counts[1] == counts[2] <= 16


def test_the_statement_asks_for_every_event_that_counts() -> None:
    """The names stand in SQL, so that an index holds just them, and in Python."""
    wanted = {*HELP_EVENTS, *CLICKS, *REPLIES}
    text = load("unisono.engagement.policy").signals_since.sql
    assert {name for name in wanted if f"'{name}'" in text} == wanted
    assert text.count("', '") + text.count("',\n") + 1 == len(wanted)


async def test_two_values_said_at_once_are_what_the_profile_says(conn: Connection) -> None:
    """The policy sees the very language and zone that the customer's page shows."""
    person = await somebody(conn)
    said = (("language", "it", "en"), ("timezone", "Europe/Rome", "Asia/Tokyo"), ("preferred_channel", "sms", "email"))
    for name, of_user, of_email in said:
        await say(conn, person.user, name, of_user)
        await say(conn, person.email, name, of_email)
    profile = {name: trait.value for name, trait in (await traits_of(conn, [person.user, person.email])).items()}
    found = await known(conn, person.user)
    assert (found.language, found.zone.name, found.preference.stated) == (
        profile["language"],
        profile["timezone"],
        profile["preferred_channel"],
    )
