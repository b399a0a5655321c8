"""Carts on the real database: filled from several channels, priced, explained, refused, told."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.support.carts import NOW, STORE, Bench, everything, open_bench, said, units
from tests.support.pricing import make_list, put
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.errors import (
    BadCoupon,
    BadQuantity,
    CartChanged,
    CartClosed,
    CartInCheckout,
    CartNotFound,
    LineNotFound,
    NotSold,
    TooManyLines,
    WrongCurrency,
)
from unisono.commerce.carts.model import Cart, CartItem
from unisono.commerce.catalog.errors import SkuUnknown
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.model import Definition
from unisono.customers.identity.service import PersonNotFound
from unisono.kit.database import Connection, Pool, transaction
from unisono.kit.errors import BadRequest, UnisonoError
from unisono.kit.money import MoneyError


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Bench]:
    """A small shop."""
    yield await open_bench(pool)


async def opened(shop: Bench, *items: tuple[str, int]) -> Cart:
    """A person's cart with these in it."""
    node = await shop.node()
    await shop.add(node, *(items or (("A", 1),)))
    cart = await shop.cart(node)
    assert cart is not None
    return cart


# One cart, every channel ----------------------------------------------------------------------------------


async def test_what_one_channel_adds_every_channel_sees(shop: Bench) -> None:
    """Web, app and till fill one cart; each line remembers its channel, store and price."""
    node = await shop.node()
    first = await shop.add(node, ("A", 2))
    await shop.add(node, ("B", 1), channel="app")
    last = await shop.add(node, ("A", 1), ("C", 1), channel="store", store_id=STORE)
    assert first.id == last.id
    assert units(last) == {"A": 3, "B": 1, "C": 1}
    cart = await shop.cart(node)
    assert cart is not None
    seen = {line.sku: (line.channel, line.store_id, line.seen_minor) for line in cart.lines}
    assert seen == {"A": ("store", STORE, 1000), "B": ("app", None, 1000), "C": ("store", STORE, 1000)}
    assert (last.quote.total_minor if last.quote else 0) == 5000


async def test_every_identifier_of_a_person_leads_to_one_cart(shop: Bench) -> None:
    """The card found at the till opens what the browser filled."""
    browser, card = await shop.node("anonymous_id"), await shop.node("loyalty_card")
    await shop.join(browser, card)
    made = await shop.add(browser, ("A", 1))
    again = await shop.add(card, ("B", 1))
    assert made.id == again.id
    assert await shop.pool.fetchval("select count(*) from cart") == 1


async def test_versions_and_changes_have_no_gap(shop: Bench) -> None:
    """Each change of the cart is one version and one row of the feed."""
    cart = await opened(shop)
    async with transaction(shop.pool) as conn:
        await carts.set_quantity(conn, cart.id, "A", 4, shop.touch())
        await carts.set_coupons(conn, cart.id, ["ten"], shop.touch())
        await carts.share(conn, cart.id, shop.touch())
        last = await carts.remove_line(conn, cart.id, "A", shop.touch())
    assert await shop.changes(cart.id) == list(range(1, last.version + 1))


async def test_adding_and_taking_out_is_told_with_price_and_quantity(shop: Bench) -> None:
    """In major units; a change of quantity is what moved, not what there is; what moves nothing is not told."""
    node = await shop.node()
    cart = await shop.add(node, ("A", 2))
    async with transaction(shop.pool) as conn:
        await carts.set_quantity(conn, cart.id, "A", 5, shop.touch("app"))
        await carts.set_quantity(conn, cart.id, "A", 5, shop.touch("app"))
        await carts.set_quantity(conn, cart.id, "A", 4, shop.touch("app"))
        await carts.remove_line(conn, cart.id, "A", shop.touch("store", store_id=STORE))
    events = await shop.events("Product Added", "Product Removed")
    found = [(row["name"], row["channel"], said(row)["quantity"], said(row)["price"]) for row in events]
    assert found == [
        ("Product Added", "web", 2, "10.00"),
        ("Product Added", "app", 3, "10.00"),
        ("Product Removed", "app", 1, "10.00"),
        ("Product Removed", "store", 4, "10.00"),
    ]
    assert {row["node_id"] for row in events} == {node}
    assert {row["message_id"][:8] for row in events} == {"unisono:"}
    assert said(events[0]) | {"cart_id": str(cart.id), "sku": "A", "currency": "EUR"} == said(events[0])


async def test_a_cart_that_is_nobodys_is_filled_and_claimed(shop: Bench) -> None:
    """Its changes are told, no event is; claimed, it is merged with the person's own."""
    node = await shop.node()
    own = await shop.add(node, ("A", 1))
    async with transaction(shop.pool) as conn:
        nobodys = await carts.begin(conn, shop.touch("store", store_id=STORE), currency="eur")
        await carts.add_line(conn, nobodys.id, "B", 2, shop.touch("store", store_id=STORE))
        other = await carts.begin(conn, shop.touch("store"), currency="EUR")
        await carts.add_line(conn, other.id, "C", 1, shop.touch("store"))
    assert len(await shop.events("Product Added")) == 1
    assert await shop.changes(nobodys.id) == [1, 2]
    async with transaction(shop.pool) as conn:
        claimed = await carts.claim(conn, nobodys.id, node, shop.touch("store"))
        assert (claimed.id, units(claimed)) == (own.id, {"A": 1, "B": 2})
        alone = await carts.claim(conn, other.id, await shop.node(), shop.touch("store"))
        assert alone.id == other.id
    with pytest.raises(CartClosed):
        async with transaction(shop.pool) as conn:
            await carts.claim(conn, other.id, node, shop.touch("store"))


# What has changed -----------------------------------------------------------------------------------------


async def test_price_and_stock_changes_are_explained_line_by_line_until_they_are_seen(shop: Bench) -> None:
    """Lower, higher, fewer than wanted, no longer sold; seen where the channel says so."""
    cart = await opened(shop, ("A", 3), ("B", 1), ("C", 1), ("D", 1))
    shop.later(days=1)
    await shop.price("A", 900)
    await shop.price("B", 1200)
    await shop.stock(A=2)
    await shop.pool.execute("update variant set status = 'retired' where sku = 'C'")
    view = await shop.view(cart.id, "app")
    notices = {line.sku: [notice.code for notice in line.notices] for line in view.lines}
    assert notices == {"A": ["price_lower", "only_left"], "B": ["price_higher"], "C": ["not_sold"], "D": []}
    (lower, few) = view.lines[0].notices
    assert (lower.values["before_minor"], lower.values["now_minor"]) == (1000, 900)
    assert (lower.values["channel"], lower.values["at"][:10]) == ("web", "2026-05-13")
    assert few.values == {"available": 2}
    retired = view.lines[2]
    assert (retired.unit_minor, retired.total_minor) == (None, 0)
    assert view.quote is not None
    assert view.quote.total_minor == 3 * 900 + 1200 + 1000
    assert await shop.view(cart.id, "app") == view, "looking has changed something"
    async with transaction(shop.pool) as conn:
        seen = await carts.mark_seen(conn, cart.id, shop.touch("app"))
    assert [notice.code for line in seen.lines for notice in line.notices] == ["only_left", "not_sold"]
    assert (seen.lines[0].seen_minor, seen.lines[0].seen_channel) == (900, "app")


async def test_a_price_of_one_channel_is_compared_with_what_another_showed(shop: Bench) -> None:
    """The app has its own price: said with where the other was seen."""
    async with transaction(shop.pool) as conn:
        await make_list(conn, "app", channel="app", priority=5)
        await put(conn, "A", 800, to="app", now=shop.now)
    cart = await opened(shop)
    assert (await shop.view(cart.id)).lines[0].notices == ()
    (notice,) = (await shop.view(cart.id, "app")).lines[0].notices
    assert (notice.code, notice.values["channel"]) == ("price_lower", "web")


async def test_in_a_store_its_own_shelf_counts_elsewhere_all_of_them(shop: Bench) -> None:
    """What nobody counts is not called scarce."""
    await shop.stock(A=2)
    cart = await opened(shop, ("A", 2), ("B", 9))
    assert {line.sku: line.available for line in (await shop.view(cart.id)).lines} == {"A": 2, "B": None}
    elsewhere = await shop.view(cart.id, "store", store_id="roma")
    assert {line.sku: line.available for line in elsewhere.lines} == {"A": 0, "B": None}
    assert [notice.code for notice in elsewhere.lines[0].notices] == ["none_left"]


async def test_prices_of_an_audience_are_for_whom_a_trait_puts_there(shop: Bench) -> None:
    """Traits of any identifier of the person."""
    browser, card = await shop.node("anonymous_id"), await shop.node("loyalty_card")
    await shop.join(browser, card)
    async with transaction(shop.pool) as conn:
        await make_list(conn, "club", audience="club", priority=5)
        await put(conn, "A", 700, to="club", now=shop.now)
        await conn.execute(
            "insert into trait (node_id, name, source_id, value, occurred_at) values ($1, 'audiences', 1, $2, $3)",
            card,
            '["club"]',
            shop.now,
        )
    member = await shop.add(browser, ("A", 1))
    other = await shop.add(await shop.node(), ("A", 1))
    assert (member.lines[0].unit_minor, other.lines[0].unit_minor) == (700, 1000)


async def test_promotions_apply_and_say_why_not(shop: Bench) -> None:
    """Ten per cent from 30 euro: missing at first, applied then; the lines carry their share."""
    async with transaction(shop.pool) as conn:
        await _promotion(conn, "ten", at_least=3000)
    node = await shop.node()
    few = await shop.add(node, ("A", 2))
    assert few.quote is not None
    assert (few.quote.total_minor, [one.missing_minor for one in few.quote.rejected]) == (2000, [1000])
    enough = await shop.add(node, ("B", 1))
    assert enough.quote is not None
    assert (enough.quote.total_minor, [one.code for one in enough.quote.applied]) == (2700, ["ten"])
    assert {line.sku: line.total_minor for line in enough.lines} == {"A": 1800, "B": 900}


async def _promotion(conn: Connection, code: str, *, at_least: int) -> None:
    written = {
        "code": code,
        "name": code,
        "currency": "EUR",
        "conditions": {"kind": "subtotal", "at_least_minor": at_least},
        "effects": [{"kind": "percent_off", "percent_bp": 1000}],
    }
    definition = msgspec.convert(written, Definition)
    await promotions.save_promotion(conn, definition, actor="test", now=NOW, status="active")


async def test_a_coupon_nobody_knows_is_answered_not_refused(shop: Bench) -> None:
    """It stays entered, and the quote says what is the matter with it."""
    cart = await opened(shop)
    async with transaction(shop.pool) as conn:
        view = await carts.set_coupons(conn, cart.id, [" no such ", "NOSUCH"], shop.touch())
    assert view.coupons == ("NOSUCH",)
    assert view.quote is not None
    assert [(one.coupon, one.accepted) for one in view.quote.coupons] == [("NOSUCH", False)]


# Refused --------------------------------------------------------------------------------------------------

BAD: list[tuple[CartItem, type[UnisonoError], str]] = [
    (CartItem(sku="A", quantity=0), BadQuantity, "bad_quantity"),
    (CartItem(sku="A", quantity=-1), BadQuantity, "bad_quantity"),
    (CartItem(sku="A", quantity=10_000), BadQuantity, "bad_quantity"),
    (CartItem(sku="A", quantity=9_999), BadQuantity, "bad_quantity"),
    (CartItem(sku="A", quantity=10**30), BadQuantity, "bad_quantity"),
    (CartItem(sku="A", quantity=True), BadQuantity, "bad_quantity"),
    (CartItem(sku="nothing"), SkuUnknown, "sku_unknown"),
    (CartItem(sku=""), SkuUnknown, "sku_unknown"),
    (CartItem(sku="A\x00"), SkuUnknown, "sku_unknown"),
    (CartItem(sku="x" * 100_000), SkuUnknown, "sku_unknown"),
    (CartItem(sku="\ud800"), SkuUnknown, "sku_unknown"),
    (CartItem(sku="C"), NotSold, "not_sold"),
    (CartItem(sku="D"), NotSold, "no_price"),
    (CartItem(sku="B", note="\x00"), BadRequest, "bad_note"),
    (CartItem(sku="B", note="x" * 501), BadRequest, "bad_note"),
]


@pytest.mark.parametrize(("item", "error", "code"), BAD)
async def test_what_cannot_be_added_is_named_and_nothing_changes(
    shop: Bench, item: CartItem, error: type[UnisonoError], code: str
) -> None:
    """Not even the good line beside it; one unit of A is in the cart already."""
    cart = await opened(shop)
    shop.later(minutes=1)
    await shop.price("D", None)
    await shop.pool.execute("update variant set status = 'retired' where sku = 'C'")
    before = await everything(shop.pool)
    with pytest.raises(error) as refused:
        async with transaction(shop.pool) as conn:
            await carts.add_lines(conn, cart.id, [CartItem(sku="B"), item], shop.touch())
    assert refused.value.code == code
    assert await everything(shop.pool) == before


async def test_more_lines_than_a_cart_holds_are_refused_whole(pool: Pool) -> None:
    """200 fit, 201 do not, nor does a list of a million."""
    shop = await open_bench(pool, goods=tuple(f"S{number:03}" for number in range(201)))
    full = [(f"S{number:03}", 1) for number in range(200)]
    cart = await opened(shop, *full)
    assert len(cart.lines) == 200
    before = await everything(pool)
    for items in ([CartItem(sku="S200")], [CartItem(sku="S000")] * 1_000_000):
        with pytest.raises(TooManyLines):
            async with transaction(pool) as conn:
                await carts.add_lines(conn, cart.id, items, shop.touch())
    assert await everything(pool) == before


async def test_another_currency_is_refused(shop: Bench) -> None:
    """A cart has one; a code that is none is named as such."""
    cart = await opened(shop)
    assert cart.node_id is not None
    for currency, error in (("USD", WrongCurrency), ("EURO", MoneyError), ("\x00", MoneyError)):
        with pytest.raises(error):
            async with transaction(shop.pool) as conn:
                await carts.put_into(conn, cart.node_id, [CartItem(sku="A")], shop.touch(), currency=currency)


async def test_bad_coupons_lines_that_are_not_there_and_nobody_are_refused(shop: Bench) -> None:
    """Each with its own error, and nothing changes."""
    cart = await opened(shop)
    before = await everything(shop.pool)

    async def refused(error: type[UnisonoError], *call: Any, **more: Any) -> None:
        with pytest.raises(error):
            async with transaction(shop.pool) as conn:
                await call[0](conn, *call[1:], **more)

    await refused(BadCoupon, carts.set_coupons, cart.id, ["X" * 65], shop.touch())
    await refused(BadCoupon, carts.set_coupons, cart.id, ["a\x00"], shop.touch())
    await refused(BadCoupon, carts.set_coupons, cart.id, [f"C{number}" for number in range(11)], shop.touch())
    await refused(LineNotFound, carts.remove_line, cart.id, "B", shop.touch())
    await refused(BadQuantity, carts.set_quantity, cart.id, "A", 0, shop.touch())
    await refused(PersonNotFound, carts.put_into, 10**17, [CartItem(sku="A")], shop.touch(), currency="EUR")
    await refused(CartNotFound, carts.add_line, uuid.uuid4(), "A", 1, shop.touch())
    await refused(BadRequest, carts.open_by_code, "nonsense", now=shop.now)
    await refused(CartNotFound, carts.open_by_code, "23456789", now=shop.now)
    await refused(CartChanged, carts.add_line, cart.id, "A", 1, shop.touch(), expected_version=cart.version - 1)
    assert await everything(shop.pool) == before


async def test_who_was_slower_is_told_the_present_version(shop: Bench) -> None:
    """With the expected version it is refused, without it both count."""
    cart = await opened(shop)
    async with transaction(shop.pool) as conn:
        await carts.add_line(conn, cart.id, "A", 1, shop.touch("app"), expected_version=cart.version)
    with pytest.raises(CartChanged) as refused:
        async with transaction(shop.pool) as conn:
            await carts.add_line(conn, cart.id, "A", 1, shop.touch(), expected_version=cart.version)
    assert refused.value.extra == {"version": cart.version + 1}


# By code and by link ---------------------------------------------------------------------------------------


async def test_a_clerk_opens_the_cart_by_what_the_customer_shows(shop: Bench) -> None:
    """Typed or scanned; the picture holds the same code."""
    cart = await opened(shop)
    assert re.fullmatch("[2-9CDFGHJKMNPQRTVWXY]{8}", cart.code)
    async with shop.pool.acquire() as conn:
        for typed in (cart.code, cart.code.lower(), f"{cart.code[:4]} {cart.code[4:]}", f"cart:{cart.code}"):
            assert (await carts.open_by_code(conn, typed, now=shop.now)).id == cart.id
    assert carts.qr_svg(cart).startswith("<svg")


async def test_opening_a_shared_cart_changes_nothing_and_tells_nobody_whose_it_is(shop: Bench) -> None:
    """However often; copying is another deed, and takes what can be bought."""
    cart = await opened(shop, ("A", 2), ("C", 1))
    friend = await shop.node("anonymous_id")
    await shop.add(friend, ("A", 1))
    async with transaction(shop.pool) as conn:
        link = await carts.share(conn, cart.id, shop.touch("app"), via="whatsapp")
    (told,) = await shop.events("Cart Shared")
    assert (said(told)["share_via"], said(told)["value"], told["channel"]) == ("whatsapp", "30.00", "app")
    kept = await shop.pool.fetchval("select share_hash from cart where id = $1", cart.id)
    assert link.token.encode() not in kept
    await shop.pool.execute("update variant set status = 'retired' where sku = 'C'")
    before = await everything(shop.pool)
    async with shop.pool.acquire() as conn:
        for _ in range(3):
            shown = await carts.open_shared(conn, link.token, shop.touch("web"))
    assert await everything(shop.pool) == before
    assert [(line.sku, line.quantity, line.unit_minor) for line in shown.lines] == [("A", 2, 1000), ("C", 1, None)]
    assert shown.total_minor == 2000
    text = msgspec.json.encode(shown).decode()
    assert cart.code not in text
    assert str(cart.id) not in text
    async with transaction(shop.pool) as conn:
        copied = await carts.copy_shared(conn, link.token, friend, shop.touch(node_id=friend), currency="EUR")
    assert units(copied) == {"A": 3}
    assert [notice.code for notice in copied.notices] == ["not_sold"]
    assert units(await shop.cart(cart.node_id or 0)) == {"A": 2, "C": 1}


async def test_a_link_ends_when_it_is_ended_replaced_or_the_cart_is_gone(shop: Bench) -> None:
    """A wrong token leads nowhere either."""
    cart = await opened(shop)
    async with transaction(shop.pool) as conn:
        old = await carts.share(conn, cart.id, shop.touch())
        new = await carts.share(conn, cart.id, shop.touch())
    async with transaction(shop.pool) as conn:
        for token in (old.token, "", "x" * 1000, "\ud800"):
            with pytest.raises(CartNotFound):
                await carts.open_shared(conn, token, shop.touch())
        assert (await carts.open_shared(conn, new.token, shop.touch())).lines
        await carts.end_sharing(conn, cart.id, shop.touch())
        with pytest.raises(CartNotFound):
            await carts.open_shared(conn, new.token, shop.touch())


async def test_a_cart_thrown_away_is_closed_and_the_next_one_is_new(shop: Bench) -> None:
    """What was in it is told as taken out."""
    cart = await opened(shop, ("A", 2))
    async with transaction(shop.pool) as conn:
        await carts.discard(conn, cart.id, shop.touch())
    assert [said(row)["quantity"] for row in await shop.events("Product Removed")] == [2]
    with pytest.raises(CartClosed):
        async with transaction(shop.pool) as conn:
            await carts.add_line(conn, cart.id, "A", 1, shop.touch())
    assert (await shop.add(cart.node_id or 0, ("B", 1))).id != cart.id


# On the way to an order --------------------------------------------------------------------------------------


async def test_a_cart_being_paid_is_changed_by_nobody_until_it_is_given_up_or_expires(shop: Bench) -> None:
    """Given up, it is as it was; expired, it is open although nobody swept it."""
    cart = await opened(shop)
    until = shop.now + timedelta(minutes=15)
    async with transaction(shop.pool) as conn:
        await carts.begin_checkout(conn, cart.id, shop.touch(), until=until, expected_version=cart.version)
    for deed in (lambda: shop.add(cart.node_id or 0, ("B", 1)), lambda: _begin(shop, cart, until)):
        with pytest.raises(CartInCheckout) as refused:
            await deed()
        assert refused.value.extra["until"] == until
    async with transaction(shop.pool) as conn:
        given_back = await carts.end_checkout(conn, cart.id, shop.touch(), trouble="payment_failed")
    assert (given_back.status, given_back.trouble) == ("active", "payment_failed")
    view = await shop.add(cart.node_id or 0, ("B", 1))
    assert [notice.code for notice in view.notices] == ["payment_failed"]
    await _begin(shop, cart, until)
    shop.later(minutes=16)
    assert units(await shop.add(cart.node_id or 0, ("B", 1))) == {"A": 1, "B": 2}


async def _begin(shop: Bench, cart: Cart, until: datetime) -> Cart:
    async with transaction(shop.pool) as conn:
        return await carts.begin_checkout(conn, cart.id, shop.touch(), until=until)


async def test_an_ordered_cart_is_closed_and_a_new_one_begins(shop: Bench) -> None:
    """Saying it twice is fine; another order of it is not."""
    cart = await opened(shop, ("A", 2))
    async with transaction(shop.pool) as conn:
        held = await carts.begin_checkout(conn, cart.id, shop.touch(), until=shop.now + timedelta(minutes=15))
        for _ in range(2):
            done = await carts.mark_ordered(
                conn, cart.id, 77, shop.touch(), bought={"A": 2}, expected_version=held.version
            )
        with pytest.raises(CartClosed):
            await carts.mark_ordered(conn, cart.id, 78, shop.touch())
    assert (done.status, done.order_id) == ("ordered", 77)
    assert await shop.cart(cart.node_id or 0) is None
    assert (await shop.add(cart.node_id or 0, ("B", 1))).id != cart.id


async def test_what_was_added_after_a_checkout_expired_is_not_lost_when_it_is_paid_late(shop: Bench) -> None:
    """The order takes what it has; the rest stays in the cart."""
    cart = await opened(shop, ("A", 2))
    held = await _begin(shop, cart, shop.now + timedelta(minutes=15))
    shop.later(minutes=20)
    await shop.add(cart.node_id or 0, ("A", 1), ("B", 1))
    async with transaction(shop.pool) as conn:
        rest = await carts.mark_ordered(conn, cart.id, 77, shop.touch(), bought={"A": 2}, expected_version=held.version)
    assert (rest.status, units(rest)) == ("active", {"A": 1, "B": 1})


async def test_the_basket_is_what_is_to_be_paid_for(shop: Bench) -> None:
    """What cannot be bought any more stops it, and is named."""
    cart = await opened(shop, ("A", 2), ("C", 1))
    async with shop.pool.acquire() as conn:
        basket = await carts.basket_of(conn, cart.id, channel="web", shipping_minor=490, now=shop.now)
        assert [(line.line_id, line.quantity, line.unit_minor) for line in basket.lines] == [
            ("A", 2, 1000),
            ("C", 1, 1000),
        ]
        assert (basket.shipping_minor, basket.person.person_id) == (490, cart.person_id)
        await conn.execute("update variant set status = 'retired' where sku = 'C'")
        with pytest.raises(NotSold) as refused:
            await carts.basket_of(conn, cart.id, channel="web", now=shop.now)
    assert refused.value.extra["lines"] == ["C"]
