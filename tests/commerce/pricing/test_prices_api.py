"""Pricing over the API, and prices from tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from httpx import ASGITransport, AsyncClient
from litestar import Litestar, Request, Response
from litestar.datastructures import State

from tests.support.pricing import NOW, asked, make_list, make_variants
from unisono.access.keys import KeyRing, create_source
from unisono.commerce.pricing import api
from unisono.commerce.pricing.errors import PricesNotValid
from unisono.commerce.pricing.importing import import_file, read_table
from unisono.commerce.pricing.model import PriceList
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import BadRequest, UnisonoError
from unisono.kit.settings import Settings

ROME = ZoneInfo("Europe/Rome")
DAY = timedelta(days=1)


class Moment:
    """A clock that tests move."""

    now = NOW

    def __call__(self) -> Any:
        return self.now


def problem(_: Request[Any, Any, Any], error: UnisonoError) -> Response[dict[str, object]]:
    return Response(error.problem(), status_code=error.status)


@pytest.fixture
def clock() -> Moment:
    return Moment()


@pytest.fixture
async def client(pool: Pool, clock: Moment) -> AsyncIterator[AsyncClient]:
    """A key that may set prices, two products."""
    async with transaction(pool) as conn:
        made = await create_source(
            conn, name="erp", kind="server", actor="test", scopes=frozenset({"commerce:read", "commerce:write"})
        )
        await make_variants(conn, ["A", "B"])
    app = Litestar(
        api.routes,
        exception_handlers={UnisonoError: problem},
        state=State({"pool": pool, "clock": clock, "key_ring": KeyRing(pool), "settings": Settings()}),
    )
    headers = {"authorization": f"Bearer {made.key}"}
    async with AsyncClient(transport=ASGITransport(app), base_url="http://shop.test", headers=headers) as client:
        yield client


async def start(client: AsyncClient) -> None:
    """A list and two prices, thirty days old."""
    assert (
        await client.post("/api/price-lists", json={"code": "base", "name": "Base", "currency": "EUR"})
    ).status_code == 201
    body = {"price_list": "base", "prices": [{"sku": "A", "amount_minor": 1220}, {"sku": "B", "amount_minor": 500}]}
    answer = await client.put("/api/prices", json=body)
    assert answer.json() == {"price_list": "base", "written": 2, "unchanged": 0}


async def test_a_price_is_set_and_asked_for_with_its_tax(client: AsyncClient) -> None:
    """12.20 with 22 % inside is 10.00 + 2.20; what has no answer is named with the reason."""
    await start(client)
    answer = (await client.get("/api/prices", params={"sku": ["A", "nobody"], "channel": "web"})).json()
    (priced,) = answer["prices"]
    assert (priced["net_minor"], priced["tax_minor"], priced["gross_minor"]) == (1000, 220, 1220)
    assert priced["price_list"] == "base"
    assert answer["missing"] == [{"sku": "nobody", "code": "sku_unknown"}]
    past = (await client.get("/api/prices", params={"sku": "A", "at": "2026-04-01T00:00:00Z"})).json()
    assert past["missing"] == [{"sku": "A", "code": "no_price"}]


async def test_the_same_request_sent_five_times_sets_prices_once(client: AsyncClient, pool: Pool) -> None:
    """Golden G11: one entry, five identical answers."""
    await start(client)
    body = {"price_list": "base", "prices": [{"sku": "A", "amount_minor": 999}]}
    answers = [await client.put("/api/prices", json=body, headers={"idempotency-key": "k1"}) for _ in range(5)]
    assert {answer.text for answer in answers} == {'{"price_list":"base","written":1,"unchanged":0}'}
    async with transaction(pool) as conn:
        assert await conn.fetchval("select count(*) from price") == 3


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("PUT", "/api/prices", {"price_list": "base", "prices": [{"sku": "x", "amount_minor": 1}]}, "sku_unknown"),
        ("PUT", "/api/prices", {"price_list": "base", "prices": [{"sku": "A", "amount_minor": -1}]}, "bad_amount"),
        ("PUT", "/api/prices", {"price_list": "base", "prices": [{"sku": "A", "amount_minor": 2**63}]}, "bad_amount"),
        (
            "PUT",
            "/api/prices",
            {"price_list": "base", "prices": [{"sku": "A", "amount_minor": 1, "currency": "JPY"}]},
            "wrong_currency",
        ),
        ("PUT", "/api/prices", {"price_list": "none", "prices": []}, "price_list_unknown"),
        ("POST", "/api/price-lists", {"code": "b", "name": "B", "currency": "LIRE"}, "bad_money"),
        ("POST", "/api/price-lists", {"code": "\u0000", "name": "B", "currency": "EUR"}, "bad_price_list"),
        ("GET", "/api/prices?sku=A&currency=LIRE", None, "bad_money"),
        ("GET", "/api/prices?sku=A&at=2026-04-01T00:00:00", None, "bad_period"),
        ("GET", "/api/prices?sku=A&channel=%00", None, "bad_text"),
        ("GET", "/api/prices/history?sku=nobody&since=2026-04-01T00:00:00Z", None, "sku_unknown"),
        ("GET", "/api/prices/history?sku=A&since=2027-04-01T00:00:00Z", None, "bad_period"),
        ("GET", "/api/discounts/99/evidence", None, "announcement_unknown"),
        ("POST", "/api/discounts", {"price_list": "base", "discounts": []}, "too_many_discounts"),
        ("PUT", "/api/exempt-categories/none", {"reason": "spoils"}, "category_unknown"),
    ],
)
async def test_bad_input_gets_a_code_and_changes_nothing(
    client: AsyncClient, pool: Pool, method: str, path: str, body: Any, code: str
) -> None:
    """Each problem has its own stable code."""
    await start(client)
    answer = await client.request(method, path, json=body)
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] == code
    async with transaction(pool) as conn:
        assert await conn.fetchval("select count(*) from price") == 2


async def test_nobody_sets_prices_without_the_permission(client: AsyncClient, pool: Pool) -> None:
    """A key that only reads reads."""
    await start(client)
    async with transaction(pool) as conn:
        reader = await create_source(
            conn, name="shop", kind="server", actor="test", scopes=frozenset({"commerce:read"})
        )
    headers = {"authorization": f"Bearer {reader.key}"}
    assert (await client.get("/api/prices?sku=A", headers=headers)).status_code == 200
    for path in ("/api/discounts/check", "/api/discounts"):
        body = {"price_list": "base", "discounts": [{"sku": "A", "new_minor": 1}]}
        assert (await client.post(path, json=body, headers=headers)).status_code == 403


async def test_a_reduction_from_check_to_proof_to_withdrawal(client: AsyncClient, clock: Moment) -> None:
    """The dry run says what the announcement will; the refusal carries the evidence; the table is a file."""
    await start(client)
    clock.now = NOW + 20 * DAY
    body = {"price_list": "base", "discounts": [{"sku": "A", "new_minor": 1098}], "terms": {"campaign": "may"}}
    (dry,) = (await client.post("/api/discounts/check", json=body)).json()
    assert (dry["percent_bp"], dry["refused"]) == (1000, None)
    answer = await client.post("/api/discounts", json=body)
    assert answer.status_code == 201
    (made,) = answer.json()
    assert (made["prior_minor"], made["percent_bp"]) == (1220, 1000)
    shown = (await client.get("/api/prices?sku=A&channel=web")).json()["prices"][0]["reduction"]
    assert (shown["prior_minor"], shown["percent_bp"]) == (1220, 1000)
    assert [one["id"] for one in (await client.get("/api/discounts?live=true")).json()] == [made["id"]]
    proof = (await client.get(f"/api/discounts/{made['id']}/evidence")).json()
    assert proof == dry
    table = await client.get(f"/api/discounts/{made['id']}/evidence.csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.count("\r\n") == 2
    refused = await client.post("/api/discounts", json=body | {"discounts": [{"sku": "B", "new_minor": 500}]})
    assert (refused.status_code, refused.json()["code"]) == (409, "discount_not_honest")
    assert refused.json()["refused"][0]["lowest"]["amount_minor"] == 500
    taken = await client.post(f"/api/discounts/{made['id']}/withdraw", json={"reason": "mistake"})
    assert taken.json()["withdrawn_for"] == "mistake"
    assert (await client.get("/api/prices?sku=A")).json()["prices"][0]["amount_minor"] == 1220
    assert (await client.get("/api/discounts?live=true")).json() == []


async def test_observations_and_history(client: AsyncClient, clock: Moment) -> None:
    """What was seen in Milano is in Milano's history."""
    await start(client)
    clock.now = NOW + DAY
    seen = {"sku": "A", "amount_minor": 1200, "currency": "EUR", "observed_at": NOW.isoformat(), "store_id": "milano"}
    answer = await client.post("/api/prices/observations", json={"observations": [seen]})
    assert (answer.status_code, answer.json()) == (201, {"noted": 1})
    asking = {"sku": "A", "since": (NOW - DAY).isoformat(), "store_id": "milano"}
    found = (await client.get("/api/prices/history", params=asking)).json()
    assert [(one["amount_minor"], one["source"]) for one in found["intervals"]] == [
        (1220, "list:base"),
        (1200, "observation:channel"),
    ]


async def test_a_table_is_checked_line_by_line_and_written_all_or_not_at_all(client: AsyncClient, pool: Pool) -> None:
    """The dry run lists every problem with its line; with problems nothing is written."""
    await start(client)
    table = 'sku;price;starts_at;ends_at\nA;"9,90";2026-05-01;2026-05-02\nB;4.50;;\n'
    path = "/api/price-lists/base/import"
    bad = table + "nobody;1;;\nB;free;;\nB;1;yesterday;\nA;2;2026-01-01;\n"
    dry = (await client.post(path, json={"csv": bad, "dry_run": True})).json()
    assert (dry["rows"], dry["written"]) == (6, 0)
    assert [(one["line"], one["code"]) for one in dry["problems"]] == [
        (4, "sku_unknown"),
        (5, "bad_amount"),
        (6, "bad_period"),
        (7, "starts_in_past"),
    ]
    answer = await client.post(path, json={"csv": bad})
    assert (answer.status_code, answer.json()["code"]) == (400, "prices_not_valid")
    assert answer.json()["problems"][0]["place"] == 4
    good = (await client.post(path, json={"csv": table})).json()
    assert (good["rows"], good["written"], good["problems"]) == (2, 2, [])
    async with transaction(pool) as conn:
        rows = await conn.fetch("select amount_minor, starts_at from price order by id desc limit 2")
    assert [row["amount_minor"] for row in rows] == [450, 990]
    assert rows[1]["starts_at"].astimezone(ROME).isoformat() == "2026-05-01T00:00:00+02:00"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_columns"),
        ("sku,amount\nA,1\n", "bad_columns"),
        ('sku,price\nA,"1\n', "bad_csv"),
        ("sku,price\nA," + "9" * 200_000 + "\n", "bad_csv"),
    ],
)
def test_what_is_no_table_of_prices_is_refused(text: str, code: str) -> None:
    """Not guessed at."""
    base = PriceList(id=1, code="base", name="", currency="EUR", tax_included=True)
    with pytest.raises(BadRequest) as caught:
        read_table(text, base, ROME)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("price", "currency", "minor"),
    [
        ("12,50", "EUR", 1250),
        ("12.5000", "EUR", 1250),
        ("0,500", "EUR", 50),
        ("1250", "JPY", 1250),
        ("1.250", "KWD", 1250),
        ("1,000", "KWD", 1000),
        ("1,000", "EUR", None),
        ("1.250", "EUR", None),
        ("1.250", "JPY", None),
        ("12,555", "EUR", None),
        ("1.5", "JPY", None),
        ("1.2345", "KWD", None),
        ("0.001", "EUR", None),
    ],
)
def test_a_price_that_would_be_rounded_or_may_be_a_thousand_times_as_much_is_refused(
    price: str, currency: str, minor: int | None
) -> None:
    chosen = PriceList(id=1, code="base", name="", currency=currency, tax_included=True)
    read = read_table(f"sku;price\nA;{price}\n", chosen, ROME)
    assert [line.price.amount_minor for line in read.lines] == ([] if minor is None else [minor])
    assert [reason.code for _, _, reason in read.problems] == ([] if minor is not None else ["bad_amount"])


async def test_twelve_thousand_prices_come_from_a_file(pool: Pool, tmp_path: Path) -> None:
    """More than one request may hold; the same file again changes nothing; what is not UTF-8 is refused."""
    async with transaction(pool) as conn:
        ids = await make_variants(conn, [f"S{n}" for n in range(12_000)])
        await make_list(conn)
    file = tmp_path / "prices.csv"
    file.write_text("\ufeffsku,price\n" + "".join(f"S{n},{n}.50\n" for n in range(12_000)), "utf-8")

    async def load(at: Any) -> tuple[int, int]:
        report = await import_file(pool, file, "base", actor="test", now=at, zone=ROME)
        return report.written, report.unchanged

    assert await load(NOW) == (12_000, 0)
    assert await load(NOW + DAY) == (0, 12_000)
    async with transaction(pool) as conn:
        answer = await asked(conn, ids["S11999"])
        assert answer is not None
        assert answer.amount_minor == 1_199_950
        assert await conn.fetchval("select count(*) from change") == 12_000
    file.write_bytes(b"sku,price\nS1,1\nS\xff,2\n")
    with pytest.raises(BadRequest):
        await load(NOW + DAY)
    file.write_text("sku,price\nS1,1,5\n")
    with pytest.raises(PricesNotValid) as caught:
        await load(NOW + DAY)
    assert caught.value.code == "bad_row"
