"""Poison into every write of commerce: a clear answer below 500, and not one row more, less or other."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.market import Market, opened

LINE = {"sku": "SHOE-42", "quantity": 1}
STOCK = {"sku": "SHOE-42", "location": "milano", "quantity": 1}
ORDER: dict[str, Any] = {"source": "erp", "source_order_id": "1", "channel": "web", "lines": [LINE]}
DEEP = "[" * 20_000 + "]" * 20_000
LONG = "x" * 2_000_000

WRITES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/api/orders", ORDER),
    ("POST", "/api/stock/movements", {"kind": "receive", "lines": [STOCK], "reason": "delivery"}),
    ("POST", "/api/stock/counts", {"lines": [STOCK]}),
    ("PUT", "/api/prices", {"price_list": "shelf", "prices": [{"sku": "SHOE-42", "amount_minor": 100}]}),
    ("POST", "/api/holds", {"key": "k", "lines": [STOCK]}),
    ("POST", "/channel/cart/lines", {"items": [LINE]}),
    ("POST", "/channel/reservations", {"sku": "SHOE-42", "store_id": "milano"}),
    ("POST", "/channel/checkouts", {"fulfilment": "ship"}),
]
"""A write that would be done, were it not for what a test puts into it."""

VALUES: dict[str, list[Any]] = {
    "quantity": [-1, 10**9, 10**30, 1.5, "many", [], {}],
    "amount_minor": [-1, 10**30, 0.5, "cheap", [], {}],
    "sku": ["", "no such sku", "a\x00b", LONG, 1, None, {}],
    "location": ["nowhere", "a\x00b", LONG, None],
    "store_id": ["nowhere", "a\x00b", LONG, None],
    "fulfilment": ["teleport", "", None],
    "currency": ["XXX", "EURO", "", "e\x00r"],
    "reason": ["", LONG, None],
}


@pytest.fixture(scope="module")
async def market(server_dsn: str, template_dsn: str) -> AsyncIterator[Market]:
    """One for all tests of this file."""
    async with opened(server_dsn) as found:
        yield found


async def everything(market: Market) -> dict[str, int]:
    """Rows of every table that is not told of requests themselves, as sums of their contents."""
    conn = market.shop.conn
    tables = await conn.fetch(
        "select tablename from pg_tables where schemaname = 'public'"
        " and tablename !~ '^(event|customer_token|failed_event|reader|job|node|link|identity)'"
    )
    sums = {}
    for (table,) in tables:
        sums[table] = await conn.fetchval(f'select coalesce(sum(hashtext(t::text)::bigint), 0) from "{table}" t')
    return sums


def poisoned(body: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    """Places of a body with what is put there."""
    found: list[tuple[tuple[Any, ...], Any]] = []
    for name, value in body.items() if isinstance(body, dict) else enumerate(body):
        found += [((*path, name), bad) for bad in VALUES.get(name, [])] if isinstance(name, str) else []
        if isinstance(value, dict | list):
            found += poisoned(value, (*path, name))
    return found


def changed(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The body with another value at a place."""
    copy = json.loads(json.dumps(body))
    at = copy
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return copy


@pytest.mark.parametrize(("method", "path", "body"), WRITES, ids=[path for _, path, _ in WRITES])
async def test_poison_is_refused_and_changes_nothing(
    market: Market, method: str, path: str, body: dict[str, Any]
) -> None:
    """Values that cannot be, names nobody knows, JSON that is none, in every field that matters."""
    headers = market.server | {"x-customer": "user_id:ida"}
    if path == "/channel/checkouts":
        await market.call("POST", "/channel/cart/lines", {"items": [LINE]}, x_customer="user_id:ida", **market.server)
    else:
        await market.call("POST", "/channel/sessions", {"identifiers": {"user_id": "ida"}}, status=201, **market.server)
    before = await everything(market)
    bodies = [json.dumps(changed(body, at, value)).encode() for at, value in poisoned(body)]
    text = json.dumps(body)
    bodies += [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe\x00",
        text.encode()[:-1],
        DEEP.encode(),
        ('{"a":' * 5000 + "1" + "}" * 5000).encode(),
        text.replace("1}", "1e400}").encode() if "1}" in text else b"1e400",
        text.replace("1}", "NaN}").encode() if "1}" in text else b"NaN",
        text.replace("SHOE-42", "\\ud800").replace("ship", "\\ud800").encode(),
    ]
    sent = {**headers, "content-type": "application/json"}
    for content in bodies:
        answer = await market.shop.client.request(method, path, content=content, headers=sent)
        assert 400 <= answer.status_code < 500, (content[:300], answer.status_code, answer.text[:300])
        assert answer.json()["code"], content[:300]
    assert await everything(market) == before


async def test_a_request_of_very_many_lines_is_refused(market: Market) -> None:
    """Far more lines than anybody has: each write says how many it takes, and does nothing."""
    before = await everything(market)
    for method, path, body, name in (
        ("POST", "/api/orders", ORDER, "lines"),
        ("POST", "/api/stock/movements", WRITES[1][2], "lines"),
        ("POST", "/channel/cart/lines", {"items": [LINE]}, "items"),
        ("POST", "/api/holds", WRITES[4][2], "lines"),
    ):
        many = json.dumps(body | {name: body[name] * 20_000}).encode()
        headers = market.server | {"x-customer": "user_id:ida", "content-type": "application/json"}
        answer = await market.shop.client.request(method, path, content=many, headers=headers)
        assert 400 <= answer.status_code < 500, (path, answer.status_code, answer.text[:300])
    assert await everything(market) == before
