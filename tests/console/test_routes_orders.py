"""Orders and carts in the console, on the real database."""

from __future__ import annotations

import asyncio
import re
from html import unescape

from tests.support.console import Site, text_of
from tests.support.ordering import APPROVE
from tests.support.trading import OTHER, Trade, open_trade
from unisono.commerce.orders.model import PayRequest


def read(html: str) -> str:
    return unescape(text_of(html))


async def change(site: Site, number: str, form: dict[str, str]) -> str:
    """Change an order; what the page after it says."""
    done = await site.post(f"/console/orders/{number}/change", form)
    assert done.status_code == 303, read(done.text)
    return read((await site.get(done.headers["location"])).text)


async def lines_of(site: Site, number: str) -> list[int]:
    """The ids of an order's lines."""
    rows = await site.pool.fetch(
        "select line.id from order_line line join sales_order o on o.id = order_id where number = $1 order by position",
        number,
    )
    return [row["id"] for row in rows]


async def test_orders_are_listed_filtered_and_found_by_number_or_customer(site: Site) -> None:
    await site.sign_in_as("agent")
    assert "No order yet" in read((await site.get("/console/orders")).text)
    trade = await open_trade(site, A=9, B=9)
    mario, eve = await trade.customer(), await trade.customer("eve", "Eve Neri")
    first = await trade.till.buy(mario, ("A", 2), ("B", 1))
    second = await trade.till.buy(eve, ("B", 1))
    page = read((await site.get("/console/orders")).text)
    assert f"{first.number} " in page
    assert "Mario Rossi" in page
    assert "2 × A; B" in page
    assert "2 on this page" in page

    async def numbers(**asked: str) -> set[str]:
        return set(re.findall(r"U-\d+", read((await site.get("/console/orders", params=asked)).text)))

    assert await numbers(q=first.number.lower()) == {first.number}
    assert f'href="/console/orders/{first.number}"' in (await site.get(f"/console/palette?q={first.number}")).text
    assert await numbers(q="Neri") == {second.number}
    assert await numbers(q=second.source_order_id) == {second.number}
    assert await numbers(status="cancelled") == set()
    assert await numbers(payment="authorised") == {first.number, second.number}
    assert await numbers(channel="app") == set()
    assert await numbers(person=str(eve)) == {second.number}
    none = read((await site.get("/console/orders?q=zebra&status=open&payment=paid")).text)
    assert "number or customer contains “zebra”, under way, paid" in none
    assert (await site.get("/console/orders?after=nonsense")).status_code == 400
    assert (await site.get("/console/orders/U-1")).status_code == 404
    assert "orders.search" in {entry["action"] for entry in await site.audit("orders.search")}


async def test_the_page_of_an_order_shows_all_of_it_and_its_reading_is_audited(site: Site) -> None:
    trade = await open_trade(site, A=9)
    number, parcel, _ = await trade.pickup(await trade.customer(), ("A", 2))
    await site.sign_in_as("analyst")
    page = await site.get(f"/console/orders/{number}")
    text = read(page.text)
    for word in ("Mario Rossi", "€20.00", "reserved on the card", "Test provider", "Pick-up · Milano", "to prepare"):
        assert word in text, word
    assert f'href="/api/orders/{number}/receipt"' in page.text
    assert f'href="/console/counter/pickups/{parcel}"' in page.text
    assert "Cancel these units" not in text
    assert (await site.audit("order.read"))[0]["person_id"] is not None
    assert (await site.get(f"/api/orders/{number}/receipt")).status_code == 200
    italian = read((await site.get(f"/console/orders/{number}?lang=it")).text)
    assert "Ritiro" in italian


async def test_who_sends_an_order_sees_where_it_goes_and_who_only_counts_does_not(site: Site) -> None:
    trade = await open_trade(site, A=9)
    order = await trade.till.buy(
        await trade.customer(),
        ("A", 1),
        fulfilment="ship",
        address={"city": "Milano", "street": "Via Roma 1", "postcode": "20121"},
        customer={"name": "Zoe Nandu"},
    )
    await site.sign_in_as("agent")
    assert "Goes to Zoe Nandu, Via Roma 1, 20121, Milano" in read(
        (await site.get(f"/console/orders/{order.number}")).text
    )
    found = (await site.get(f"/api/orders/{order.number}")).json()
    assert found["fulfilments"][0]["address"]["street"] == "Via Roma 1"
    await site.sign_in_as("analyst")
    assert "Via Roma" not in read((await site.get(f"/console/orders/{order.number}")).text)


async def test_units_are_cancelled_once_however_often_the_button_is_pressed(site: Site) -> None:
    trade = await open_trade(site, A=9, B=9)
    number, _, _ = await trade.pickup(await trade.customer(), ("A", 3), ("B", 1))
    await site.sign_in_as("agent")
    first, second = await lines_of(site, number)
    form = {"part": "cancel", f"cancel-{first}": "1", "reason": "too many", "once": "k"}
    answers = await asyncio.gather(*(site.post(f"/console/orders/{number}/change", form) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {303}
    assert (await trade.good("A"))["committed"] == 2
    assert len(await site.audit("order.cancel")) == 1
    refused = await site.post(
        f"/console/orders/{number}/change", {"part": "cancel", f"cancel-{first}": "9", "reason": "x"}
    )
    assert refused.status_code == 409
    assert "Not so many can be cancelled" in read(refused.text)
    for wrong in ({"reason": "x"}, {f"cancel-{first}": "1"}, {f"cancel-{first}": "-1", "reason": "x"}):
        answer = await site.post(f"/console/orders/{number}/change", {"part": "cancel", **wrong})
        assert answer.status_code == 400, wrong
    said = await change(
        site, number, {"part": "cancel", f"cancel-{first}": "2", f"cancel-{second}": "1", "reason": "changed mind"}
    )
    assert "Cancelled: the goods are free" in said
    assert "changed mind" in said
    assert (await trade.good("A"))["committed"] == 0
    await trade.till.check()


async def sold(trade: Trade) -> str:
    """An order somebody carried home, paid."""
    cart = await trade.cart(await trade.customer(), ("A", 3), channel="store")
    checkout = await trade.till.begin_cart(cart, channel="store", fulfilment="carry", location="milano")
    return (await trade.till.pay(checkout, APPROVE)).number


async def test_goods_come_back_line_by_line_and_money_with_them(site: Site) -> None:
    trade = await open_trade(site, A=9)
    number = await sold(trade)
    assert (await trade.good("A"))["capacity"] == 6
    await site.sign_in_as("agent")
    (line,) = await lines_of(site, number)
    back = {"part": "return", f"return-{line}": "1", "reason": "too small", "store": OTHER, "refund_to": "original"}
    assert "Taken back" in await change(site, number, back)
    damaged = {**back, f"condition-{line}": "damaged", "refund_to": "none", "store": ""}
    assert "damaged" in await change(site, number, damaged)
    assert (await trade.good("A", OTHER))["capacity"] == 1
    assert "Not so many can be brought back" in read(
        (await site.post(f"/console/orders/{number}/change", {**back, f"return-{line}": "5"})).text
    )
    said = await change(site, number, {"part": "refund", "amount": "5,00", "reason": "a gesture"})
    assert "The refund is on its way" in said
    assert "€15.00" in said
    over = await site.post(f"/console/orders/{number}/change", {"part": "refund", "amount": "500", "reason": "x"})
    assert over.status_code == 409
    unread = await site.post(f"/console/orders/{number}/change", {"part": "refund", "amount": "1.234,5", "reason": "x"})
    assert unread.status_code == 400
    assert "This amount cannot be read" in read(unread.text)


async def test_parcels_leave_and_arrive_and_transfers_are_confirmed(site: Site) -> None:
    trade = await open_trade(site, A=9)
    checkout = await trade.till.begin(await trade.customer(), ("A", 1))
    number = (await trade.till.pay(checkout, PayRequest(provider="transfer"))).number
    await site.sign_in_as("agent")
    page = (await site.get(f"/console/orders/{number}")).text
    assert "I saw the money" in read(page)
    payment = await site.pool.fetchval("select id::text from payment")
    foreign = {"part": "confirm", "payment": "0" * 36, "accepted": "yes"}
    assert (await site.post(f"/console/orders/{number}/change", foreign)).status_code == 400
    confirmed = {"part": "confirm", "payment": payment, "accepted": "yes", "reference": "BANK 7"}
    assert "Noted: the money came" in await change(site, number, confirmed)
    parcel = str(await site.pool.fetchval("select id from fulfilment"))
    sent = {"part": "ship", "parcel": parcel, "carrier": "Corriere", "tracking": "TR-1"}
    assert "TR-1" in await change(site, number, sent)
    assert (await trade.good("A"))["capacity"] == 8
    assert "delivered" in await change(site, number, {"part": "deliver", "parcel": parcel})
    again = await site.post(f"/console/orders/{number}/change", sent)
    assert again.status_code == 409
    assert "past that point" in read(again.text)


async def test_a_clerk_begins_at_the_counter_and_sees_only_orders_of_the_own_stores(site: Site) -> None:
    trade = await open_trade(site, A=9)
    mario = await trade.customer()
    own, _, _ = await trade.pickup(mario, ("A", 1))
    await trade.till.receive(OTHER, A=3)
    foreign, _, _ = await trade.pickup(await trade.customer("eve", "Eve Neri", None), ("A", 1), store=OTHER)
    await site.sign_in_as("clerk", "milano")
    assert (await site.get("/console/orders")).headers["location"] == "/console/counter"
    page = read((await site.get("/console/orders?view=all")).text)
    assert own in page
    assert foreign not in page
    assert "Eve Neri" not in page
    assert (await site.get(f"/console/orders/{foreign}")).status_code == 404
    cancel = {"part": "cancel", "reason": "x"}
    assert (await site.post(f"/console/orders/{foreign}/change", cancel)).status_code == 404
    assert "Nothing matches" in read((await site.get("/console/orders?view=all&place=roma")).text)
    await site.sign_in_as("privacy_officer")
    assert (await site.get("/console/orders")).status_code == 403


async def test_open_carts_are_listed_and_one_is_opened_by_its_code_and_filled(site: Site) -> None:
    await site.sign_in_as("agent")
    assert "No open cart" in read((await site.get("/console/carts")).text)
    trade = await open_trade(site, A=9, B=1)
    mario = await trade.customer()
    cart = await trade.cart(mario, ("A", 2))
    code = await trade.code_of(cart)
    page = read((await site.get("/console/carts")).text)
    assert f"Mario Rossi {code[:4]}-{code[4:]}" in page
    assert "€20.00" in page
    assert "Nothing matches" in read((await site.get("/console/carts?left=payment_failed")).text)
    opened = await site.get("/console/carts", params={"code": f"{code[:4].lower()}-{code[4:]}"})
    assert opened.headers["location"] == f"/console/carts/{code}"
    for wrong, status in (("zzz", 400), ("22222222", 404)):
        answer = await site.get("/console/carts", params={"code": wrong})
        assert answer.status_code == status
        assert wrong in answer.text
    await trade.till.price("A", 900)
    page = read((await site.get(f"/console/carts/{code}")).text)
    assert "seen at €10.00" in page
    path = f"/console/carts/{code}/change"
    added = {"part": "add", "sku": "B", "units": "1", "once": "k"}
    for _ in range(2):
        assert (await site.post(path, added)).status_code == 303
    assert "In the cart: the customer sees it everywhere." in read((await site.get(f"/console/carts/{code}")).text)
    rows = await site.pool.fetch("select quantity from cart_line order by quantity")
    assert [row["quantity"] for row in rows] == [1, 2]
    gone = await site.post(path, {"part": "set", "sku": "A", "units": "0"})
    assert gone.status_code == 303
    undo = re.search(r'action="(/console/carts/[^"]*\?[^"]*)"', (await site.get(gone.headers["location"])).text)
    assert undo is not None
    assert (await site.post(unescape(undo[1]))).status_code == 303
    assert await site.pool.fetchval("select sum(quantity) from cart_line") == 3
    assert (await site.post(path, {"part": "add", "sku": "nowhere", "units": "1"})).status_code == 404
    assert (await site.post(path, {"part": "set", "sku": "A", "units": "12345"})).status_code == 400
    assert "does not count" in read(await change_cart(site, code, {"part": "coupons", "coupons": "ABCDEF"}))
    assert len(await site.audit("cart.add")) == 2
    assert (await site.get("/console/carts/nonsense")).status_code == 404


async def change_cart(site: Site, code: str, form: dict[str, str]) -> str:
    """Change a cart; the page after it."""
    done = await site.post(f"/console/carts/{code}/change", form)
    assert done.status_code == 303
    return (await site.get(done.headers["location"])).text


async def test_a_clerk_opens_any_cart_by_its_code_but_lists_only_those_of_people_seen_here(site: Site) -> None:
    trade = await open_trade(site, A=9)
    mario, eve = await trade.customer(), await trade.customer("eve", "Eve Neri", None)
    await trade.cart(mario, ("A", 1))
    foreign = await trade.cart(eve, ("A", 1))
    await site.sign_in_as("clerk", "milano")
    page = read((await site.get("/console/carts")).text)
    assert "Mario Rossi" in page
    assert "1 on this page" in page
    assert (await site.get(f"/console/carts/{foreign}")).status_code == 404
    code = await trade.code_of(foreign)
    opened = read((await site.get(f"/console/carts/{code}")).text)
    assert "Eve Neri" not in opened
    assert (await site.post(f"/console/carts/{code}/change", {"part": "remove", "sku": "A"})).status_code == 303
