"""An erasure while the whole installation is at work: whatever is under way with him at that instant is through before
it or finds him gone, nothing of him is anywhere afterwards, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.support.books import check_books
from tests.support.forking import Fork, forks
from tests.support.graph import assert_same_as_replay
from tests.support.living import Apart, Live, gate_at, open_live
from tests.support.posting import Reply
from tests.support.private import Customer, trade
from tests.support.secret import TEST_SECRET
from tests.support.shop import fresh
from unisono.commerce.orders import duties
from unisono.commerce.orders import service as orders
from unisono.commerce.orders.model import PayRequest
from unisono.commerce.orders.payments import service as payments
from unisono.customers.identity.rulebook import read_rulebook
from unisono.customers.privacy import copying, erasing
from unisono.customers.privacy.copying import Copier, pieces
from unisono.customers.privacy.erasing import Eraser
from unisono.customers.privacy.errors import ArchiveNotFound
from unisono.customers.segments import service as segments
from unisono.customers.segments.service import NewSegment
from unisono.customers.segments.timing import SegmentsDue
from unisono.customers.timers.firing import fire
from unisono.customers.timers.worker import TimerWorker
from unisono.engagement.delivery import claiming, dispatcher, handing, lanes
from unisono.engagement.delivery.dispatcher import Dispatcher
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import UnisonoError
from unisono.kit.settings import Settings
from unisono.personal import PARTS

SENDING = (claiming, dispatcher, handing, lanes)


class Killed(BaseException):
    """In place of the end of a process."""


IN_THE_CART: dict[str, Any] = {
    "is": "sequence",
    "first": {"names": ["Product Added"]},
    "then": {"names": ["Order Completed"]},
    "within": 1,
    "negated": True,
}
"""Put into the cart and not bought for a second."""


@pytest.fixture(scope="module")
async def live(server_dsn: str, template_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    """One for the file: every test erases somebody else."""
    async with open_live(server_dsn, tmp_path_factory.mktemp("live")) as live:
        yield live


@pytest.fixture(autouse=True)
def a_prompt_server(live: Live) -> None:
    """The mail server takes everything at once unless a test says otherwise."""
    live.post.sink.reply = lambda _: Reply()


async def done(live: Live, number: int) -> bool:
    """Whether the erasure is done, the last look aside."""
    return bool(await live.conn.fetchval("select state = 'done' from privacy_request where id = $1", number))


async def work(live: Live, number: int) -> None:
    """Do the erasure, as its timer would."""
    await Eraser(live.pool, PARTS, TEST_SECRET).work(number, now=datetime.now(UTC))


class Stepwise(Dispatcher):
    """Claims nothing more while something is in a lane. A gate stops all that its thread does: at one where no
    transaction of the message is open, the next claim's would be, now and then."""

    async def _take(self, *, urgent: bool) -> int:
        return 0 if self._busy else await super()._take(urgent=urgent)


def sending(live: Live) -> Apart:
    """A dispatcher that sends what is due, in a thread."""
    return Apart(live.shop.dsn, lambda pool: Stepwise(pool, live.post.settings, TEST_SECRET).drain())


def taken(live: Live, who: Customer) -> int:
    """How often the mail server has taken something for him."""
    return sum(mail.to == who.email for mail in live.post.sink.mails)


@pytest.mark.parametrize(
    ("label", "alone", "sent"),
    [
        # Which comes first when the gate opens, the next step or the erasure, is open: it leaves once or never.
        ("delivery.before_claim_commit", False, None),
        ("delivery.after_claim", None, None),
        ("delivery.after_render", True, 0),
        ("delivery.before_hand_over_commit", False, 1),
        ("delivery.after_hand_over", True, 1),
        ("delivery.after_network", True, 1),
        ("delivery.before_outcome_commit", False, 1),
    ],
)
async def test_his_message_is_under_way(live: Live, label: str, alone: bool | None, sent: int | None) -> None:
    """Claimed, rendered, handed over, answered: where a transaction is open it is waited for, elsewhere the erasure is
    done at once; what was not handed over never leaves, what was is settled without a trace."""
    who = await live.customer()
    number = await live.begin(who)
    with gate_at(label, *SENDING) as gate:
        await live.write_to(who)
        going = sending(live)
        await gate.arrived()
        erasure = asyncio.ensure_future(work(live, number))
        await asyncio.wait([erasure], timeout=50 if alone else 0.7)
        if alone is not None:
            assert erasure.done() is alone
        gate.open()
        await erasure
        await going.end()
    assert await done(live, number)
    assert taken(live, who) in ((0, 1) if sent is None else (sent,))
    await live.all_gone(who)


async def test_the_mail_server_holds_the_answer(live: Live) -> None:
    """While a slow server keeps its answer to DATA back the erasure is done; the answer finds nothing to settle."""
    who = await live.customer()
    number = await live.begin(who)
    told = asyncio.Event()
    live.post.sink.reply = lambda _: Reply(until=told)
    await live.write_to(who)
    going = sending(live)
    async with asyncio.timeout(60):
        while not taken(live, who):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await work(live, number)
    assert await done(live, number)
    assert going.going
    told.set()
    await going.end()
    assert taken(live, who) == 1
    await live.all_gone(who)


async def test_his_timer_is_in_a_workers_hand(live: Live) -> None:
    """A segments timer of his that a worker has leased finds nobody, writes nothing and is not set again."""
    who = await live.customer()
    person = await live.person(who)
    async with transaction(live.pool) as conn:
        if not await conn.fetchval("select count(*) from segment where code = 'left'"):
            await segments.create(
                conn, NewSegment(code="left", name="Left", rule=IN_THE_CART), actor="test", now=datetime.now(UTC)
            )
            await segments.publish(conn, "left", now=datetime.now(UTC))
            await conn.execute("update segment set filled_version = version")
        part = str(await conn.fetchval("select id from segment where code = 'left'"))
        await conn.execute(
            """insert into timer (kind, key, due_at, try_at, payload)
               values ('segments', $1, now(), now(), jsonb_build_object($2::text, 0))""",
            str(person),
            part,
        )
    handler = SegmentsDue(Settings())
    worker = TimerWorker(live.pool, [handler])
    [share] = worker._shares
    leased = await worker._claim(share, datetime.now(UTC))
    assert str(person) in {timer.key for timer in leased}
    await work(live, await live.begin(who))
    await fire(live.pool, handler, leased, lambda: datetime.now(UTC), timedelta(seconds=30))
    assert await live.conn.fetchval("select count(*) from timer where kind = 'segments' and key = $1", str(person)) == 0
    assert await live.conn.fetchval("select count(*) from segment_member where person_id = $1", person) == 0
    await live.all_gone(who)


async def test_he_is_joined_with_somebody_at_that_instant(live: Live) -> None:
    """Whichever comes first: joined before, nobody is erased and the request is open again; erased before, there is
    nobody to join with. The other has all he had, and what is sent again of the two brings nothing back."""
    then = datetime.now(UTC).isoformat()
    outcomes = set()
    gone: list[Customer] = []
    for _ in range(8):
        who, other = await live.customer(), await live.customer()
        one, two = await live.person(who), await live.person(other)
        assert one
        assert two
        before = await live.conn.fetchval("select count(*) from event where node_id in (" + NODES + ")", two)
        number = await live.begin(who)

        async def join(one: int = one, two: int = two) -> int:
            await asyncio.sleep(random.uniform(0, 0.06))
            answer = await live.api("POST", f"/api/people/{two}/join", {"person_id": one, "reason": "the same"})
            return int(answer.status_code)

        _, status = await asyncio.gather(work(live, number), join())
        joined = status < 300
        outcomes.add(joined)
        assert joined or status == 404
        state = await live.conn.fetchval("select state from privacy_request where id = $1", number)
        assert state == ("open" if joined else "done")
        after = await live.conn.fetchval("select count(*) from event where node_id in (" + NODES + ")", two)
        assert after >= before
        assert await live.person(other) is not None
        assert (await live.person(who) is not None) is joined
        if not joined:
            gone.append(who)
            linking = {"type": "identify", "userId": other.user, "traits": {"email": who.email}, "timestamp": then}
            await live.say(linking)
            again = await live.api("POST", f"/api/people/{two}/join", {"person_id": one, "reason": "again"})
            assert again.status_code == 404
            assert await live.person(other) == two
    assert outcomes == {True, False} or len(outcomes) == 1
    await live.all_gone(*gone)


NODES = "select id from node where person_id = (select person_id from node where id = $1)"


async def test_others_stay_together_whom_only_he_was_joined_with(live: Live) -> None:
    """A join by hand of three, of which he was taken out again: once he is erased the other two are one still."""
    people = [await live.customer() for _ in range(3)]
    persons = [await live.person(who) for who in people]
    for other in persons[1:]:
        body = {"person_id": other, "reason": f"{people[0].name} says so"}
        answer = await live.api("POST", f"/api/people/{persons[0]}/join", body)
        assert answer.status_code < 300, answer.text
    him = people[0]
    own = await live.conn.fetch("select id from node where value = any($1)", him.values)
    whole = await live.person(people[1])
    answer = await live.api(
        "POST", f"/api/people/{whole}/split", {"nodes": [row["id"] for row in own], "reason": "not he"}
    )
    assert answer.status_code < 300, answer.text
    assert await live.person(people[1]) == await live.person(people[2]) != await live.person(him)
    changes = await live.conn.fetch("select id from identity_change order by id")
    await work(live, await live.begin(him))
    assert await live.person(people[1]) == await live.person(people[2])
    await assert_same_as_replay(live.conn, await read_rulebook(live.conn))
    for row in changes:
        answer = await live.api("POST", f"/api/identity/changes/{row['id']}/undo", {"reason": "look"})
        assert answer.status_code in (200, 201, 404, 409), answer.text
    await live.all_gone(him)


async def test_his_events_wait_in_the_collector(live: Live) -> None:
    """The collector is stopped with his event in hand, anywhere from the socket to the commit, while he is erased: told
    of an instant before it, the event is refused, whoever carries his address."""
    web = live.shop.webs[0].process
    assert web is not None
    people = []
    for turn in range(8):
        who = await live.customer()
        number = await live.begin(who)
        then = datetime.now(UTC).isoformat()
        side = {"anonymousId": fresh(), "context": {"traits": {"email": who.email}}}
        events = [
            {"type": "track", "event": "Page Viewed", "userId": who.user, "timestamp": then},
            {"type": "identify", "timestamp": then, **side},
        ]
        telling = asyncio.ensure_future(live.say(*events))
        await asyncio.sleep(turn * 0.004)
        os.kill(web.pid, signal.SIGSTOP)
        try:
            erasure = asyncio.ensure_future(work(live, number))
            await asyncio.wait([erasure], timeout=0.6)
        finally:
            os.kill(web.pid, signal.SIGCONT)
        await asyncio.gather(telling, erasure)
        assert await done(live, number)
        assert await live.person(who) is None
        people.append(who)
    assert await live.conn.fetchval("select count(*) from failed_event where code = 'erased' and raw <> ''") == 0
    await live.all_gone(*people)


async def test_his_copy_is_being_made(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that is being read from the database is read to its end, whole; then it is thrown away."""
    monkeypatch.setattr(copying, "PIECE", 2000)
    who = await live.customer()
    person = await live.person(who)
    assert person is not None
    number = await live.begin(who)
    asked = (await live.ask("access", person))["id"]
    with gate_at("privacy.after_piece", copying) as gate:
        copy = Apart(live.shop.dsn, lambda pool: Copier(pool, PARTS, TEST_SECRET).work(asked, now=datetime.now(UTC)))
        await gate.arrived()
        erasure = asyncio.ensure_future(work(live, number))
        await asyncio.wait([erasure], timeout=1.5)
        assert not erasure.done()
        gate.open()
        await copy.end()
        await erasure
    assert await done(live, number)
    assert (await live.api("GET", f"/api/privacy/requests/{asked}/archive")).status_code == 404
    assert await live.conn.fetchval("select count(*) from privacy_archive where request_id = $1", asked) == 0
    await live.all_gone(who)


async def test_a_copy_that_outlives_its_person_leaves_no_piece(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """He is erased when all is read and the last piece is not written: it never is, also when its maker is killed."""
    who = await live.customer()
    person = await live.person(who)
    assert person is not None
    number = await live.begin(who)
    asked = (await live.ask("access", person))["id"]
    manifest = copying._Making._manifest

    def late(making: copying._Making, identifiers: list[str]) -> dict[str, Any]:
        copying.crash_point("test.all_read")
        return manifest(making, identifiers)

    def killed(label: str) -> None:
        if label == "privacy.after_piece":
            raise Killed

    monkeypatch.setattr(copying._Making, "_manifest", late)
    with gate_at("test.all_read", copying) as gate:

        async def copy(pool: Pool) -> None:
            try:
                await Copier(pool, PARTS, TEST_SECRET).work(asked, now=datetime.now(UTC))
            except Killed:
                return

        copier = Apart(live.shop.dsn, copy)
        await gate.arrived()
        await work(live, number)
        monkeypatch.setattr(copying, "crash_point", killed)
        gate.open()
        await copier.end()
    assert await live.conn.fetchval("select state from privacy_request where id = $1", asked) == "refused"
    assert await live.conn.fetchval("select count(*) from privacy_archive where request_id = $1", asked) == 0
    await live.all_gone(who)


async def test_his_copy_is_being_fetched(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a copy is never handed out as a whole one: the fetching breaks off."""
    monkeypatch.setattr(copying, "PIECE", 2000)
    who = await live.customer()
    person = await live.person(who)
    assert person is not None
    asked = (await live.ask("access", person))["id"]
    await live.work()
    count = (await live.api("GET", f"/api/privacy/requests/{asked}")).json()["receipt"]["pieces"]
    fetching = pieces(live.pool, TEST_SECRET, asked, count)
    assert (await anext(fetching))[:2] == b"PK"
    await work(live, await live.begin(who))
    with pytest.raises(ArchiveNotFound):
        await anext(fetching)
    await live.all_gone(who)


async def test_two_erasures_of_one_person_at_once(live: Live) -> None:
    """Two requests, confirmed both, worked on by two at once: he is erased once, and both are done."""
    people = []
    for _ in range(3):
        who = await live.customer()
        numbers = [await live.begin(who), await live.begin(who)]
        await asyncio.gather(
            *(Apart(live.shop.dsn, lambda pool, number=number: eraser(pool, number)).end() for number in numbers)
        )
        assert set((await live.settled(numbers)).values()) == {"done"}
        receipts = [(await live.api("GET", f"/api/privacy/requests/{number}")).json()["receipt"] for number in numbers]
        assert sorted(bool(one["identifiers"]) for one in receipts) == [False, True]
        people.append(who)
    await live.all_gone(*people)


async def eraser(pool: Pool, number: int) -> None:
    """One who does erasures."""
    await Eraser(pool, PARTS, TEST_SECRET).work(number, now=datetime.now(UTC))


async def test_goods_that_are_kept_for_him(live: Live) -> None:
    """A cart, a reservation and an order nobody has paid, while others want the same goods: what was held for him is
    free, what was ordered stays in the books without him and can be delivered or cancelled, and all sums are right."""
    who = await live.customer()
    await trade(live, who)
    placed = {
        "source": "erp",
        "source_order_id": fresh("unpaid"),
        "lines": [{"sku": "SHOE-42", "quantity": 2}],
        "location": "hub",
        "identifier": f"user_id:{who.user}",
        "customer": {"name": who.name},
        "payment": {"provider": "transfer"},
    }
    unpaid = (await live.api("POST", "/api/orders", placed)).json()
    orders = await live.conn.fetch("select number, total_minor from sales_order order by id")
    number = await live.begin(who)
    going = True

    async def buy(user: str) -> int:
        bought = 0
        while going:
            line = {"source": "web", "source_order_id": fresh(), "lines": [{"sku": "SHOE-42"}, {"sku": "SHOE-43"}]}
            answer = await live.api("POST", "/api/orders", line | {"location": "hub", "identifier": f"user_id:{user}"})
            assert answer.status_code in (201, 409, 422), answer.text
            bought += answer.status_code == 201
        return bought

    buying = [asyncio.ensure_future(buy(f"user-{n}")) for n in range(4)]
    await asyncio.sleep(0.3)
    await work(live, number)
    going = False
    assert sum(await asyncio.gather(*buying)) > 0
    await check_books(live.conn)
    assert await live.conn.fetchval("select count(*) from hold where node_id is not null and state = 'held'") == (
        await live.conn.fetchval("select count(*) from hold join node on node.id = node_id where state = 'held'")
    )
    kept = await live.conn.fetch("select number, total_minor from sales_order order by id limit $1", len(orders))
    assert kept == orders
    answer = await live.api("POST", f"/api/orders/{unpaid['number']}/cancel", {"reason": "never paid"})
    assert answer.status_code < 300, answer.text
    await check_books(live.conn)
    await live.all_gone(who)


@pytest.mark.parametrize("killed", [False, True], ids=["it goes on", "it dies"])
@pytest.mark.parametrize(("token", "end"), [("tok_approve", "voided"), ("tok_decline", "declined")])
async def test_his_payment_is_on_its_way(
    live: Live, monkeypatch: pytest.MonkeyPatch, token: str, end: str, killed: bool
) -> None:
    """The provider has answered and nobody has written it down, then he is erased: the answer is told, or looked up,
    by the key it was asked with; money that was taken goes back, and the key, which named him, goes with it."""
    monkeypatch.setenv("UNISONO_TEST_PAYMENTS", "true")
    who = await live.customer()
    await live.made.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, who.user)
    begun = await live.made.call("POST", "/channel/checkouts", {"fulfilment": "ship"}, who.user)
    request = PayRequest(provider="test", token=token, key=f"pay {who.email}")
    number = await live.begin(who)
    with gate_at("payments.after_call", payments) as gate:

        async def pay(pool: Pool) -> None:
            with contextlib.suppress(UnisonoError, Killed):
                await orders.pay(pool, UUID(begun["id"]), request)

        gate.then = Killed() if killed else None
        paying = Apart(live.shop.dsn, pay)
        await gate.arrived()
        await work(live, number)
        gate.open()
        await paying.end()
    for minutes in (15, 16):
        await TimerWorker(live.pool, duties.timer_handlers()).drain(datetime.now(UTC) + timedelta(minutes=minutes))
    row = await live.conn.fetchrow("select * from payment where reference = $1", f"checkout:{begun['id']}")
    assert row is not None
    assert (row["state"], row["order_id"]) == (end, None)
    assert await live.conn.fetchval("select count(*) from timer where state = 'pending' and error is not null") == 0
    await check_books(live.conn)
    await live.all_gone(who)


async def test_an_order_told_late_brings_nobody_back(live: Live) -> None:
    """An order of another system, placed before he was erased, is refused with his name; placed after, it begins
    somebody new whom nobody writes to, and who can be found."""
    who = await live.customer()
    then = datetime.now(UTC)
    await work(live, await live.begin(who))
    told = {
        "source": "erp",
        "lines": [{"sku": "SHOE-42"}],
        "location": "hub",
        "identifier": f"email:{who.email}",
        "customer": {"name": who.name},
    }
    late = await live.api("POST", "/api/orders", told | {"source_order_id": fresh(), "placed_at": then.isoformat()})
    assert (late.status_code, late.json()["code"]) == (410, "erased")
    await live.all_gone(who)
    answer = await live.api("POST", "/api/orders", told | {"source_order_id": fresh()})
    assert answer.status_code == 201, answer.text
    person = await live.shop.person("email", who.email)
    assert person is not None
    assert await live.conn.fetchval("select not_before is not null from node where id = $1", person)
    assert "opt_out" in (await live.api("GET", f"/api/people/{person}/consents")).text
    assert str(person) in (await live.api("GET", f"/api/people/search?q={who.email}")).text


async def test_a_first_answer_is_not_given_again(live: Live) -> None:
    """Kept answers about him are emptied before anything else of the search, and their repetition says so."""
    who = await live.customer()
    key = {"idempotency-key": fresh("k")}
    asked = {"code": "SHOE-43", "store_id": "milano", "identifier": f"user_id:{who.user}", "note": who.name}
    assert (await live.api("POST", "/api/reservations", asked, **key)).status_code < 300
    await work(live, await live.begin(who))
    again = await live.api("POST", "/api/reservations", asked, **key)
    assert (again.status_code, again.json()["code"]) == (410, "erased")
    await live.all_gone(who)


async def test_an_erasure_is_alone_with_whatever_it_changes(live: Live) -> None:
    """Every table it writes to is one it has for itself: it waits for no row while somebody waits for it."""
    who = await live.customer()
    await trade(live, who)
    number = await live.begin(who)
    async with live.pool.acquire() as conn:
        running = conn.transaction()
        await running.start()
        await Eraser(live.pool, PARTS, TEST_SECRET)._erase(conn, number, datetime.now(UTC))
        rows = await conn.fetch(
            """select distinct relation::regclass::text as name from pg_locks join pg_class on pg_class.oid = relation
               where pid = pg_backend_pid() and relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
                 and mode in ('RowShareLock', 'RowExclusiveLock')"""
        )
        await running.rollback()
    assert {row["name"] for row in rows} - set(erasing.locked(PARTS)) == set()


@pytest.mark.slow
async def test_everything_at_once(live: Live) -> None:
    """Two workers at work, mail slow, events pouring in, a broadcast fanning out, timers firing, copies being made:
    people are erased at random instants, some twice, while their workers are killed."""
    people = [await live.customer() for _ in range(7)]
    bystanders, gone = people[:2], people[2:]
    rng = random.Random(4)
    then = datetime.now(UTC).isoformat()
    live.post.sink.reply = lambda _: Reply(after=rng.choice((0.0, 0.05, 0.6)))
    await live.say(*({"type": "identify", "userId": who.user, "traits": {"city": "Roma"}} for who in people))
    await live.post.template()
    await live.post.segment([person for who in people if (person := await live.person(who))])
    await live.post.broadcast()
    going = True

    async def pour() -> None:
        while going:
            who = rng.choice(people)
            await live.say(
                {"type": "track", "event": "Product Added", "userId": who.user, "timestamp": then},
                {"type": "identify", "anonymousId": who.device, "timestamp": then, "traits": {"email": who.email}},
                {"type": "track", "event": "Product Viewed", "userId": bystanders[0].user},
            )
            await asyncio.sleep(0.1)

    async def ask(who: Customer) -> list[int]:
        person = await live.person(who)
        assert person is not None
        numbers = [await live.begin(who) for _ in range(rng.choice((1, 1, 2)))]
        if rng.random() < 0.5:
            answer = await live.api("POST", "/api/privacy/requests", {"kind": "access", "person_id": person})
            assert answer.status_code in (201, 404)
        return numbers

    numbers: list[int] = []
    arguments = (live.shop.dsn, live.folder, live.output)
    with forks("working_process", *arguments) as [first], forks("working_process", *arguments) as workers:
        await live.until("select count(*) > 0 from log_reader")
        await live.write_to(*people)
        await live.post.launch()
        pouring = [asyncio.ensure_future(pour()) for _ in range(3)]
        for who in gone:
            await asyncio.sleep(rng.uniform(0, 0.25))
            await live.write_to(who, key=fresh())
            numbers += await ask(who)
        first.kill()
        workers.append(Fork("working_process", arguments))
        try:
            # What it held is taken over when its lease ends: now.
            await live.conn.execute("update timer set try_at = now() where kind = 'privacy' and state = 'pending'")
            assert set((await live.settled(numbers, within=400)).values()) == {"done"}
            await live.until(
                "select count(*) = 0 from message where state in ('planned', 'claimed', 'handed_over')", within=200
            )
        finally:
            workers[-1].kill()
            going = False
            await asyncio.gather(*pouring)
    for who in gone:
        assert taken(live, who) <= 3
        assert await live.person(who) is None
    for who in bystanders:
        assert await live.person(who) is not None
    await live.conn.execute("update timer set try_at = now() where kind = 'privacy' and state = 'pending'")
    await live.all_gone(*gone)
    await assert_same_as_replay(live.conn, await read_rulebook(live.conn))
    await check_books(live.conn)
