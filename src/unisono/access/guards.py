"""Who asks, and whether they may: guards for any Litestar route.

::

    @get("/v1/people/{person_id:int}", guards=[requires("people:read")])
    async def read_person(request: Request, person_id: int) -> ...:
        principal = caller(request)

A caller is an account (the console's session cookie), or by ``Authorization: Bearer`` a secret key, a till's key or a
customer's token. Guards want
``app.state``: ``pool``, ``key_ring`` (`unisono.access.keys.KeyRing`), and ``clock`` where time is not the system's.
A request that changes something and comes with a cookie must carry the session's CSRF token: header
``X-CSRFToken``, or the form field ``_csrf_token``.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import Any, Final, Literal, Protocol, cast
from urllib.parse import urlsplit

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from unisono.access import customer_tokens
from unisono.access.accounts import Account
from unisono.access.keys import KeyRing
from unisono.access.roles import (
    CUSTOMER_PERMISSIONS,
    MACHINE_PERMISSIONS,
    PERMISSIONS,
    TILL_PERMISSIONS,
    Role,
    of_scopes,
    permissions_of,
    stores_of,
)
from unisono.access.sessions import COOKIE, Session, check_csrf, find_session
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import connection
from unisono.kit.errors import Forbidden, Unauthenticated

Asking = ASGIConnection[Any, Any, Any, Any]

CSRF_HEADER: Final = "x-csrftoken"
CSRF_FIELD: Final = "_csrf_token"

_KNOWN: Final = "unisono.principal"

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request, and what they may do."""

    kind: Literal["account", "key", "till", "customer"]
    id: int
    """Of the account or the key; a customer's: the node the token stands for."""
    actor: str
    """How the audit names them: an e-mail address, ``key:<id>``, ``till:<store>/<till>`` or ``customer:<node>``."""
    name: str
    permissions: frozenset[str]
    stores: frozenset[str] | None = None
    """Only people with an event in one of these stores; None for everyone, empty for nobody."""
    role: Role | None = None
    session: Session | None = None
    source_id: int | None = None
    """The source events of theirs come from; None for accounts."""
    channel: str | None = None
    """The channel a customer's token or a till's key speaks for."""
    store_id: str | None = None
    """The store of a till, or that a token was made for."""
    expires_at: datetime | None = None
    """When a customer's token ends."""
    proven: bool = True
    """False for a customer only a browser has named: such a one must be nobody in particular."""

    def may(self, permission: str) -> bool:
        """Whether they have a permission."""
        return permission in self.permissions

    @property
    def account(self) -> Account | None:
        """The account, when it is one."""
        return self.session.account if self.session else None


def now_of(asking: Asking) -> datetime:
    """The present instant, as the application's clock has it."""
    clock: Clock = asking.app.state.get("clock", system_clock)
    return clock()


def of_session(session: Session) -> Principal:
    """The principal an open session stands for."""
    account = session.account
    return Principal(
        kind="account",
        id=account.id,
        actor=account.email,
        name=account.name,
        permissions=permissions_of(account.role),
        stores=stores_of(account.role, account.store_ids),
        role=account.role,
        session=session,
    )


async def _by_key(asking: Asking, authorization: str) -> Principal:
    scheme, _, key = authorization.partition(" ")
    key = key.strip()
    if scheme.lower() == "bearer" and key.startswith(customer_tokens.PREFIX):
        return await _by_token(asking, key)
    ring: KeyRing = asking.app.state.key_ring
    sender = await ring.sender(key) if scheme.lower() == "bearer" else None
    if sender is not None and sender.key_kind == "till":
        return Principal(
            kind="till",
            id=sender.key_id,
            actor=f"till:{sender.store_id}/{sender.till_id}",
            name=sender.source_name,
            permissions=TILL_PERMISSIONS,
            stores=None,
            source_id=sender.source_id,
            channel="store",
            store_id=sender.store_id,
        )
    if sender is None or sender.key_kind != "secret":
        raise Unauthenticated(
            "This needs a secret key.",
            code="key_unknown",
            hint="Send 'Authorization: Bearer sk_...' with a key from Sources and keys.",
        )
    return Principal(
        kind="key",
        id=sender.key_id,
        actor=f"key:{sender.key_id}",
        name=sender.source_name,
        permissions=of_scopes(sender.scopes),
        source_id=sender.source_id,
    )


async def _by_token(asking: Asking, token: str) -> Principal:
    async with connection(asking.app.state.pool) as conn:
        found = await customer_tokens.find(conn, token, now=now_of(asking))
    if found is None:
        raise Unauthenticated(
            "The customer token is unknown or has ended.",
            code="token_ended",
            hint="Ask POST /channel/sessions for another.",
        )
    return Principal(
        kind="customer",
        id=found.node_id,
        actor=f"customer:{found.node_id}",
        name="",
        permissions=CUSTOMER_PERMISSIONS,
        stores=frozenset(),
        source_id=found.source_id,
        channel=found.channel,
        store_id=found.store_id,
        proven=found.proven,
        expires_at=found.expires_at,
    )


async def _by_cookie(asking: Asking, token: str) -> Principal | None:
    async with connection(asking.app.state.pool) as conn:
        session = await find_session(conn, token, now=now_of(asking))
    return of_session(session) if session else None


async def identify(asking: Asking) -> Principal | None:
    """Who makes this request; None when they do not say. Looked up once a request.

    A key that is given counts alone: a wrong one raises Unauthenticated even beside a good cookie.
    """
    known = asking.scope.get(_KNOWN, ...)
    if known is not ...:
        return cast("Principal | None", known)
    authorization = asking.headers.get("authorization")
    token = asking.cookies.get(COOKIE)
    principal: Principal | None = None
    if authorization:
        principal = await _by_key(asking, authorization)
    elif token:
        principal = await _by_cookie(asking, token)
    cast("dict[str, Any]", asking.scope)[_KNOWN] = principal
    return principal


async def _check_csrf(asking: Asking, session: Session) -> None:
    given = asking.headers.get(CSRF_HEADER)
    kind = asking.headers.get("content-type", "")
    if given is None and isinstance(asking, Request) and "form" in kind:
        field = (await asking.form()).get(CSRF_FIELD)
        given = field if isinstance(field, str) else None
    check_csrf(session, given)


def _check_origin(asking: Asking) -> None:
    """Refuse a form sent from another site to a page that has no session, hence no token, yet."""
    site = asking.headers.get("sec-fetch-site")
    origin = asking.headers.get("origin")
    host = asking.headers.get("host")
    foreign = site not in ("same-origin", "none") if site else origin is not None and urlsplit(origin).netloc != host
    if foreign:
        raise Forbidden("The form was sent from another site.", code="csrf", hint="Open the page again and retry.")


async def _admit(asking: Asking, permissions: frozenset[str]) -> None:
    principal = await identify(asking)
    if principal is None:
        raise Unauthenticated("Sign in, or send a secret key.", hint="Authorization: Bearer sk_...")
    if principal.session is not None and asking.scope.get("method", "GET") not in SAFE_METHODS:
        await _check_csrf(asking, principal.session)
    missing = permissions - principal.permissions
    if missing:
        raise Forbidden(
            f"This needs the permission {', '.join(sorted(missing))}.",
            code="permission_missing",
            missing=sorted(missing),
        )


class Guard(Protocol):
    """A Litestar guard that tells which permissions it asks for."""

    permissions: frozenset[str] | None
    """None: everyone may come in."""

    def __call__(self, asking: Asking, handler: BaseRouteHandler, /) -> Awaitable[None]: ...


def requires(*permissions: str) -> Guard:
    """A guard that lets through who has all these permissions; none named: whoever is signed in.

    The guard raises Unauthenticated, and Forbidden (``permission_missing``, or ``csrf`` for a cookie without token).
    """
    unknown = set(permissions) - PERMISSIONS - MACHINE_PERMISSIONS
    if unknown:
        raise ValueError(f"there is no permission {', '.join(sorted(unknown))}")
    wanted = frozenset(permissions)

    async def guard(asking: Asking, _: BaseRouteHandler) -> None:
        await _admit(asking, wanted)

    named = cast("Guard", guard)
    named.permissions = wanted
    return named


def open_to_all(reason: str, *, by_header: bool = False) -> Guard:
    """A guard for the few routes that need no account; ``reason`` says why. Forms from other sites are refused.

    ``by_header``: the handler looks at a key in a header, which no foreign form can send, so any site may call it.
    """
    if not reason:
        raise ValueError("say why everyone may come in")

    async def guard(asking: Asking, _: BaseRouteHandler) -> None:
        if not by_header and asking.scope.get("method", "GET") not in SAFE_METHODS:
            _check_origin(asking)

    named = cast("Guard", guard)
    named.permissions = None
    return named


def known_caller(asking: Asking) -> Principal | None:
    """Who makes the request, as far as a guard found out before."""
    return cast("Principal | None", asking.scope.get(_KNOWN))


def caller(asking: Asking) -> Principal:
    """Who makes the request, in a handler behind `requires`. Raises Unauthenticated elsewhere."""
    principal = known_caller(asking)
    if principal is None:
        raise Unauthenticated
    return principal
