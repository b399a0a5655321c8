"""The sample shop as an application of its own."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from litestar import Litestar, Response, Router, get, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.types import Scope

from unisono.demo.shop import basket, browsing, buying, counter, live, till
from unisono.demo.shop.engine import Engine, Refused
from unisono.demo.shop.keys import ShopKeys
from unisono.demo.shop.pages import PEOPLE, engine_of, form_of, go
from unisono.demo.shop.rendering import STATIC, asset, render
from unisono.demo.shop.security import Guarded
from unisono.demo.shop.visitors import (
    LANGUAGE,
    AnyRequest,
    Visitor,
    cookie_name,
    language_of,
    remembered,
    visitor_of,
)
from unisono.demo.shop.words import in_words, say

log = structlog.get_logger("unisono.shop")

PAPERS = ("tokens.css", "document.css")


def create_shop(engine_address: str, keys: ShopKeys, *, zone: str, public_url: str | None = None) -> Litestar:
    """The shop in front of the engine at ``engine_address``; ``public_url`` is where browsers reach the engine's
    console, ``zone`` the time zone of what has no store."""

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        app.state.engine = Engine(engine_address, keys)
        await introduce(app.state.engine)
        try:
            yield
        finally:
            await app.state.engine.close()

    front = [*browsing.handlers(), *basket.handlers(), *buying.handlers(), *live.handlers()]
    app = Litestar(
        [
            side_by_side,
            sign_in_everywhere,
            speak,
            static_file,
            paper_style,
            Router("/web", route_handlers=front),
            Router("/app", route_handlers=front),
            Router("/till", route_handlers=[*till.handlers(), *counter.handlers(), *live.handlers()]),
        ],
        lifespan=[lifespan],
        middleware=[Guarded],
        exception_handlers={Refused: said_no, HTTPException: not_here},
        openapi_config=None,
        after_exception=[log_unexpected],
        logging_config=None,
    )
    app.state.zone = zone
    app.state.public_url = public_url or engine_address
    return app


async def log_unexpected(error: Exception, scope: Scope) -> None:
    """What nobody planned for is logged with where it happened."""
    if not isinstance(error, Refused | HTTPException):
        log.error("shop.unexpected", path=scope.get("path"), exc_info=error)


async def introduce(engine: Engine) -> None:
    """Tell the engine who the people of the sample are, as a shop's server does at sign-up. Raises Refused."""
    batch = []
    for person in PEOPLE:
        user = person.customer.partition(":")[2]
        traits = {"name": person.name, "email": person.email}
        card = {"id": person.card, "type": "loyalty_card", "collection": "users", "encoding": "none"}
        batch.append(
            {
                "type": "identify",
                "messageId": f"sample-shop:{user}",
                "userId": user,
                "traits": traits,
                "context": {"externalIds": [card]},
            }
        )
    visitor = Visitor(front="web", channel="web", language="en")
    await engine.call("POST", "/v1/batch", visitor, {"batch": batch})


@get("/", include_in_schema=False)
async def side_by_side(request: AnyRequest) -> Response[str]:
    """Web shop, app and till beside each other, and what the engine says as it happens."""
    language = language_of(request)
    context = {
        "engine_url": request.app.state.public_url,
        "people": PEOPLE,
        "customer": visitor_of(request).customer,
        "person": await _person(request),
        "store_id": engine_of(request).keys.store_id,
    }
    return Response(
        render("side.html", language=language, zone=request.app.state.zone, context=context), media_type="text/html"
    )


async def _person(request: AnyRequest) -> int | None:
    """The customer's number in the console, when somebody is signed in on the web."""
    visitor = visitor_of(request)
    if not visitor.customer:
        return None
    try:
        found = await engine_of(request).get("/channel/customer", visitor)
    except Refused as refused:
        if refused.status in (400, 404):
            return None
        raise
    return int(found["person_id"])


@post("/everywhere", include_in_schema=False)
async def sign_in_everywhere(request: AnyRequest) -> Response[None]:
    """One customer on the web, in the app and at the till; or nobody anywhere."""
    chosen = (await form_of(request)).get("customer", "")
    customer = chosen if any(chosen == person.customer for person in PEOPLE) else None
    fronts = ("web", "app", "till")
    cookies = [remembered(cookie_name(front, "customer"), customer) for front in fronts]
    cookies.append(remembered(cookie_name("till", "cart"), None))
    if customer is None:
        # Nobody again, on devices nobody knows.
        cookies += [remembered(cookie_name(front, "device"), None) for front in ("web", "app")]
    return go(request, "/", cookies=cookies)


@post("/language", include_in_schema=False)
async def speak(request: AnyRequest) -> Response[None]:
    """English or Italian from now on."""
    form = await form_of(request)
    chosen = form.get("language", "en")
    back = form.get("back", "/")
    back = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
    return go(request, back, cookies=[remembered(LANGUAGE, chosen if chosen in ("en", "it") else "en")])


@get("/static/{name:str}", include_in_schema=False)
async def static_file(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """Style sheets, the script, the picture in the tab."""
    path = STATIC / name
    if path.parent != STATIC or not path.is_file():
        return Response(b"", status_code=404)
    by_digest = f"/static/{name}?{request.scope['query_string'].decode('latin-1')}" == asset(name)
    kind = "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(name)[0] or "application/octet-stream"
    kept = "public, max-age=31536000, immutable" if by_digest else "public, max-age=300"
    return Response(path.read_bytes(), media_type=kind, headers={"cache-control": kept})


@get("/documents/{name:str}", include_in_schema=False)
async def paper_style(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """The style sheets of the engine's documents."""
    if name not in PAPERS:
        return Response(b"", status_code=404)
    found = await engine_of(request).paper(f"/documents/{name}", visitor_of(request))
    return Response(found.content, media_type="text/css", headers={"cache-control": "public, max-age=3600"})


def said_no(request: AnyRequest, error: Refused) -> Response[str]:
    """A page for what the engine refused to show."""
    visitor = visitor_of(request)
    text = in_words(error.code, error.detail, error.hint, visitor.language)
    return _problem(request, error.status, text)


def not_here(request: AnyRequest, error: HTTPException) -> Response[str]:
    """A page for addresses that lead nowhere, and for forms that cannot be read."""
    language = language_of(request)
    missing = say("There is no such page.", language)
    return _problem(request, error.status_code, missing if error.status_code == 404 else error.detail)


def _problem(request: AnyRequest, status: int, text: str) -> Response[str]:
    visitor = visitor_of(request)
    context: dict[str, Any] = {"visitor": visitor, "front": visitor.front, "status": status, "text": text}
    shown = render("problem.html", language=visitor.language, zone=request.app.state.zone, context=context)
    return Response(shown, status_code=status if status >= 400 else 500, media_type="text/html")
