"""What profiles keep about people: what they are like, what it adds up to, how they are found."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from unisono.kit.database import Connection
from unisono.kit.marking import N_
from unisono.kit.personal import BY_NODE, BY_PERSON, IDENTIFIER, WHEN, PersonalData, Table, personal_texts
from unisono.kit.sql import load

_sql = load("unisono.customers.profiles")


class ProfileData(PersonalData):
    """Profiles know the names."""

    async def names(self, conn: Connection, nodes: Collection[int]) -> set[str]:
        """What the traits say of name, street and the like."""
        rows = await _sql.trait_values(conn, nodes=list(nodes))
        return personal_texts([{row["name"]: msgspec.json.decode(row["value"])} for row in rows])


PERSONAL = ProfileData(
    "profiles",
    [
        Table(
            name="trait",
            written="occurred_at",
            whose=BY_NODE,
            mentions=("value",),
            kept={"name": "the trait's name"},
            section=N_("Traits"),
            columns={
                "name": N_("Trait"),
                "value": N_("Value"),
                "occurred_at": WHEN,
                "(select source.name from source where source.id = source_id) as source": N_("Source"),
                "node_id": IDENTIFIER,
            },
            order="name, occurred_at",
        ),
        Table(
            name="computed_trait",
            whose=BY_NODE,
            mentions=("first_value", "last_value", "tally"),
            kept={"trait": "the trait's name"},
            section=N_("What it adds up to"),
            columns={
                "trait": N_("Trait"),
                "count": N_("Count"),
                "first_at": N_("First seen"),
                "first_value": N_("First value"),
                "last_at": N_("Last seen"),
                "last_value": N_("Last value"),
                "total": N_("Sum"),
                "tally": N_("Counts"),
                "node_id": IDENTIFIER,
            },
            order="trait, node_id",
        ),
        Table(
            name="search_entry",
            whose=BY_NODE,
            mentions=("text",),
            on_mention={"text": "''", "grams": "'{}'"},
            kept={"field": "a word of ours"},
            unshown="Pieces of names and identifiers for searching: made of the traits.",
        ),
        Table(
            name="person_summary",
            whose=BY_PERSON,
            unshown="A line for lists: made of the traits and events.",
        ),
    ],
    others={"computed_declaration": "Which traits are computed."},
)
"""Traits, computed traits, the search index, the list of people."""
