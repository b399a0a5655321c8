"""Promotions in the console, on the real database: built by form alone, tried, started, paused, told apart."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest

from tests.support.console import Site, identify, text_of
from tests.support.pricing import make_list, make_variants, put
from tests.support.promotions import promotion
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.keeping import definition_of
from unisono.kit.database import transaction

BUILDER = "/console/promotion-builder"


def read(html: str) -> str:
    return unescape(text_of(html))


async def keep(site: Site, code: str, *effects: dict[str, Any], status: Any = "active", **more: Any) -> None:
    async with transaction(site.pool) as conn:
        await promotions.save_promotion(
            conn, definition_of(promotion(code, *effects, **more)), actor="t", now=datetime.now(UTC), status=status
        )


async def goods(site: Site) -> None:
    async with transaction(site.pool) as conn:
        await make_variants(conn, ["A", "B"])
        await make_list(conn)
        for sku, amount in (("A", 10000), ("B", 2000)):
            await put(conn, sku, amount, now=datetime.now(UTC))


def fields(html: str) -> dict[str, str]:
    """What a browser would send of the builder's form."""
    form = html[html.index('<form id="builder"') :]
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ('type="checkbox"' not in tag or "checked" in tag):
            joined = unescape(value[1]) if value else ""
            found[name[1]] = f"{found[name[1]]}, {joined}" if 'type="checkbox"' in tag and name[1] in found else joined
    for name, inside in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', inside) or re.search(r'value="([^"]*)"', inside)
        found[name] = chosen[1] if chosen else ""
    for name, inside in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        found[name] = unescape(inside)
    return found


async def press(site: Site, form: dict[str, str], do: str, **more: str) -> Any:
    return await site.post(BUILDER, {**form, **more, "do": do})


async def test_a_promotion_is_built_box_by_box_without_scripts_and_started(site: Site) -> None:
    await site.sign_in_as("marketer")
    assert "No promotion yet" in read((await site.get("/console/promotions")).text)
    form = fields((await site.get(BUILDER)).text)
    form |= {"name": "Welcome", "code": "welcome", "e.0.percent_bp": "12,5", "per_person": "1", "budget_minor": "500"}
    for path, kind in (("c", "none"), ("c.0", "channel"), ("c.0", "first_order"), ("c", "subtotal")):
        form = fields((await press(site, form, f"add:{path}", **{f"{path}.add": kind})).text)
    form = fields((await press(site, form, "remove:c.0.1")).text)
    form |= {"c.0.0.any_of": "store", "c.1.at_least_minor": "50", "c.1.lines.categories": "shoes, boots"}
    shown = await press(site, form, "preview")
    sentence = read(re.search(r'class="sentence">(.*?)</p>', shown.text, re.DOTALL)[1])  # type: ignore[index]
    assert sentence == (
        "12.5 % off the whole basket when not (in Store) and everything in boots or shoes comes to at least €50.00, "
        "1 time a person, up to €500.00 in all."
    )
    done = await press(site, form, "start")
    assert done.headers["location"] == "/console/promotions/welcome"
    page = await site.get("/console/promotions/welcome")
    assert "It is live in every channel." in read(page.text)
    assert "/console/promotions/welcome/status/paused" in page.text
    kept = await site.pool.fetchval("select conditions::text from promotion where status = 'active'")
    assert kept.startswith('{"of": [{"of": {"kind": "channel"')
    assert [len(await site.audit(f"promotion.{deed}")) for deed in ("save", "status")] == [1, 1]


async def test_what_is_missing_is_marked_and_what_was_typed_is_kept(site: Site) -> None:
    await site.sign_in_as("marketer")
    form = fields((await site.get(BUILDER)).text) | {"name": "Half", "e.0.percent_bp": "a lot"}
    answer = await press(site, form, "save")
    assert answer.status_code == 400
    page = read(answer.text)
    assert "See the marked fields." in page
    assert page.count("Fill this in.") == 1
    assert "This cannot be read." in page
    assert 'value="a lot"' in answer.text
    silly = {**form, "code": "half", "e.0.percent_bp": "10", "c.n": "1", "c.0.kind": "dates", "c.0.from": "soon"}
    assert (await press(site, silly, "save")).status_code == 400
    assert (
        await press(site, {"c.n": "999", "c.0.kind": "zebra", "e.n": "x", "currency": "ZZ9"}, "save")
    ).status_code == 400
    assert await site.pool.fetchval("select count(*) from promotion") == 0


RULES: list[dict[str, Any]] = [
    {"effects": [{"kind": "buy_get", "buy_quantity": 2, "get_quantity": 1, "get": {"brands": ["B"]}, "max_times": 3}]},
    {"effects": [{"kind": "bundle", "price_minor": 5000, "items": [{"lines": {"skus": ["A"]}, "quantity": 2}]}],
     "currency": "EUR"},
    {"effects": [{"kind": "gift", "sku": "A"}, {"kind": "points", "factor_bp": 20000, "bonus": 5},
                 {"kind": "shipping_off"}], "combinable": False, "exclusive_group": "g", "priority": -3},
    {"effects": [{"kind": "fixed_price", "price_minor": 990, "lines": {"tags": ["t"], "reduced": False,
                  "but_not": {"skus": ["A"]}, "unit_at_least_minor": 5}}], "currency": "EUR"},
    {"effects": [{"kind": "percent_off", "percent_bp": 2000, "level": "catalogue"}],
     "conditions": {"kind": "all", "of": [
         {"kind": "weekdays", "any_of": ["mon", "sun"]}, {"kind": "hours", "from": "18:00", "to": "02:00"},
         {"kind": "dates", "from": "2026-11-01"}, {"kind": "birthday", "days_before": 3},
         {"kind": "not", "of": {"kind": "any", "of": [{"kind": "known"}, {"kind": "tier", "any_of": ["Gold"]}]}},
         {"kind": "any", "of": [{"kind": "trait", "name": "city", "any_of": ["Milano", True]},
                                {"kind": "all", "of": [{"kind": "segment", "any_of": ["s"]},
                                                       {"kind": "orders_before", "at_most": 2}]}]}]},
     "combines_with": ["other"], "needs_coupon": True, "texts": {"it": "Ciao", "en": "Hello"},
     "starts_at": "2026-11-01T09:30:00Z"},
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(RULES)))
async def test_a_rule_comes_out_of_the_form_as_it_went_in(site: Site, number: int) -> None:
    rule = RULES[number]
    await keep(site, "rule", *rule["effects"], **{name: value for name, value in rule.items() if name != "effects"})
    await site.sign_in_as("marketer")
    form = fields((await site.get(f"{BUILDER}?code=rule")).text)
    saved = await press(site, form, "save")
    assert saved.status_code == 303, read(saved.text)
    assert await site.pool.fetchval("select version from promotion") == 1, "nothing was changed"
    changed = await press(site, {**form, "name": "Another name"}, "save")
    assert changed.status_code == 303
    page = read((await site.get("/console/promotions/rule")).text)
    assert "Name: was rule became Another name" in page
    new = await press(site, {**form, "name": "A new one", "version": "0"}, "save")
    assert new.status_code == 409
    assert "There is such a promotion already" in read(new.text)
    late = await press(site, {**form, "name": "A third"}, "save")
    assert late.status_code == 409
    assert "Somebody else has changed this promotion meanwhile" in read(late.text)


async def test_what_the_form_cannot_show_is_not_offered_for_change(site: Site) -> None:
    deep = {"but_not": {"skus": ["A"], "but_not": {"skus": ["B"]}}}
    await keep(site, "deep", {"kind": "percent_off", "percent_bp": 100, "lines": deep})
    await site.sign_in_as("marketer")
    page = (await site.get(f"{BUILDER}?code=deep")).text
    assert "This rule says more than this form can show" in page
    assert 'id="builder"' not in page
    assert (await site.get(f"{BUILDER}?code=none")).status_code == 404


async def test_a_basket_is_tried_with_every_reason_and_by_its_address_alone(site: Site) -> None:
    await goods(site)
    await keep(site, "ten", {"kind": "percent_off", "percent_bp": 1000})
    await keep(
        site,
        "big",
        {"kind": "shipping_off"},
        conditions={"kind": "subtotal", "at_least_minor": 20000},
        currency="EUR",
    )
    await keep(site, "draft", {"kind": "percent_off", "percent_bp": 5000}, status="draft")
    await site.send(identify("mario", name="Mario"))
    await site.sign_in_as("analyst")
    asked = "/console/promotion-simulator?sku=A&sku=B&qty=1&qty=3&channel=app"
    page = read((await site.get(asked)).text)
    assert "€144.00" in page
    assert "€40.00 more is missing." in page
    assert "App" in page
    tried = read((await site.get(f"{asked}&as_active=yes&only=draft")).text)
    assert "€80.00" in tried
    person = await site.person("user_id", "mario")
    await site.sign_in_as("marketer")
    assert (await site.get(f"{asked}&person={person}")).status_code == 200
    assert (await site.get(f"{asked}&person=999999")).status_code == 404
    assert "There is no such sku" in read((await site.get("/console/promotion-simulator?sku=ZZ")).text)
    assert (await site.get("/console/promotion-simulator?sku=")).status_code == 400
    assert "Fill a basket" in read((await site.get("/console/promotion-simulator")).text)
    assert (await site.get(f"{asked}&qty=-1&shipping=x&birthday=z")).status_code == 400
    assert await site.pool.fetchval("select count(*) from promotion_use") == 0


async def test_a_promotion_is_paused_gone_on_with_and_ended_with_an_undo_while_there_is_one(site: Site) -> None:
    await keep(site, "ten", {"kind": "percent_off", "percent_bp": 1000})
    await site.sign_in_as("marketer")
    await site.post("/console/promotions/ten/status/paused")
    page = await site.get("/console/promotions/ten")
    assert "Paused: it applies nowhere from now on." in read(page.text)
    assert "/console/promotions/ten/status/active" in page.text
    assert "Nothing matches" in read((await site.get("/console/promotions?status=active")).text)
    await site.post("/console/promotions/ten/status/ended")
    answer = await site.post("/console/promotions/ten/status/active")
    assert answer.status_code == 409
    assert "It cannot become that from what it is" in read(answer.text)
    assert (await site.post("/console/promotions/ten/status/sold")).status_code == 404
    assert (await site.post("/console/promotions/none/status/active")).status_code == 404


async def test_coupons_are_made_shown_once_and_made_worthless(site: Site) -> None:
    await keep(site, "ten", {"kind": "percent_off", "percent_bp": 1000}, needs_coupon=True)
    await site.sign_in_as("marketer")
    path = "/console/promotions/ten/coupons"
    many = await site.post(path, {"kind": "unique", "count": "3", "prefix": "xmas-", "batch": "letters"})
    assert len(set(re.findall(r"XMAS-[A-Z2-9]{10}", many.text))) == 3
    await site.post(path, {"kind": "generic", "coupon": "Hello10", "max_uses": "5"})
    page = read((await site.get("/console/promotions/ten")).text)
    assert "HELLO10" in page
    assert "letters" in page
    again = await site.post(path, {"kind": "generic", "coupon": "hello10"})
    assert "There is such a coupon already" in read(again.text)
    gone = await site.post(path, {"deed": "disable", "batch": "letters"}, follow_redirects=True)
    assert "3 coupons are worthless now." in read(gone.text)
    assert (await site.post(path, {"deed": "disable"})).status_code == 400
    assert (await site.post(path, {"kind": "unique", "count": "99999999"})).status_code == 400
    assert [len(await site.audit(f"coupons.{deed}")) for deed in ("make", "disable")] == [2, 1]


async def test_conflicts_are_told_with_their_reason(site: Site) -> None:
    await site.sign_in_as("analyst")
    assert "Nothing to compare" in read((await site.get("/console/promotion-conflicts")).text)
    await keep(site, "one", {"kind": "percent_off", "percent_bp": 1000}, priority=5, exclusive_group="g")
    await keep(site, "two", {"kind": "percent_off", "percent_bp": 2000}, exclusive_group="g")
    for path in ("/console/promotion-conflicts", "/console/promotions/two"):
        page = read((await site.get(path)).text)
        assert "the second never applies" in page
        assert "Both are in the group g." in page


async def test_who_may_only_read_promotions_cannot_change_them(site: Site) -> None:
    await keep(site, "ten", {"kind": "percent_off", "percent_bp": 1000})
    await site.sign_in_as("clerk", "milano")
    page = read((await site.get("/console/promotions/ten")).text)
    assert "Pause" not in page
    assert "Make coupons" not in page
    assert (await site.get(BUILDER)).status_code == 403
    for path in ("promotion-builder", "promotions/ten/status/paused", "promotions/ten/coupons"):
        assert (await site.post(f"/console/{path}")).status_code == 403
