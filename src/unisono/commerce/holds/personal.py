"""What holds keep about people: for whom something is kept."""

from __future__ import annotations

from unisono.commerce.holds import service
from unisono.kit.database import Connection
from unisono.kit.marking import N_
from unisono.kit.personal import BY_NODE, QUANTITY, REASON, STATE, WHEN, Erasing, PersonalData, Table
from unisono.kit.sql import load

_sql = load("unisono.commerce.holds")


class HoldData(PersonalData):
    """What is held for somebody erased is free again; what an order has promised stays promised."""

    touches = ("good",)

    async def before(self, conn: Connection, erasing: Erasing) -> None:
        """Release them."""
        rows = await _sql.releasable_holds(conn, nodes=list(erasing.nodes))
        await service.release(conn, [row["id"] for row in rows], now=erasing.now, reason="erased")


PERSONAL = HoldData(
    "holds",
    [
        Table(
            name="hold",
            whose=BY_NODE,
            deed="blank",
            blanks={"node_id": "null", "key": "'erased:' || id"},
            soon=False,
            why=N_("What is promised of stock, slots and coupons must add up; whose it was is gone."),
            kept={
                "state": "a word of ours",
                "reason": "a word of ours",
                "reference": "a number of ours",
                "settled_reason": "a word of ours",
            },
            section=N_("What was held"),
            columns={
                "taken_at": WHEN,
                "quantity": QUANTITY,
                "state": STATE,
                "reason": REASON,
                "expires_at": N_("Until"),
            },
            order="taken_at",
        ),
    ],
    others={"good": "What there is of things."},
)
"""Holds."""
