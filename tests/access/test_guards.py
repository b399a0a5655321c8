"""Guards on real routes: who gets through, with which key, cookie and token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from httpx import ASGITransport, AsyncClient
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State

from unisono.access import invitations, sessions
from unisono.access.guards import caller, open_to_all, requires
from unisono.access.keys import KeyRing, create_source
from unisono.kit.database import Pool, transaction
from unisono.kit.errors import UnisonoError

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@get("/people", guards=[requires("people:read")])
async def read(request: Request[Any, Any, Any]) -> dict[str, object]:
    principal = caller(request)
    return {"actor": principal.actor, "stores": None if principal.stores is None else sorted(principal.stores)}


@post("/keys", guards=[requires("sources:manage")])
async def manage(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"actor": caller(request).actor}


@get("/me", guards=[requires()])
async def me(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"actor": caller(request).actor}


@post("/sign-in", guards=[open_to_all("nobody is signed in yet")])
async def enter() -> dict[str, str]:
    return {}


def problem(_: Request[Any, Any, Any], error: UnisonoError) -> Response[dict[str, object]]:
    return Response(error.problem(), status_code=error.status)


@pytest.fixture
async def client(pool: Pool) -> AsyncIterator[AsyncClient]:
    app = Litestar(
        [read, manage, me, enter],
        exception_handlers={UnisonoError: problem},
        state=State({"pool": pool, "clock": lambda: NOW, "key_ring": KeyRing(pool)}),
    )
    async with AsyncClient(transport=ASGITransport(app), base_url="http://console.test") as client:
        yield client


async def session_of(pool: Pool, role: str, stores: tuple[str, ...] = ()) -> tuple[dict[str, str], str]:
    """Cookies and CSRF token of a fresh account with a role."""
    async with transaction(pool) as conn:
        link = await invitations.invite(
            conn, email=f"{role}@example.it", name=role, role=role, store_ids=stores, actor="test", now=NOW
        )
        invitation = await invitations.read_invitation(conn, link.token, now=NOW)
        assert invitation.account_id is not None
        token = await sessions.open_session(conn, invitation.account_id, now=NOW)
        session = await sessions.find_session(conn, token, now=NOW)
    assert session is not None
    return {sessions.COOKIE: token}, session.csrf


async def key_with(pool: Pool, *scopes: str, kind: str = "server") -> dict[str, str]:
    async with transaction(pool) as conn:
        made = await create_source(conn, name="shop", kind=kind, actor="test", scopes=frozenset(scopes))
    return {"authorization": f"Bearer {made.key}"}


async def test_without_cookie_or_key_nobody_gets_in(client) -> None:
    for path in ("/people", "/me"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_role_opens_what_the_table_gives_it_and_nothing_else(client, pool: Pool) -> None:
    cookies, csrf = await session_of(pool, "analyst")
    client.cookies.update(cookies)
    assert (await client.get("/people")).json() == {"actor": "analyst@example.it", "stores": None}
    refused = await client.post("/keys", headers={"x-csrftoken": csrf})
    assert (refused.status_code, refused.json()["missing"]) == (403, ["sources:manage"])


async def test_a_clerk_carries_the_stores_whose_people_may_be_met(client, pool: Pool) -> None:
    cookies, _ = await session_of(pool, "clerk", ("brera", "duomo"))
    client.cookies.update(cookies)
    assert (await client.get("/people")).json()["stores"] == ["brera", "duomo"]


@pytest.mark.parametrize("how", ["header", "form", "multipart"])
async def test_a_change_with_a_cookie_needs_the_csrf_token_in_header_or_form(client, pool: Pool, how: str) -> None:
    cookies, csrf = await session_of(pool, "owner")
    client.cookies.update(cookies)

    def sent(token: str) -> dict[str, object]:
        return {
            "header": {"headers": {"x-csrftoken": token}},
            "form": {"data": {"_csrf_token": token, "name": "è"}},
            "multipart": {"data": {"_csrf_token": token}, "files": {"file": b"x"}},
        }[how]

    assert (await client.post("/keys")).json()["code"] == "csrf"
    assert (await client.post("/keys", **sent("wrong"))).json()["code"] == "csrf"
    assert (await client.post("/keys", **sent(csrf))).status_code == 201


async def test_a_secret_key_opens_what_its_scopes_say_without_csrf(client, pool: Pool) -> None:
    reader = await key_with(pool, "people:read")
    assert (await client.get("/people", headers=reader)).json()["actor"].startswith("key:")
    assert (await client.post("/keys", headers=reader)).status_code == 403
    manager = await key_with(pool, "sources:manage")
    assert (await client.post("/keys", headers=manager)).status_code == 201
    assert (await client.get("/people", headers=manager)).status_code == 403


@pytest.mark.parametrize("kind", ["browser", "app"])
async def test_a_public_write_key_reads_nothing(client, pool: Pool, kind: str) -> None:
    assert (await client.get("/people", headers=await key_with(pool, kind=kind))).status_code == 401


async def test_a_wrong_key_is_refused_even_beside_a_good_cookie(client, pool: Pool) -> None:
    cookies, _ = await session_of(pool, "owner")
    client.cookies.update(cookies)
    for value in ("Bearer sk_wrong", "Basic YTpi", "Bearer", "sk_" + "0" * 40):
        assert (await client.get("/people", headers={"authorization": value})).status_code == 401


async def test_a_form_from_another_site_cannot_sign_anybody_in(client) -> None:
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}):
        assert (await client.post("/sign-in", headers=headers)).status_code == 403
    for headers in ({"sec-fetch-site": "same-origin"}, {"origin": "http://console.test"}, {}):
        assert (await client.post("/sign-in", headers=headers)).status_code == 201


def test_a_guard_tells_its_permissions_and_refuses_unknown_ones() -> None:
    assert requires("people:read").permissions == {"people:read"}
    assert requires().permissions == frozenset()
    assert open_to_all("a reason").permissions is None
    with pytest.raises(ValueError, match="no permission"):
        requires("people:raed")


class Starting:
    """A pool whose server says that it is not ready yet, as after a crash while it recovers."""

    async def fetchrow(self, *_: object) -> None:
        raise asyncpg.CannotConnectNowError("the database system is not yet accepting connections")

    fetch = fetchval = execute = fetchrow

    @asynccontextmanager
    async def acquire(self, **_: object) -> AsyncIterator[None]:
        raise asyncpg.CannotConnectNowError("the database system is not yet accepting connections")
        yield


@pytest.mark.parametrize("key", ["sk_0", "tk_0", "ct_0"])
async def test_whose_key_it_is_cannot_be_said_while_the_database_starts(client, key: str) -> None:
    app: Litestar = client._transport.app
    app.state.pool = Starting()
    app.state.key_ring = KeyRing(app.state.pool)
    answer = await client.get("/people", headers={"authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
