"""Who gets into which screen: every route is guarded, every role gets what the table gives it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from tests.support.console import BASE, Site, identify, text_of, track
from unisono.access.roles import ROLES, permissions_of
from unisono.console.security import HEADERS

OPEN = {
    "/": "GET",
    "/console": "GET",
    "/console/sign-in": "GET POST",
    "/console/first-run": "GET POST",
    "/console/preferences": "POST",
    "/console/static/{name}": "GET",
}
"""The only addresses of the console that need no account."""

SCREENS = {
    "/console/products": "catalog:read",
    "/console/prices": "catalog:read",
    "/console/promotions": "catalog:read",
    "/console/coherence": "coherence:read",
    "/console/people": "people:read",
    "/console/channels": "voice:read",
    "/console/brand": "voice:read",
    "/console/templates": "voice:read",
    "/console/live": "events:read",
    "/console/live/stream": "events:read",
    "/console/identity": "identity:read",
    "/console/sources": "sources:read",
    "/console/health": "health:read",
    "/console/team": "team:read",
}


def console_handlers(site: Site) -> list[tuple[str, HTTPRouteHandler]]:
    return [
        (route.path_format, handler)
        for route in site.app.routes
        if isinstance(route, HTTPRoute) and (route.path == "/" or route.path.startswith("/console"))
        for handler in route.route_handlers
        if handler.http_methods != {"OPTIONS"}
    ]


async def test_every_route_of_the_console_asks_for_a_permission(site: Site) -> None:
    """A route without guard, or open to all without being known here, fails."""
    handlers = console_handlers(site)
    assert len(handlers) > 30
    for path, handler in handlers:
        guards = [guard for guard in handler.resolve_guards() if hasattr(guard, "permissions")]
        methods = " ".join(sorted(handler.http_methods - {"HEAD", "OPTIONS"}))
        assert guards, f"{methods} {path} has no guard"
        if any(guard.permissions is None for guard in guards):
            assert methods in OPEN.get(path, "").split(), f"{methods} {path} is open to all"


async def test_every_change_asks_for_more_than_a_sign_in(site: Site) -> None:
    """What writes names its permission; only signing out needs none."""
    for path, handler in console_handlers(site):
        if "POST" not in handler.http_methods or path in OPEN:
            continue
        named = frozenset().union(*(guard.permissions for guard in handler.resolve_guards()))
        assert named or path == "/console/sign-out", path
        assert all(not permission.endswith(":read") for permission in named), path


async def test_without_a_session_every_screen_leads_to_the_sign_in_and_back(site: Site) -> None:
    for path in [*SCREENS, "/console/people?q=333&channel=web", "/console/nowhere"]:
        answer = await site.get(path)
        assert answer.status_code == 303
        location = answer.headers["location"]
        assert location.startswith("/console/sign-in?next=%2Fconsole%2F")
    partial = await site.get("/console/people", headers={"hx-request": "true"})
    assert (partial.status_code, partial.headers["hx-redirect"]) == (401, "/console/sign-in")


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_opens_its_screens_and_is_told_about_the_others(site: Site, role: str) -> None:
    """403 with the roles that may, in place of a blank page; the navigation only offers what opens."""
    await site.sign_in_as("owner")
    await site.sign_in_as(role, *(["brera"] if role == "clerk" else []))
    people = (await site.get("/console/people")).text
    for path, permission in SCREENS.items():
        if path.endswith("/stream"):
            continue
        answer = await site.get(path)
        if permission in permissions_of(role):
            assert answer.status_code == 200, path
            assert f'class="nav-entry" href="{path}"' in people
        else:
            assert answer.status_code == 403, path
            assert "It is open to: Owner" in text_of(answer.text)
            assert "Ask Anna owner" in text_of(answer.text)
            assert f'class="nav-entry" href="{path}"' not in people


async def test_no_role_changes_what_it_may_not(site: Site) -> None:
    """Every writing route refuses everybody without its permission, before it looks at anything."""
    writing = [
        (re.sub(r"\{[^}]+\}", "1", path), frozenset().union(*(g.permissions for g in handler.resolve_guards())))
        for path, handler in console_handlers(site)
        if "POST" in handler.http_methods and path not in OPEN
    ]
    for role in ROLES:
        await site.sign_in_as(role, *(["brera"] if role == "clerk" else []))
        for path, needed in writing:
            if needed - permissions_of(role):
                answer = await site.post(path)
                assert answer.status_code == 403, (role, path)
                assert "not open to your role" in text_of(answer.text), (role, path)


async def test_a_form_without_its_token_changes_nothing(site: Site) -> None:
    await site.sign_in_as("owner")
    keys = await site.pool.fetchval("select count(*) from api_key")
    for data in ({}, {"_csrf_token": "guess"}):
        answer = await site.client.post("/console/sources/keys", data={"name": "Shop", "kind": "write", **data})
        assert answer.status_code == 403
        assert "The form has expired" in text_of(answer.text)
    assert await site.pool.fetchval("select count(*) from api_key") == keys


async def test_every_answer_carries_the_policy_errors_redirects_and_files_included(site: Site) -> None:
    await site.sign_in_as("owner")
    paths = ["/console/people", "/console/nowhere", "/console/sign-in", "/console/static/css/tokens.css", "/"]
    for path in paths:
        answer = await site.get(path)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, path
    policy = HEADERS["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert (await site.get("/console/people")).headers["cache-control"] == "no-store"


async def test_files_are_cached_for_ever_by_their_digest_and_nothing_outside_is_served(site: Site) -> None:
    page = (await site.get("/console/sign-in", follow_redirects=True)).text
    address = re.search(r'href="(/console/static/css/tokens\.css\?v=\w+)"', page)
    assert address
    known = await site.get(address[1])
    assert "immutable" in known.headers["cache-control"]
    assert known.headers["content-type"].startswith("text/css")
    assert "immutable" not in (await site.get("/console/static/css/tokens.css?v=old")).headers["cache-control"]
    for path in ("../app_part.py", "%2e%2e/app_part.py", "css/%2e%2e/%2e%2e/app_part.py", "%2Fetc%2Fpasswd", "css", ""):
        answer = await site.get(f"/console/static/{path}")
        assert answer.status_code in (303, 404), path
        assert "import" not in answer.text


async def test_a_mistake_of_ours_shows_a_number_and_hides_the_rest(site: Site, monkeypatch) -> None:
    """The reader gets what to quote; what went wrong stands in the log only."""

    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret detail")

    await site.sign_in_as("owner")
    monkeypatch.setattr("unisono.customers.timeline.readers.reader_status", broken)
    answer = await site.get("/console/health")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in text_of(answer.text)
    assert re.search(r"<code>[0-9a-f]{8}</code>", answer.text)
    assert "secret detail" not in answer.text


async def test_a_clerk_meets_only_people_of_the_own_stores(site: Site) -> None:
    """In search, palette, page, notes and raw data alike; others do not exist for him."""
    await site.send(identify("brera-1", name="Mario Brera"), track("brera-1", "Store Visited"), store="brera")
    await site.send(identify("duomo-1", name="Mario Duomo"), track("duomo-1", "Store Visited"), store="duomo")
    await site.send(identify("web-1", name="Mario Web"), track("web-1", "Product Viewed"))
    await site.sign_in_as("clerk", "brera")
    mine, other = await site.person("user_id", "brera-1"), await site.person("user_id", "duomo-1")
    for path in ("/console/people?q=mario", "/console/palette?q=mario", "/console/search?q=mario"):
        found = text_of((await site.get(path)).text)
        assert "Mario Brera" in found, path
        assert "Mario Duomo" not in found, path
        assert "Mario Web" not in found, path
    assert (await site.get(f"/console/people/{mine}")).status_code == 200
    for person in (other, await site.person("user_id", "web-1")):
        assert (await site.get(f"/console/people/{person}")).status_code == 404
        assert (await site.post(f"/console/people/{person}/notes", {"text": "hello"})).status_code == 404
    assert (await site.post(f"/console/people/{mine}/notes", {"text": "hello"})).status_code == 303


async def test_a_clerk_recognises_contacts_without_reading_them(site: Site) -> None:
    await site.send(
        identify("brera-1", name="Mario Brera", email="mario.brera@example.it", phone="+393331234567"), store="brera"
    )
    person = await site.person("user_id", "brera-1")
    for role, stores, seen in (("clerk", ["brera"], False), ("analyst", [], False), ("agent", [], True)):
        await site.sign_in_as(role, *stores)
        for path in (f"/console/people/{person}", "/console/people?q=mario", "/console/palette?q=mario"):
            page = (await site.get(path)).text
            assert "Mario Brera" in page
            if not seen:
                assert "mario.brera@" not in page, (role, path)
                assert "1234567" not in page, (role, path)
        if seen:
            assert "mario.brera@example.it" in (await site.get(f"/console/people/{person}")).text


async def test_a_disabled_account_is_out_at_its_next_click(site: Site) -> None:
    email = await site.sign_in_as("agent")
    assert (await site.get("/console/people")).status_code == 200
    await site.pool.execute("update account set disabled_at = $1 where email = $2", datetime.now(UTC), email)
    assert (await site.get("/console/people")).status_code == 303


async def test_links_never_lead_out_of_the_console(site: Site) -> None:
    """``next`` is followed inside the console only."""
    await site.sign_in_as("owner")
    for wrong in ("https://evil.example/", "//evil.example", "/console//evil.example", "/v1/track", "/console/\\evil"):
        answer = await site.post("/console/preferences", {"theme": "dark", "next": wrong})
        assert answer.headers["location"] == "/console/people", wrong
    answer = await site.post("/console/preferences", {"theme": "dark", "next": "/console/people?q=a"})
    assert answer.headers["location"] == "/console/people?q=a"
    assert BASE not in answer.headers["location"]
