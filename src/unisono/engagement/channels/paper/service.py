"""Letters and till coupons: made in the outcome's transaction, printed once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from unisono.customers.identity import service as identity
from unisono.customers.profiles import service as profiles
from unisono.customers.record import Happening, record
from unisono.engagement.channels.paper.addresses import address_lines
from unisono.engagement.channels.paper.drawing import Letter
from unisono.kit.database import Connection
from unisono.kit.errors import Conflict, NotFound
from unisono.kit.sql import load

_sql = load("unisono.engagement.channels.paper")

_LETTERS: Final = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Without what looks alike on paper: I L O 0 1."""
CODE_LENGTH: Final = 10


class PrintedCoupon(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a till prints. ``coupon`` is the promotion's code, when the coupon is one of a promotion."""

    title: str = ""
    body: str = ""
    coupon: str | None = None
    url: str | None = None
    language: str = "en"


class KeptLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A letter as it is kept."""

    id: int
    node_id: int
    message_id: int | None
    letter: Letter
    created_at: datetime
    printed_at: datetime | None


class KeptCoupon(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon that waits for a till; ``code`` is this piece of paper's own."""

    id: int
    code: str
    content: PrintedCoupon
    store_id: str | None
    ends_at: datetime | None


def new_code() -> str:
    """A code for one piece of paper: 49 random bits that can be typed."""
    return "".join(secrets.choice(_LETTERS) for _ in range(CODE_LENGTH))


class Scanned(msgspec.Struct, frozen=True):
    """What a letter's QR leads to."""

    target: str
    message_id: int | None


async def scanned(conn: Connection, code: str) -> Scanned | None:
    """Where the QR of a letter leads; None for a code that is none, or leads nowhere."""
    if len(code) != CODE_LENGTH or not set(code) <= set(_LETTERS):
        return None
    row = await _sql.letter_by_code(conn, code=code)
    return None if row is None or row["target"] is None else Scanned(row["target"], row["message_id"])


async def postal_lines(conn: Connection, node_id: int, *, home: str, language: str) -> tuple[str, ...]:
    """The postal address of whoever has this identifier; empty when none of his would arrive."""
    person = await identity.resolve(conn, node_id)
    nodes = [row["id"] for row in await identity.nodes_of(conn, person)]
    return address_lines(await profiles.traits_of(conn, nodes), home=home, language=language)


async def keep_letter(
    conn: Connection, letter: Letter, *, node_id: int, message_id: int | None, ends_at: datetime | None, now: datetime
) -> int | None:
    """Keep a letter for the printer; None when its message has made one already."""
    return await _keep(conn, "letter", letter.code, letter, node_id, message_id, None, ends_at, now)


async def keep_coupon(
    conn: Connection,
    coupon: PrintedCoupon,
    *,
    node_id: int,
    message_id: int | None,
    store_id: str | None,
    ends_at: datetime | None,
    now: datetime,
) -> int | None:
    """Keep a coupon for the till of a store (or any); None when its message has made one already."""
    return await _keep(conn, "till_coupon", new_code(), coupon, node_id, message_id, store_id, ends_at, now)


async def _keep(
    conn: Connection,
    kind: str,
    code: str,
    content: msgspec.Struct,
    node_id: int,
    message_id: int | None,
    store_id: str | None,
    ends_at: datetime | None,
    now: datetime,
) -> int | None:
    found = await _sql.insert_print(
        conn,
        node_id=node_id,
        message_id=message_id,
        kind=kind,
        code=code,
        content=msgspec.json.encode(content).decode(),
        store_id=store_id,
        created_at=now,
        ends_at=ends_at,
    )
    return None if found is None else int(found)


def _letter(row: Mapping[str, Any]) -> KeptLetter:
    return KeptLetter(
        id=row["id"],
        node_id=row["node_id"],
        message_id=row["message_id"],
        letter=msgspec.json.decode(row["content"], type=Letter),
        created_at=row["created_at"],
        printed_at=row["printed_at"],
    )


async def letters(
    conn: Connection, *, printed: bool = False, after: int = 0, most: int = 200, now: datetime
) -> list[KeptLetter]:
    """Letters that wait for the printer, or were printed, the oldest first. What has ended does not wait any more."""
    rows = await _sql.list_letters(conn, printed=printed, after=after, most=most, now=now)
    return [_letter(row) for row in rows]


async def letters_by_id(conn: Connection, ids: Sequence[int]) -> list[KeptLetter]:
    """These letters. Raises NotFound when one of them is none."""
    found = [_letter(row) for row in await _sql.letters_by_id(conn, ids=list(ids))]
    missing = set(ids) - {letter.id for letter in found}
    if missing:
        raise NotFound(f"There is no letter {min(missing)}.", code="letter_not_found")
    return found


async def mark_printed(conn: Connection, ids: Sequence[int], *, now: datetime) -> int:
    """They are on paper. Returns how many were not before."""
    return int(await _sql.mark_letters(conn, ids=list(ids), now=now))


def _coupon(row: Mapping[str, Any]) -> KeptCoupon:
    return KeptCoupon(
        id=row["id"],
        code=row["code"],
        content=msgspec.json.decode(row["content"], type=PrintedCoupon),
        store_id=row["store_id"],
        ends_at=row["ends_at"],
    )


async def coupons(conn: Connection, nodes: Sequence[int], *, store_id: str | None, now: datetime) -> list[KeptCoupon]:
    """What a till of this store prints for somebody now; looking changes nothing."""
    rows = await _sql.waiting_coupons(conn, nodes=list(nodes), store_id=store_id, now=now) if nodes else []
    return [_coupon(row) for row in rows]


async def print_coupon(
    conn: Connection, nodes: Sequence[int], coupon_id: int, *, store_id: str | None, now: datetime
) -> KeptCoupon:
    """Take a coupon for printing; of two tills at once one gets it. Writes ``Coupon Printed``.

    Raises NotFound for what is not his, Conflict (``coupon_printed``, ``coupon_ended``).
    """
    row = await _sql.coupon_for_update(conn, id=coupon_id, nodes=list(nodes), store_id=store_id)
    if row is None:
        raise NotFound("There is no such coupon of this customer here.", code="coupon_not_found")
    if row["printed_at"] is not None:
        raise Conflict("It has been printed already.", code="coupon_printed")
    if row["ends_at"] is not None and row["ends_at"] <= now:
        raise Conflict("The coupon has ended.", code="coupon_ended")
    await _sql.mark_coupon(conn, id=coupon_id, now=now)
    kept = _coupon(row)
    facts = {
        "code": kept.code,
        "coupon_id": kept.content.coupon,
        "coupon_name": kept.content.title or None,
        "store_id": store_id,
        "expires_at": kept.ends_at.isoformat() if kept.ends_at is not None else None,
        "message_id": None if row["message_id"] is None else str(row["message_id"]),
    }
    event = Happening(
        node_id=row["node_id"],
        name="Coupon Printed",
        key=f"print:{coupon_id}",
        channel="store",
        store_id=store_id,
        at=now,
        properties={name: value for name, value in facts.items() if value is not None},
    )
    await record(conn, [event], clock=lambda: now)
    return kept
