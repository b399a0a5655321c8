"""What identity keeps about people: their identifiers, what linked them, who shares a household."""

from __future__ import annotations

from collections.abc import Collection

from unisono.customers.identity.graph import resettle
from unisono.customers.identity.model import Key
from unisono.customers.identity.rulebook import read_rulebook
from unisono.customers.identity.service import write_changes
from unisono.kit.database import Connection
from unisono.kit.marking import N_
from unisono.kit.personal import BY_NODE, IDENTIFIER, KIND, MADE, REASON, WHEN, Erasing, PersonalData, Table
from unisono.kit.sql import load

_sql = load("unisono.customers.identity")

_SIDES = "(side_a && $1::bigint[] or side_b && $1::bigint[])"


class IdentityData(PersonalData):
    """Identity also drops households nobody is left in, and keeps what was decided of those who are left."""

    touches = ("household",)

    async def before(self, conn: Connection, erasing: Erasing) -> None:
        """What was decided of him and others stays decided of the others: it may be all that holds them together."""
        await _sql.trim_decisions(conn, nodes=list(erasing.nodes))

    async def after(self, conn: Connection, erasing: Erasing) -> None:
        """Households of nobody."""
        await _sql.drop_empty_households(conn)


PERSONAL = IdentityData(
    "identity",
    [
        Table(
            name="link",
            written="first_at",
            whose="(node_a = any($1::bigint[]) or node_b = any($1::bigint[]))",
            mentions=("reason", "message_id"),
            kept={"strength": "a word of ours", "refused_by": "a rule of ours"},
            section=N_("Why identifiers belong together"),
            columns={
                "first_at": N_("First seen"),
                "last_at": N_("Last seen"),
                "node_a": IDENTIFIER,
                "node_b": N_("Identifier no., too"),
                "strength": KIND,
                "reason": REASON,
                "refused_by": N_("Not counted because of"),
            },
            order="first_at, id",
        ),
        Table(
            name="event",
            whose="type = 'identity' and (node_id, properties ->> 'reason') in (select moved[1], reason"
            " from identity_change where actor <> 'system' and (person_id = any($1::bigint[])"
            " or other_id = any($1::bigint[]) or moved && $1::bigint[] or kept && $1::bigint[]))",
            deed="blank",
            blanks={"properties": """properties || '{"reason": "[erased]"}'"""},
            soon=False,
            why=N_("That others were joined or split stays with them; what a colleague wrote about it may name him."),
            unshown="Events are in their own section.",
        ),
        Table(
            name="identity_decision",
            written="at",
            whose=_SIDES,
            soon=False,
            names_too=True,
            mentions=("reason",),
            kept={"kind": "a word of ours", "actor": "a colleague", "voided_by": "a colleague"},
            section=N_("What was decided about identity"),
            columns={"at": WHEN, "kind": KIND, "actor": N_("By whom"), "reason": REASON},
            order="at, id",
        ),
        Table(
            name="identity_change",
            written="at",
            whose="(person_id = any($1::bigint[]) or other_id = any($1::bigint[]))",
            soon=False,
            names_too=True,
            mentions=("reason",),
            kept={"kind": "a word of ours", "actor": "a colleague", "undone_by": "a colleague"},
            section=N_("When identifiers came together or apart"),
            columns={"at": WHEN, "kind": KIND, "actor": N_("By whom"), "reason": REASON},
            order="at, id",
        ),
        Table(
            name="household_member",
            whose=BY_NODE,
            kept={},
            section=N_("Households"),
            columns={
                "(select name from household where id = household_id) as household": N_("Household"),
                "role": N_("Role"),
                "added_at": MADE,
            },
            order="added_at",
        ),
        Table(
            name="household",
            written="created_at",
            mentions=("name",),
            kept={"created_by": "a colleague"},
            unshown="Its name is shown with the membership.",
        ),
        Table(
            name="node",
            whose="id = any($1::bigint[])",
            section=N_("Identifiers"),
            columns={
                "id": IDENTIFIER,
                "namespace": KIND,
                "value": N_("Identifier"),
                "created_at": N_("Known since"),
            },
            order="id",
        ),
    ],
    others={
        "namespace": "Kinds of identifiers.",
        "blocked_value": "Values that are nobody.",
        "identity_setting": "The version of the rules.",
        "tombstone": "Keyed digests: they tell nothing without the installation's key, and they keep the erased out.",
    },
)
"""Identifiers, links, decisions, households."""


async def neighbours(conn: Connection, nodes: Collection[int]) -> list[int]:
    """Other people's identifiers that were ever linked with these, or lie in one cluster with them."""
    return [row["id"] for row in await _sql.neighbours(conn, nodes=list(nodes))]


async def put_right(conn: Connection, nodes: Collection[int]) -> int:
    """Replay those who are left when identifiers beside them are gone; returns how many persons changed."""
    if not nodes:
        return 0
    rulebook = await read_rulebook(conn)
    settled = await resettle(conn, nodes, rulebook.namespaces, actor="system", reason="a neighbour was erased")
    await write_changes(conn, settled, actor="system", reason="a neighbour was erased")
    return len(settled.changes)


async def shared_beside(conn: Connection, nodes: Collection[int]) -> list[tuple[int, Key]]:
    """Identifiers that others use too and that were seen with these: (node id, identifier)."""
    rows = await _sql.shared_beside(conn, nodes=list(nodes))
    return [(row["id"], Key(row["namespace"], row["value"])) for row in rows]
