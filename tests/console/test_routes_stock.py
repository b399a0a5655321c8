"""Stock in the console, on the real database."""

from __future__ import annotations

import asyncio
import re
from html import unescape

from tests.support.console import Site, text_of
from tests.support.trading import OTHER, open_trade
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.model import ProductInput, VariantInput
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.model import StockLine
from unisono.kit.database import transaction


def read(html: str) -> str:
    return unescape(text_of(html))


async def counted(site: Site, form: dict[str, str]) -> str:
    """Send a change of stock; what the page after it says."""
    done = await site.post("/console/stock-change", form)
    assert done.status_code == 303, read(done.text)
    return read((await site.get(done.headers["location"])).text)


async def test_what_lies_where_is_listed_and_each_empty_state_has_its_text(site: Site) -> None:
    await site.sign_in_as("marketer")
    assert "No stock is kept yet" in read((await site.get("/console/stock")).text)
    assert "No place yet" in read((await site.get("/console/locations")).text)
    await open_trade(site, A=7, B=2)
    page = read((await site.get("/console/stock")).text)
    assert "2 on this page" in page
    assert "Milano 7 7 7 0" in page
    found = await site.get("/console/stock", params={"q": "B", "place": "milano"})
    assert "Milano 2 2 2" in read(found.text)
    none = read((await site.get("/console/stock", params={"q": "zebra", "low": "yes"})).text)
    assert "name, sku or barcode contains “zebra”, running low" in none
    assert (await site.get("/console/stock?after=nonsense&place=%00")).status_code == 200
    for path in ("stock-movements", "stock-promises", "stock-risks", "locations"):
        assert (await site.get(f"/console/{path}")).status_code == 200, path
    assert (await site.get("/console/stock/nowhere")).status_code == 404


async def test_a_count_a_delivery_and_a_move_change_the_books_once_and_can_be_taken_back(site: Site) -> None:
    trade = await open_trade(site, A=7)
    await site.sign_in_as("owner")
    form = {"sku": "A", "place": "milano", "part": "receive", "units": "5", "once": "k1"}
    answers = await asyncio.gather(*(site.post("/console/stock-change", form) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {303}
    assert (await trade.good("A"))["capacity"] == 12
    assert len(await site.audit("stock.receive")) == 1
    page = (await site.get("/console/stock/A?place=milano")).text
    assert "Received: 5 of A in milano." in read(page)
    undo = re.search(r'action="(/console/stock-change\?[^"]*)"', page)
    assert undo is not None
    for _ in range(2):
        assert (await site.post(unescape(undo[1]))).status_code == 303
    assert (await trade.good("A"))["capacity"] == 7
    said = await counted(site, {"sku": "A", "place": "milano", "part": "count", "units": "6", "once": "k2"})
    assert "Counted: 6 of A in milano, 1 fewer than the books said." in said
    said = await counted(site, {"sku": "A", "place": "milano", "part": "move", "units": "2", "to": OTHER})
    assert "2 of A are in roma now." in said
    assert (await trade.good("A", OTHER))["capacity"] == 2
    await counted(site, {"sku": "A", "place": "milano", "part": "levels", "safety": "1", "low_at": "4"})
    page = read((await site.get("/console/stock?low=yes")).text)
    assert "Milano 4 low 3 4" in page
    await counted(site, {"sku": "A", "place": "milano", "part": "damage", "units": "1", "note": "torn"})
    moved = read((await site.get("/console/stock-movements?q=A")).text)
    for word in ("delivery", "transfer", "broken", "torn", "undone"):
        assert word in moved, word


async def test_what_no_stock_is_kept_of_is_not_told_to_be_out_of_stock(site: Site) -> None:
    trade = await open_trade(site, A=7)
    async with transaction(site.pool) as conn:
        free = ProductInput(code="FREE", name="Free", variants=[VariantInput(sku="FREE")])
        await catalog.save_products(conn, [free], "t")
    await site.sign_in_as("owner")
    page = read((await site.get("/console/stock/FREE")).text)
    assert "As many as anybody asks for" in page
    assert "Every channel may sell it without limit" in page
    said = await counted(site, {"sku": "A", "place": "milano", "part": "count", "units": "9"})
    assert "Counted: 9 of A in milano, 2 more than the books said." in said
    await site.sign_in_as("clerk", OTHER)
    page = read((await site.get("/console/stock/A")).text)
    assert "without limit" not in page
    assert "Other stores keep stock of it" in page
    assert (await trade.good("A"))["capacity"] == 9


async def test_what_cannot_be_is_told_beside_its_form_and_changes_nothing(site: Site) -> None:
    trade = await open_trade(site, A=3)
    mario = await trade.customer()
    await trade.reserve(mario)
    await site.sign_in_as("owner")
    base = {"sku": "A", "place": "milano"}
    for more, says in (
        ({"part": "receive", "units": "-1"}, "This number cannot be read"),
        ({"part": "receive", "units": ""}, "Say how many"),
        ({"part": "receive", "units": "99999999999"}, "This number cannot be read"),
        ({"part": "move", "units": "1", "to": ""}, "Say where"),
        ({"part": "move", "units": "1", "to": "milano"}, "Units cannot travel"),
        ({"part": "adjust", "units": "-3"}, "These units are promised"),
        ({"part": "nonsense"}, "This form cannot be read"),
    ):
        answer = await site.post("/console/stock-change", {**base, **more})
        assert answer.status_code in (400, 409), more
        assert says in read(answer.text), more
    assert (await trade.good("A"))["capacity"] == 3
    unknown = {**base, "part": "count", "units": "1", "sku": "nowhere"}
    assert (await site.post("/console/stock-change", unknown)).status_code == 404
    refused = await site.post("/console/stock-change", {**base, "part": "adjust", "units": "-3", "once": "k"})
    assert 'name="overrule"' in refused.text
    again = {**base, "part": "adjust", "units": "-3", "overrule": "stolen last night", "once": "k"}
    assert "3 fewer of A in milano" in await counted(site, again)
    risks = (await site.get("/console/stock-risks")).text
    assert "1 unit too few in Milano" in read(risks)
    settle = re.search(r'action="(/console/stock-risks/\d+/settle)"', risks)
    assert settle is not None
    assert (await site.post(settle[1], {"outcome": " "})).status_code == 400
    assert (await site.post(settle[1], {"outcome": "called, gets another"})).status_code == 303
    assert "Nothing is at risk" in read((await site.get("/console/stock-risks")).text)
    assert "called, gets another" in read((await site.get("/console/stock-risks?settled=yes")).text)


async def test_promises_say_for_whom_why_and_until_when(site: Site) -> None:
    trade = await open_trade(site, A=5)
    mario = await trade.customer()
    await trade.reserve(mario)
    await trade.pickup(mario, ("A", 2))
    await site.sign_in_as("marketer")
    page = read((await site.get("/console/stock-promises")).text)
    assert page.count("Mario Rossi") == 2
    assert "reservation" in page
    assert re.search(r"Mario Rossi A 2 \S.* firm", page)
    one = read((await site.get("/console/stock/A")).text)
    assert "Mario Rossi" in one
    assert "Store 2" in one


async def test_a_clerk_sees_and_changes_only_the_own_store(site: Site) -> None:
    trade = await open_trade(site, A=5)
    await trade.till.receive(OTHER, A=9)
    await trade.reserve(await trade.customer("eve", "Eve Neri", store=OTHER), store=OTHER)
    await site.sign_in_as("clerk", "milano")
    for path in ("stock", "stock/A", "stock-movements", "stock-promises", "locations"):
        page = read((await site.get(f"/console/{path}")).text)
        assert "Eve Neri" not in page, path
        assert "Roma 9" not in page, path
    foreign = await site.post("/console/stock-change", {"sku": "A", "place": OTHER, "part": "count", "units": "0"})
    assert foreign.status_code == 403
    sent = await counted(site, {"sku": "A", "place": "milano", "part": "move", "units": "1", "to": OTHER})
    assert "1 of A are on their way to roma." in sent
    assert (await trade.good("A", OTHER))["capacity"] == 9
    await site.sign_in_as("analyst")
    assert (await site.post("/console/stock-change", {"sku": "A", "place": "milano"})).status_code == 403
    assert "This is what lies there" not in read((await site.get("/console/stock/A")).text)


async def test_opening_hours_are_shown_and_changed_as_text(site: Site) -> None:
    await open_trade(site)
    await site.sign_in_as("owner")
    path = "/console/locations/milano/hours"
    for text, status in (
        ("mon 09:00-13:00 15:30-19:30\ntue: 09:00–13:00\n2030-12-25 closed", 303),
        ("mon 25:00-26:00", 400),
        ("someday 09:00-13:00", 400),
        ("mon", 400),
    ):
        assert (await site.post(path, {"hours": text})).status_code == status, text
    page = read((await site.get("/console/locations")).text)
    assert "09:00–13:00, 15:30–19:30" in page
    assert "25 Dec 2030 closed" in page
    assert (await site.audit("location.hours"))[0]["actor"].startswith("owner@")


async def test_a_kit_shows_its_parts_and_what_they_make(site: Site) -> None:
    trade = await open_trade(site, A=7, B=4)
    async with transaction(site.pool) as conn:
        await conn.execute("update variant set is_kit = true where sku = 'C'")
        await conn.execute(
            "insert into kit_component (kit_id, component_id, quantity) values ($1, $2, 1), ($1, $3, 2)",
            *(trade.till.variants[sku] for sku in ("C", "A", "B")),
        )
        await inventory.receive(
            conn,
            [StockLine(trade.till.variants["B"], OTHER, 1)],
            inventory.Why("test", "delivery"),
            now=trade.till.now,
        )
    await site.sign_in_as("marketer")
    page = read((await site.get("/console/stock/C")).text)
    assert "2 × B" in page
    assert "Web 2" in page
