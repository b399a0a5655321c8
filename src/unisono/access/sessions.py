"""Sessions: a random cookie that stands for an account, for a while.

The cookie holds 256 random bits; the database their sha256. Each session has its own CSRF token (OWASP synchroniser
token pattern), which every request that changes something must carry beside the cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final

import msgspec
from litestar.datastructures import Cookie

from unisono.access.accounts import Account
from unisono.kit.database import Connection, Pool
from unisono.kit.errors import Forbidden
from unisono.kit.sql import load

_sql = load("unisono.access")

COOKIE: Final = "unisono_session"

ABSOLUTE: Final = timedelta(days=30)
"""A session ends then, however busy."""

IDLE: Final = timedelta(hours=8)
"""A session ends when nobody used it for so long: a working day."""

TOUCH: Final = timedelta(minutes=1)
"""How exactly use is noted: one write a minute, not one a request."""


class Session(msgspec.Struct, frozen=True):
    """An open session."""

    hash: bytes
    account: Account
    csrf: str
    created_at: datetime
    expires_at: datetime


def hash_token(token: str) -> bytes:
    """sha256 of a session's or an invitation's token, as stored: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def new_token() -> str:
    """256 random bits, fit for a link or a cookie."""
    return secrets.token_urlsafe(32)


async def open_session(conn: Connection, account_id: int, *, now: datetime, user_agent: str = "") -> str:
    """Begin a session; returns the token for the cookie. Sessions that ended are swept away."""
    token = new_token()
    await _sql.sweep_sessions(conn, now=now, idle_since=now - IDLE)
    await _sql.insert_session(
        conn,
        hash=hash_token(token),
        account_id=account_id,
        csrf=secrets.token_urlsafe(24),
        now=now,
        expires_at=now + ABSOLUTE,
        user_agent=user_agent[:400] or None,
    )
    await _sql.touch_session(conn, hash=hash_token(token), now=now)
    return token


async def find_session(conn: Connection | Pool, token: str, *, now: datetime) -> Session | None:
    """The session of a cookie; None when it is unknown, over, or its account disabled."""
    digest = hash_token(token)
    row = await _sql.find_session(conn, hash=digest, now=now, idle_since=now - IDLE)
    if row is None:
        return None
    if row["last_used_at"] < now - TOUCH:
        await _sql.touch_session(conn, hash=digest, now=now)
    account = Account(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        role=row["role"],
        store_ids=tuple(row["store_ids"]),
        locale=row["locale"],
        theme=row["theme"],
        density=row["density"],
        created_at=row["account_created_at"],
        last_seen_at=row["last_seen_at"],
    )
    return Session(digest, account, row["csrf"], row["created_at"], row["expires_at"])


async def close_session(conn: Connection | Pool, session: Session) -> None:
    """Sign out."""
    await _sql.close_session(conn, hash=session.hash)


async def close_all(conn: Connection | Pool, account_id: int, *, but: Session | None = None) -> int:
    """Sign out everywhere, except in the session ``but``; returns how many sessions ended."""
    return len(await _sql.close_sessions(conn, account_id=account_id, but=None if but is None else but.hash))


def check_csrf(session: Session, given: str | None) -> None:
    """Refuse a request that does not know the session's token. Raises Forbidden."""
    if not given or not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), session.csrf.encode()):
        raise Forbidden(
            "The form is older than your session.", code="csrf", hint="Go back, reload the page and try again."
        )


def cookie(token: str, *, secure: bool) -> Cookie:
    """The cookie of a session: not for scripts, not sent along by other sites' forms."""
    return Cookie(
        key=COOKIE,
        value=token,
        max_age=int(ABSOLUTE.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=secure,
    )


def cleared_cookie(*, secure: bool) -> Cookie:
    """Takes the cookie away."""
    return Cookie(key=COOKIE, value="", max_age=0, path="/", httponly=True, samesite="lax", secure=secure)
