"""People to ask for their consent."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from unisono.customers.consent.model import NewEntry
from unisono.kit.database import Connection

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Somebody:
    """A person with an account, an e-mail address and a phone; ids of the identifiers."""

    def __init__(self, user: int, email: int, phone: int) -> None:
        self.user, self.email, self.phone = user, email, phone
        self.person = user

    @property
    def nodes(self) -> list[int]:
        """His identifiers."""
        return [self.user, self.email, self.phone]

    async def another(self, conn: Connection, namespace: str, value: str | None = None) -> int:
        """One more identifier of his."""
        return await make_node(conn, namespace, value, person=self.person)


async def make_node(conn: Connection, namespace: str, value: str | None = None, *, person: int | None = None) -> int:
    """An identifier, of a person or of nobody else."""
    return int(
        await conn.fetchval(
            """insert into node (id, namespace, value, person_id, cluster_id)
               select id, $1, $2, coalesce($3, id), coalesce($3, id) from (select nextval('node_id_seq') as id) as new
               returning id""",
            namespace,
            value or f"{namespace}-{uuid.uuid4().hex[:12]}",
            person,
        )
    )


async def people(conn: Connection, count: int) -> list[Somebody]:
    """So many people nobody has met."""
    made = []
    for _ in range(count):
        user = await make_node(conn, "user_id")
        email = await make_node(conn, "email", f"{uuid.uuid4().hex[:10]}@example.it", person=user)
        phone = await make_node(conn, "phone", f"+39333{uuid.uuid4().int % 10_000_000:07d}", person=user)
        made.append(Somebody(user, email, phone))
    return made


def granted(node: int, **change: Any) -> NewEntry:
    """An entry: marketing by e-mail granted, now, unless said otherwise."""
    fields: dict[str, Any] = {
        "node_id": node,
        "purpose": "marketing",
        "channel": "email",
        "action": "granted",
        "source": "test",
        "actor": "tester",
        "at": NOW,
    } | change
    fields.setdefault("key", f"{node}:{fields['purpose']}:{fields['channel']}:{fields['action']}:{fields['at']}")
    return NewEntry(**fields)
