"""The sample shop without a browser's script: pages, forms, redirects, before the real engine."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.sample_shop import SampleShop, sample_shop
from tests.support.source import tree_of
from unisono.access.keys import KeyRing
from unisono.demo.shop import shop_keys, till_store, words
from unisono.demo.shop.italian import ITALIAN
from unisono.kit.database import Pool, open_pool
from unisono.kit.errors import NotFound

SHOP = Path(words.__file__).parent
MARIO = "user_id:sample-mario"


@pytest.fixture(scope="module")
async def shop(server_dsn: str, template_dsn: str) -> AsyncIterator[SampleShop]:
    """One for all tests of this file."""
    async with sample_shop(server_dsn) as found:
        yield found


class Walker:
    """Somebody with a browser that knows cookies, links and forms and nothing else."""

    def __init__(self, url: str, language: str = "en") -> None:
        self.client = httpx.AsyncClient(
            base_url=url, follow_redirects=True, headers={"accept-language": language}, timeout=30
        )
        self.page = ""
        self.at = ""

    async def open(self, path: str, status: int = 200) -> str:
        """Read a page."""
        return self._read(await self.client.get(path), status)

    async def send(self, action: str, status: int = 200, **fields: str) -> str:
        """Fill in the form that goes to ``action`` (with its hidden fields) and send it."""
        form = re.search(
            rf'<form[^>]*method="post" action="{re.escape(action)}"[^>]*>(.*?)</form>', self.page, re.DOTALL
        )
        assert form, f"no form to {action} on {self.at}: {self.page[-3000:]}"
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form[1]))
        return self._read(await self.client.post(action, data=hidden | fields), status)

    def _read(self, answer: httpx.Response, status: int) -> str:
        assert answer.status_code == status, (answer.url, answer.status_code, answer.text[-2000:])
        self.page, self.at = answer.text, answer.url.path
        return self.page

    def said(self) -> str:
        """The sentence at the top."""
        found = re.search(r'<p class="said[^"]*">(.*?)</p>', self.page)
        return found[1] if found else ""


async def walker(shop: SampleShop, customer: str | None = None, front: str = "web", language: str = "en") -> Walker:
    found = Walker(shop.url, language)
    if customer:
        await found.open(f"/{front}/account")
        await found.client.post(f"/{front}/sign-in", data={"namespace": "user_id", "value": customer})
    return found


async def to_the_payment(shop: SampleShop, walker: Walker, way: str = "ship", sku: str = "socks") -> str:
    """Put one thing into the cart and go on until the card is asked for; returns the checkout's path."""
    await walker.open(f"/web/products/{sku}")
    await walker.send("/web/cart/add")
    await walker.open(f"/web/checkout?way={way}")
    await walker.send("/web/checkout")
    assert walker.at.startswith("/web/checkout/"), walker.said()
    return walker.at


async def test_everything_is_bought_without_a_script(shop: SampleShop) -> None:
    """Search, product with its prior price, cart, coupon, collect in a store, pay, the code: links and forms alone."""
    mario = await walker(shop, "plain-mario")
    assert "Rain jacket" in await mario.open("/web?q=jacket")
    page = await mario.open("/web/products/jacket")
    assert "€119.00" in page
    assert "−20 %" in page
    assert "Lowest price of the 30 days before: €149.00" in page
    await mario.send("/web/cart/add", quantity="1")
    assert mario.said() == "Rain jacket is in the cart."
    page = await mario.open("/web/cart")
    assert "−€10.00" in page
    page = await mario.send("/web/cart/coupons", coupon="hello5")
    assert "−€5.00" in page
    assert "€104.00" in page
    await mario.open("/web/checkout?way=pickup")
    await mario.send("/web/checkout")
    page = await mario.send(f"{mario.at}/pay", card="approve")
    assert mario.at.startswith("/web/orders/")
    assert re.search(r'id="pickup-code">[A-Z0-9]+<', page)
    receipt = await mario.client.get(f"{mario.at}/receipt")
    assert receipt.status_code == 200
    assert "Rain jacket" in receipt.text
    assert (await mario.client.get("/documents/document.css")).status_code == 200


async def test_what_is_missing_for_an_offer_is_said(shop: SampleShop) -> None:
    """89.50 in the cart: 10.50 more for ten off."""
    anna = await walker(shop, "near-anna")
    await anna.open("/web/products/pack")
    await anna.send("/web/cart/add")
    assert "<b>€10.50 more</b>" in await anna.open("/web/cart")


async def test_a_form_sent_twice_at_once_is_one_order(shop: SampleShop) -> None:
    """Five times the same payment: one order, and every answer leads to it."""
    mario = await walker(shop, "double-mario")
    path = await to_the_payment(shop, mario)
    key = re.search(r'name="key" value="([^"]*)"', mario.page)
    assert key
    data = {"key": key[1], "card": "approve"}
    answers = await asyncio.gather(*(mario.client.post(f"{path}/pay", data=data) for _ in range(5)))
    assert len({answer.url.path for answer in answers}) == 1
    assert answers[0].url.path.startswith("/web/orders/")
    page = await mario.open("/web/orders")
    assert len(re.findall(r'href="/web/orders/[^"]+"', page)) == 1


async def test_a_form_to_begin_sent_twice_is_one_checkout(shop: SampleShop) -> None:
    """A double click on the way to the payment holds the goods once."""
    mario = await walker(shop, "twice-mario")
    await mario.open("/web/products/socks")
    await mario.send("/web/cart/add")
    await mario.open("/web/checkout?way=ship")
    key = re.search(r'action="/web/checkout">\s*<input type="hidden" name="key" value="([^"]*)"', mario.page)
    assert key
    data = {"key": key[1], "way": "ship"}
    answers = await asyncio.gather(*(mario.client.post("/web/checkout", data=data) for _ in range(3)))
    assert len({answer.url.path for answer in answers}) == 1


async def test_a_declined_card_leaves_the_cart_as_it_was(shop: SampleShop) -> None:
    """The refusal is told in words, and the goods are still in the cart."""
    mario = await walker(shop, "poor-mario")
    path = await to_the_payment(shop, mario)
    await mario.send(f"{path}/pay", card="decline")
    assert mario.at == "/web/cart"
    assert mario.said() == words.PROBLEMS["payment_declined"]
    assert "Merino socks" in mario.page


async def test_the_till_goes_on_with_the_cart_of_the_web_and_the_web_sees_the_order(shop: SampleShop) -> None:
    """By the cart's code: opened, one thing more, cash with change, and the customer's orders have it."""
    anna = await walker(shop, "till-anna")
    await anna.open("/web/products/flask")
    await anna.send("/web/cart/add")
    code = re.search(r'id="cart-code">([^<]*)<', await anna.open("/web/cart"))
    assert code
    till = await walker(shop)
    await till.open("/till")
    assert "Steel flask" in await till.send("/till/scan", text=code[1])
    assert "put in on the web" in till.page
    page = await till.send("/till/scan", text="SOCKS")
    assert "€44.40" in page
    page = await till.send("/till/pay", how="cash", given="50,00")
    assert till.at.startswith("/till/sold/")
    number = re.search(r'id="sold-number">([^<]*)<', page)
    assert number
    assert number[1] in await anna.open("/web/orders")
    assert "Nothing is in it yet" in await anna.open("/web/cart")


async def test_a_card_at_the_till_names_the_customer_and_nonsense_is_refused_in_words(shop: SampleShop) -> None:
    """The sample's own card; what is neither cart nor product nor customer is said to be unknown."""
    till = await walker(shop)
    await till.open("/till")
    assert "Anna Bianchi" in await till.send("/till/scan", text="9900000000024")
    await till.send("/till/next")
    await till.send("/till/scan", text="no-such-thing")
    assert till.said() == "Nothing is known by no-such-thing: no cart, no product, no customer."


async def test_a_reservation_is_handed_over_in_four_taps_and_brought_back(shop: SampleShop) -> None:
    """Open it, code, cash: the customer has an order, and the till takes it back by its number."""
    luca = await walker(shop, "keep-luca")
    await luca.open("/app/account")
    await luca.client.post("/app/sign-in", data={"namespace": "user_id", "value": "keep-luca"})
    await luca.open("/app/products/poles")
    page = await luca.send("/app/products/poles/reserve", store="milano")
    code = re.search(r'<p class="code">([^<]*)<', page)
    assert code
    till = await walker(shop)
    page = await till.open("/till")
    action = re.search(r'action="(/till/reservations/[^"]*/hand-over)"', page)
    assert action
    await till.send(action[1], code="WRONG22", how="cash")
    assert till.said() == words.PROBLEMS["wrong_code"]
    await till.send(action[1], code=code[1], how="cash")
    assert till.said() == "Sold and handed over."
    number = re.search(r'href="/app/orders/([^"]+)"', await luca.open("/app/orders"))
    assert number
    page = await till.open(f"/till/returns?order={number[1]}")
    line = re.search(r'name="(units-\d+)"', page)
    assert line
    page = await till.send("/till/returns", **{line[1]: "1"}, refund_to="cash")
    assert till.said() == "Taken back; the money is on its way."
    assert "Brought back" in page


async def test_a_pick_up_is_made_ready_and_handed_over_at_the_till(shop: SampleShop) -> None:
    """Ready is told to the customer; the code hands it over."""
    mario = await walker(shop, "collect-mario")
    path = await to_the_payment(shop, mario, "pickup", "flask")
    page = await mario.send(f"{path}/pay", card="approve")
    code, order = re.search(r'id="pickup-code">([^<]*)<', page), mario.at
    assert code
    till = await walker(shop)
    page = await till.open("/till")
    number = order.rpartition("/")[2]
    parcel = re.search(rf'<details class="wait" id="pickup-(\d+)">\s*<summary><b>{number}', page)
    assert parcel
    await till.send(f"/till/pickups/{parcel[1]}/ready")
    assert "Ready in Milano" in await mario.open(order)
    await till.send(f"/till/pickups/{parcel[1]}/hand-over", code=code[1])
    assert till.said() == "Handed over."
    assert "Completed" in await mario.open(order)


async def test_two_carts_become_one_at_sign_in_and_two_again_by_undo(shop: SampleShop) -> None:
    """What a device collected for nobody joins the customer's own cart, visibly and undoably."""
    first = await walker(shop, "merge-maria")
    await first.open("/web/products/socks")
    await first.send("/web/cart/add")
    second = await walker(shop)
    await second.open("/web/products/flask")
    await second.send("/web/cart/add")
    await second.open("/web/account")
    await second.client.post("/web/sign-in", data={"namespace": "user_id", "value": "merge-maria"})
    await shop.settle()
    page = await second.open("/web/cart")
    assert "We put two carts of yours together." in page
    assert "Merino socks" in page
    assert "Steel flask" in page
    await second.send("/web/cart/undo")
    assert second.said() == "The two carts are apart again."


async def test_a_shared_cart_is_seen_and_copied_by_the_holder_of_its_link(shop: SampleShop) -> None:
    """The link shows what is in it, not whose it is; copying fills one's own."""
    mario = await walker(shop, "share-mario")
    await mario.open("/web/products/socks")
    await mario.send("/web/cart/add")
    await mario.open("/web/cart")
    link = re.search(
        r'id="share-link" readonly value="[^"]*(/web/shared\?token=[^"]*)"', await mario.send("/web/cart/share")
    )
    assert link
    guest = await walker(shop)
    assert "Merino socks" in await guest.open(link[1])
    assert "share-mario" not in guest.page
    assert "Merino socks" in await guest.send("/web/shared/copy")


async def test_a_time_to_order_ahead_is_chosen(shop: SampleShop) -> None:
    """The store's free times are offered; the order is ready at one of them."""
    mario = await walker(shop, "ahead-mario")
    await mario.open("/web/products/socks")
    await mario.send("/web/cart/add")
    page = await mario.open("/web/checkout?way=ahead&store=milano")
    slot = re.search(r'name="slot" id="slot-1" value="([^"]*)"', page)
    assert slot
    assert "Ready at" in await mario.send("/web/checkout", slot=slot[1])


async def test_the_shop_speaks_italian_the_engine_s_reasons_too(shop: SampleShop) -> None:
    """Pages, amounts, offers and refusals."""
    mario = await walker(shop, "parla-mario", language="it")
    page = await mario.open("/web/products/pack")
    assert "Aggiungi al carrello" in page
    assert "89,50\xa0€" in page
    await mario.send("/web/cart/add")
    assert "Ancora 10,50\xa0€" in await mario.open("/web/cart")
    assert "Da 100 € in su" in await mario.open("/web")


async def test_another_site_can_send_no_form_and_nothing_runs_inline(shop: SampleShop) -> None:
    """Forms of others are refused; the policy allows no inline script or style, and no page has any."""
    mario = await walker(shop, "safe-mario")
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://elsewhere.example"}):
        answer = await mario.client.post("/web/cart/add", data={"sku": "SOCKS", "quantity": "1"}, headers=headers)
        assert answer.status_code == 403
    for path in ("/", "/web", "/web/products/jacket", "/web/cart", "/app", "/till", "/till/returns", "/web/account"):
        answer = await mario.client.get(path)
        assert "'unsafe" not in answer.headers["content-security-policy"]
        assert not re.search(r"<style|<script(?![^>]*src=)|\sstyle=|\son\w+=", answer.text), path


async def test_hostile_input_is_words_and_never_markup(shop: SampleShop) -> None:
    """Scripts in a search, NUL in a form, a quantity of a billion, a page that is not there."""
    mario = await walker(shop, "bad-mario")
    assert "<script>alert" not in await mario.open("/web?q=<script>alert(1)</script>")
    await mario.client.post("/web/cart/add", data={"sku": "a\x00b", "quantity": "1", "back": "/web/cart"})
    for quantity in ("-1", "999999999", "1.5", "many"):
        await mario.client.post("/web/cart/add", data={"sku": "SOCKS", "quantity": quantity, "back": "/web/cart"})
        page = await mario.open("/web/cart")
        assert "Nothing is in it yet" in page, quantity
    await mario.open("/web/products/none-such", status=404)
    await mario.open("/web/orders/U-999999999", status=404)
    await mario.open("/nowhere", status=404)
    assert "javascript" not in (await mario.client.post("/language", data={"back": "//evil.example"})).url.path


async def test_the_stream_stops_for_whoever_is_somebody_else_now(shop: SampleShop) -> None:
    """A page left open from before a sign-in gets 204, which ends its EventSource for good."""
    mario = await walker(shop, "stream-mario")
    assert (await mario.client.get("/web/live?as=somebody-else")).status_code == 204


async def test_the_till_stands_where_most_goods_are_and_the_keys_end_with_the_shop(shop: SampleShop) -> None:
    """Milano has the goods; a store that is not there is refused; keys are disabled when the shop closes."""
    pool = await open_pool(shop.market.shop.dsn, 2)
    try:
        assert await till_store(pool, None) == "milano"
        assert await till_store(pool, "torino") == "torino"
        with pytest.raises(NotFound, match="no store 'roma'"):
            await till_store(pool, "roma")
        async with shop_keys(pool, "torino") as keys:
            assert await _alive(pool, keys.till)
        assert not await _alive(pool, keys.till)
        assert not await _alive(pool, keys.web)
    finally:
        await pool.close()


async def _alive(pool: Pool, key: str) -> bool:
    return await KeyRing(pool).sender(key) is not None


def test_every_text_is_there_in_italian() -> None:
    """Templates and answers; and nothing is translated that nobody says."""
    said = set(words.PROBLEMS.values())
    for path in (SHOP / "templates").glob("*.html"):
        quoted = re.findall(r"""\bt\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""", path.read_text("utf-8"))
        said.update(ast.literal_eval(text) for text in quoted)
    for path in SHOP.glob("*.py"):
        for node in ast.walk(tree_of(path)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"say", "change", "_do"}
            ):
                place = 0 if node.func.id == "say" else -1
                text = node.args[place] if node.args else None
                if isinstance(text, ast.Constant) and isinstance(text.value, str) and " " in text.value + " ":
                    said.add(text.value)
    spoken = {text for text in said if not text.startswith("/") and text not in {"POST", "PUT", "DELETE"}}
    assert spoken - ITALIAN.keys() == set()
    assert ITALIAN.keys() - spoken == set()
