"""Who may speak for whom: keys, tokens, and what a page alone cannot reach."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.shop import Shop, fresh, open_shop
from unisono.access import customer_tokens
from unisono.access.keys import create_source
from unisono.kit.errors import BadRequest


@pytest.fixture(scope="module")
async def shop(server_dsn: str, template_dsn: str) -> AsyncIterator[Shop]:
    """One web process on a fresh database."""
    async with open_shop(server_dsn) as opened:
        yield opened


@pytest.fixture(scope="module")
async def front(shop: Shop) -> str:
    """The secret key of a shop front's server."""
    made = await create_source(shop.conn, name="front", kind="server", actor="t", scopes=frozenset({"channel:use"}))
    return made.key


async def ask(shop: Shop, key: str, **body: object) -> tuple[int, dict[str, object]]:
    answer = await shop.client.post("/channel/sessions", json=body, headers={"authorization": f"Bearer {key}"})
    return answer.status_code, answer.json()


async def test_a_server_vouches_for_any_identifier(shop: Shop, front: str) -> None:
    """The identifiers become one person, as after an identify call, and the token is proven."""
    user, device = fresh("u"), fresh("anon")
    status, made = await ask(shop, front, identifiers={"anonymous_id": device, "user_id": user}, channel="app")
    assert (status, made["channel"], made["known"]) == (201, "app", True)
    assert await shop.person("anonymous_id", device) == await shop.person("user_id", user)


async def test_a_session_again_writes_nothing(shop: Shop, front: str) -> None:
    """A token is renewed every few minutes: the timeline must not fill with it."""
    user = fresh("u")
    for _ in range(3):
        await ask(shop, front, identifiers={"user_id": user})
    person = await shop.person("user_id", user)
    events = await shop.conn.fetchval("select count(*) from event where node_id = $1", person)
    assert events == 1


async def test_a_page_alone_names_only_its_own_unknown_device(shop: Shop, front: str) -> None:
    """An identifier that travels in every request proves nothing about who asks."""
    device = fresh("anon")
    assert (await ask(shop, shop.keys.write, identifiers={"anonymous_id": device}))[0] == 201
    assert (await ask(shop, shop.keys.write, identifiers={"user_id": "42"}))[1]["code"] == "sign_in_needed"
    await ask(shop, front, identifiers={"anonymous_id": device, "user_id": fresh("u")})
    status, refused = await ask(shop, shop.keys.write, identifiers={"anonymous_id": device})
    assert (status, refused["code"]) == (403, "sign_in_needed")


async def test_keys_without_the_scope_and_bad_identifiers_are_told_so(shop: Shop, front: str) -> None:
    """Each mistake has its own code."""
    assert (await ask(shop, shop.keys.reader, identifiers={"user_id": "1"}))[1]["code"] == "permission_missing"
    assert (await ask(shop, "sk_nobody", identifiers={"user_id": "1"}))[0] == 401
    for identifiers in ({"user_id": "undefined"}, {"shoe_size": "42"}, {"email": "not an address"}, {}):
        assert (await ask(shop, front, identifiers=identifiers))[0] == 400, identifiers


async def test_a_till_speaks_for_its_own_store(shop: Shop) -> None:
    """The store is the key's, whatever the body says."""
    card = fresh("card")
    status, made = await ask(shop, shop.keys.till, identifiers={"loyalty_card": card}, store_id="elsewhere")
    assert (status, made["channel"]) == (201, "store")
    stored = await shop.conn.fetchval("select store_id from customer_token order by created_at desc limit 1")
    assert stored == "milano"


async def test_a_token_ends(shop: Shop) -> None:
    """At its instant, when it is revoked, and never later than 15 minutes after it was made."""
    conn, now = shop.conn, datetime.now(UTC)
    source = await create_source(conn, name="x", kind="server", actor="t")
    token, ends = await customer_tokens.mint(
        conn, node_id=1, proven=True, source_id=source.source_id, channel="web", now=now
    )
    assert await customer_tokens.find(conn, token, now=ends - timedelta(seconds=1)) is not None
    assert await customer_tokens.find(conn, token, now=ends) is None
    await customer_tokens.revoke(conn, token, now=now)
    assert await customer_tokens.find(conn, token, now=now) is None
    with pytest.raises(BadRequest):
        await customer_tokens.mint(
            conn,
            node_id=1,
            proven=True,
            source_id=source.source_id,
            channel="web",
            lasts=timedelta(minutes=16),
            now=now,
        )


async def test_a_page_of_another_site_may_call(shop: Shop) -> None:
    """Browsers ask first; answers and refusals can be read, and no cookie ever counts."""
    asked = {"origin": "https://shop.example", "access-control-request-method": "PUT"}
    preflight = await shop.client.options("/channel/cart/lines/1", headers=asked)
    assert preflight.status_code == 204
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    refused = await shop.client.post(
        "/channel/sessions", json={"identifiers": {"user_id": "1"}}, headers={"origin": "https://shop.example"}
    )
    assert refused.status_code == 401
    assert refused.headers.get_list("access-control-allow-origin") == ["*"]
    assert "access-control-allow-credentials" not in refused.headers
