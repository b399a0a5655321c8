"""Carts over the API: keys and clerks, codes and links, refusals as problems, repeats answered once."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest

from tests.support.carts import STORE, Bench, open_bench, units
from tests.support.console import Site, console_site
from unisono.access.keys import create_source
from unisono.kit.database import Pool, transaction


class Api(NamedTuple):
    """The application, the shop in it, and a secret key that may do everything here."""

    site: Site
    shop: Bench
    key: str

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Ask with the key."""
        with_key = {"authorization": f"Bearer {self.key}", **headers}
        return await self.site.browser().request(method, path, json=body, headers=with_key)

    async def good(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Ask for what must succeed."""
        answer = await self.ask(method, path, body, **headers)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()


@pytest.fixture
async def api(dsn: str, pool: Pool) -> AsyncIterator[Api]:
    """Everything at once."""
    shop = await open_bench(pool)
    async with transaction(pool) as conn:
        scopes = frozenset({"commerce:read", "commerce:write"})
        made = await create_source(conn, name="shop", kind="server", actor="test", scopes=scopes)
    async with console_site(dsn) as site:
        site.app.state.clock = lambda: shop.now
        yield Api(site, shop, made.key)


async def test_a_cart_from_the_first_product_to_the_last(api: Api) -> None:
    """Add, set, take out, coupons, seen, throw away; every answer is the whole cart."""
    node = await api.shop.node()
    line = {"lines": [{"sku": "A", "quantity": 2}]}
    made = await api.good("POST", f"/api/people/{node}/cart/lines?channel=web", line)
    assert [(one["sku"], one["quantity"], one["unit_minor"], one["total_minor"]) for one in made["lines"]] == [
        ("A", 2, 1000, 2000)
    ]
    path = f"/api/carts/{made['id']}"
    assert (await api.good("GET", f"/api/people/{node}/cart?channel=web")) == (await api.good("GET", path))
    await api.good("POST", f"{path}/lines", {"lines": [{"sku": "B", "note": "blue"}, {"sku": "C"}]})
    await api.good("PUT", f"{path}/lines/A", {"quantity": 5})
    await api.good("PUT", f"{path}/coupons", {"coupons": ["ten"]})
    await api.good("POST", f"{path}/seen")
    last = await api.good("DELETE", f"{path}/lines/C")
    assert {one["sku"]: (one["quantity"], one["note"]) for one in last["lines"]} == {"A": (5, None), "B": (1, "blue")}
    assert last["quote"]["coupons"][0]["accepted"] is False
    assert (await api.good("DELETE", path))["status"] == "discarded"
    assert (await api.ask("GET", f"/api/people/{node}/cart")).json()["code"] == "cart_not_found"


async def test_the_problem_of_a_closed_cart_keeps_its_http_status(api: Api) -> None:
    """What became of the cart is told beside the members of problem details, not in the place of one."""
    made = await api.good("POST", "/api/carts", {})
    await api.good("DELETE", f"/api/carts/{made['id']}")
    closed = await api.ask("POST", f"/api/carts/{made['id']}/lines", {"lines": [{"sku": "A"}]})
    said = closed.json()
    assert (closed.status_code, said["status"], said["cart_status"]) == (409, 409, "discarded")


async def test_a_request_sent_five_times_is_one_change(api: Api) -> None:
    """Golden example G11, for carts."""
    node = await api.shop.node()
    answers = [
        await api.good("POST", f"/api/people/{node}/cart/lines", {"lines": [{"sku": "A"}]}, **{"idempotency-key": "k1"})
        for _ in range(5)
    ]
    assert answers == [answers[0]] * 5
    assert units(await api.shop.cart(node)) == {"A": 1}


REFUSED = [
    ("POST", "/lines", {"lines": [{"sku": "A", "quantity": 0}]}, 400, "bad_quantity"),
    ("POST", "/lines", {"lines": [{"sku": "A", "quantity": -1}]}, 400, "bad_quantity"),
    ("POST", "/lines", {"lines": [{"sku": "nothing"}]}, 404, "sku_unknown"),
    ("POST", "/lines", {"lines": [{"sku": "A\x00"}]}, 404, "sku_unknown"),
    ("POST", "/lines", {"lines": [{"sku": "A", "quantity": 1.5}]}, 400, "validation"),
    ("POST", "/lines", {"lines": [{"sku": "A"}], "expected_version": 1}, 409, "cart_changed"),
    ("POST", "/lines?channel=%00", {"lines": [{"sku": "A"}]}, 400, "bad_text"),
    ("PUT", "/lines/A", {"quantity": 10**30}, 400, "bad_quantity"),
    ("PUT", "/lines/%00", {"quantity": 1}, 404, "sku_unknown"),
    ("DELETE", "/lines/B", None, 404, "line_not_found"),
    ("PUT", "/coupons", {"coupons": ["a\x00b"]}, 400, "bad_coupon"),
    ("POST", "/merges/77/undo", None, 404, "merge_not_found"),
    ("POST", "/claim", {"person_id": 10**17}, 404, "person_not_found"),
    ("POST", "/share", {"via": "\x00"}, 400, "bad_share_via"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), REFUSED)
async def test_what_is_wrong_is_a_problem_with_a_code_and_nothing_changes(
    api: Api, method: str, path: str, body: Any, status: int, code: str
) -> None:
    """As RFC 9457 problem details."""
    view = await api.shop.add(await api.shop.node(), ("A", 1))
    answer = await api.ask(method, f"/api/carts/{view.id}{path}", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert units(await api.shop.cart(view.node_id or 0)) == {"A": 1}


@pytest.mark.parametrize("name", ["undefined", "0", "a" * 99, str(uuid.UUID(int=7)), "23456789"])
async def test_a_name_that_leads_to_no_cart_is_not_found(api: Api, name: str) -> None:
    """Whatever it looks like."""
    answer = await api.ask("GET", f"/api/carts/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "cart_not_found")


async def test_carts_are_shared_copied_and_claimed(api: Api) -> None:
    """The link shows what is in it; the copy is the reader's own cart."""
    mine, friend = await api.shop.node(), await api.shop.node()
    view = await api.shop.add(mine, ("A", 2))
    token = (await api.good("POST", f"/api/carts/{view.id}/share", {"via": "email"}))["token"]
    shown = await api.good("GET", f"/api/carts/shared/{token}")
    assert (shown["total_minor"], set(shown)) == (2000, {"currency", "lines", "total_minor"})
    copied = await api.good("POST", f"/api/people/{friend}/cart/copy", {"token": token})
    assert (copied["id"] != str(view.id), copied["lines"][0]["quantity"]) == (True, 2)
    await api.good("DELETE", f"/api/carts/{view.id}/share")
    gone = await api.ask("GET", f"/api/carts/shared/{token}")
    assert (gone.status_code, gone.json()["code"]) == (404, "shared_cart_not_found")
    nobodys = await api.good("POST", "/api/carts", {})
    await api.good("POST", f"/api/carts/{nobodys['code']}/lines", {"lines": [{"sku": "B"}]})
    claimed = await api.good("POST", f"/api/carts/{nobodys['id']}/claim", {"person_id": mine})
    assert {line["sku"] for line in claimed["lines"]} == {"A", "B"}


async def test_a_merge_is_shown_and_undone(api: Api) -> None:
    """Reading changes nothing; opening a person's cart merges what a join has left apart, and the old id leads on."""
    guest, account = await api.shop.node("anonymous_id"), await api.shop.node()
    await api.shop.add(account, ("A", 1))
    other = await api.shop.add(guest, ("A", 2))
    await api.shop.join(guest, account)
    seen = await api.good("GET", f"/api/people/{guest}/cart")
    assert (seen["lines"][0]["quantity"], seen["merges"]) == (1, [])
    cart = await api.good("POST", "/api/carts", {"person_id": guest})
    assert await api.good("GET", f"/api/carts/{other.id}") == cart
    assert (cart["lines"][0]["quantity"], cart["merges"][0]["other_id"]) == (3, str(other.id))
    undone = await api.good("POST", f"/api/carts/{cart['id']}/merges/{cart['merges'][0]['id']}/undo")
    assert undone["lines"][0]["quantity"] == 1


async def test_a_clerk_meets_the_carts_of_his_stores_and_whoever_shows_a_code(api: Api) -> None:
    """By id or person only people seen there; by code anybody, as he stands before him; a clerk stands in his store."""
    node = await api.shop.node()
    view = await api.shop.add(node, ("A", 1))
    await api.site.sign_in_as("clerk", STORE)
    for path in (f"/api/carts/{view.id}", f"/api/people/{node}/cart"):
        assert (await api.site.get(path)).status_code == 404
    assert (await api.site.get(f"/api/carts/by-code/{view.code}")).status_code == 200
    csrf = {"x-csrftoken": api.site.csrf}
    more = {"lines": [{"sku": "B"}]}
    unknown = await api.site.client.post(f"/api/carts/{view.id}/lines", json=more, headers=csrf)
    assert unknown.status_code == 404
    added = await api.site.client.post(f"/api/carts/{view.code}/lines", json=more, headers=csrf)
    assert added.status_code == 200, added.text
    cart = await api.shop.cart(node)
    assert cart is not None
    assert [(line.sku, line.channel, line.store_id) for line in cart.lines][1] == ("B", "store", STORE)
    assert (await api.site.get(f"/api/carts/{view.id}")).status_code == 200, "he has been here now"
    assert [row["person_id"] for row in await api.site.audit("cart.add")] == [node]
    assert len(await api.site.audit("cart.read")) == 2


async def test_who_may_only_look_changes_nothing(api: Api) -> None:
    """An analyst reads carts; a privacy officer does not even that; nobody comes in without a key."""
    view = await api.shop.add(await api.shop.node(), ("A", 1))
    path = f"/api/carts/{view.id}"
    await api.site.sign_in_as("analyst")
    assert (await api.site.get(path)).status_code == 200
    refused = await api.site.client.put(f"{path}/lines/A", json={"quantity": 2}, headers={"x-csrftoken": api.site.csrf})
    assert refused.status_code == 403
    await api.site.sign_in_as("privacy_officer")
    assert (await api.site.get(path)).status_code == 403
    assert (await api.site.browser().get(path)).status_code == 401


async def test_the_picture_and_the_settings(api: Api) -> None:
    """A QR picture to scan; how long and by which rule."""
    view = await api.shop.add(await api.shop.node(), ("A", 1))
    picture = await api.ask("GET", f"/api/carts/{view.id}/qr.svg")
    assert (picture.status_code, picture.headers["content-type"].partition(";")[0]) == (200, "image/svg+xml")
    assert picture.text.startswith("<svg")
    assert await api.good("GET", "/api/carts/settings") == {"idle_minutes": 60, "merge_rule": "sum"}
    changed = {"idle_minutes": 30, "merge_rule": "max"}
    assert await api.good("PUT", "/api/carts/settings", changed) == changed
    assert await api.good("GET", "/api/carts/settings") == changed
    refused = await api.ask("PUT", "/api/carts/settings", {"idle_minutes": 0})
    assert refused.json()["code"] == "bad_idle_minutes"
