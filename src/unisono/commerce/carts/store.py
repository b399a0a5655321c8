"""Carts between the database and memory: read whole, saved as what differs.

A cart is locked before it is changed, so several channels that add at once take their turns. Whoever had to wait for
the lock reads again: what PostgreSQL hands out after a wait is the new row beside lines as old as the statement.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from msgspec.structs import replace

from unisono.commerce.carts import codes
from unisono.commerce.carts.errors import CartNotFound
from unisono.commerce.carts.facts import Known, known_from
from unisono.commerce.carts.model import Before, Cart, CartSettings, Line, MergeShown, Rule
from unisono.kit.database import Connection
from unisono.kit.reasons import Reason
from unisono.kit.sql import load

_sql = load("unisono.commerce.carts")

_FIELDS = (
    "id",
    "code",
    "node_id",
    "status",
    "channel",
    "store_id",
    "currency",
    "order_id",
    "paying_until",
    "paying_for",
    "trouble",
    "left_as",
    "left_at",
    "created_at",
    "updated_at",
    "version",
    "idle_timer",
)
_lines = msgspec.json.Decoder(tuple[Line, ...]).decode
_merges = msgspec.json.Decoder(tuple[MergeShown, ...]).decode
_encode = msgspec.json.Encoder().encode


class Found(NamedTuple):
    """The open carts of a person, strongest identifier first, what is known of who asks, how carts behave here."""

    carts: tuple[Cart, ...]
    known: Known
    settings: CartSettings


class Locked(NamedTuple):
    """A locked cart, what is known of who asks, how carts behave here."""

    cart: Cart
    known: Known
    settings: CartSettings


def _cart(row: asyncpg.Record, now: datetime) -> Cart:
    cart = Cart(
        **{name: row[name] for name in _FIELDS},
        coupons=tuple(row["coupons"]),
        shared=row["share_hash"] is not None,
        person_id=row["person_id"],
        lines=_lines(row["lines"]) if row["lines"] else (),
        merges=_merges(row["merges"]) if row["merges"] else (),
    )
    if cart.status == "checkout" and cart.paying_until is not None and cart.paying_until <= now:
        # RULES R13 for checkouts: what has expired holds nobody back, whether or not somebody swept it.
        return replace(cart, status="active")
    return cart


async def _lock(conn: Connection, *, id: UUID | None, node: int | None, store_id: str | None, now: datetime) -> Found:
    rows = await _sql.lock_carts(conn, id=id, node=node, store_id=store_id)
    if any(row["version"] != row["read_version"] for row in rows):
        rows = await _sql.lock_carts(conn, id=id, node=node, store_id=store_id)
    settings = CartSettings(idle_minutes=rows[0]["idle_minutes"], merge_rule=rows[0]["merge_rule"])
    kept = sorted((row for row in rows if row["id"] is not None), key=lambda row: (row["priority"], row["created_at"]))
    return Found(tuple(_cart(row, now) for row in kept), known_from(rows[0]), settings)


async def lock_of_person(conn: Connection, node_id: int, *, store_id: str | None = None, now: datetime) -> Found:
    """The open carts of the person of a node, locked. One statement, two after waiting for a lock."""
    return await _lock(conn, id=None, node=node_id, store_id=store_id, now=now)


async def lock(
    conn: Connection, cart_id: UUID, *, node_id: int | None = None, store_id: str | None = None, now: datetime
) -> Locked:
    """One cart, locked, whatever its state; ``node_id`` is who asks, when it is not the cart's own.

    Raises CartNotFound.
    """
    found = await _lock(conn, id=cart_id, node=node_id, store_id=store_id, now=now)
    if not found.carts:
        raise CartNotFound("There is no such cart.")
    return Locked(found.carts[0], found.known, found.settings)


async def open_of_node(conn: Connection, node_id: int, *, now: datetime) -> Cart | None:
    """The open cart of this very identifier, locked; None when it has none."""
    found = await lock_of_person(conn, node_id, now=now)
    return next((cart for cart in found.carts if cart.node_id == node_id), None)


async def insert_merge(
    conn: Connection,
    cart_id: UUID,
    other_id: UUID,
    *,
    rule: Rule,
    before: Before,
    notices: tuple[Reason, ...],
    at: datetime,
    actor: str,
) -> MergeShown:
    """Write a merge down, with what undoes it."""
    merge_id = await _sql.insert_merge(
        conn,
        cart_id=cart_id,
        other_id=other_id,
        rule=rule,
        before=_encode(before).decode(),
        notices=_encode(notices).decode(),
        at=at,
        actor=actor,
    )
    return MergeShown(id=merge_id, other_id=other_id, rule=rule, at=at, actor=actor, notices=notices)


async def read(
    conn: Connection, *, id: UUID | None = None, code: str | None = None, share_hash: bytes | None = None, now: datetime
) -> Cart | None:
    """A cart without a lock; where it has been merged, the one it went on in."""
    row = await _sql.read_cart(conn, id=id, code=code, share_hash=share_hash)
    while row is not None and row["status"] == "merged" and row["merged_into"] is not None:
        row = await _sql.read_cart(conn, id=row["merged_into"], code=None, share_hash=None)
    return None if row is None else _cart(row, now)


async def create(
    conn: Connection, *, node_id: int | None, channel: str, store_id: str | None, currency: str, now: datetime
) -> UUID | None:
    """Make an empty cart; None when the node has an open one by now."""
    data = _encode(_told(status="active", channel=channel, lines=(), coupons=())).decode()
    for _ in range(5):
        made: UUID | None = await _sql.create_cart(
            conn,
            code=codes.new_code(),
            node=node_id,
            channel=channel,
            store_id=store_id,
            currency=currency,
            now=now,
            data=data,
        )
        if made is not None or node_id is not None:
            return made
    raise AssertionError("five codes in a row were taken")


async def first_of_person(conn: Connection, person_id: int) -> None:
    """Wait for whoever is making this person's first cart."""
    await _sql.wait_for_person(conn, person=person_id)


def _told(*, status: str, channel: str, lines: Collection[Line], coupons: Collection[str]) -> dict[str, Any]:
    """What the change feed says of a cart."""
    return {
        "status": status,
        "channel": channel,
        "quantity": sum(line.quantity for line in lines),
        "lines": [{"sku": line.sku, "quantity": line.quantity} for line in lines],
        "coupons": list(coupons),
    }


async def save(
    conn: Connection, old: Cart, new: Cart, *, channel: str, now: datetime, share_hash: bytes | None = None
) -> Cart:
    """Write what differs, and the change; returns the cart at its new version. One statement.

    The cart must be locked. Whatever is done to it, it is no longer abandoned, unless that is what is written.
    """
    before = {line.variant_id: line for line in old.lines}
    put = [line for line in new.lines if before.get(line.variant_id) != line]
    after = {line.variant_id for line in new.lines}
    if new.left_at == old.left_at:
        new = replace(new, left_as=None, left_at=None)
    version = await _sql.save_cart(
        conn,
        id=new.id,
        updated_at=now,
        node=new.node_id,
        status=new.status,
        coupons=list(new.coupons),
        order_id=new.order_id,
        paying_until=new.paying_until,
        paying_for=new.paying_for if new.status == "checkout" else None,
        trouble=new.trouble,
        left_as=new.left_as,
        left_at=new.left_at,
        shared=new.shared,
        share_hash=share_hash,
        gone=[variant_id for variant_id in before if variant_id not in after],
        put=_encode(put).decode(),
        data=_encode(
            {
                "cart_id": str(new.id),
                **_told(status=new.status, channel=channel, lines=new.lines, coupons=new.coupons),
                "left_as": new.left_as,
            }
        ).decode(),
    )
    return replace(new, version=version, updated_at=now)


async def bought_since(conn: Connection, cart: Cart) -> bool:
    """Whether whoever has the cart has ordered one of its products since he touched it, in whatever channel."""
    return bool(
        await _sql.bought_since(
            conn, node=cart.node_id, since=cart.updated_at, variants=[line.variant_id for line in cart.lines]
        )
    )


async def note_timer(conn: Connection, cart_id: UUID, second: int | None) -> None:
    """Remember which timer waits to find the cart abandoned; None when none does."""
    await _sql.note_timer(conn, id=cart_id, second=second)


async def read_settings(conn: Connection) -> CartSettings:
    """How carts behave here."""
    row = await _sql.settings(conn)
    return CartSettings(idle_minutes=row["idle_minutes"], merge_rule=row["merge_rule"])


async def write_settings(conn: Connection, settings: CartSettings) -> None:
    """Change how carts behave here."""
    await _sql.write_settings(conn, idle_minutes=settings.idle_minutes, merge_rule=settings.merge_rule)


def idle_until(cart: Cart, settings: CartSettings) -> datetime:
    """When the cart counts as abandoned if nobody does anything more to it."""
    quiet_since = max(cart.updated_at, cart.paying_until) if cart.paying_until else cart.updated_at
    return quiet_since + timedelta(minutes=settings.idle_minutes)


def rule_of(settings: CartSettings, rule: Rule | None) -> Rule:
    """The rule asked for, else the installation's."""
    return rule or settings.merge_rule


async def open_cart_of(conn: Connection, node_id: int) -> UUID | None:
    """The open cart that stands for those of the person of a node; nothing is merged or locked."""
    found: UUID | None = await _sql.open_cart_of(conn, node=node_id)
    return found
