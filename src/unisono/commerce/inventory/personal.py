"""What inventory keeps about people: nothing by itself; a colleague's note may name somebody."""

from __future__ import annotations

from unisono.kit.personal import PersonalData, Table

PERSONAL = PersonalData(
    "inventory",
    [
        Table(
            name="stock_movement",
            written="at",
            mentions=("note", "reason"),
            kept={
                "state": "a word of ours",
                "reference": "a number of ours",
                "actor": "a colleague, a key, a till",
                "key": "the caller's number of the request",
            },
            unshown="Movements of goods.",
        ),
        Table(
            name="promise_at_risk",
            written="at",
            mentions=("reason", "outcome"),
            kept={"reference": "a number of ours", "actor": "a colleague, a till", "settled_by": "a colleague"},
            unshown="Tasks about goods.",
        ),
    ],
    others={"location": "Places.", "stock": "What there is of goods."},
)
"""Notes about goods."""
