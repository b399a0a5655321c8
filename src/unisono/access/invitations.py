"""Invitations: one-time links that let somebody set a password.

The first run, an invited colleague and a forgotten password are one mechanism: a link with 256 random bits, stored
hashed, good for a day, once. Whoever makes a link copies it and hands it over; nothing is sent.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from unisono.access import accounts, audit
from unisono.access.passwords import check_password, hash_password
from unisono.access.sessions import hash_token, new_token
from unisono.kit.database import Connection, Pool, connection, transaction
from unisono.kit.errors import BadRequest, NotFound
from unisono.kit.sql import load

_sql = load("unisono.access")

Purpose = Literal["first_run", "invite", "reset"]

GOOD_FOR: Final = timedelta(hours=24)

FIRST_RUN_PATH: Final = "/console/first-run"


class Link(msgspec.Struct, frozen=True):
    """A link just made: the only moment its token can be read."""

    token: str
    purpose: Purpose
    email: str
    expires_at: datetime

    @property
    def path(self) -> str:
        """Path and query of the page that takes it."""
        return f"{FIRST_RUN_PATH}?token={self.token}"


class Invitation(msgspec.Struct, frozen=True):
    """What a link that still works opens."""

    purpose: Purpose
    account_id: int | None
    email: str
    name: str
    expires_at: datetime


class LinkOver(NotFound):
    """The link was used, replaced or is older than a day."""

    code = "invitation_over"
    title = "This link does not work any more"


async def _make(
    conn: Connection, purpose: Purpose, account_id: int | None, email: str, *, actor: str, now: datetime
) -> Link:
    link = Link(new_token(), purpose, email, now + GOOD_FOR)
    await _sql.withdraw_invitations(conn, purpose=purpose, account_id=account_id)
    await _sql.insert_invitation(
        conn,
        hash=hash_token(link.token),
        account_id=account_id,
        purpose=purpose,
        actor=actor,
        expires_at=link.expires_at,
    )
    return link


async def first_run_link(pool: Pool, *, now: datetime) -> Link | None:
    """A link that makes the owner's account; None when there are accounts. It ends the links printed before."""
    async with transaction(pool) as conn:
        await _sql.lock_accounts(conn)
        if await accounts.any_account(conn):
            return None
        return await _make(conn, "first_run", None, "", actor="system", now=now)


async def invite(
    conn: Connection,
    *,
    email: str,
    name: str,
    role: str,
    store_ids: Collection[str] = (),
    actor: str,
    now: datetime,
) -> Link:
    """Make an account and the link with which its owner sets a password. Raises as `accounts.create_account`."""
    account_id = await accounts.create_account(
        conn, email=email, name=name, role=role, store_ids=store_ids, actor=actor
    )
    return await _make(conn, "invite", account_id, accounts.clean_email(email), actor=actor, now=now)


async def reset_link(conn: Connection, account_id: int, *, actor: str, now: datetime) -> Link:
    """A link with which an account gets a new password; the old one works until it is used.

    Raises NotFound when there is no such account or it is disabled.
    """
    account = await accounts.find_account(conn, account_id)
    if account.disabled_at is not None:
        raise NotFound("The account is disabled.", code="account_not_found")
    await audit.record(conn, actor=actor, action="account.reset_link", detail={"account": account.email})
    return await _make(
        conn, "reset" if account.has_password else "invite", account_id, account.email, actor=actor, now=now
    )


async def read_invitation(conn: Connection, token: str, *, now: datetime) -> Invitation:
    """What a link opens, without using it. Raises LinkOver."""
    row = await _sql.find_invitation(conn, hash=hash_token(token), now=now)
    if row is None or (row["purpose"] == "first_run" and await accounts.any_account(conn)):
        raise LinkOver(hint="Ask whoever gave it to you for a new one.")
    return Invitation(row["purpose"], row["account_id"], row["email"] or "", row["name"] or "", row["expires_at"])


async def accept(
    pool: Pool, token: str, *, password: str, now: datetime, name: str = "", email: str = "", company: str = ""
) -> int:
    """Use a link: set the password, and on the first run make the owner's account with ``name`` and ``email``.

    Returns the account's id. Raises LinkOver, WeakPassword, and BadRequest for a bad name or address; then the link
    still works.
    """
    async with connection(pool) as conn:
        invitation = await read_invitation(conn, token, now=now)
    first = invitation.purpose == "first_run"
    if first:
        email = accounts.clean_email(email)
        if not name.strip():
            raise BadRequest("Whose account is it? Give a name.", code="name_missing")
    known = (name, email, company) if first else (invitation.name, invitation.email)
    check_password(password, about=known)
    password_hash = await hash_password(password)
    async with transaction(pool) as conn:
        await _sql.lock_accounts(conn)
        row = await _sql.use_invitation(conn, hash=hash_token(token), now=now)
        if row is None or (first and await accounts.any_account(conn)):
            raise LinkOver
        account_id = row["account_id"]
        if first:
            account_id = await accounts.create_account(conn, email=email, name=name, role="owner", actor=email)
            await accounts.set_company(conn, company)
        await accounts.set_password(conn, account_id, password_hash)
        account = await accounts.find_account(conn, account_id)
        await _sql.forget_attempts(conn, scope="account", key=account.email)
        await audit.record(
            conn,
            actor=account.email,
            action=f"account.{'password_set' if not first else 'first_run'}",
            detail={"account": account.email},
        )
    return int(account_id)
