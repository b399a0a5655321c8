"""The collector's routes: the Segment HTTP protocol, its browser short paths, RudderStack's dialect, pixel, beacon.

What clients of the field do wrong is answered as they expect: 200 for everything that could be read (bad items
are kept as failed events), 400 only for a body that is too large or no JSON at all, 401 for a bad key, 429 and 503
with Retry-After. A 400 would make them throw the whole batch away.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qs

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.enums import ScopeType
from litestar.params import FromPath
from litestar.types import ASGIApp, ControllerRouterHandler, HTTPScope, Receive, Scope, Send

from unisono.access.keys import KeyRing, Sender
from unisono.customers.collect.arrival import Arrival, accept
from unisono.customers.collect.browser import etag, snippet
from unisono.customers.collect.committer import Committer
from unisono.customers.collect.model import Failure, Limits
from unisono.customers.collect.reading import Reader, clean, open_envelope, unpack
from unisono.kit.errors import BadRequest, NotFound, TooLarge, Unauthenticated, UnisonoError
from unisono.kit.web import PROBLEMS

AnyRequest = Request[Any, Any, Any]
Asked = AnyRequest | Arrival

SHORT_PATHS = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias", "b": "batch"}
"""The browser library posts to the first letter of the type."""

_BATCHES = frozenset({"batch", "import"})
_OK = b'{"success":true}'
_GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_CORS_MAX_AGE = "900"
_CROSS_ORIGIN = ("/v1/", "/beacon/", "/pixel/", "/sourceConfig")

_SINGLE = [f"/v1/{kind}" for kind in ("track", "identify", "page", "screen", "group", "alias")]
_SHORT = [f"/v1/{letter}" for letter in SHORT_PATHS]
_BATCH_PATHS = ["/v1/batch", "/v1/import", "/beacon/v1/batch"]


class BodyKey(msgspec.Struct):
    """The write key where some clients put it."""

    writeKey: Any = None
    sentAt: Any = None


_key_decoder = msgspec.json.Decoder(BodyKey)
_raw_decoder = msgspec.json.Decoder(msgspec.Raw)
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_WRITE_KEY = re.compile(rb'"writeKey"\s*:\s*"([\w:*.-]{1,200})"', re.ASCII)


def cors_headers(request: Asked) -> dict[str, str]:
    """What a browser on any shop's page needs to be allowed to send and to read the answer."""
    origin = request.headers.get("origin")
    if origin is None:
        return {}
    return {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "retry-after",
        "vary": "Origin",
    }


def header_key(headers: Mapping[str, str]) -> str | None:
    """The key in the headers: Basic user, Bearer, or X-Write-Key."""
    authorization = headers.get("authorization")
    if authorization:
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "basic":
            try:
                decoded = base64.b64decode(value.strip() + "=" * (-len(value.strip()) % 4)).decode()
            except (binascii.Error, UnicodeDecodeError):
                return None
            return decoded.partition(":")[0] or None
        if scheme.lower() == "bearer":
            return value.strip() or None
    return (headers.get("x-write-key") or "").partition(":")[0] or None


async def authenticate(request: Asked, body: bytes | None = None) -> Sender:
    """Whose request this is; the header wins over the query, the query over the body.

    Raises Unauthenticated without a valid key, or for a secret key that may not send events.
    """
    ring: KeyRing = request.scope["litestar_app"].state.key_ring
    key = header_key(request.headers) or request.query_params.get("writeKey")
    if key is None and body is not None:
        key = _body_key(body)
    sender = await ring.sender(key) if key else None
    if sender is None:
        raise Unauthenticated(
            "The key is missing or not known.", code="invalid_key", hint="See Sources and keys in the console."
        )
    if "events:write" not in sender.scopes:
        raise Unauthenticated("This key may not send events.", code="scope_missing")
    return sender


def _body_key(body: bytes) -> str | None:
    """The key in the body, even when one bad item keeps the whole from being JSON."""
    try:
        given = _key_decoder.decode(body).writeKey
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        found = _WRITE_KEY.search(body)
        given = found[1].decode() if found else None
    return given.partition(":")[0] if isinstance(given, str) else None


class Taken(msgspec.Struct, frozen=True):
    """What was sent is on disk."""

    success: bool


async def _collect(request: Arrival, kind: str) -> None:
    """Take one request in: when this returns, its events are on disk."""
    received = datetime.now(UTC)
    state = request.state
    limits: Limits = state.limits
    committer: Committer = state.committer
    body = unpack(await request.body(limits), limits)
    sender = await authenticate(request, body)
    rulebook = await committer.rulebook()
    if kind in _BATCHES:
        try:
            envelope = open_envelope(body)
        except BadRequest as error:
            await _keep_unreadable(committer, body, sender, received, error)
            raise
        items = envelope.batch or []
        if len(items) > limits.max_batch_events:
            raise TooLarge(f"More than {limits.max_batch_events} events in a batch.", code="too_many_events")
        reader = Reader(sender, received, rulebook, limits, sent_at=envelope.sentAt, context=envelope.context)
        for item in items:
            reader.read(bytes(item))
    else:
        reader = Reader(sender, received, rulebook, limits)
        reader.read(body, kind)
    if reader.incoming or reader.failures:
        await committer.submit(reader.incoming, reader.failures)
    if kind not in _BATCHES and reader.failures and reader.failures[-1].code == "invalid_json":
        raise BadRequest(reader.failures[-1].detail, code="invalid_json")


async def _collected(request: AnyRequest, kind: str) -> Response[Taken]:
    """The same, where the framework has made a request of it."""
    await _collect(Arrival(request.scope, request.receive), kind)
    answer = Response(_OK, media_type=MediaType.JSON, headers=cors_headers(request), status_code=200)
    return cast("Response[Taken]", answer)


async def _keep_unreadable(
    committer: Committer, body: bytes, sender: Sender, received: datetime, error: UnisonoError
) -> None:
    await committer.submit([], [Failure(error.code, error.detail, body, received, sender.source_id)])


@post(_SINGLE, name="collect", status_code=200, tags=["Collect"], responses=PROBLEMS, summary="Send one event")
async def collect_one(request: AnyRequest) -> Response[Taken]:
    """Send one event; the path names its type. Segment HTTP protocol, JSON in any content type."""
    return await _collected(request, request.scope["path"].rpartition("/")[2])


@post(_SHORT, status_code=200, include_in_schema=False)
async def collect_short(request: AnyRequest) -> Response[Taken]:
    """The browser library's short paths."""
    return await _collected(request, SHORT_PATHS[request.scope["path"].rpartition("/")[2]])


@post(_BATCH_PATHS, status_code=200, tags=["Collect"], responses=PROBLEMS, summary="Send events")
async def collect_batch(request: AnyRequest) -> Response[Taken]:
    """Send up to 2,500 events in ``batch``. Bad items are kept as failed events; the others are written."""
    return await _collected(request, "batch")


@post("/v1/m", status_code=200, include_in_schema=False)
async def library_metrics(request: AnyRequest) -> Response[bytes]:
    """The browser library's measurements of itself: not events of customers, read and left."""
    await request.body()
    return Response(_OK, media_type=MediaType.JSON, headers=cors_headers(request), status_code=200)


_DIRECT = (
    {path: path.rpartition("/")[2] for path in _SINGLE}
    | {path: SHORT_PATHS[path.rpartition("/")[2]] for path in _SHORT}
    | dict.fromkeys(_BATCH_PATHS, "batch")
)
"""The routes everything comes in by, and what they take."""


class Direct:
    """Takes events in before the framework has made a request of them; everything else goes on.

    Measured on two cores, 64 clients: 174 us of processor time a request, 243 us through the routes below, which stay
    as the description of the API and for addresses spelled another way. Refusals are answered as the application
    answers them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        kind = None
        if scope["type"] == ScopeType.HTTP and scope["method"] == "POST":
            kind = _DIRECT.get(scope["path"])
        if kind is None:
            await self.app(scope, receive, send)
            return
        arrival = Arrival(cast("HTTPScope", scope), receive)
        try:
            await _collect(arrival, kind)
        except UnisonoError as error:
            request = AnyRequest(scope, receive, send)
            answer = scope["litestar_app"].exception_handlers[UnisonoError](request, error)
            await answer.to_asgi_response(app=None, request=request)(scope, receive, send)
        else:
            await accept(send, cors_headers(arrival))


class Preflight:
    """Answers what browsers ask before they send across origins; everything else goes on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if (
            scope["type"] != ScopeType.HTTP
            or scope["method"] != "OPTIONS"
            or not scope["path"].startswith(_CROSS_ORIGIN)
        ):
            await self.app(scope, receive, send)
            return
        request = AnyRequest(scope)
        asked = request.headers.get("access-control-request-headers", "")
        headers = cors_headers(request) | {
            "access-control-allow-methods": "GET, POST, OPTIONS",
            "access-control-allow-headers": asked or "authorization, content-type, x-retry-count",
            "access-control-max-age": _CORS_MAX_AGE,
            "content-length": "0",
        }
        await send(
            {
                "type": "http.response.start",
                "status": 204,
                "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            }
        )
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@get(
    ["/pixel/v1/{kind:str}", "/v1/pixel/{kind:str}"],
    tags=["Collect"],
    media_type="image/gif",
    responses=PROBLEMS,
    summary="Send one event by an image",
)
async def pixel(request: AnyRequest, kind: FromPath[str]) -> Response[bytes]:
    """Send one event by loading an image: the event's fields are query parameters, or base64 JSON in ``data``."""
    if kind not in ("track", "page", "screen", "identify"):
        raise NotFound(f"There is no pixel for {kind}.", code="unknown_type")
    received = datetime.now(UTC)
    sender = await authenticate(request)
    query = request.scope["query_string"].decode("latin-1")
    committer: Committer = request.app.state.committer
    reader = Reader(sender, received, await committer.rulebook(), request.app.state.limits)
    try:
        reader.read(msgspec.json.encode(_pixel_event(query)), kind)
    except (ValueError, RecursionError) as error:
        reader.fail(query.encode(), "invalid_json", f"The pixel's data cannot be read: {error}.")
    await committer.submit(reader.incoming, reader.failures)
    return Response(
        _GIF, media_type="image/gif", headers={"cache-control": "no-store, max-age=0", **cors_headers(request)}
    )


def _pixel_event(query: str) -> dict[str, Any]:
    """The fields of an event in a query string; objects may be given as JSON.

    Raises ValueError or RecursionError when ``data`` is not an event.
    """
    fields = {name: values[-1] for name, values in parse_qs(query, errors="replace").items()}
    fields.pop("writeKey", None)
    data = fields.pop("data", None)
    item: dict[str, Any] = {}
    if data:
        # A plus sign of plain base64 arrives as a space.
        spelled = data.replace(" ", "+").replace("+", "-").replace("/", "_")
        # Values stay as they came: the event is judged where all events are.
        item.update(_fields_decoder.decode(clean(base64.urlsafe_b64decode(spelled + "=" * (-len(spelled) % 4)))))
    for name, value in fields.items():
        if value[:1] in ("{", "["):
            try:
                item[name] = _raw_decoder.decode(value)
            except (msgspec.DecodeError, RecursionError):
                item[name] = value
        else:
            item[name] = value
    return item


def _host(request: AnyRequest) -> tuple[str, str]:
    """Protocol and host the client reaches us at."""
    public: str | None = request.app.state.settings.public_url
    if public:
        protocol, _, host = public.rstrip("/").partition("://")
        return protocol, host
    return request.scope["scheme"], request.headers.get("host", "localhost")


@get("/v1/projects/{key:str}/settings", tags=["Collect"], responses=PROBLEMS, summary="Settings for Segment's library")
async def segment_settings(request: AnyRequest, key: FromPath[str]) -> Response[dict[str, Any]]:
    """What Segment's browser library asks before it sends: where to send."""
    ring: KeyRing = request.app.state.key_ring
    if await ring.sender(key) is None:
        raise NotFound("There is no such key.", code="invalid_key")
    protocol, host = _host(request)
    integration = {
        "apiKey": key,
        "apiHost": f"{host}/v1",
        "protocol": protocol,
        "unbundledIntegrations": [],
        "addBundledMetadata": True,
        "maybeBundledConfigIds": {},
        "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
    }
    return Response(
        {
            "integrations": {"Segment.io": integration},
            "plan": {"track": {"__default": {"enabled": True}}},
            "edgeFunction": {},
            "analyticsNextEnabled": True,
            "metrics": {"sampleRate": 0, "host": f"{host}/v1"},
            "enabledMiddleware": {},
        },
        headers=cors_headers(request),
    )


@get("/sourceConfig", tags=["Collect"], responses=PROBLEMS, summary="Settings for RudderStack's library")
async def rudder_settings(request: AnyRequest) -> Response[dict[str, Any]]:
    """What RudderStack's browser library asks before it sends: its source and where to send."""
    sender = await authenticate(request)
    key = header_key(request.headers) or request.query_params.get("writeKey") or ""
    protocol, host = _host(request)
    updated = "2024-01-01T00:00:00Z"
    quiet = {"errors": {"enabled": False}, "metrics": {"enabled": False}}
    source: dict[str, Any] = {
        "id": str(sender.source_id),
        "name": sender.source_name,
        "writeKey": key,
        "config": {"statsCollection": quiet},
        "enabled": True,
        "workspaceId": "unisono",
        "dataplanes": {"US": [{"url": f"{protocol}://{host}", "default": True}]},
        "destinations": [],
        "connections": [],
        "updatedAt": updated,
    }
    return Response(
        {"source": source, "updatedAt": updated, "consentManagementMetadata": {}}, headers=cors_headers(request)
    )


@get("/unisono.js", tags=["Collect"], responses=PROBLEMS, media_type="text/javascript", summary="The browser snippet")
async def browser_snippet(request: AnyRequest) -> Response[bytes]:
    """Our own browser snippet."""
    headers = {"cache-control": "public, max-age=3600", "etag": etag(), "access-control-allow-origin": "*"}
    if request.headers.get("if-none-match") == etag():
        return Response(b"", status_code=304, headers=headers)
    return Response(snippet(), media_type="text/javascript", headers=headers)


routes: list[ControllerRouterHandler] = [
    collect_one,
    collect_short,
    collect_batch,
    library_metrics,
    pixel,
    segment_settings,
    rudder_settings,
    browser_snippet,
]
