"""The field's own Python clients, unchanged, against the real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import rudderstack.analytics.client as rudder
import segment.analytics.client as segment

from tests.support.shop import Shop, fresh, open_shop


@pytest.fixture(scope="module")
async def shop(server_dsn: str, template_dsn: str) -> AsyncIterator[Shop]:
    """One shop for the module."""
    async with open_shop(server_dsn) as shop:
        yield shop


def _segment(shop: Shop, errors: list[Any], **more: Any) -> Any:
    return segment.Client(
        shop.keys.secret, host=shop.url, on_error=lambda error, items: errors.append(error), max_retries=2, **more
    )


def _rudder(shop: Shop, errors: list[Any], **more: Any) -> Any:
    return rudder.Client(
        shop.keys.secret, host=shop.url, on_error=lambda error, items: errors.append(error), max_retries=2, **more
    )


def _visit(client: Any, anonymous: str, user: str, address: str) -> None:
    """A visitor looks, signs in and buys."""
    client.track(anonymous_id=anonymous, event="Product Viewed", properties={"product_id": "p1"})
    client.page(anonymous_id=anonymous, category="Docs", name="Home", properties={"url": "https://example.it/"})
    client.identify(user, {"email": address, "name": "Mario Rossi"}, anonymous_id=anonymous)
    client.track(user, "Order Completed", {"order_id": "o1", "total": 27.5})
    client.screen(user, "Cart", "Shop")
    client.group(user, "g1", {"name": "Rossi srl"})
    client.alias(anonymous, user)
    client.flush()
    client.join()


@pytest.mark.parametrize(
    ("make", "more"),
    [(_segment, {}), (_segment, {"gzip": True}), (_rudder, {}), (_rudder, {"gzip": False})],
    ids=["segment", "segment gzip", "rudderstack", "rudderstack plain"],
)
async def test_a_visit(shop: Shop, make: Any, more: dict[str, Any]) -> None:
    """Every call arrives once, none fails, and visitor, login and address are one person."""
    anonymous, user, address = fresh("anon"), fresh("u"), f"{fresh('e')}@example.it"
    since = await shop.last_failure()
    errors: list[Any] = []
    client = make(shop, errors, **more)
    await asyncio.to_thread(_visit, client, anonymous, user, address)
    assert errors == []
    assert await shop.failures(since) == []
    rows = await shop.conn.fetch(
        """select event.name, event.type, node.person_id from event join node on node.id = event.node_id
           where node.value in ($1, $2) and event.type <> 'identity' order by event.id""",
        anonymous,
        user,
    )
    assert sorted(row["type"] for row in rows) == sorted(
        ["track", "page", "identify", "track", "screen", "group", "alias"]
    )
    people = {await shop.person("user_id", user), await shop.person("anonymous_id", anonymous)}
    people.add(await shop.person("email", address))
    assert people == {row["person_id"] for row in rows}
    assert len(people) == 1
