"""Reviews: what customers say of a product, whether they bought it, shown after somebody has read it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from unisono.commerce.channel.speaking import Speaker, person_nodes
from unisono.customers.record import Happening, record
from unisono.kit.database import Connection
from unisono.kit.errors import NotFound
from unisono.kit.sql import load

_sql = load("unisono.commerce.channel")

METHOD = (
    "Reviews are shown after a person has read them; nothing is left out for being unfavourable. "
    "'Verified' means that the writer bought the product from us, under any of the identifiers we know as his."
)
"""How reviews are collected and checked: Directive (EU) 2019/2161 wants it said beside them."""


class NewReview(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A review as a customer writes it."""

    rating: Annotated[int, msgspec.Meta(ge=1, le=5)]
    title: Annotated[str, msgspec.Meta(max_length=200)] = ""
    body: Annotated[str, msgspec.Meta(max_length=5000)] = ""


class ShownReview(msgspec.Struct, frozen=True):
    """A published review."""

    id: int
    rating: int
    title: str | None
    body: str | None
    verified: bool
    channel: str
    at: datetime


class Reviews(msgspec.Struct, frozen=True, kw_only=True):
    """Reviews of a product: ``average_bp`` is the mean rating in ten-thousandths, None without any."""

    count: int
    verified: int
    average_bp: int | None
    method: str
    reviews: tuple[ShownReview, ...]
    next: int | None


class WaitingReview(msgspec.Struct, frozen=True, kw_only=True):
    """A review nobody has read yet."""

    id: int
    product: str
    product_name: str
    rating: int
    title: str | None
    body: str | None
    verified: bool
    channel: str
    at: datetime


class Written(msgspec.Struct, frozen=True):
    """What became of a review: it waits to be read."""

    id: int
    verified: bool
    status: Literal["pending"] = "pending"


async def product_id(conn: Connection, code: str) -> int:
    """The product of a code or a sku. Raises NotFound."""
    found = await _sql.product_id_of(conn, code=code.replace("\x00", ""))
    if found is None:
        raise NotFound(f"There is no product {code[:80]!r}.", code="product_unknown")
    return int(found)


async def write_review(conn: Connection, speaker: Speaker, code: str, review: NewReview) -> Written:
    """Keep a customer's review, one a person and product. Raises NotFound for an unknown product."""
    if speaker.customer is None:
        raise NotFound("Nobody to write for.", code="customer_missing")
    product = await product_id(conn, code)
    verified = bool(await _sql.has_bought(conn, nodes=await person_nodes(conn, speaker), product_id=product))
    row = await _sql.insert_review(
        conn,
        product_id=product,
        node_id=speaker.customer.node_id,
        rating=review.rating,
        title=_clean(review.title),
        body=_clean(review.body),
        verified=verified,
        channel=speaker.channel,
        at=speaker.now,
        key=f"{product}:{speaker.customer.person_id}",
    )
    return Written(row["id"], verified)


def _clean(text: str) -> str | None:
    return text.replace("\x00", "").strip() or None


async def published(conn: Connection, code: str, *, before: int | None = None, limit: int = 20) -> Reviews:
    """The published reviews of a product, newest first, and what they come to. Raises NotFound."""
    product = await product_id(conn, code)
    rows = await _sql.reviews_of(conn, product_id=product, before=before, limit=limit + 1)
    told = await _sql.rating_of(conn, product_id=product)
    shown = tuple(ShownReview(**dict(row)) for row in rows[:limit])
    return Reviews(
        count=told["reviews"],
        verified=told["verified"],
        average_bp=told["total"] * 10_000 // told["reviews"] if told["reviews"] else None,
        method=METHOD,
        reviews=shown,
        next=shown[-1].id if len(rows) > limit else None,
    )


async def waiting(conn: Connection, *, limit: int = 50) -> list[WaitingReview]:
    """Reviews to be read, oldest first."""
    return [
        WaitingReview(
            product=row["code"],
            product_name=row["name"],
            **{name: row[name] for name in ("id", "rating", "title", "body", "verified", "channel", "at")},
        )
        for row in await _sql.reviews_waiting(conn, limit=limit)
    ]


async def judge(conn: Connection, review_id: int, *, publish: bool, now: datetime) -> str:
    """Publish a review or refuse it; a published one goes onto its writer's timeline. Raises NotFound."""
    row = await _sql.judge_review(conn, id=review_id, status="published" if publish else "refused")
    if row is None:
        raise NotFound(f"There is no review {review_id}.", code="review_unknown")
    if publish and row["node_id"] is not None:
        happening = Happening(
            node_id=row["node_id"],
            name="Product Reviewed",
            key=f"review:{review_id}:{now.isoformat()}",
            channel="web",
            at=now,
            properties={
                "product_id": row["code"],
                "name": row["name"],
                "review_id": str(review_id),
                "rating": row["rating"],
            },
        )
        await record(conn, [happening])
    return str(row["status"])
