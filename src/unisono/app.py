"""The web application: every room's routes, one pool, one committer, one live feed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import structlog
from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.types import ControllerRouterHandler, Scope

from unisono import __version__, personal
from unisono.access import api as access_api
from unisono.access.keys import KeyRing
from unisono.commerce import app_part as commerce
from unisono.commerce.channel.across import AcrossSites
from unisono.console import app_part as console
from unisono.customers import app_part as customers
from unisono.customers.collect import api as collect_api
from unisono.customers.collect import failed_api
from unisono.customers.collect.api import cors_headers
from unisono.customers.collect.committer import Committer
from unisono.customers.collect.model import Limits
from unisono.customers.identity import api as identity_api
from unisono.customers.profiles import api as profiles_api
from unisono.customers.timeline import api as timeline_api
from unisono.customers.timeline.feed import Feed
from unisono.engagement import app_part as engagement
from unisono.kit.database import Pool, connection, open_pool
from unisono.kit.errors import BadRequest, UnisonoError
from unisono.kit.metrics import Metrics, RequestTimer
from unisono.kit.nesting import ShallowBodies
from unisono.kit.secret import Secret
from unisono.kit.settings import Settings
from unisono.kit.web import ClosedShapes, TuplesOfAnyLength
from unisono.metrics import metrics

log = structlog.get_logger("unisono.app")

PROBLEM = "application/problem+json"


def problem_response(request: Request[Any, Any, Any], error: UnisonoError) -> Response[dict[str, Any]]:
    """An error of ours as problem+json."""
    headers = cors_headers(request)
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    if error.status == 401:
        headers["www-authenticate"] = 'Bearer realm="unisono"'
    return Response(error.problem(request.scope["path"]), status_code=error.status, media_type=PROBLEM, headers=headers)


def http_problem(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    """The framework's own refusals in the same shape."""
    extra = {"errors": error.extra} if error.extra else {}
    body = {
        "type": f"urn:unisono:error:http_{error.status_code}",
        "title": error.detail.split("\n")[0][:200] or "The request was refused",
        "status": error.status_code,
        "detail": error.detail,
        "code": "validation" if error.status_code == 400 else f"http_{error.status_code}",
        "instance": request.scope["path"],
        **extra,
    }
    return Response(body, status_code=error.status_code, media_type=PROBLEM, headers=cors_headers(request))


def unstorable(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """A value no database can hold (NUL, a lone surrogate, a number beyond its type) is the caller's mistake."""
    log.info("web.unstorable", path=request.scope["path"], error=type(error).__name__)
    return problem_response(request, BadRequest("A value cannot be stored.", code="unstorable_value"))


def too_deep(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """JSON nested some thousand levels deep is nobody's data."""
    log.info("web.too_deep", path=request.scope["path"], error=type(error).__name__)
    return problem_response(request, BadRequest("The JSON is nested too deeply.", code="too_deep"))


async def log_unexpected(error: Exception, scope: Scope) -> None:
    """Errors nobody planned for are logged with where they happened; the caller gets a 500."""
    if not isinstance(error, UnisonoError | HTTPException | asyncpg.DataError | UnicodeEncodeError | RecursionError):
        log.error("web.unexpected", path=scope.get("path"), exc_info=error)


@get("/health", media_type=MediaType.JSON, tags=["Operations"], summary="Whether it works")
async def health(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Whether this process can serve: 200 with the database there, 503 without."""
    pool: Pool = request.app.state.pool
    try:
        async with asyncio.timeout(3), connection(pool) as conn:
            await conn.fetchval("select 1")
    except (TimeoutError, UnisonoError) as error:
        log.warning("health.database_away", error=str(error))
        return Response({"status": "database away", "version": __version__}, status_code=503)
    return Response({"status": "ok", "version": __version__})


HANDLERS: list[ControllerRouterHandler] = [
    *collect_api.routes,
    *timeline_api.routes,
    *profiles_api.routes,
    *identity_api.routes,
    *access_api.routes,
    *customers.routes,
    *commerce.routes,
    *engagement.routes,
    *personal.routes,
    *failed_api.routes,
    *console.routes,
    health,
    metrics,
]
"""Every route there is."""

COLLECTOR = ["/v1", "/beacon", "/pixel"]

SHALLOW = ShallowBodies(exclude=[*COLLECTOR, "/hooks"])
"""The collector judges each item by itself: one that is too deep does not spoil its batch. What providers tell is read
once it is known to come from them."""

UNCOMPRESSED = [
    *COLLECTOR,
    "/api/stream",
    "/api/changes/stream",
    "/channel/stream",
    "/console/live/stream",
    "/api/privacy/requests/[0-9]+/archive",
]
"""Answers of a few bytes, streams (gzip would gather what must leave at once), and what is a zip already."""

EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    UnisonoError: problem_response,
    HTTPException: http_problem,
    asyncpg.DataError: unstorable,
    UnicodeEncodeError: unstorable,
    RecursionError: too_deep,
}


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """What lives as long as the application: the pool, the keys it knows, the committer, the live feed."""
    settings: Settings = app.state.settings
    secret = Secret.of(settings)
    pool = await open_pool(app.state.dsn, settings.pool_size)
    committer = Committer(
        pool,
        country=settings.country,
        queue_events=settings.queue_events,
        commit_events=settings.commit_events,
        secret=secret,
    )
    app.state.pool = pool
    app.state.secret = secret
    app.state.key_ring = KeyRing(pool)
    app.state.committer = committer
    app.state.feed = Feed(pool)
    await committer.start()
    await app.state.feed.start()
    try:
        yield
    finally:
        await app.state.feed.stop()
        await committer.stop()
        await pool.close()


def _openapi() -> OpenAPIConfig:
    """How the API describes itself: each route by its own sentences."""
    return OpenAPIConfig(
        title="Unisono",
        version=__version__,
        path="/api",
        openapi_router=None,
        render_plugins=[SwaggerRenderPlugin()],
        use_handler_docstrings=True,
    )


def create_app(settings: Settings, dsn: str) -> Litestar:
    """The application on a migrated database at ``dsn``."""
    app = Litestar(
        # All in one go: one by one, each is compared with all before it (measured 0.57 s, so 0.44).
        [Router("/", route_handlers=HANDLERS)],
        lifespan=[lifespan],
        middleware=[RequestTimer, AcrossSites, collect_api.Preflight, collect_api.Direct, SHALLOW],
        after_exception=[log_unexpected],
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=_openapi(),
        plugins=[TuplesOfAnyLength(), ClosedShapes()],
        compression_config=CompressionConfig(backend="gzip", exclude=UNCOMPRESSED),
        request_max_body_size=None,
        logging_config=None,
    )
    install(app, settings, dsn)
    return app


def install(app: Litestar, settings: Settings, dsn: str) -> None:
    """Put the application on another installation, with a state of its own; not while it is alive."""
    app.state = State(
        {
            "settings": settings,
            "dsn": dsn,
            "metrics": Metrics(),
            "limits": Limits(
                max_event_bytes=settings.max_event_bytes,
                max_batch_bytes=settings.max_batch_bytes,
                max_batch_events=settings.max_batch_events,
                max_skew=settings.max_skew,
            ),
        }
    )
