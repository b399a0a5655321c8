"""What a counter and a shop front need beside buying: stores, the customer's name, papers, pick-ups, returns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.market import Market, opened
from tests.support.shop import fresh


@pytest.fixture(scope="module")
async def market(server_dsn: str, template_dsn: str) -> AsyncIterator[Market]:
    """One for all tests of this file; each uses customers of its own."""
    async with opened(server_dsn) as found:
        yield found


async def buy(market: Market, who: dict[str, str], **fulfilment: Any) -> Any:
    await market.call("POST", "/channel/cart/lines", {"items": [{"sku": "SHOE-42"}]}, **who)
    begun = await market.call("POST", "/channel/checkouts", fulfilment, status=201, **who)
    paid = {"provider": "test", "token": "tok_approve", "key": "first"}
    return await market.call("POST", f"/channel/checkouts/{begun['id']}/pay", paid, **who)


async def test_stores_that_have_the_goods_come_first(market: Market) -> None:
    """Milano has the shoe and is told before Torino, which is told to be short of it; a warehouse is no store."""
    mario = await market.customer()
    found = (await market.call("GET", "/channel/stores?item=SHOE-42:2", **mario))["stores"]
    assert [(one["store_id"], one["short"]) for one in found] == [("milano", []), ("torino", ["SHOE-42"])]
    assert all(one["open"] for one in found)
    await market.call("GET", "/channel/stores?item=SHOE-42:0", status=400, **mario)


async def test_the_till_and_the_customer_read_the_same_name(market: Market) -> None:
    """Who asks for himself and the till that names him see one person; nobody is nobody."""
    user = fresh("u")
    event = {"type": "identify", "userId": user, "messageId": fresh(), "traits": {"name": "Mario Rossi"}}
    await market.call("POST", "/v1/batch", {"batch": [event]}, **market.server)
    mario = await market.call("GET", "/channel/customer", **await market.customer(user))
    assert (mario["name"], mario["known"], mario["points"]) == ("Mario Rossi", True, 0)
    seen = await market.call("GET", "/channel/customer", **(market.till | {"x_customer": f"user_id:{user}"}))
    assert seen == mario
    await market.call("GET", "/channel/customer", status=400, **market.till)


async def test_a_pick_up_is_made_ready_handed_over_and_brought_back_at_the_till(market: Market) -> None:
    """The whole way of a pick-up with a till's key alone; a customer may do none of it."""
    mario = await market.customer()
    order = await buy(market, mario, fulfilment="pickup", location="milano")
    mine = await market.call("GET", f"/channel/orders/{order['number']}", **mario)
    [parcel] = mine["parcels"]
    path = f"/channel/pickups/{parcel['id']}"
    await market.call("POST", f"{path}/ready", {}, status=403, **mario)
    ready = await market.call("POST", f"{path}/ready", {}, **market.till)
    assert ready["state"] == "ready"
    assert ready["collect_by"]
    code = mine["codes"][str(parcel["id"])]
    await market.call("POST", f"{path}/hand-over", {"code": code}, **market.till)
    line = order["lines"][0]["id"]
    back = {"lines": [{"order_line_id": line, "quantity": 1}], "reason": "too small", "key": "slip-1"}
    returns = f"/channel/orders/{order['number']}/returns"
    await market.call("POST", returns, back, status=403, **mario)
    first = await market.call("POST", returns, back, status=201, **market.till)
    again = await market.call("POST", returns, back, status=201, **market.till)
    assert (first["refund_minor"], again["number"]) == (8000, first["number"])


async def test_a_pick_up_of_another_store_does_not_exist_for_the_till(market: Market) -> None:
    """A till makes ready what lies in its own store."""
    move = {"kind": "receive", "lines": [{"sku": "SHOE-42", "location": "torino", "quantity": 1}]}
    await market.api("POST", "/api/stock/movements", move | {"reason": "delivery"})
    mario = await market.customer()
    order = await buy(market, mario, fulfilment="pickup", location="torino")
    [parcel] = (await market.call("GET", f"/channel/orders/{order['number']}", **mario))["parcels"]
    await market.call("POST", f"/channel/pickups/{parcel['id']}/ready", {}, status=404, **market.till)


async def test_papers_are_read_by_whose_they_are(market: Market) -> None:
    """Receipt, slip and calendar entry for the buyer; for anybody else they do not exist."""
    mario, anna = await market.customer(), await market.customer()
    order = await buy(market, mario, fulfilment="pickup", location="milano")
    [parcel] = (await market.call("GET", f"/channel/orders/{order['number']}", **mario))["parcels"]
    await market.call("POST", f"/channel/pickups/{parcel['id']}/ready", {}, **market.till)
    kept = {"sku": "SHOE-42", "store_id": "milano"}
    reservation = await market.call("POST", "/channel/reservations", kept, status=201, **mario)
    for path, kind in (
        (f"/channel/orders/{order['number']}/receipt", "text/html"),
        (f"/channel/pickups/{parcel['id']}/slip", "text/html"),
        (f"/channel/pickups/{parcel['id']}/calendar.ics", "text/calendar"),
        (f"/channel/reservations/{reservation['id']}/slip", "text/html"),
        (f"/channel/reservations/{reservation['id']}/calendar.ics", "text/calendar"),
    ):
        answer = await market.shop.client.get(path, headers=mario)
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind), path
        assert (await market.shop.client.get(path, headers=anna)).status_code == 404, path


async def test_a_reservation_paid_at_the_till_becomes_an_order(market: Market) -> None:
    """Code and payment in one call: the units leave and the customer has an order."""
    mario = await market.customer()
    kept = {"sku": "SHOE-42", "store_id": "milano"}
    reservation = await market.call("POST", "/channel/reservations", kept, status=201, **mario)
    handed = {"code": reservation["code"], "payment": {"provider": "cash"}}
    path = f"/channel/reservations/{reservation['id']}/hand-over"
    done = await market.call("POST", path, handed, **market.till)
    assert done["state"] == "collected"
    assert done["order_number"]
