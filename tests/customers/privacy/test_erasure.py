"""An erasure leaves nothing readable, and nothing comes back by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.support.private import Registry, converse, trade
from tests.support.shop import fresh


async def test_nothing_readable_is_left_anywhere(registry: Registry) -> None:
    """After every room has known somebody, no column of any table holds any of his values in any spelling."""
    who = await registry.customer()
    await trade(registry, who)
    await converse(registry, who)
    before = await registry.left(who)
    assert len({one.split(":")[0] for one in before}) >= 25, before
    orders = await registry.conn.fetchval("select count(*) from sales_order")
    total = await registry.conn.fetchval("select sum(total_minor) from sales_order")
    others = await registry.conn.fetchval("select count(*) from node")

    request = await registry.erase(who)

    assert await registry.left(who) == []
    assert (request["state"], request["person_id"], request["reason"]) == ("done", None, "")
    receipt = request["receipt"]
    assert receipt["rows"]["event"] >= 3
    assert receipt["rows"]["sales_order"] == 2
    assert {one["table"] for one in receipt["kept"]} >= {"sales_order", "payment", "cart"}
    # The books are whole; they do not say whose it was.
    assert await registry.conn.fetchval("select count(*) from sales_order") == orders
    assert await registry.conn.fetchval("select sum(total_minor) from sales_order") == total
    assert await registry.conn.fetchval("select count(*) from node") == others - receipt["identifiers"]
    # What somebody else said of him stays somebody else's, without him.
    said = await registry.conn.fetchval(
        "select properties::text from event where name = 'Friend Invited' order by id desc limit 1"
    )
    assert said.count("[erased]") == 2
    # Nothing is kept for him any more.
    assert await registry.conn.fetchval("select count(*) from hold where node_id is not null and state = 'held'") == (
        await registry.conn.fetchval("select count(*) from hold join node on node.id = node_id where state = 'held'")
    )


async def test_what_happened_before_never_comes_back(registry: Registry) -> None:
    """A client that sends again what it sent before, or sends late what happened before, is refused without a trace;
    what happens afterwards begins somebody new who gets no marketing until he agrees."""
    who = await registry.customer()
    then = datetime.now(UTC).isoformat()
    old = {"type": "track", "event": "Product Viewed", "userId": who.user, "messageId": fresh(), "timestamp": then}
    await registry.say(old)
    await registry.erase(who)
    again = old | {"messageId": fresh()}
    side = {"type": "track", "event": "Product Viewed", "anonymousId": fresh(), "timestamp": then, "messageId": fresh()}
    side |= {"context": {"traits": {"email": who.email}}}
    await registry.say(old, again, side)
    assert await registry.left(who) == []
    assert await registry.person(who) is None
    # He is back: from now on, as somebody new.
    await registry.say({"type": "identify", "userId": who.user, "traits": {"email": who.email}})
    person = await registry.person(who)
    assert person is not None
    await registry.say(old | {"messageId": fresh()}, side | {"messageId": fresh()})
    names = await registry.conn.fetch(
        "select event.name from event join node on node.id = node_id where node.person_id = $1", person
    )
    assert "Product Viewed" not in {row["name"] for row in names}
    consents = (await registry.api("GET", f"/api/people/{person}/consents")).json()
    assert "opt_out" in str(consents)
    # The last look at what was erased leaves who he is now alone.
    await registry.work(timedelta(hours=1))
    assert await registry.person(who) == person
    told = await registry.conn.fetchval("select count(*) from trait where value = to_jsonb($1::text)", who.email)
    assert told == 1


async def test_a_write_that_is_repeated_is_not_done_again(registry: Registry) -> None:
    """Whoever repeats a write about somebody erased is told that he is gone, neither the first answer nor a new one."""
    who = await registry.customer()
    key = {"idempotency-key": fresh("k")}
    asked = {"code": "SHOE-43", "store_id": "milano", "identifier": f"user_id:{who.user}", "note": who.name}
    first = await registry.api("POST", "/api/reservations", asked, **key)
    assert first.status_code < 300
    await registry.erase(who)
    again = await registry.api("POST", "/api/reservations", asked, **key)
    assert (again.status_code, again.json().get("code")) == (410, "erased"), again.text
    assert await registry.left(who) == []


async def test_failed_events_of_his_are_empty_and_stay_so(registry: Registry) -> None:
    """Trying failed events again brings nothing back."""
    who = await registry.customer()
    since = await registry.shop.last_failure()
    await registry.say({"type": "track", "event": "", "userId": who.user, "properties": {"mail": who.email}})
    ids = [row["id"] for row in await registry.shop.failures(since)]
    await registry.erase(who)
    assert [(row["code"], bytes(row["raw"])) for row in await registry.shop.failures(since)] == [("erased", b"")]
    await registry.api("POST", "/api/failed-events/replay", {"ids": ids})
    assert await registry.left(who) == []


async def test_others_keep_what_is_theirs(registry: Registry) -> None:
    """A value within a longer word is another value; who lives in the same household and who shares a device stays."""
    who, other = await registry.customer(), await registry.customer()
    longer = f"x{who.email}"
    await registry.say({"type": "track", "event": "Note Added", "userId": other.user, "properties": {"to": longer}})
    before = [one for one in await registry.left(other) if not one.startswith(("audit", "idempotency"))]
    await registry.erase(who)
    assert [one for one in await registry.left(other) if not one.startswith(("audit", "idempotency"))] == before
    kept = await registry.conn.fetchval("select count(*) from event where properties::text like $1", f"%{longer}%")
    assert kept == 1


async def test_a_copy_past_its_time_is_thrown_away(registry: Registry) -> None:
    """After thirty days nobody can fetch it, and the night reports."""
    who = await registry.customer()
    person = await registry.person(who)
    assert person is not None
    number = (await registry.ask("access", person))["id"]
    await registry.work()
    assert (await registry.api("GET", f"/api/privacy/requests/{number}/archive")).status_code == 200
    await registry.conn.execute("update privacy_request set expires_at = now() where id = $1", number)
    await registry.work(timedelta(days=1))
    assert (await registry.api("GET", f"/api/privacy/requests/{number}/archive")).status_code == 404
    assert await registry.conn.fetchval("select count(*) from privacy_archive where request_id = $1", number) == 0
    assert await registry.conn.fetchval("select count(*) from audit_entry where action = 'privacy.retention'") >= 1
