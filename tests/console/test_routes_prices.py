"""Prices and discounts in the console, on the real database."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from tests.support.console import Site, text_of
from tests.support.pricing import make_list, make_variants
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.model import NewPrice
from unisono.kit.database import transaction


async def price_the_shop(site: Site) -> None:
    """Two skus; A cost 100 for 60 days but for ten days at 80."""
    now = datetime.now(UTC)
    past = [
        NewPrice("A", 10000, now - timedelta(days=60), now - timedelta(days=20)),
        NewPrice("A", 8000, now - timedelta(days=20), now - timedelta(days=10)),
        NewPrice("A", 10000, now - timedelta(days=10), now),
    ]
    async with transaction(site.pool) as conn:
        await make_variants(conn, ["A", "B/1"])
        await make_list(conn)
        await pricing.set_prices(conn, "base", past, actor="t", now=now, history=True)
        await pricing.set_prices(conn, "base", [NewPrice("A", 10000)], actor="t", now=now)


def read(html: str) -> str:
    return unescape(text_of(html))


async def test_a_list_is_made_and_a_price_set_in_it_and_both_are_audited(site: Site) -> None:
    await site.sign_in_as("marketer")
    assert "No price list yet" in read((await site.get("/console/prices")).text)
    async with transaction(site.pool) as conn:
        await make_variants(conn, ["A", "B/1"])
    form = {"code": "base", "name": "Base", "currency": "eur", "priority": "3"}
    made = await site.post("/console/price-lists", form)
    assert made.headers["location"] == "/console/price-lists/base"
    assert "No prices yet" in read((await site.get("/console/price-lists/base")).text)
    done = await site.post("/console/prices-set", {"sku": "B/1", "list": "base", "amount": "12,50"})
    assert done.headers["location"] == "/console/prices/B%2F1"
    page = read((await site.get("/console/prices/B%2F1")).text)
    assert "€12.50" in page
    assert "holds now" in page
    assert "€12.50" in read((await site.get("/console/price-lists/base")).text)
    again = await site.post("/console/prices-set", {"sku": "B/1", "list": "base", "amount": "12.5"})
    assert "had this price already" in read((await site.get(again.headers["location"])).text)
    assert len(await site.audit("price_list.create")) == 1
    assert len(await site.audit("prices.set")) == 2
    found = await site.get("/console/prices?find=B/1")
    assert found.headers["location"] == "/console/prices/B%2F1"
    assert (await site.get("/console/prices?find=nothing")).status_code == 404


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"amount": "1.234"}, "This amount cannot be read"),
        ({"amount": "-3"}, "This amount cannot be read"),
        ({"amount": "5", "list": "none"}, "There is no such price list"),
        ({"amount": "5", "starts": "soon"}, "This day and time cannot be read"),
        ({"amount": "5", "starts": "2020-01-01T00:00"}, "A price cannot begin in the past"),
        ({"amount": "5", "starts": "2190-01-01T00:00", "ends": "2189-01-01T00:00"}, "The period cannot be like this"),
    ],
)
async def test_a_bad_price_is_refused_in_words_and_nothing_is_written(
    site: Site, form: dict[str, str], said: str
) -> None:
    await price_the_shop(site)
    await site.sign_in_as("owner")
    before = await site.pool.fetchval("select count(*) from price")
    answer = await site.post("/console/prices-set", {"sku": "A", "list": "base", **form})
    assert answer.status_code in (400, 404)
    assert said in read(answer.text)
    assert await site.pool.fetchval("select count(*) from price") == before


async def test_a_false_discount_is_refused_with_its_evidence_drawn(site: Site) -> None:
    await price_the_shop(site)
    await site.sign_in_as("marketer")
    for deed, status in (("check", 200), ("announce", 409)):
        answer = await site.post("/console/discounts", {"sku": "A", "list": "base", "amount": "90", "deed": deed})
        assert answer.status_code == status
        page = read(answer.text)
        assert "This is no discount" in page
        assert "Announce a price below €80.00" in page
        assert re.search(r'<svg class="steps".*steps-window.*steps-lowest', answer.text, re.DOTALL)
    assert await site.pool.fetchval("select count(*) from price_announcement") == 0
    nothing = await site.post("/console/discounts", {"sku": "B/1", "list": "base", "amount": "9", "deed": "check"})
    assert "Nobody was asked a price for it" in read(nothing.text)


async def test_a_true_discount_is_announced_proved_and_withdrawn(site: Site) -> None:
    await price_the_shop(site)
    await site.sign_in_as("marketer")
    form = {"sku": "A", "list": "base", "amount": "60", "campaign": "autumn", "deed": "announce"}
    checked = await site.post("/console/discounts", {**form, "deed": "check"})
    assert "This may be announced: 25 % off" in read(checked.text)
    done = await site.post("/console/discounts", form)
    assert done.status_code == 303
    landed = await site.get("/console/prices/A")
    number = await site.pool.fetchval("select id from price_announcement")
    assert f"/console/discounts/{number}/withdraw" in landed.text
    assert "The discount is announced." in read(landed.text)
    assert "€60.00" in read((await site.get("/console/prices")).text)
    proof = await site.get(f"/console/discounts/{number}")
    assert "€60.00 instead of €80.00, −25 %" in read(proof.text)
    table = await site.get(f"/console/discounts/{number}/evidence.csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert ",80.00,25.00,EUR," in table.text
    back = await site.post(f"/console/discounts/{number}/withdraw", {"reason": "a mistake"})
    assert back.status_code == 303
    assert "a mistake" in read((await site.get(f"/console/discounts/{number}")).text)
    assert "Nothing was ever announced" not in read((await site.get("/console/prices?show=all")).text)
    assert [len(await site.audit(f"discount.{deed}")) for deed in ("announce", "withdraw")] == [1, 1]
    assert (await site.post("/console/discounts/99/withdraw")).status_code == 404


async def test_a_list_is_switched_off_only_when_one_is_sure(site: Site) -> None:
    await price_the_shop(site)
    await site.sign_in_as("owner")
    assert (await site.post("/console/price-lists/base/off")).status_code == 400
    await site.post("/console/price-lists/base/off", {"sure": "yes"})
    assert "Switched off" in read((await site.get("/console/price-lists/base")).text)
    assert "No list asks a price for it there" in read((await site.get("/console/prices/A")).text)
    assert (await site.get("/console/price-lists/none")).status_code == 404


async def test_who_may_only_read_prices_cannot_change_them(site: Site) -> None:
    await price_the_shop(site)
    await site.sign_in_as("analyst")
    assert "Set a price" not in read((await site.get("/console/prices/A")).text)
    for path in ("prices-set", "discounts", "price-lists", "price-lists/base/off", "discounts/1/withdraw"):
        assert (await site.post(f"/console/{path}")).status_code == 403
