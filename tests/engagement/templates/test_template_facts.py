"""What templates name, from the real rooms: people, points, products, carts, orders, stores; in few statements."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.carts import NOW, STORE
from tests.support.log import make_nodes
from tests.support.ordering import Till, open_till
from tests.support.pricing import make_list, put
from unisono.engagement.templates import facts
from unisono.engagement.templates.model import Asked, Needs
from unisono.kit.database import Pool, transaction
from unisono.kit.settings import Settings

SETTINGS = Settings(shop_url="https://shop.example/p/{sku}")
ALL = Needs(
    names=frozenset({"person", "points", "segments", "product", "products", "cart", "order", "store", "data"}),
    skus=frozenset({"B"}),
    paths=frozenset({"person.first_name", "person.city"}),
)


@pytest.fixture
async def shop(pool: Pool) -> Till:
    """Two products with stock and a price."""
    return await open_till(pool, A=5)


async def trait(pool: Pool, node: int, name: str, value: Any) -> None:
    """Somebody said something of himself."""
    await pool.execute(
        "insert into trait (node_id, name, source_id, value, occurred_at) values ($1, $2, 1, $3::text::jsonb, $4)",
        node, name, value, NOW,
    )  # fmt: skip


async def contexts(pool: Pool, *asked: Asked, needs: Needs = ALL) -> dict[int, dict[str, Any]]:
    """The contexts of these messages, at the shop's hour."""
    async with pool.acquire() as conn:
        return await facts.contexts(conn, asked, needs=needs, settings=SETTINGS, now=NOW + timedelta(hours=1))


async def test_a_message_knows_its_person_over_all_identifiers(shop: Till, pool: Pool) -> None:
    """Traits and points of one person under two nodes are one; the address is there; nobody else's is."""
    one, other = await shop.node(), await shop.node("email")
    await shop.join(one, other)
    await trait(pool, one, "firstName", '"Ada"')
    await trait(pool, other, "city", '"Torino {{ x }}"')
    await pool.execute(
        "insert into points_balance (node_id, points, at) values ($1, 100, now()), ($2, 20, now())", one, other
    )
    made = (await contexts(pool, Asked(key=7, node_id=other, language="it")))[7]
    assert (made["person"]["first_name"], made["person"]["city"]) == ("Ada", "Torino {{ x }}")
    assert made["person"]["email"] is not None
    assert made["points"] == {"balance": 120}
    assert made["timezone"] == "Europe/Rome"


async def test_products_have_the_price_and_the_stock_of_now(shop: Till, pool: Pool) -> None:
    """As every channel sees them, in the language of the message; one nobody knows is left out."""
    node = await shop.node()
    data = {"products": [{"sku": "A", "quantity": 2}, "Z"], "sku": "B"}
    asked = [Asked(key=n, node_id=node, data=data, language=one) for n, one in enumerate(("it", "en"))]
    made = await contexts(pool, *asked)
    assert [product["sku"] for product in made[0]["products"]] == ["B", "A"]
    a = made[0]["product"]["A"]
    assert (a["price"], a["price_minor"], a["stock"], a["in_stock"]) == ("10,00\xa0€", 1000, 5, True)
    assert a["url"] == "https://shop.example/p/A"
    assert made[0]["products"][1]["quantity"] == 2
    assert made[0]["product"]["B"]["in_stock"] is False
    assert made[1]["product"]["A"]["price"] == "€10.00"
    await shop.price("A", 700)
    assert (await contexts(pool, asked[0]))[0]["product"]["A"]["price_minor"] in (700, 1000)


async def test_a_price_of_an_audience_is_told_to_its_members_alone(shop: Till, pool: Pool) -> None:
    """Two people in one batch, two prices."""
    member, guest = await shop.node(), await shop.node()
    await trait(pool, member, "audiences", '["club"]')
    async with transaction(pool) as conn:
        await make_list(conn, "club", audience="club", priority=10)
        await put(conn, "A", 800, to="club", now=NOW)
    data = {"sku": "A"}
    made = await contexts(pool, Asked(key=1, node_id=member, data=data), Asked(key=2, node_id=guest, data=data))
    assert [made[key]["product"]["A"]["price_minor"] for key in (1, 2)] == [800, 1000]


async def test_the_open_cart_and_the_order_are_there(shop: Till, pool: Pool) -> None:
    """The cart at the prices of now; the last order, or the one the message is about; never somebody else's."""
    ada, bob = await shop.node(), await shop.node()
    first = await shop.buy(ada, ("A", 1))
    shop.later(hours=1)
    second = await shop.buy(ada, ("A", 2))
    await shop.add(ada, ("A", 2))
    asked = [
        Asked(key=1, node_id=ada, language="it"),
        Asked(key=2, node_id=ada, data={"order_id": first.number}),
        Asked(key=3, node_id=bob, data={"order_id": first.number}),
        Asked(key=4, node_id=bob),
    ]
    made = await contexts(pool, *asked)
    assert made[1]["cart"]["total"] == "20,00\xa0€"
    assert [(line["sku"], line["quantity"]) for line in made[1]["cart"]["lines"]] == [("A", 2)]
    assert made[1]["order"]["number"] == second.number
    assert made[2]["order"]["number"] == first.number
    assert made[2]["order"]["total_minor"] == 1000
    assert made[3]["order"] == {} == made[4]["order"]
    assert made[4]["cart"]["lines"] == []


async def test_the_store_of_a_message_tells_its_name_and_its_clock(shop: Till, pool: Pool) -> None:
    """Of the data, else of the message; its zone is used for somebody whose own is not known."""
    node = await shop.node()
    made = await contexts(pool, Asked(key=1, node_id=node, data={"store_id": STORE}), Asked(key=2, node_id=node))
    assert made[1]["store"]["name"] == "Milano"
    assert made[2]["store"] == {}


async def test_only_what_is_named_is_loaded(shop: Till, pool: Pool) -> None:
    """A greeting costs two statements for a hundred people, however much there is to know of them."""
    async with transaction(pool) as conn:
        nodes = await make_nodes(conn, 100)
    seen: list[str] = []
    needs = Needs(names=frozenset({"person"}), paths=frozenset({"person.first_name"}))
    async with pool.acquire() as conn:
        with conn.query_logger(lambda record: seen.append(record.query)):
            made = await facts.contexts(
                conn, [Asked(key=n, node_id=n) for n in nodes], needs=needs, settings=SETTINGS, now=NOW
            )
    assert len(made) == 100
    assert len([one for one in seen if "select" in one.lower()]) <= 3
    assert "cart" not in made[nodes[0]]


async def test_somebody_who_is_gone_is_nobody(shop: Till, pool: Pool) -> None:
    """An erased person has no node any more: the message is made with nothing of him."""
    made = (await contexts(pool, Asked(key=1, node_id=2**40, data={"sku": "A"})))[1]
    assert (made["person"], made["cart"]["lines"], made["order"]) == ({}, [], {})
    assert made["products"][0]["price_minor"] == 1000


async def test_segments_are_conditions_of_content(shop: Till, pool: Pool) -> None:
    """The codes of the live ones somebody is in."""
    node = await shop.node()
    for code, status in (("vip", "live"), ("old", "archived")):
        await pool.execute(
            "with made as (insert into segment (code, name, status, definition, created_by) "
            "values ($1, $1, $2, '{}', 'test') returning id) insert into segment_member select id, $3, now() from made",
            code, status, node,
        )  # fmt: skip
    assert (await contexts(pool, Asked(key=1, node_id=node)))[1]["segments"] == ["vip"]
