"""Twenty percent: one promotion in the shop and on the site, the same to the cent, and once for each person."""

from __future__ import annotations

from typing import Any

from unisono.demo.invention import card_number
from unisono.demo.scenes.shop import (
    COAT,
    STORE,
    TWENTY,
    TWENTY_COUPON,
    Buyer,
    Shop,
    open_shop,
    open_twenty,
)
from unisono.demo.scenes.stage import Stage


async def twenty_percent(stage: Stage) -> None:
    """The site and the till quote one amount; bought once, the coupon is used under every identifier she has."""
    shop = await open_shop(stage)
    await open_twenty(shop)
    await shop.count(COAT, STORE, 5)
    card = card_number(int(shop.token, 16) % 10**9, 8)
    paola = await shop.sign_in("Paola", "web")
    total = await _same_everywhere(shop, paola, card)
    await _used_once(shop, paola, card, total)


def _share(cart: dict[str, Any]) -> int:
    """What the promotion takes off a cart; 0 when it does not count."""
    return sum(one["amount_minor"] for one in cart["quote"]["applied"] if one["code"] == TWENTY)


async def _till_coupon(shop: Shop, card: str) -> dict[str, Any]:
    """The cart at the till under a card, after the coupon was scanned."""
    answer = await shop.stage.ask(
        "the till scans the coupon",
        "PUT",
        "/channel/cart/coupons",
        shop.till,
        {"coupons": [TWENTY_COUPON]},
        customer=f"loyalty_card:{card}",
    )
    cart: dict[str, Any] = answer["cart"]
    return cart


async def _same_everywhere(shop: Shop, paola: Buyer, card: str) -> int:
    stage = shop.stage
    stage.step("On the site Paola puts a coat into the cart and types the coupon.")
    await shop.put(paola, COAT)
    answer = await stage.ask(
        "Paola types the coupon", "PUT", "/channel/cart/coupons", paola.token, {"coupons": [TWENTY_COUPON]}
    )
    web = answer["cart"]
    price = web["lines"][0]["unit_minor"]
    stage.confirm(f"20 % of {shop.amount(price)} is {shop.amount(price // 5)}", price // 5, _share(web))

    stage.step("In the store somebody scans a card, the same coat and the same coupon.")
    await stage.ask(
        "the till scans card and coat",
        "POST",
        "/channel/cart/lines",
        shop.till,
        {"items": [{"sku": COAT}]},
        customer=f"loyalty_card:{card}",
    )
    till = await _till_coupon(shop, card)
    totals = [cart["quote"]["total_minor"] for cart in (web, till)]
    stage.confirm(f"shop and site ask the same {shop.amount(totals[0])}", totals[0], totals[1])
    stage.confirm("and take off the same", _share(web), _share(till))
    return int(totals[0])


async def _used_once(shop: Shop, paola: Buyer, card: str, total: int) -> None:
    stage = shop.stage
    stage.step("Paola buys it on the site.")
    begun = await shop.begin(paola, fulfilment="pickup", location=STORE)
    order = await shop.pay(paola, begun)
    stage.confirm(f"she pays {shop.amount(total)}", total, order["total_minor"])

    stage.step("In the store she shows that card: it is hers, and joins her account.")
    account = paola.identifier.partition(":")[2]
    both = await shop.sign_in("Paola", "app", user_id=account, loyalty_card=card)
    numbers = [(await shop.person(one))["id"] for one in (paola, Buyer("the card", f"loyalty_card:{card}", ""))]
    stage.confirm("account and card are one person", numbers[0], numbers[1])

    stage.step("Under the card she tries the coupon again.")
    cart = await _till_coupon(shop, card)
    stage.confirm("the till takes nothing off", 0, _share(cart))
    [rejected] = [one for one in cart["quote"]["rejected"] if one["code"] == TWENTY]
    told = rejected["reasons"][0]
    stage.confirm(f"and says why: {told['text'].format(**told['values'])}", True, bool(told["text"]))
    app = (await stage.ask("her app shows the cart", "GET", "/channel/cart", both.token))["cart"]
    why = [one["reasons"] for one in app["quote"]["rejected"] if one["code"] == TWENTY]
    stage.confirm("the app says the same", (0, [rejected["reasons"]]), (_share(app), why))
    coupon = await stage.ask("the coupon", "GET", f"/api/coupons/{TWENTY_COUPON}", shop.key)
    uses = [use for use in coupon["uses"] if use["order_number"] == order["number"]]
    stage.confirm("it was redeemed once, with her order", ["committed"], [use["state"] for use in uses])
