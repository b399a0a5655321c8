"""Subscribing to notifications, from a page with its public key or for a customer who is signed in."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, post
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from unisono.access.guards import identify, now_of, open_to_all
from unisono.access.keys import KeyRing
from unisono.commerce.channel.sessions import read_identifiers, recognise
from unisono.commerce.channel.speaking import speaker_of
from unisono.customers.web import unit
from unisono.engagement.channels import accounts
from unisono.engagement.channels.adapters.fcm import Fcm
from unisono.engagement.channels.adapters.web_push import WebPush, check_keys, public_key
from unisono.engagement.channels.model import AddressInvalid
from unisono.engagement.channels.push import service
from unisono.kit.database import connection
from unisono.kit.errors import BadRequest, Forbidden, NotFound, Unauthenticated
from unisono.kit.http import MAX_URL, url_problem
from unisono.kit.web import PROBLEMS

AnyRequest = Request[Any, Any, Any]

TAGS = ["Channels"]
ANY_KEY = [open_to_all("any key of ours may: the handler looks whose", by_header=True)]

Anonymous = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class PublicKey(msgspec.Struct, frozen=True):
    """What a page passes to ``pushManager.subscribe`` as ``applicationServerKey``."""

    public_key: str


class SubscriptionKeys(msgspec.Struct, frozen=True):
    """A browser's keys, base64url."""

    p256dh: Annotated[str, msgspec.Meta(max_length=200)]
    auth: Annotated[str, msgspec.Meta(max_length=100)]


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """What ``PushSubscription.toJSON()`` gives; with a public key also the visitor's ``anonymous_id``."""

    endpoint: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_URL)]
    keys: SubscriptionKeys
    anonymous_id: Anonymous | None = None


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A phone's registration token; with a public key also the app's ``anonymous_id``."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    platform: Literal["android", "ios", "other"] = "other"
    anonymous_id: Anonymous | None = None


class Ended(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The endpoint or token that takes no more notifications."""

    endpoint: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class Registered(msgspec.Struct, frozen=True):
    """It takes notifications."""

    id: int


class Gone(msgspec.Struct, frozen=True):
    """Whether it took notifications before."""

    ended: bool


@get("/channel/push/key", guards=ANY_KEY, tags=TAGS, responses=PROBLEMS, summary="The key pages subscribe with")
async def read_key(request: AnyRequest) -> PublicKey:
    """The public key of the account that sends web push; everybody may know it."""
    async with connection(request.app.state.pool) as conn:
        account = await accounts.account_for(conn, request.app.state.secret, "web_push")
    if account is None:
        raise NotFound("Web push is not set up.", code="web_push_off", hint="Make a channel account of kind web_push.")
    return PublicKey(public_key(account.secret("vapid_private_key")))


async def _node(request: AnyRequest, anonymous_id: str | None) -> int:
    """The identifier notifications are for. Raises Unauthenticated, Forbidden (``sign_in_needed``), BadRequest."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    ring: KeyRing = request.app.state.key_ring
    sender = await ring.sender(key.strip()) if scheme.lower() == "bearer" else None
    if sender is not None and sender.key_kind == "write":
        return await _visitor(request, anonymous_id)
    principal = await identify(request)
    if principal is None:
        raise Unauthenticated("A key or a customer's token is needed.", hint="Authorization: Bearer wk_… or ct_…")
    if not principal.may("channel:use"):
        raise Forbidden("This key may not speak for customers.", code="permission_missing", missing=["channel:use"])
    node = (await speaker_of(request, needs_customer=True)).node_id
    assert node is not None
    return node


async def _visitor(request: AnyRequest, anonymous_id: str | None) -> int:
    """A visitor a page alone names: he may subscribe while he is nobody in particular, since what is sent to somebody
    must not reach a browser that only says so."""
    if anonymous_id is None:
        raise BadRequest("Name the visitor: anonymous_id.", code="customer_missing")
    ring: KeyRing = request.app.state.key_ring
    sender = await ring.sender(request.headers.get("authorization", "").partition(" ")[2].strip())
    if sender is None:
        raise Unauthenticated
    keys = read_identifiers(await request.app.state.committer.rulebook(), {"anonymous_id": anonymous_id})
    customer = await recognise(request, sender, keys, now=now_of(request))
    if customer.known:
        raise Forbidden(
            "This device belongs to somebody who is known: a page alone cannot speak for him.",
            code="sign_in_needed",
            hint="Use a customer's token, from POST /channel/sessions with your server's key.",
        )
    return customer.node_id


@post("/channel/push", guards=ANY_KEY, tags=TAGS, responses=PROBLEMS, status_code=201, summary="Subscribe a browser")
async def subscribe(request: AnyRequest, data: JSONBody[Subscription]) -> Registered:
    """The browser takes notifications for this customer; sent again, for another, it changes hands."""
    problem = url_problem(data.endpoint, private=request.app.state.settings.provider_private_addresses)
    if problem is not None:
        raise AddressInvalid(f"The endpoint cannot be called: {problem}")
    endpoint = WebPush().validate_address(data.endpoint)
    keys = check_keys({"p256dh": data.keys.p256dh, "auth": data.keys.auth})
    node = await _node(request, data.anonymous_id)
    async with unit(request.app.state.pool) as conn:
        return Registered(
            await service.register(
                conn, node_id=node, channel="web_push", endpoint=endpoint, keys=keys, now=now_of(request)
            )
        )


@post("/channel/devices", guards=ANY_KEY, tags=TAGS, responses=PROBLEMS, status_code=201, summary="Register a phone")
async def register_device(request: AnyRequest, data: JSONBody[Device]) -> Registered:
    """The app's registration token (FCM) of this customer; the app sends it at each start, since tokens change."""
    token = Fcm().validate_address(data.token)
    node = await _node(request, data.anonymous_id)
    async with unit(request.app.state.pool) as conn:
        return Registered(
            await service.register(
                conn, node_id=node, channel="app_push", endpoint=token, platform=data.platform, now=now_of(request)
            )
        )


@post(
    "/channel/push/end",
    guards=[open_to_all("who knows a browser's endpoint or a phone's token holds it", by_header=True)],
    tags=TAGS,
    responses=PROBLEMS,
    status_code=200,
    summary="Take no more notifications",
)
async def end(request: AnyRequest, data: JSONBody[Ended]) -> Gone:
    """A browser was unsubscribed, or somebody signed out on a phone. Nobody else knows its endpoint or token."""
    async with unit(request.app.state.pool) as conn:
        return Gone(bool(await service.mark_gone(conn, [data.endpoint.strip()], now=now_of(request))))


routes: list[ControllerRouterHandler] = [read_key, subscribe, register_device, end]
"""What pages and apps call."""
