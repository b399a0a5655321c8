"""A promotion found, and a version of it kept and told of."""

from __future__ import annotations

from datetime import datetime

import msgspec

from unisono.commerce.changes import service as changes
from unisono.commerce.changes.model import NewChange
from unisono.commerce.promotions.errors import PromotionUnknown
from unisono.commerce.promotions.knowing import as_promotion
from unisono.commerce.promotions.model import Definition, Promotion
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.commerce.promotions")


async def find_promotion(conn: Connection, code: str) -> Promotion:
    """A promotion as it stands. Raises PromotionUnknown."""
    row = await _sql.find_promotion(conn, code=code.replace("\x00", ""))
    if row is None:
        raise PromotionUnknown(code)
    return as_promotion(row["definition"], id_=row["id"], status=row["status"], version=row["version"])


def definition_of(promotion: Promotion) -> Definition:
    """What people wrote of a promotion."""
    return Definition(**{name: getattr(promotion, name) for name in Definition.__struct_fields__})


async def write_version(conn: Connection, promotion: Promotion, *, actor: str, now: datetime) -> None:
    """Keep a version and tell of it: each has its row and its change."""
    written = msgspec.json.encode(definition_of(promotion), order="deterministic").decode()
    await _sql.insert_version(
        conn, promotion_id=promotion.id, version=promotion.version, at=now, actor=actor, definition=written
    )
    await changes.record_changes(conn, [change_of(promotion, now)])


def change_of(promotion: Promotion, now: datetime) -> NewChange:
    """What channels are told: whether the offer stands, and from when to when."""
    begun = promotion.starts_at is None or promotion.starts_at <= now
    over = promotion.ends_at is not None and promotion.ends_at <= now
    return NewChange(
        "offer",
        f"offer:{promotion.code}",
        promotion.version,
        {
            "code": promotion.code,
            "name": promotion.name,
            "texts": promotion.texts,
            "status": promotion.status,
            "live": promotion.status == "active" and begun and not over,
            "starts_at": promotion.starts_at,
            "ends_at": promotion.ends_at,
            "needs_coupon": promotion.needs_coupon,
        },
    )


def as_live(definition: Definition) -> Promotion:
    """A definition as if it were an active promotion."""
    fields = {name: getattr(definition, name) for name in Definition.__struct_fields__}
    return Promotion(**fields, status="active")
