"""Stock over the API: who may do what, what comes back, what is refused and leaves everything as it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.support.books import check_books
from tests.support.console import Site, console_site
from tests.support.stocked import stocked
from unisono.access.keys import create_source

CLERK = ("clerk", "milano")


class Api:
    """The application with the small shop, and somebody who asks."""

    def __init__(self, site: Site, key: str) -> None:
        self.site = site
        self.headers = {"authorization": f"Bearer {key}"}

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """As the company's own server."""
        headers = self.headers | more.pop("headers", {})
        return await self.site.client.request(method, path, json=body, headers=headers, **more)

    async def clerk(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """As the clerk of Milano in the console."""
        return await self.site.client.request(method, path, json=body, headers={"x-csrftoken": self.site.csrf})

    async def stock(self, sku: str, code: str) -> dict[str, Any]:
        """The stock row."""
        rows = (await self.ask("GET", f"/api/stock?sku={sku}&location={code}")).json()
        assert len(rows) == 1
        return dict(rows[0])


def line(sku: str, code: str, quantity: int) -> dict[str, Any]:
    """A line as it is sent."""
    return {"sku": sku, "location": code, "quantity": quantity}


@pytest.fixture
async def api(dsn: str) -> AsyncIterator[Api]:
    """The shop with three shoes and four socks in Milano, signed in as its clerk beside a key."""
    async with console_site(dsn) as site:
        async with site.pool.acquire() as conn, conn.transaction():
            shop = await stocked(conn, now=datetime.now(UTC))
            await shop.receive("shoe", "milano", 3)
            await shop.receive("sock", "milano", 4)
            scopes = frozenset({"commerce:read", "commerce:write"})
            made = await create_source(conn, name="erp", kind="server", actor="test", scopes=scopes)
        await site.sign_in_as(*CLERK)
        yield Api(site, made.key)
        async with site.pool.acquire() as conn:
            await check_books(conn)


async def test_places_with_their_hours(api: Api) -> None:
    """Made, changed, read; open at an instant or not; a bad one is refused and changes nothing."""
    body = {"name": "Torino", "kind": "store", "timezone": "Europe/Rome", "opening": {"mon": [["09:00", "13:00"]]}}
    made = await api.ask("PUT", "/api/locations/torino", body)
    assert (made.status_code, made.json()["code"]) == (200, "torino")
    at = "2026-12-21T08:30:00Z"
    state = (await api.ask("GET", f"/api/locations/torino/opening?at={at}")).json()
    assert state == {
        "open": True,
        "closes_at": "2026-12-21T12:00:00Z",
        "next_opening": "2026-12-28T08:00:00Z",
        "today": [["09:00", "13:00"]],
    }
    bad = await api.ask("PUT", "/api/locations/torino", body | {"timezone": "Mars/Base"})
    assert (bad.status_code, bad.json()["code"]) == (400, "bad_location")
    assert (await api.ask("GET", "/api/locations/torino")).json()["timezone"] == "Europe/Rome"
    assert len((await api.ask("GET", "/api/locations")).json()) == 4
    assert (await api.ask("GET", "/api/locations/atlantis")).status_code == 404
    assert (await api.ask("GET", "/api/locations/torino/opening?at=2026-12-21T08:30:00")).status_code == 400


async def test_availability_here_and_nearby(api: Api) -> None:
    """Every sku asked for is answered; a set is what its parts allow; a sku there is not is named."""
    found = (await api.ask("GET", "/api/availability?sku=set&sku=shoe&near=45.4,9.1")).json()
    assert [
        (one["sku"], [(place["location_code"], place["available"]) for place in one["places"]]) for one in found
    ] == [
        ("set", [("milano", 2)]),
        ("shoe", [("milano", 3)]),
    ]
    for path, code in (
        ("sku=ghost", "sku_unknown"),
        ("sku=shoe&near=x", "bad_point"),
        ("sku=shoe&near=91,0", "bad_point"),
        ("sku=shoe&near=nan,0", "bad_point"),
    ):
        assert (await api.ask("GET", f"/api/availability?{path}")).json()["code"] == code
    assert (await api.ask("GET", "/api/availability")).status_code == 400
    assert (await api.ask("GET", "/api/availability?sku=shoe&location=%00")).json()[0]["places"] == []


async def test_units_move_with_a_reason_and_once(api: Api) -> None:
    """The same Idempotency-Key five times at once: one movement, five equal answers, and the list says why."""
    body = {"kind": "receive", "lines": [line("shoe", "roma", 5)], "reason": "delivery", "reference": "d:1"}
    headers = {"idempotency-key": "d1"}
    answers = await asyncio.gather(*(api.ask("POST", "/api/stock/movements", body, headers=headers) for _ in range(5)))
    assert {answer.text for answer in answers} == {answers[0].text}
    assert answers[0].json()[0]["on_hand"] == 5
    [move] = (await api.ask("GET", "/api/stock/movements?reference=d:1")).json()
    assert (move["quantity"], move["reason"], move["actor"].split(":")[0]) == (5, "delivery", "key")
    for kind, more, on_hand, damaged, incoming in (
        ("damage", {}, 4, 1, 0),
        ("adjust", {"state": "damaged", "quantity": -1}, 4, 0, 0),
        ("expect", {"arriving_at": "2030-01-01T00:00:00Z"}, 4, 0, 1),
        ("receive", {"expected": True}, 5, 0, 0),
        ("put_back", {"condition": "damaged"}, 5, 1, 0),
    ):
        quantity = more.pop("quantity", 1)
        sent = {"kind": kind, "lines": [line("shoe", "roma", quantity)], "reason": "test", **more}
        [row] = (await api.ask("POST", "/api/stock/movements", sent)).json()
        assert (kind, row["on_hand"], row["damaged"], row["incoming"]) == (kind, on_hand, damaged, incoming)


def moving(kind: str, *lines: dict[str, Any], reason: str = "x") -> dict[str, Any]:
    """A movement as it is sent."""
    return {"kind": kind, "lines": list(lines), "reason": reason}


SHOE = line("shoe", "milano", 1)
SOLD = {"sku": "shoe", "quantity": 4}


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("movements", moving("receive", line("shoe", "milano", -1)), 400, "bad_stock"),
        ("movements", moving("receive", line("shoe", "milano", 10**18)), 400, "bad_stock"),
        ("movements", moving("receive", line("ghost", "milano", 1)), 404, "sku_unknown"),
        ("movements", moving("receive", line("shoe", "mars", 1)), 404, "location_unknown"),
        ("movements", moving("receive", line("shoe", "m\x00", 1)), 404, "location_unknown"),
        ("movements", moving("receive", SHOE, reason="\x00"), 400, "bad_text"),
        ("movements", moving("receive", SHOE, reason=""), 400, "bad_text"),
        ("movements", moving("receive"), 400, "bad_stock"),
        ("movements", moving("receive", line("set", "milano", 1)), 400, "kit_has_no_stock"),
        ("movements", moving("steal", line("shoe", "milano", 1)), 400, "validation"),
        ("movements", moving("receive", *[SHOE] * 5001), 400, "bad_stock"),
        ("movements", moving("adjust", line("shoe", "milano", -4)), 409, "would_break_promises"),
        ("counts", {"lines": [line("shoe", "milano", -1)]}, 400, "bad_stock"),
        ("counts", {"lines": [line("shoe", "milano", 1)], "counted_at": "2026-01-01T00:00:00"}, 400, "bad_instant"),
        ("transfers", {"lines": [line("shoe", "milano", 4)], "to": "roma"}, 409, "would_break_promises"),
        ("transfers", {"lines": [line("shoe", "milano", 1)], "to": "milano"}, 400, "same_place"),
        ("sales", {"location": "milano", "lines": [SOLD], "reference": "r"}, 409, "would_break_promises"),
        ("sales", {"location": "milano", "lines": [{"sku": "shoe", "quantity": 1}], "reference": ""}, 400, "bad_text"),
        ("risks/999/settle", {"outcome": "x"}, 404, "risk_unknown"),
    ],
)  # fmt: skip
async def test_nonsense_gets_a_clear_error_and_changes_nothing(
    api: Api, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    """Negative and enormous quantities, unknown skus and places, NUL, no reason, too many lines, promised units."""
    before = (await api.ask("GET", "/api/stock")).json(), (await api.ask("GET", "/api/stock/movements")).json()
    answer = await api.ask("POST", f"/api/stock/{path}", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    after = (await api.ask("GET", "/api/stock")).json(), (await api.ask("GET", "/api/stock/movements")).json()
    assert after == before


async def test_the_till_overrules_and_somebody_settles(api: Api) -> None:
    """Held by one customer, sold to another with a reason: a task of the store, settled with what came of it."""
    held = await api.ask("POST", "/api/holds", {"lines": [line("shoe", "milano", 3)], "reference": "call:7"})
    assert held.status_code == 201
    sale = {"location": "milano", "lines": [{"sku": "shoe", "quantity": 1}], "reference": "till:1"}
    assert (await api.clerk("POST", "/api/stock/sales", sale)).json()["code"] == "would_break_promises"
    sold = await api.clerk("POST", "/api/stock/sales", sale | {"override_reason": "in his hands"})
    assert (sold.json()["moved"], sold.json()["at_risk"]) == (1, 1)
    [risk] = (await api.clerk("GET", "/api/stock/risks")).json()
    assert (risk["sku"], risk["quantity"], risk["reason"], risk["still_at_risk"]) == ("shoe", 1, "in his hands", 1)
    [promise] = (await api.clerk("GET", "/api/holds?sku=shoe")).json()
    assert (promise["reference"], promise["quantity"], promise["state"]) == ("call:7", 3, "held")
    path = f"/api/stock/risks/{risk['id']}/settle"
    assert (await api.clerk("POST", path, {"outcome": ""})).json()["code"] == "outcome_missing"
    assert (await api.clerk("POST", path, {"outcome": "sent from Roma"})).status_code == 200
    assert (await api.clerk("GET", "/api/stock/risks")).json() == []
    assert (await api.clerk("GET", "/api/stock/risks?settled=true")).json()[0]["outcome"] == "sent from Roma"


async def test_a_clerk_moves_only_what_is_in_the_own_store(api: Api) -> None:
    """Counting, moving, selling, levels, settling elsewhere is refused; looking is not."""
    elsewhere = [
        ("POST", "/api/stock/movements", {"kind": "receive", "lines": [line("shoe", "roma", 1)], "reason": "x"}),
        ("POST", "/api/stock/counts", {"lines": [line("shoe", "milano", 1), line("shoe", "roma", 1)]}),
        ("POST", "/api/stock/transfers", {"lines": [line("shoe", "roma", 1)], "to": "milano"}),
        ("POST", "/api/stock/transfers", {"lines": [line("shoe", "milano", 1)], "to": "roma"}),
        ("POST", "/api/stock/sales", {"location": "roma", "lines": [{"sku": "shoe", "quantity": 1}], "reference": "r"}),
        ("PUT", "/api/stock/levels", {"lines": [{"sku": "shoe", "location": "roma", "safety": 1}]}),
        ("PUT", "/api/locations/roma", {"name": "X", "kind": "store", "timezone": "Europe/Rome"}),
        ("POST", "/api/holds", {"lines": [line("shoe", "roma", 1)]}),
    ]
    for method, path, body in elsewhere:
        answer = await api.clerk(method, path, body)
        assert (path, answer.status_code, answer.json()["code"]) == (path, 403, "store_not_yours")
    assert (await api.clerk("GET", "/api/availability?sku=shoe")).status_code == 200
    sent = {"lines": [line("shoe", "milano", 2)], "to": "roma", "on_the_way": True}
    assert (await api.clerk("POST", "/api/stock/transfers", sent)).status_code == 200
    assert (await api.stock("shoe", "roma"))["incoming"] == 2
    counted = (await api.clerk("POST", "/api/stock/counts", {"lines": [line("shoe", "milano", 4)]})).json()
    assert counted["differences"] == [{"sku": "shoe", "location": "milano", "difference": 3}]
    await api.site.sign_in_as("analyst")
    assert (await api.clerk("POST", "/api/stock/counts", {"lines": [line("shoe", "milano", 4)]})).status_code == 403
    assert (await api.clerk("GET", "/api/stock")).status_code == 200


async def test_holds_over_the_api(api: Api) -> None:
    """Put aside, firm, given back; the same key the same holds; too many refused with what could be had."""
    body = {"lines": [line("set", "milano", 1), line("shoe", "milano", 1)], "seconds": 60}
    first = await api.ask("POST", "/api/holds", body, headers={"idempotency-key": "k"})
    again = await api.ask("POST", "/api/holds", body, headers={"idempotency-key": "k"})
    assert (first.status_code, first.json()) == (201, again.json())
    ids = first.json()["holds"]
    assert len(ids) == 3
    reused = await api.ask(
        "POST", "/api/holds", {"lines": [line("sock", "milano", 1)]}, headers={"idempotency-key": "k"}
    )
    assert (reused.status_code, reused.json()["code"]) == (409, "hold_key_reused")
    short = await api.ask("POST", "/api/holds", {"lines": [line("shoe", "milano", 2)]})
    assert (short.status_code, short.json()["code"]) == (409, "not_enough_stock")
    assert short.json()["lines"] == [{"sku": "shoe", "asked": 2, "available": 1, "location": "milano"}]
    assert (await api.ask("POST", "/api/holds/commit", {"holds": ids})).json() == {"holds": 3}
    assert (await api.stock("shoe", "milano"))["committed"] == 2
    given = [(await api.ask("POST", "/api/holds/release", {"holds": ids})).json() for _ in range(2)]
    assert given == [{"holds": 3}, {"holds": 0}]
    dead = await api.ask("POST", "/api/holds/commit", {"holds": ids[:1]})
    assert (dead.status_code, dead.json()["code"], dead.json()["holds"]) == (409, "hold_dead", ids[:1])
    for bad in (
        {"lines": []},
        {"lines": [line("shoe", "milano", 0)]},
        body | {"seconds": 0},
        body | {"reason": "\x00"},
    ):
        assert (await api.ask("POST", "/api/holds", bad)).status_code == 400
    assert (await api.stock("shoe", "milano"))["available"] == 3


async def test_what_an_order_holds_is_not_let_go_here(api: Api) -> None:
    """Holds of carts and orders are settled by them, whoever knows their ids."""
    async with api.site.pool.acquire() as conn:
        good = await conn.fetchval("select id from good where key = 'shoe@milano'")
        hold = await conn.fetchval(
            """insert into hold (good_id, quantity, key, reason, taken_at) values ($1, 1, 'order:1', 'order', now())
               returning id::text""",
            good,
        )
        for path in ("commit", "release"):
            answer = await api.ask("POST", f"/api/holds/{path}", {"holds": [hold]})
            assert answer.json()["code"] == "hold_not_yours"
        await conn.execute("delete from hold")


async def test_fifty_at_once_for_the_last_three(api: Api) -> None:
    """All are answered, three with a hold."""
    body = {"lines": [line("shoe", "milano", 1)]}
    answers = await asyncio.gather(*(api.ask("POST", "/api/holds", body) for _ in range(50)))
    assert sorted({answer.status_code for answer in answers}) == [201, 409]
    assert sum(answer.status_code == 201 for answer in answers) == 3


async def test_levels_and_what_is_low(api: Api) -> None:
    """Safety is not offered to the web; at the level the list of low stock has it, through a hold of the API too."""
    levels = {"lines": [{"sku": "shoe", "location": "milano", "safety": 1, "low_at": 2}]}
    [row] = (await api.ask("PUT", "/api/stock/levels", levels)).json()
    assert (row["available"], row["promisable"], row["low_since"]) == (3, 2, None)
    assert (await api.ask("GET", "/api/stock?low=true")).json() == []
    await api.ask("POST", "/api/holds", {"lines": [line("shoe", "milano", 1)]})
    [low] = (await api.ask("GET", "/api/stock?low=true")).json()
    assert low["sku"] == "shoe"
    assert (
        await api.ask("PUT", "/api/stock/levels", {"lines": [levels["lines"][0] | {"safety": -1}]})
    ).status_code == 400
