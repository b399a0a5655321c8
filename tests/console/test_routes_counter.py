"""The counter and a person's page, on the real database."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from html import unescape

from tests.support.console import Site, text_of, track
from tests.support.trading import OTHER, open_trade


def read(html: str) -> str:
    return unescape(text_of(html))


async def test_the_work_list_has_pickups_reservations_and_times_and_each_goes_its_way(site: Site) -> None:
    await site.sign_in_as("clerk", "milano")
    trade = await open_trade(site, A=9, B=9)
    assert "Nothing waits here" in read((await site.get("/console/counter")).text)
    mario = await trade.customer()
    number, parcel, code = await trade.pickup(mario, ("A", 2))
    await trade.reserve(mario, "B")
    tomorrow = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    booked = await trade.book(mario, tomorrow)
    page = read((await site.get("/console/counter")).text)
    for part in ("To prepare 1", "2 × A", "Mario Rossi", number, "Reservations to hand over 1", "None on this day."):
        assert part in page, part
    assert code not in page
    step = {"step": "ready", "once": "k", "next": "/console/counter"}
    answers = await asyncio.gather(*(site.post(f"/console/counter/pickups/{parcel}/step", step) for _ in range(3)))
    assert {answer.headers["location"] for answer in answers} == {"/console/counter"}
    assert "It is ready, and the customer is told." in read((await site.get("/console/counter")).text)
    assert "Ready to hand over 1" in read((await site.get("/console/counter")).text)
    assert len(await site.audit("pickup.ready")) == 1
    again = await site.post(f"/console/counter/pickups/{parcel}/step", {"step": "ready"})
    assert "past that point" in read((await site.get(again.headers["location"])).text)
    day = (await site.get(f"/console/counter?day={booked.starts_at.astimezone(UTC).date()}")).text
    assert "Boot fitting" in read(day)
    met = {"step": "kept", "next": "/console/counter"}
    assert (await site.post(f"/console/appointments/{booked.id}/step", met)).status_code == 303
    assert "Noted: they came." in read((await site.get("/console/counter")).text)
    assert "Choose a store" not in page


async def test_a_pickup_is_handed_over_with_its_code_once(site: Site) -> None:
    trade = await open_trade(site, A=9)
    number, parcel, code = await trade.pickup(await trade.customer(), ("A", 2))
    await site.sign_in_as("clerk", "milano")
    opened = await site.post("/console/counter", {"code": f"{code[:4].lower()} {code[4:]}"})
    assert opened.status_code == 200
    assert "The code is right." in read(opened.text)
    assert number in read(opened.text)
    unknown = await site.post("/console/counter", {"code": "ZZZZ2222"})
    assert unknown.status_code == 404
    assert "Nothing here has this code" in read(unknown.text)
    path = f"/console/counter/pickups/{parcel}/step"
    wrong = await site.post(path, {"step": "hand-over", "code": "AAAA2222"})
    assert wrong.status_code == 409
    assert "This is not its code" in read(wrong.text)
    assert (await trade.good("A"))["capacity"] == 9
    form = {"step": "hand-over", "code": code, "once": "k"}
    answers = await asyncio.gather(*(site.post(path, form) for _ in range(3)))
    assert {answer.headers["location"] for answer in answers} == {"/console/counter?store=milano"}
    assert (await trade.good("A"))["capacity"] == 7
    assert "Handed over: the goods are off the shelf." in read((await site.get("/console/counter")).text)
    assert (await site.audit("pickup.hand_over"))[0]["actor"] == "clerk@alpestre.example"
    after = read((await site.get(f"/console/counter/pickups/{parcel}")).text)
    assert "clerk@alpestre.example" in after
    assert "The code the customer shows" not in after


async def test_a_reservation_is_handed_over_paid_or_not_put_off_once_and_called_off_with_a_reason(site: Site) -> None:
    trade = await open_trade(site, A=9)
    mario = await trade.customer()
    one, two, three = [await trade.reserve(mario) for _ in range(3)]
    await site.sign_in_as("clerk", "milano")
    given = await site.post(
        f"/console/counter/reservations/{one.id}/step", {"step": "hand-over", "code": one.code, "payment": "cash"}
    )
    assert given.status_code == 303
    sold = read((await site.get(f"/console/counter/reservations/{one.id}")).text)
    assert "collected" in sold
    assert "U-1000" in sold
    path = f"/console/counter/reservations/{two.id}/step"
    assert "Put off" in read((await site.get((await site.post(path, {"step": "extend"})).headers["location"])).text)
    twice = await site.post(path, {"step": "extend", "next": f"/console/counter/reservations/{two.id}"})
    assert "past that point" in read((await site.get(twice.headers["location"])).text)
    path = f"/console/counter/reservations/{three.id}/step"
    assert (await site.post(path, {"step": "cancel", "reason": " "})).status_code == 400
    assert (await site.post(path, {"step": "cancel", "reason": "too dear"})).status_code == 303
    assert "too dear" in read((await site.get(f"/console/counter/reservations/{three.id}")).text)
    assert (await site.get("/console/counter/reservations/nonsense")).status_code == 404
    assert (await trade.good("A"))["capacity"] == 8


async def test_a_clerk_stands_at_the_own_counter_only_and_others_choose_one(site: Site) -> None:
    trade = await open_trade(site, A=9)
    await trade.till.receive(OTHER, A=3)
    eve = await trade.customer("eve", "Eve Neri", OTHER)
    _, parcel, code = await trade.pickup(eve, ("A", 1), store=OTHER)
    kept = await trade.reserve(eve, store=OTHER)
    await site.sign_in_as("clerk", "milano")
    for path in (f"/console/counter/pickups/{parcel}", f"/console/counter/reservations/{kept.id}"):
        assert (await site.get(path)).status_code == 404
        assert (await site.post(f"{path}/step", {"step": "hand-over", "code": code})).status_code == 404
        refused = await site.post(f"{path}/step", {"step": "ready"})
        assert "There is no such" in read((await site.get(refused.headers["location"])).text)
    assert (await site.get("/console/counter?store=roma")).status_code == 404
    assert (await site.post("/console/counter", {"code": code})).status_code == 404
    assert (await site.get(f"/console/counter/pickups/{parcel}")).status_code == 404
    await site.sign_in_as("agent")
    stores = read((await site.get("/console/counter")).text)
    assert "Roma 2 wait" in stores
    assert "Milano nothing waits" in stores
    assert "Eve Neri" in read((await site.get("/console/counter?store=roma")).text)
    await site.sign_in_as("marketer")
    assert (await site.post(f"/console/counter/pickups/{parcel}/step", {"step": "ready"})).status_code == 403


async def test_who_does_not_come_stands_on_the_list_with_how_often(site: Site) -> None:
    trade = await open_trade(site, A=9)
    mario = await trade.customer()
    for _ in range(3):
        await trade.reserve(mario)
    past = datetime.now(UTC) - timedelta(hours=1)
    await site.pool.execute(
        "update reservation set deadline = $1::timestamptz, created_at = $1::timestamptz - interval '1 day'", past
    )
    await site.sign_in_as("clerk", "milano")
    page = read((await site.get("/console/counter")).text)
    assert "Did not come" in page
    assert "does not come for 100 % of what is kept for them; may have 1 open" in page


async def test_a_persons_page_shows_cart_orders_what_waits_and_what_comes_from_the_rooms_alone(site: Site) -> None:
    trade = await open_trade(site, A=9, B=9)
    mario = await trade.customer()
    number, _, _ = await trade.pickup(mario, ("A", 2))
    kept = await trade.reserve(mario, "B")
    soon = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    await site.send(
        track("mario", "Appointment Booked", appointment_id="other-system-1", starts_at=soon, service="Haircut")
    )
    cart = await trade.cart(mario, ("B", 3))
    await site.work()
    await site.sign_in_as("agent")
    html = (await site.get(f"/console/people/{mario}")).text
    page = read(html)
    for part in ("Open cart €30.00 3 units", "Waits for them 2", "In the cart", "Points 0"):
        assert part in page, part
    assert f'href="/console/orders/{number}"' in html
    assert f'href="/console/carts/{cart}"' in html
    assert f'href="/console/counter/reservations/{kept.id}"' in html
    coming = page.split("Timeline")[-1].split(" now ")[0]
    assert coming.count("Reservation ends") == 1, coming
    assert coming.count("Haircut") == 1
    await site.sign_in_as("privacy_officer")
    assert "In the cart" not in read((await site.get(f"/console/people/{mario}")).text)


async def test_a_merge_of_carts_is_shown_on_the_persons_page_and_undone_there(site: Site) -> None:
    trade = await open_trade(site, A=9, B=9)
    mario, browser = await trade.customer(), await trade.customer("visitor", "Mario R.", None)
    await trade.cart(mario, ("A", 1))
    await trade.cart(browser, ("B", 2))
    await trade.till.join(mario, browser)
    await trade.till.cart(mario)
    await site.sign_in_as("agent")
    page = (await site.get(f"/console/people/{mario}")).text
    assert "Two carts became one" in read(page)
    form = re.search(r'<div class="merge">.*?<form.*?action="([^"]+)".*?name="merge" value="(\d+)"', page, re.DOTALL)
    assert form is not None
    undone = await site.post(form[1], {"part": "undo", "merge": form[2], "next": f"/console/people/{mario}"})
    assert undone.headers["location"] == f"/console/people/{mario}"
    after = (await site.get(f"/console/people/{mario}")).text
    assert "The two carts are apart again." in read(after)
    assert 'class="merge"' not in after
    assert len(await site.audit("cart.undo")) == 1


async def test_a_clerk_hands_over_in_four_taps_from_anywhere(site: Site) -> None:
    """Menu, Orders (which is the counter for a clerk), the pick-up, Hand over: the code field waits for typing."""
    trade = await open_trade(site, A=9)
    _, parcel, code = await trade.pickup(await trade.customer(), ("A", 1))
    await site.sign_in_as("clerk", "milano")
    anywhere = (await site.get("/console/people")).text
    assert 'href="#nav"' in anywhere
    assert 'href="/console/orders"' in anywhere
    at_the_counter = await site.get("/console/orders", follow_redirects=True)
    assert f'href="/console/counter/pickups/{parcel}"' in at_the_counter.text
    page = (await site.get(f"/console/counter/pickups/{parcel}")).text
    form = page.split(f'action="/console/counter/pickups/{parcel}/step"')[1].split("</form>")[0]
    assert re.search(r'<input[^>]*name="code"[^>]*\sautofocus', form)
    assert form.count("<button") == 1
    fields = dict(re.findall(r'name="(step|once)" value="([^"]*)"', form))
    assert (await site.post(f"/console/counter/pickups/{parcel}/step", {**fields, "code": code})).status_code == 303
    assert (await trade.good("A"))["capacity"] == 8
