"""Accounts: the people who work with Unisono, and how they prove who they are."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from email_validator import EmailNotValidError, validate_email

from unisono.access import audit
from unisono.access.passwords import hash_password, outdated, verify_password
from unisono.access.roles import ROLES, Role
from unisono.kit.database import Connection, Pool, connection, transaction
from unisono.kit.errors import BadRequest, Busy, Conflict, NotFound, Unauthenticated
from unisono.kit.sql import load

_sql = load("unisono.access")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may sign in."""

    id: int
    email: str
    name: str
    role: Role
    store_ids: tuple[str, ...] = ()
    locale: str | None = None
    theme: str | None = None
    density: str | None = None
    created_at: datetime
    last_seen_at: datetime | None = None
    disabled_at: datetime | None = None
    has_password: bool = True
    """False while the invitation waits."""


def _account(row: Any) -> Account:
    return Account(**{**dict(row), "store_ids": tuple(row["store_ids"])})


def clean_email(address: str) -> str:
    """The address in its one spelling, lower case. Raises BadRequest."""
    try:
        return validate_email(address.strip(), check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError as error:
        raise BadRequest("This is not an e-mail address.", code="email_invalid") from error


def _check_role(role: str, store_ids: Collection[str]) -> None:
    if role not in ROLES:
        raise BadRequest(f"There is no role {role!r}.", code="role_unknown", hint=f"Roles: {', '.join(ROLES)}")
    if role == "clerk" and not store_ids:
        raise BadRequest("A clerk belongs to at least one store.", code="clerk_without_store")


def _stores(store_ids: Collection[str]) -> list[str]:
    return sorted({store.strip() for store in store_ids} - {""})


async def any_account(conn: Connection | Pool) -> bool:
    """Whether somebody has set this installation up."""
    return bool(await _sql.any_account(conn))


async def create_account(
    conn: Connection, *, email: str, name: str, role: str, store_ids: Collection[str] = (), actor: str
) -> int:
    """Make an account without a password; an invitation lets its owner set one.

    Raises BadRequest for a bad address, an empty name, an unknown role, a clerk without store; Conflict when the
    address has an account.
    """
    stores = _stores(store_ids)
    _check_role(role, stores)
    if not name.strip():
        raise BadRequest("Whose account is it? Give a name.", code="name_missing")
    address = clean_email(email)
    account_id = await _sql.insert_account(conn, email=address, name=name.strip()[:200], role=role, store_ids=stores)
    if account_id is None:
        raise Conflict("There is an account with this e-mail address.", code="email_taken")
    await audit.record(
        conn,
        actor=actor,
        action="account.create",
        detail={"account": address, "role": role, "stores": stores},
    )
    return int(account_id)


async def find_account(conn: Connection | Pool, account_id: int) -> Account:
    """An account by its id. Raises NotFound."""
    row = await _sql.account_by_id(conn, id=account_id)
    if row is None:
        raise NotFound("There is no such account.", code="account_not_found")
    return _account(row)


async def list_accounts(conn: Connection | Pool) -> list[Account]:
    """Every account, those that are disabled last."""
    return [_account(row) for row in await _sql.accounts(conn)]


async def _keep_an_owner(conn: Connection, account_id: int) -> None:
    """Refuse to take the last owner away; two owners may try to do it to each other at once."""
    if not await _sql.owners_beside(conn, id=account_id):
        raise Conflict("The last owner cannot go.", code="last_owner", hint="Make somebody else an owner first.")


async def change_role(
    conn: Connection, account_id: int, *, role: str, store_ids: Collection[str] = (), actor: str
) -> None:
    """Give an account another role or other stores; it counts from the next request.

    Raises NotFound, BadRequest as `create_account`, Conflict for the last owner.
    """
    stores = _stores(store_ids)
    _check_role(role, stores)
    await _sql.lock_accounts(conn)
    before = await find_account(conn, account_id)
    if before.role == "owner" and role != "owner":
        await _keep_an_owner(conn, account_id)
    await _sql.set_role(conn, id=account_id, role=role, store_ids=stores)
    await audit.record(
        conn,
        actor=actor,
        action="account.role",
        detail={
            "account": before.email,
            "before": [before.role, list(before.store_ids)],
            "after": [role, stores],
        },
    )


async def disable_account(conn: Connection, account_id: int, *, actor: str) -> None:
    """Close an account and end its sessions. Raises NotFound, Conflict for the last owner."""
    await _sql.lock_accounts(conn)
    account = await find_account(conn, account_id)
    if account.role == "owner" and account.disabled_at is None:
        await _keep_an_owner(conn, account_id)
    if not await _sql.disable_account(conn, id=account_id):
        raise NotFound("There is no such account, or it is disabled already.", code="account_not_found")
    await _sql.close_sessions(conn, account_id=account_id, but=None)
    await audit.record(conn, actor=actor, action="account.disable", detail={"account": account.email})


async def enable_account(conn: Connection, account_id: int, *, actor: str) -> None:
    """Open a closed account again. Raises NotFound."""
    account = await find_account(conn, account_id)
    if not await _sql.enable_account(conn, id=account_id):
        raise NotFound("There is no such account, or it is not disabled.", code="account_not_found")
    await audit.record(conn, actor=actor, action="account.enable", detail={"account": account.email})


async def set_preferences(
    conn: Connection | Pool,
    account_id: int,
    *,
    locale: str | None = None,
    theme: str | None = None,
    density: str | None = None,
) -> None:
    """Remember how somebody wants to see the console; None leaves a preference as it is."""
    await _sql.set_preferences(conn, id=account_id, locale=locale, theme=theme, density=density)


async def set_password(conn: Connection, account_id: int, password_hash: str) -> None:
    """Store a new password's hash and end every session made with the old one."""
    await _sql.set_password(conn, id=account_id, password_hash=password_hash)
    await _sql.close_sessions(conn, account_id=account_id, but=None)


# Signing in ---------------------------------------------------------------------------------------


class Limit(NamedTuple):
    """How many attempts are free of waiting, and the longest wait in seconds."""

    free: int
    longest: int


LIMITS: Final = {"account": Limit(free=5, longest=15 * 60), "address": Limit(free=30, longest=60)}
"""After ``free`` failures in a row each further attempt waits twice as long as the one before. An address may stand
for a whole office or a proxy, so it is met with more patience."""

FORGOTTEN_AFTER: Final = timedelta(hours=24)
"""Failures older than this count no more."""


class SignInRefused(Unauthenticated):
    """The e-mail address or the password is wrong; which of them is not said."""

    code = "sign_in_refused"
    title = "E-mail address or password is wrong"


async def _take_attempt(pool: Pool, scope: str, key: str, now: datetime) -> None:
    """Count an attempt. Raises Busy when it comes too early."""
    limit = LIMITS[scope]
    async with connection(pool) as conn:
        counted = await _sql.take_attempt(
            conn,
            scope=scope,
            key=key,
            now=now,
            forgotten_at=now - FORGOTTEN_AFTER,
            free=limit.free,
            longest=float(limit.longest),
        )
        if counted is not None:
            return
        free_at = await _sql.free_at(conn, scope=scope, key=key)
    wait = max(1, round((free_at - now).total_seconds())) if free_at is not None else 1
    raise Busy(
        "Too many failed attempts.",
        code="sign_in_blocked",
        hint=f"Try again in {wait} seconds.",
        retry_after=wait,
    )


async def authenticate(pool: Pool, *, email: str, password: str, address: str, now: datetime) -> int:
    """The id of the account these credentials open.

    ``address`` is where the request comes from. Raises SignInRefused, and Busy with ``retry_after`` seconds while
    attempts on the account or from the address have to wait.
    """
    spelled = email.strip().lower()[:320]
    await _take_attempt(pool, "address", address[:64], now)
    await _take_attempt(pool, "account", spelled, now)
    async with connection(pool) as conn:
        row = await _sql.account_by_email(conn, email=spelled)
    stored = row["password_hash"] if row is not None and row["disabled_at"] is None else None
    if not await verify_password(stored, password) or stored is None:
        async with connection(pool) as conn:
            await audit.record(conn, actor="system", action="account.sign_in_refused", detail={"address": address[:64]})
        raise SignInRefused
    account_id = int(row["id"])
    fresh = await hash_password(password) if outdated(stored) else None
    async with transaction(pool) as conn:
        await _sql.forget_attempts(conn, scope="account", key=spelled)
        await _sql.forgive_attempt(conn, scope="address", key=address[:64])
        await _sql.sweep_attempts(conn, forgotten_at=now - FORGOTTEN_AFTER)
        if fresh is not None:
            await _sql.set_password(conn, id=account_id, password_hash=fresh)
    return account_id


# The installation ---------------------------------------------------------------------------------


async def company(conn: Connection | Pool) -> str:
    """What the company is called; empty when nobody said."""
    return str(await _sql.company(conn) or "")


async def set_company(conn: Connection | Pool, name: str) -> None:
    """Name the company."""
    await _sql.set_company(conn, company=name.strip()[:200])
