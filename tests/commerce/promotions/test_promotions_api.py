"""Promotions and coupons over the API: save, simulate, compare, look up; bad input changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from litestar import Litestar, Request, Response
from litestar.datastructures import State

from tests.support.pricing import NOW, make_list, make_variants, put
from tests.support.promotions import amount, percent
from unisono.access.keys import KeyRing, create_source
from unisono.commerce.promotions import api
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import UnisonoError
from unisono.kit.settings import Settings

TEN = {"code": "ten", "name": "Ten off", "effects": [percent(1000)]}
FIVE = {"code": "five", "name": "Five", "effects": [amount(500)], "currency": "EUR", "needs_coupon": True}


def problem(_: Request[Any, Any, Any], error: UnisonoError) -> Response[dict[str, object]]:
    return Response(error.problem(), status_code=error.status)


@pytest.fixture
async def client(pool: Pool) -> AsyncIterator[AsyncClient]:
    """A key that may do everything in commerce; two goods with prices: A 20.00, B 5.00."""
    async with transaction(pool) as conn:
        made = await create_source(
            conn, name="erp", kind="server", actor="test", scopes=frozenset({"commerce:read", "commerce:write"})
        )
        await make_variants(conn, ["A", "B"])
        await make_list(conn)
        await put(conn, "A", 20_00)
        await put(conn, "B", 5_00)
    app = Litestar(
        api.routes,
        exception_handlers={UnisonoError: problem},
        state=State({"pool": pool, "clock": lambda: NOW, "key_ring": KeyRing(pool), "settings": Settings()}),
    )
    headers = {"authorization": f"Bearer {made.key}"}
    async with AsyncClient(transport=ASGITransport(app), base_url="http://shop.test", headers=headers) as client:
        yield client


async def simulated(client: AsyncClient, **more: Any) -> dict[str, Any]:
    body = {"lines": [{"sku": "A"}, {"sku": "B", "quantity": 2}], **more}
    answer = await client.post("/api/promotions/simulate", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_promotion_is_saved_started_and_read(client: AsyncClient) -> None:
    """Drafts first; the same request is done once; versions are kept with who made them."""
    headers = {"idempotency-key": "one"}
    answers = [(await client.post("/api/promotions", json=TEN, headers=headers)).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert (answers[0]["status"], answers[0]["version"]) == ("draft", 1)
    started = await client.post("/api/promotions/ten/status", json={"status": "active"})
    assert (started.json()["status"], started.json()["version"]) == ("active", 2)
    assert (await client.get("/api/promotions/ten")).json() == started.json()
    versions = (await client.get("/api/promotions/ten/versions")).json()
    assert [one["version"] for one in versions] == [2, 1]
    await client.post("/api/promotions", json=FIVE, params={"status": "active"})
    listed = (await client.get("/api/promotions", params={"status": "active"})).json()
    assert [one["promotion"]["code"] for one in listed] == ["five", "ten"]
    assert (await client.get("/api/promotions/nobody")).status_code == 404


async def test_a_basket_is_simulated_in_any_channel_for_anybody(client: AsyncClient) -> None:
    """At the prices of the instant; drafts are told as such, or tried as if they were active; the same everywhere."""
    await client.post("/api/promotions", json=TEN)
    plain = await simulated(client)
    assert (plain["total_minor"], plain["rejected"][0]["reasons"][0]["code"]) == (30_00, "not_active")
    totals = {
        (await simulated(client, as_active=True, channel=name))["total_minor"] for name in ("web", "store", "app")
    }
    assert totals == {27_00}
    only_vip = {**TEN, "conditions": {"kind": "segment", "any_of": ["vip"]}}
    assert (await simulated(client, definition=only_vip))["total_minor"] == 30_00
    vip = await simulated(client, definition=only_vip, person={"segments": ["vip"]})
    assert vip["total_minor"] == 27_00
    asked = await simulated(client, lines=[{"sku": "A", "unit_minor": 999}], definition=TEN)
    assert asked["total_minor"] == 899
    assert len((await client.get("/api/promotions")).json()) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"lines": [{"sku": "A", "quantity": -1}]}, "bad_quantity"),
        ({"lines": [{"sku": "A", "quantity": 10**9}]}, "bad_quantity"),
        ({"lines": [{"sku": "A", "unit_minor": -1}]}, "bad_amount"),
        ({"lines": [{"sku": "nobody"}]}, "sku_unknown"),
        ({"lines": [{"sku": "A"}], "currency": "CHF"}, "price_missing"),
        ({"lines": [{"sku": "A", "unit_minor": 1}], "currency": "XXX"}, "bad_basket"),
        ({"lines": [{"sku": "A"}] * 1001}, "bad_basket"),
        ({"lines": [], "timezone": "Mars/Olympus"}, "bad_basket"),
        ({"lines": [], "coupons": ["A\x00"]}, "bad_coupon"),
        ({"lines": [], "at": "2026-05-01T00:00:00"}, "bad_basket"),
    ],
    ids=str,
)
async def test_a_bad_basket_is_refused_with_its_reason(client: AsyncClient, body: dict[str, Any], code: str) -> None:
    """Each mistake has its code."""
    answer = await client.post("/api/promotions/simulate", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("code: x\nname: X\neffects: [{kind: percent_off, percent_bp: 20000}]", "$.effects[0].percent_bp"),
        ("code: x\nname: X\neffects: [{kind: nothing}]", "$.effects[0].kind"),
        (
            "code: x\nname: X\nconditions: {kind: all, of: [{kind: hours, from: '25:00', to: '26:00'}]}\n"
            "effects: [{kind: percent_off, percent_bp: 1}]",
            "$.conditions.of[0].from",
        ),
        ("code: x\nname: X\neffects: [{kind: amount_off, amount_minor: 5}]", "$.currency"),
        ("code: import\nname: X\neffects: [{kind: percent_off, percent_bp: 5}]", "$.code"),
        ("code: x\nname: X\nwhat: 1\neffects: [{kind: percent_off, percent_bp: 5}]", "$"),
        ("a: &a [1]\nb: *a", "$"),
        ("until: 2026-99-99", "$"),
        ("until: !!timestamp 99999-01-01", "$"),
        ("{", "$"),
        (
            "code: x\nname: X\neffects: [{kind: percent_off, percent_bp: 5}]\nstarts_at: 2026-05-01T00:00:00",
            "$.starts_at",
        ),
    ],
    ids=lambda value: value[-40:] if isinstance(value, str) else None,
)
async def test_a_bad_definition_is_told_with_its_place(client: AsyncClient, text: str, where: str) -> None:
    """As YAML; nothing is kept."""
    answer = await client.post("/api/promotions/import", json={"text": text})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_promotion")
    assert answer.json()["problems"][0]["where"] == where
    assert (await client.get("/api/promotions")).json() == []


async def test_a_deep_definition_is_refused(client: AsyncClient) -> None:
    """Nested eleven deep, and five thousand."""
    for depth, written_in in ((11, "json"), (5_000, "json"), (5_000, "yaml")):
        inside = '{"kind":"not","of":' * depth + '{"kind":"known"}' + "}" * depth
        text = '{"code":"x","name":"X","effects":[{"kind":"percent_off","percent_bp":5}],"conditions":' + inside + "}"
        answer = await client.post("/api/promotions/import", json={"text": text, "written_in": written_in})
        assert answer.json()["code"] == "bad_promotion"


async def test_yaml_says_the_same_as_json(client: AsyncClient) -> None:
    """A dry run keeps nothing; then the promotion is there."""
    text = """
    code: weekend
    name: Weekend shoes
    starts_at: 2026-05-01T00:00:00+02:00
    texts: {it: Scarpe del fine settimana}
    conditions:
      kind: all
      of:
        - {kind: weekdays, any_of: [sat, sun]}
        - kind: not
          of: {kind: channel, any_of: [store]}
    effects:
      - {kind: percent_off, percent_bp: 2000, level: catalogue, lines: {categories: [shoes], but_not: {tags: [new]}}}
    """
    dry = await client.post("/api/promotions/import", json={"text": text, "dry_run": True})
    assert (dry.status_code, (await client.get("/api/promotions")).json()) == (200, [])
    await client.post("/api/promotions/import", json={"text": text})
    saved = (await client.get("/api/promotions/weekend")).json()
    assert saved["effects"] == dry.json()["effects"]
    assert set(saved["conditions"]["of"][0]["any_of"]) == {"sat", "sun"}


async def test_coupons_are_made_looked_up_and_disabled(client: AsyncClient) -> None:
    """With why one stands or not; a generic code once only; unknown ones are unknown."""
    await client.post("/api/promotions", json=FIVE, params={"status": "active"})
    made = await client.post("/api/coupons", json={"promotion": "five", "count": 3, "batch": "may"})
    assert made.status_code == 201
    (first, *_) = made.json()["coupons"]
    seen = (await client.get(f"/api/coupons/{first.lower()}")).json()
    assert (seen["usable"], seen["max_uses"], seen["promotion"]) == (True, 1, "five")
    taken = await simulated(client, coupons=[first])
    assert (taken["total_minor"], taken["applied"][0]["coupon"]) == (25_00, first)
    assert (await client.post("/api/coupons/disable", json={"batch": "may"})).json() == {"disabled": 3}
    gone = (await client.get(f"/api/coupons/{first}")).json()
    assert (gone["usable"], gone["reasons"][0]["code"]) == (False, "coupon_disabled")
    generic = {"promotion": "five", "kind": "generic", "code": "hello five"}
    assert (await client.post("/api/coupons", json=generic)).json()["coupons"] == ["HELLOFIVE"]
    assert (await client.post("/api/coupons", json=generic)).json()["code"] == "coupon_exists"
    assert (await client.get("/api/coupons/none")).json()["code"] == "coupon_unknown"
    nobody = await client.post("/api/coupons", json={"promotion": "five", "people": ["email:no@example.it"]})
    assert nobody.json()["code"] == "person_not_found"
    assert (await client.post("/api/coupons/disable", json={})).json()["code"] == "bad_coupons"


async def test_conflicts_are_named(client: AsyncClient) -> None:
    """What shadows, what excludes, what falls on the same goods; what can never meet is not told."""
    group = {"exclusive_group": "g"}
    written = [
        {**TEN, **group, "code": "high", "priority": 9},
        {**TEN, **group, "code": "low", "conditions": {"kind": "known"}},
        {
            **TEN,
            "code": "web",
            "effects": [percent(100, lines={"skus": ["A"]})],
            "conditions": {"kind": "channel", "any_of": ["web"]},
        },
        {
            **TEN,
            "code": "till",
            "effects": [percent(100, lines={"skus": ["A"]})],
            "conditions": {"kind": "channel", "any_of": ["store"]},
        },
        {**TEN, "code": "other", "effects": [percent(100, lines={"skus": ["B"]})]},
    ]
    for one in written:
        await client.post("/api/promotions", json=one, params={"status": "active"})
    found = (await client.get("/api/promotions/conflicts")).json()
    pairs = [(one["kind"], one["one"], one["other"]) for one in found]
    assert pairs[0] == ("shadows", "high", "low")
    assert ("overlaps", "high", "web") in pairs
    assert not [pair for pair in pairs if set(pair[1:]) in ({"web", "till"}, {"web", "other"})]
