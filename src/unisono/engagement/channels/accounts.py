"""Accounts with providers: how messages leave. Secrets are encrypted with the installation's key and never shown."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from unisono.engagement.channels.model import (
    Account,
    AccountInvalid,
    Secrets,
    Status,
    WarmUp,
)
from unisono.engagement.channels.registry import adapter_of
from unisono.kit.database import Connection
from unisono.kit.errors import Conflict, NotFound
from unisono.kit.money import exponent
from unisono.kit.secret import Secret, Undecryptable
from unisono.kit.sql import load

_sql = load("unisono.engagement.channels")

PURPOSE: Final = "channel_account"
"""What the key that encrypts secrets is derived for."""

HOOKS: Final = "/hooks/"

RESERVED: Final = frozenset({"kinds"})
"""Codes that are words of the API."""

FASTEST: Final = 1000.0
"""Messages a second at the most."""

LARGEST: Final = 20_000
"""Characters of all settings and of all secrets of an account."""

_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class AccountNotFound(NotFound):
    """There is no such account."""

    code = "channel_account_not_found"


class AccountExists(Conflict):
    """There is an account with this code."""

    code = "channel_account_exists"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An account as somebody wants it."""

    code: str
    kind: str
    channel: str
    name: str
    status: Status = "active"
    rank: int = 100
    settings: Mapping[str, Any] = {}
    secrets: Mapping[str, str | None] = {}
    """Those to be set; None takes one away, those not named stay."""
    per_second: float = 10.0
    warm_up: WarmUp | None = None
    cost_minor: int = 0
    currency: str | None = None


class Told(msgspec.Struct, frozen=True):
    """How many things of one kind a provider told us."""

    kind: str
    number: int
    last_at: datetime


async def accounts(
    conn: Connection,
    secret: Secret,
    *,
    channels: Collection[str] | None = None,
    ids: Collection[int] | None = None,
    base_url: str | None = None,
) -> list[Account]:
    """Accounts by channel and rank, the paused and disabled ones too. ``base_url``: where the outside reaches us."""
    rows = await _sql.accounts(
        conn,
        ids=list(ids) if ids is not None else None,
        code=None,
        channels=list(channels) if channels is not None else None,
    )
    return [_opened(row, secret, base_url) for row in rows]


async def account(conn: Connection, secret: Secret, code: str, *, base_url: str | None = None) -> Account:
    """One account by its code. Raises AccountNotFound."""
    rows = await _sql.accounts(conn, ids=None, code=code, channels=None) if _CODE.fullmatch(code) else []
    if not rows:
        raise AccountNotFound(f"There is no channel account {code[:63]!r}.")
    return _opened(rows[0], secret, base_url)


async def account_for(conn: Connection, secret: Secret, channel: str, *, base_url: str | None = None) -> Account | None:
    """The account messages of a channel leave by: the active one of the lowest rank."""
    found = await accounts(conn, secret, channels=[channel], base_url=base_url)
    return next((one for one in found if one.status == "active"), None)


async def create(
    conn: Connection, secret: Secret, draft: Draft, *, private: bool, actor: str, now: datetime
) -> Account:
    """Make an account. ``private``: it may name servers of this network. Raises AccountInvalid, AccountExists."""
    wanted = _checked(draft, adapter_of(draft.kind).new_secrets(), private=private)
    made = await _sql.insert_account(
        conn,
        code=wanted.code,
        kind=wanted.kind,
        channel=wanted.channel,
        **_written(wanted, secret),
        actor=actor,
        now=now,
    )
    if made is None:
        raise AccountExists(f"There is a channel account {wanted.code} already.")
    return await account(conn, secret, wanted.code)


async def change(
    conn: Connection,
    secret: Secret,
    code: str,
    changes: Mapping[str, Any],
    *,
    private: bool,
    now: datetime,
) -> Account:
    """Change what is named (fields of `Draft` but code, kind and channel), and give the account a fresh start.

    Raises AccountNotFound, AccountInvalid.
    """
    kept = await _sql.lock_account(conn, code=code)
    known = await account(conn, secret, code)
    draft = Draft(
        **{
            name: changes.get(name, getattr(known, name))
            for name in ("code", "kind", "channel", "name", "status", "rank", "settings")
        },
        secrets=changes.get("secrets", {}),
        **{
            name: changes.get(name, getattr(known, name))
            for name in ("per_second", "warm_up", "cost_minor", "currency")
        },
    )
    wanted = _checked(draft, known.secrets, private=private)
    columns = _written(wanted, secret)
    if known.sealed and not wanted.secrets:
        # The right key may come back: what cannot be opened now is not thrown away for that.
        columns["secrets"] = kept["secrets"]
    await _sql.change_account(conn, id=known.id, **columns, now=now)
    return await account(conn, secret, code)


async def failed(conn: Connection, account_id: int, error: str, *, closed_until: datetime | None) -> None:
    """Write down a failure of the account's own fault, and until when its circuit is open if it is."""
    await _sql.failed(conn, id=account_id, error=error.replace("\x00", "")[:300], closed_until=closed_until)


async def succeeded(conn: Connection, account_id: int) -> bool:
    """The account works: its failures are forgotten. Whether there were any."""
    return bool(await _sql.succeeded(conn, id=account_id))


async def told_since(conn: Connection, account_id: int, since: datetime) -> list[Told]:
    """What its provider told us since an instant."""
    return [Told(**dict(row)) for row in await _sql.calls_since(conn, account_id=account_id, since=since)]


def hook_url(code: str, base_url: str | None) -> str | None:
    """Where the account's provider reaches us; None while the installation's public address is not set."""
    return f"{base_url.rstrip('/')}{HOOKS}{code}" if base_url else None


def _opened(row: asyncpg.Record, secret: Secret, base_url: str | None) -> Account:
    secrets = Secrets()
    sealed = False
    if row["secrets"] is not None:
        try:
            plain = secret.decrypt(PURPOSE, row["secrets"], bound_to=row["code"])
        except Undecryptable:
            # A copy of the database without its key: one account that cannot be opened must not stop the others.
            sealed = True
        else:
            secrets.update(msgspec.json.decode(plain, type=dict[str, str]))
    return Account(
        id=row["id"],
        code=row["code"],
        kind=row["kind"],
        channel=row["channel"],
        name=row["name"],
        status=row["status"],
        rank=row["rank"],
        settings=msgspec.json.decode(row["settings"]),
        secrets=secrets,
        per_second=row["per_second"],
        warm_up=msgspec.json.decode(row["warm_up"], type=WarmUp) if row["warm_up"] else None,
        cost_minor=row["cost_minor"],
        currency=row["currency"],
        failures=row["failures"],
        closed_until=row["closed_until"],
        last_error=row["last_error"],
        hook_url=hook_url(row["code"], base_url),
        sealed=sealed,
    )


def _written(wanted: Account, secret: Secret) -> dict[str, Any]:
    """The columns of an account that can change."""
    sealed = None
    if wanted.secrets:
        sealed = secret.encrypt(PURPOSE, msgspec.json.encode(dict(wanted.secrets)), bound_to=wanted.code)
    return {
        "name": wanted.name,
        "status": wanted.status,
        "rank": wanted.rank,
        "settings": msgspec.json.encode(wanted.settings).decode(),
        "secrets": sealed,
        "per_second": wanted.per_second,
        "warm_up": msgspec.json.encode(wanted.warm_up).decode() if wanted.warm_up else None,
        "cost_minor": wanted.cost_minor,
        "currency": wanted.currency,
    }


def _checked(draft: Draft, known: Mapping[str, str], *, private: bool) -> Account:
    """The account the draft makes. Raises AccountInvalid."""
    adapter = adapter_of(draft.kind)
    name = " ".join(draft.name.replace("\x00", "").split())
    problem = None
    if not _CODE.fullmatch(draft.code) or draft.code in RESERVED:
        problem = "A code is 1 to 63 small letters, digits, - and _."
    elif draft.channel not in adapter.channels:
        problem = f"An account of the kind {draft.kind} serves {', '.join(adapter.channels)}."
    elif not 0 < len(name) <= 100:
        problem = "A name has 1 to 100 characters."
    elif not 0 <= draft.rank <= 10_000:
        problem = "A rank is 0 to 10,000."
    elif not math.isfinite(draft.per_second) or not 0 < draft.per_second <= FASTEST:
        problem = f"The rate is above 0 and at most {FASTEST:.0f} a second."
    elif not 0 <= draft.cost_minor <= 1_000_000:
        problem = "The cost is 0 to 1,000,000 minor units."
    elif draft.warm_up is not None and not _sensible(draft.warm_up):
        problem = "A warm-up begins with 1 or more, and grows by 1.05 to 5 a day."
    if problem is not None:
        raise AccountInvalid(problem)
    if draft.currency is not None:
        exponent(draft.currency)
    wanted = Account(
        id=0,
        code=draft.code,
        kind=draft.kind,
        channel=draft.channel,
        name=name,
        status=draft.status,
        rank=draft.rank,
        settings=_storable(draft.settings, "settings"),
        secrets=_merged(adapter.secret_names, known, draft.secrets),
        per_second=draft.per_second,
        warm_up=draft.warm_up,
        cost_minor=draft.cost_minor,
        currency=draft.currency,
    )
    adapter.check(wanted, private=private)
    return wanted


def _sensible(plan: WarmUp) -> bool:
    return 1 <= plan.first_day <= plan.full <= 10**8 and 1.05 <= plan.growth <= 5


def _merged(names: Collection[str], known: Mapping[str, str], given: Mapping[str, str | None]) -> Secrets:
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise AccountInvalid(f"There is no secret {unknown[0][:40]!r}.", hint=f"Secrets: {', '.join(names) or 'none'}")
    merged = {name: value for name, value in {**known, **given}.items() if value}
    return Secrets(_storable(merged, "secrets"))


def _storable(values: Mapping[str, Any], what: str) -> dict[str, Any]:
    """What PostgreSQL can hold, in reasonable amount. Raises AccountInvalid."""
    try:
        text = msgspec.json.encode(values)
    except (UnicodeEncodeError, TypeError, RecursionError) as error:
        raise AccountInvalid(f"The {what} hold characters that are none.") from error
    if len(text) > LARGEST or b"\\u0000" in text:
        raise AccountInvalid(f"The {what} are over {LARGEST} characters, or hold a NUL.")
    return dict(values)
