"""The catalogue over the API: who may, what comes back, what poison does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.console import Site, console_site
from unisono.access.keys import create_source
from unisono.kit.database import transaction

SHOE = {
    "name": "Scarpa",
    "brand": "Alpestre",
    "variants": [
        {"sku": "shoe-42", "options": {"size": "42"}, "barcodes": ["4006381333931"]},
        {"sku": "shoe/43", "options": {"size": "43"}},
    ],
    "attributes": [{"name": "name", "value": "Shoe", "language": "en"}],
}


class Api:
    """The API seen with a key."""

    def __init__(self, site: Site, key: str) -> None:
        self.site = site
        self.headers = {"authorization": f"Bearer {key}"}

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.site.client.get(path, headers=self.headers, **more)

    async def send(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        headers = self.headers | more.pop("headers", {})
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}
        return await self.site.client.request(method, path, headers=headers, **sent, **more)


async def with_scopes(site: Site, *scopes: str) -> Api:
    """A key of a new source with these scopes."""
    async with transaction(site.pool) as conn:
        made = await create_source(conn, name="erp", kind="server", actor="test", scopes=frozenset(scopes))
    return Api(site, made.key)


@pytest.fixture
async def api(dsn: str) -> AsyncIterator[Api]:
    """The API with a key that may read and write."""
    async with console_site(dsn) as site:
        yield await with_scopes(site, "commerce:read", "commerce:write")


async def test_a_product_is_put_read_and_found(api: Api) -> None:
    """By its code, by the sku and the barcode of a variant, by words; in a language."""
    made = await api.send("PUT", "/api/products/shoe", SHOE)
    assert made.status_code == 200, made.text
    assert (made.json()["name"], made.json()["version"]) == ("Scarpa", 1)
    assert made.json()["variants"][0]["on_sale_since"] is not None
    english = await api.get("/api/products/shoe-42", params={"language": "en"})
    assert (english.json()["name"], english.json()["sku"]) == ("Shoe", "shoe-42")
    variant = await api.get("/api/variants/4006381333931")
    assert (variant.json()["sku"], variant.json()["name"]) == ("shoe-42", "Scarpa, 42")
    for q in ("scarpe", "shoe/43", "04006381333931"):
        found = await api.get("/api/products", params={"q": q, "language": "it"})
        assert [one["code"] for one in found.json()["products"]] == ["shoe"]
    listed = await api.get("/api/products", params={"status": ["active", "draft"]})
    assert listed.json() == {
        "products": [
            {"code": "shoe", "name": "Scarpa", "brand": "Alpestre", "category": None, "status": "active",
             "skus": ["shoe-42", "shoe/43"], "image": None}
        ],
        "next": None,
    }  # fmt: skip
    assert (await api.get("/api/products", params={"status": "retired"})).json()["products"] == []


async def test_what_is_not_named_stays(api: Api) -> None:
    """A change of one word is sent as one word."""
    await api.send("PUT", "/api/products/shoe", SHOE)
    changed = await api.send("PUT", "/api/products/shoe", {"brand": "Altra"})
    assert (changed.json()["name"], changed.json()["brand"], changed.json()["version"]) == ("Scarpa", "Altra", 2)
    assert len(changed.json()["variants"]) == 2


async def test_many_products_at_once_tell_which_were_refused(api: Api) -> None:
    """In the order given; the same request again with its key is answered the same."""
    body = {"products": [{"code": "a", "name": "A"}, {"code": "b"}, {"code": "c", "name": "C"}]}
    first = await api.send("POST", "/api/products", body, headers={"idempotency-key": "k1"})
    assert first.json()["outcomes"] == ["created", "rejected", "created"]
    assert [(one["index"], one["code"], one["reasons"][0]["code"]) for one in first.json()["rejected"]] == [
        (1, "b", "name_missing")
    ]
    again = await api.send("POST", "/api/products", body, headers={"idempotency-key": "k1"})
    assert again.content == first.content
    assert (await api.send("POST", "/api/products", body)).json()["outcomes"] == ["unchanged", "rejected", "unchanged"]
    pages = []
    after = None
    while True:
        page = (await api.get("/api/products", params={"limit": 1} | ({"after": after} if after else {}))).json()
        pages += [one["code"] for one in page["products"]]
        after = page["next"]
        if after is None:
            break
    assert pages == ["a", "c"]


async def test_categories_are_a_tree_and_stay_one(api: Api) -> None:
    """All or none; a cycle is refused with its reason."""
    tree = {"categories": [{"code": "a"}, {"code": "b", "parent": "a", "names": {"it": "B"}}]}
    assert (await api.send("POST", "/api/categories", tree)).json() == {"changed": 2}
    cycle = await api.send("POST", "/api/categories", {"categories": [{"code": "x"}, {"code": "a", "parent": "b"}]})
    assert (cycle.status_code, cycle.json()["code"]) == (400, "catalogue_refused")
    assert cycle.json()["reasons"][0]["code"] == "category_cycle"
    assert [one["path"] for one in (await api.get("/api/categories")).json()] == [["a"], ["a", "b"]]
    found = await api.get("/api/products", params={"category": "x"})
    assert (found.status_code, found.json()["code"]) == (404, "category_unknown")


async def test_a_csv_is_tried_and_then_imported(api: Api) -> None:
    """The report tells both; sent again nothing changes."""
    text = b"Articolo;name;Reparto\nx1;Uno;Casa > Cucina\nx2;;\n"
    params = {"map": ["Articolo=sku", "Reparto=category_path"], "language": "it", "dry_run": "true"}
    trial = await api.send("POST", "/api/products/import", text, params=params)
    assert trial.status_code == 200, trial.text
    assert (trial.json()["dry_run"], trial.json()["created"], trial.json()["rejected"]) == (True, 1, 1)
    assert trial.json()["refused"][0]["line"] == 3
    assert (await api.get("/api/products")).json()["products"] == []
    real = (await api.send("POST", "/api/products/import", text, params=params | {"dry_run": "false"})).json()
    assert (real["created"], real["rejected"], real["after"]) == (1, 1, {"products": 1, "variants": 1})
    again = (await api.send("POST", "/api/products/import", text, params=params | {"dry_run": "false"})).json()
    assert (again["created"], again["unchanged"]) == (0, 1)
    product = (await api.get("/api/products/x1", params={"language": "it"})).json()
    assert [one["name"] for one in product["categories"]] == ["Casa", "Cucina"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("PUT", "/api/products/a", b"{", 400, "validation"),
        ("PUT", "/api/products/a", b'{"name": "x", "variants": 3}', 400, "validation"),
        ("PUT", "/api/products/a", b'{"name": "x", "status": "sold"}', 400, "validation"),
        ("PUT", "/api/products/a", b'{"name": "x\\u0000"}', 400, "catalogue_refused"),
        ("PUT", "/api/products/a", b'{"name": "\\ud800"}', 400, "validation"),
        ("PUT", "/api/products/a", {"name": "x" * 2_000_000}, 400, "catalogue_refused"),
        ("PUT", "/api/products/a", {}, 400, "catalogue_refused"),
        ("PUT", "/api/products/a%00", {"name": "x"}, 400, "catalogue_refused"),
        ("PUT", "/api/products/a", {"name": "x", "variants": [{"sku": "a", "prep_minutes": 10**9}]}, 400,
         "catalogue_refused"),
        ("PUT", "/api/products/a", {"name": "x", "variants": [{"sku": "a", "prep_minutes": -1}]}, 400,
         "catalogue_refused"),
        ("PUT", "/api/products/a",
         {"name": "x", "variants": [{"sku": "a", "components": [{"sku": "a", "quantity": 1}]}]}, 400,
         "catalogue_refused"),
        ("PUT", "/api/products/a", b'{"name": "x", "attributes": [{"name": "a", "value": 1e400}]}', 400, "validation"),
        ("PUT", "/api/products/a", b'{"name": "x", "attributes": [{"name": "a", "value": NaN}]}', 400, "validation"),
        ("PUT", "/api/products/a",
         b'{"name": "x", "attributes": [{"name": "a", "value": ' + b"[" * 5000 + b"]" * 5000 + b"}]}", 400, "too_deep"),
        ("POST", "/api/products", {"products": [{"code": str(n), "name": "x"} for n in range(1001)]}, 413, "too_large"),
        ("POST", "/api/products/import", b"", 400, "unreadable_file"),
        ("POST", "/api/products/import", b"sku,name\na,\xff\n", 400, "unreadable_file"),
        ("POST", "/api/products/import", b"name\nx\n", 400, "bad_mapping"),
        ("POST", "/api/products/import?map=sku", b"sku\nx\n", 400, "bad_mapping"),
        ("POST", "/api/products/import?language=%00%00", b"sku,name\nx,y\n", 400, "catalogue_refused"),
        ("GET", "/api/products/nothing", None, 404, "product_unknown"),
        ("GET", "/api/products/%00", None, 404, "product_unknown"),
        ("GET", "/api/variants/nothing", None, 404, "sku_unknown"),
        ("GET", "/api/variants/%00", None, 404, "sku_unknown"),
        ("GET", "/api/products?q=%00", None, 400, "bad_search"),
        ("GET", "/api/products?q=x&after=y", None, 400, "bad_cursor"),
        ("GET", "/api/products?after=%00", None, 400, "bad_cursor"),
        ("GET", "/api/products?category=%00", None, 404, "category_unknown"),
        ("GET", "/api/products?limit=100000", None, 400, "validation"),
    ],
)  # fmt: skip
async def test_poison_gets_a_clear_error_and_changes_nothing(
    api: Api, method: str, path: str, body: Any, status: int, code: str
) -> None:
    """Each with a stable code."""
    answer = await api.send(method, path, body) if method != "GET" else await api.get(path)
    assert answer.status_code == status, answer.text[:300]
    assert answer.json()["code"] == code
    assert await api.site.pool.fetchval("select count(*) from product") == 0
    assert await api.site.pool.fetchval("select count(*) from change") == 0


async def test_only_who_may_write_writes_and_only_who_may_read_reads(dsn: str) -> None:
    """A key without the scope, a clerk, nobody."""
    async with console_site(dsn) as site:
        reader = await with_scopes(site, "commerce:read")
        stranger = await with_scopes(site, "people:read")
        for method, path in (
            ("PUT", "/api/products/a"),
            ("POST", "/api/products"),
            ("POST", "/api/categories"),
            ("POST", "/api/products/import"),
        ):
            assert (await reader.send(method, path, {})).status_code == 403, path
        for path in ("/api/products", "/api/products/a", "/api/variants/a", "/api/categories"):
            assert (await stranger.get(path)).status_code == 403, path
            assert (await site.browser().get(path)).status_code == 401, path
        await site.sign_in_as("clerk", "milano")
        assert (await site.get("/api/categories")).status_code == 200
        refused = await site.client.put("/api/products/a", json={}, headers={"x-csrftoken": site.csrf})
        assert refused.status_code == 403


async def test_what_was_changed_is_in_the_audit(api: Api) -> None:
    """Who and what, for products, categories and imports."""
    await api.send("PUT", "/api/products/shoe", SHOE)
    await api.send("POST", "/api/categories", {"categories": [{"code": "a"}]})
    await api.send("POST", "/api/products/import", b"sku,name\nx,X\n")
    rows = await api.site.pool.fetch("select actor, action from audit_entry where action ~ 'product|categor|catalog'")
    assert sorted(row["action"] for row in rows) == ["catalogue.import", "category.save", "product.save"]
    assert {row["actor"].partition(":")[0] for row in rows} == {"key"}
