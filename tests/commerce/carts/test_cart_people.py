"""Carts of people who become one and come apart: merged, shown, undone; everything follows its identifier (R9)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from tests.support.carts import Bench, everything, open_bench, said, units
from unisono.commerce.carts import service as carts
from unisono.commerce.carts.errors import CartInCheckout, MergeNotFound, MergeStands
from unisono.commerce.carts.model import Cart, CartSettings, CartView, Rule
from unisono.commerce.carts.reader import CartsReader
from unisono.customers.timeline.worker import Worker
from unisono.kit.database import Pool, transaction


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Bench]:
    """A small shop."""
    yield await open_bench(pool)


async def follow(shop: Bench) -> None:
    """Let the reader take in what there is."""
    await Worker(shop.pool, [CartsReader(lambda: shop.now)], lanes=2).drain()


async def guest_and_account(shop: Bench) -> tuple[int, int]:
    """Golden example G17: guest {A2, B1}, account {A1, C1}; not one person yet."""
    guest, account = await shop.node("anonymous_id"), await shop.node("user_id")
    await shop.add(account, ("A", 1), ("C", 1), channel="app")
    shop.later(minutes=5)
    await shop.add(guest, ("A", 2), ("B", 1))
    return guest, account


async def undo(shop: Bench, cart: Cart | CartView) -> CartView:
    """Undo the newest merge of a cart."""
    async with transaction(shop.pool) as conn:
        return await carts.undo_merge(conn, cart.id, cart.merges[0].id, shop.touch(actor="anna"))


async def of_node(shop: Bench, node: int) -> tuple[str, dict[str, int]]:
    """Status and units of the newest cart of an identifier."""
    cart_id: UUID = await shop.pool.fetchval("select id from cart where node_id = $1 order by created_at desc", node)
    status = await shop.pool.fetchval("select status from cart where id = $1", cart_id)
    rows = await shop.pool.fetch(
        "select sku, quantity from cart_line join variant on variant.id = variant_id where cart_id = $1", cart_id
    )
    return status, {row["sku"]: row["quantity"] for row in rows}


async def check(shop: Bench) -> None:
    """What always holds: at most one open cart an identifier, versions told without a gap."""
    rows = await shop.pool.fetch("select id, version from cart")
    for row in rows:
        assert await shop.changes(row["id"]) == list(range(1, row["version"] + 1))


# Merged ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "wanted"), [("sum", {"A": 3, "B": 1, "C": 1}), ("max", {"A": 2, "B": 1, "C": 1})])
@pytest.mark.parametrize("by_reader", [True, False])
async def test_g17_two_carts_become_one_and_two_again(
    shop: Bench, rule: Rule, wanted: dict[str, int], by_reader: bool
) -> None:
    """By the reader of the log or at the first access; by the installation's rule or the call's; shown; undoable."""
    guest, account = await guest_and_account(shop)
    if by_reader:
        async with transaction(shop.pool) as conn:
            await carts.change_settings(conn, CartSettings(merge_rule=rule))
    await shop.join(guest, account)
    if by_reader:
        await follow(shop)
    cart = await shop.cart(guest, rule=None if by_reader else rule)
    assert cart is not None
    assert (cart.node_id, units(cart)) == (account, wanted)
    (merge,) = (await shop.view(cart.id)).merges
    assert (merge.rule, merge.notices, merge.actor) == (rule, (), "system")
    (told,) = await shop.events("Cart Merged")
    assert (said(told)["rule"], said(told)["from_cart_id"]) == (rule, str(merge.other_id))
    shown = await undo(shop, cart)
    assert (units(shown), shown.merges) == ({"A": 1, "C": 1}, ())
    assert await of_node(shop, guest) == ("active", {"A": 2, "B": 1})
    await check(shop)


async def test_g17_a_stock_of_two_caps_the_merge_with_a_notice(shop: Bench) -> None:
    """Kept with the merge, and undone with it."""
    await shop.stock(A=2)
    guest, account = await guest_and_account(shop)
    await shop.join(guest, account)
    await follow(shop)
    cart = await shop.cart(account)
    assert cart is not None
    assert units(cart) == {"A": 2, "B": 1, "C": 1}
    ((notice,),) = [merge.notices for merge in (await shop.view(cart.id)).merges]
    assert (notice.code, notice.values["wanted"], notice.values["kept"]) == ("merge_capped", 3, 2)
    assert units(await undo(shop, cart)) == {"A": 1, "C": 1}
    assert await of_node(shop, guest) == ("active", {"A": 2, "B": 1})


async def test_reading_the_log_again_changes_nothing(shop: Bench) -> None:
    """The reader looks at how things stand."""
    guest, account = await guest_and_account(shop)
    await shop.join(guest, account)
    await follow(shop)
    before = await everything(shop.pool)
    await shop.pool.execute("delete from log_reader")
    await follow(shop)
    assert await everything(shop.pool) == before


async def test_the_id_and_code_of_a_merged_cart_lead_to_the_one_it_went_into(shop: Bench) -> None:
    """A browser that remembers the guest's cart goes on with the person's."""
    guest, account = await guest_and_account(shop)
    old = await shop.cart(guest)
    assert old is not None
    await shop.join(guest, account)
    await follow(shop)
    async with transaction(shop.pool) as conn:
        assert (await carts.open_by_code(conn, old.code, now=shop.now)).node_id == account
        view = await carts.add_line(conn, old.id, "D", 1, shop.touch())
    assert units(view) == {"A": 3, "B": 1, "C": 1, "D": 1}


async def test_a_merge_undone_by_hand_is_not_made_again(shop: Bench) -> None:
    """Each identifier goes on with its own cart; undoing twice, or another cart's merge, is refused."""
    guest, account = await guest_and_account(shop)
    await shop.join(guest, account)
    cart = await shop.cart(account)
    assert cart is not None
    await undo(shop, cart)
    await shop.pool.execute("delete from log_reader")
    await follow(shop)
    assert units(await shop.cart(account)) == {"A": 1, "C": 1}
    assert units(await shop.cart(guest)) == {"A": 2, "B": 1}
    assert units(await shop.add(guest, ("D", 1))) == {"A": 2, "B": 1, "D": 1}
    with pytest.raises(MergeNotFound):
        await undo(shop, cart)


async def test_carts_in_two_currencies_stay_two(shop: Bench) -> None:
    """A cart has one currency; who asks for the other finds the other."""
    guest, account = await shop.node("anonymous_id"), await shop.node("user_id")
    await shop.add(guest, ("A", 1))
    async with transaction(shop.pool) as conn:
        await carts.active_cart(conn, account, channel="web", currency="USD", create=True, now=shop.now)
    await shop.join(guest, account)
    await follow(shop)
    cart = await shop.cart(account)
    assert cart is not None
    assert (cart.currency, cart.node_id) == ("EUR", guest)


async def test_a_cart_being_paid_is_merged_when_it_is_given_up(shop: Bench) -> None:
    """The buyer pays what he sees."""
    guest, account = await guest_and_account(shop)
    paying = await shop.cart(account)
    assert paying is not None
    async with transaction(shop.pool) as conn:
        await carts.begin_checkout(conn, paying.id, shop.touch(), until=shop.now + timedelta(minutes=15))
    await shop.join(guest, account)
    await follow(shop)
    assert units(await shop.cart(account)) == {"A": 2, "B": 1}, "the other one is there to be filled"
    async with transaction(shop.pool) as conn:
        await carts.end_checkout(conn, paying.id, shop.touch())
    assert units(await shop.cart(account)) == {"A": 3, "B": 1, "C": 1}


# Apart ------------------------------------------------------------------------------------------------------


async def test_a_split_undoes_the_merge_and_keeps_what_was_changed_since(shop: Bench) -> None:
    """One more of A and a new D stay with the account; C, taken out, stays out."""
    guest, account = await guest_and_account(shop)
    await shop.join(guest, account)
    await follow(shop)
    cart = await shop.cart(account)
    assert cart is not None
    await shop.add(account, ("A", 1), ("D", 2))
    async with transaction(shop.pool) as conn:
        await carts.remove_line(conn, cart.id, "C", shop.touch())
    await shop.split(account, guest)
    await follow(shop)
    assert units(await shop.cart(account)) == {"A": 2, "D": 2}
    assert units(await shop.cart(guest)) == {"A": 2, "B": 1}
    assert await shop.pool.fetchval("select undone_as from cart_merge") == "split"
    await check(shop)


async def test_what_an_identifier_put_into_anothers_cart_goes_home_with_it(shop: Bench) -> None:
    """There was nothing to merge: the browser filled the account's cart directly."""
    browser, account = await shop.node("anonymous_id"), await shop.node("user_id")
    await shop.join(browser, account)
    await shop.add(account, ("A", 1))
    await shop.add(browser, ("B", 2), ("A", 1))
    await shop.split(account, browser)
    await follow(shop)
    assert units(await shop.cart(account)) == {"A": 2}, "a line follows whoever began it"
    assert units(await shop.cart(browser)) == {"B": 2}
    await check(shop)


async def test_people_joined_again_after_a_split_have_one_cart_again(shop: Bench) -> None:
    """A merge undone by a split is no decision about the carts."""
    guest, account = await guest_and_account(shop)
    for _ in range(2):
        await shop.join(guest, account)
        await follow(shop)
        assert units(await shop.cart(account)) == {"A": 3, "B": 1, "C": 1}
        await shop.split(account, guest)
        await follow(shop)
        assert units(await shop.cart(account)) == {"A": 1, "C": 1}
        assert units(await shop.cart(guest)) == {"A": 2, "B": 1}
    await check(shop)


async def test_of_three_carts_merged_one_after_the_other_the_first_to_leave_takes_its_own(shop: Bench) -> None:
    """A phone into a browser into the account; the phone leaves, then the browser: nothing comes back twice."""
    phone, browser, account = [await shop.node(name) for name in ("anonymous_id", "anonymous_id", "user_id")]
    await shop.add(browser, ("A", 1), ("B", 1))
    await shop.add(phone, ("A", 2), ("D", 1))
    await shop.add(account, ("A", 4), ("C", 1))
    await shop.join(phone, browser)
    await follow(shop)
    await shop.join(browser, account)
    await follow(shop)
    assert units(await shop.cart(phone)) == {"A": 7, "B": 1, "C": 1, "D": 1}
    await shop.split(account, phone)
    await follow(shop)
    assert units(await shop.cart(phone)) == {"A": 2, "D": 1}
    assert units(await shop.cart(account)) == {"A": 5, "B": 1, "C": 1}
    await shop.split(account, browser)
    await follow(shop)
    assert units(await shop.cart(account)) == {"A": 4, "C": 1}
    assert units(await shop.cart(browser)) == {"A": 1, "B": 1}
    await check(shop)


async def test_who_adds_before_the_reader_has_seen_the_split_finds_his_own_again(shop: Bench) -> None:
    """The merge is undone first, then the product goes in."""
    guest, account = await guest_and_account(shop)
    await shop.join(guest, account)
    await follow(shop)
    await shop.split(account, guest)
    assert units(await shop.add(guest, ("D", 1))) == {"A": 2, "B": 1, "D": 1}
    await follow(shop)
    assert units(await shop.cart(account)) == {"A": 1, "C": 1}
    assert units(await shop.cart(guest)) == {"A": 2, "B": 1, "D": 1}


async def test_people_split_while_one_pays_are_separated_when_that_is_given_up(shop: Bench) -> None:
    """What is being paid stays as it was quoted; meanwhile the merge cannot be undone by hand either."""
    guest, account = await guest_and_account(shop)
    await shop.join(guest, account)
    await follow(shop)
    cart = await shop.cart(account)
    assert cart is not None
    async with transaction(shop.pool) as conn:
        await carts.begin_checkout(conn, cart.id, shop.touch(), until=shop.now + timedelta(minutes=15))
    await shop.split(account, guest)
    await follow(shop)
    assert units(await shop.cart(account)) == {"A": 3, "B": 1, "C": 1}
    with pytest.raises(CartInCheckout):
        await undo(shop, cart)
    async with transaction(shop.pool) as conn:
        await carts.end_checkout(conn, cart.id, shop.touch(), trouble="payment_slow")
    assert units(await shop.cart(account)) == {"A": 1, "C": 1}
    assert units(await shop.cart(guest)) == {"A": 2, "B": 1}
    await check(shop)


async def test_what_was_ordered_together_stays_together(shop: Bench) -> None:
    """The order is a fact; a split later does not take it apart."""
    guest, account = await guest_and_account(shop)
    await shop.join(guest, account)
    await follow(shop)
    cart = await shop.cart(account)
    assert cart is not None
    async with transaction(shop.pool) as conn:
        await carts.mark_ordered(conn, cart.id, 1, shop.touch())
    with pytest.raises(MergeStands):
        await undo(shop, cart)
    await shop.split(account, guest)
    await follow(shop)
    assert await shop.cart(guest) is None
    assert await of_node(shop, account) == ("ordered", {"A": 3, "B": 1, "C": 1})
