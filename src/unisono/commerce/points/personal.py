"""What points keep about people: their balance."""

from __future__ import annotations

from unisono.kit.marking import N_
from unisono.kit.personal import BY_NODE, IDENTIFIER, PersonalData, Table

PERSONAL = PersonalData(
    "points",
    [
        Table(
            name="points_balance",
            whose=BY_NODE,
            section=N_("Points"),
            columns={"points": N_("Points"), "at": N_("As of"), "node_id": IDENTIFIER},
            order="node_id",
        ),
    ],
)
"""Balances."""
