"""Messages as lists show them, on every screen that has such a list."""

from __future__ import annotations

from collections.abc import Sequence

from unisono.access.guards import Principal
from unisono.console.contexts.sends import MessageLine
from unisono.console.sent import first_reasons, people_named, subjects, template_names
from unisono.console.views import sends as views
from unisono.console.words import Words
from unisono.engagement.messages.model import OutboxRow
from unisono.kit.database import Connection


async def lines(conn: Connection, rows: Sequence[OutboxRow], principal: Principal, words: Words) -> list[MessageLine]:
    """Messages as lists show them: whose they are, what they are about, what decided."""
    ids = [one.message.id for one in rows]
    people = await people_named(conn, [one.message.person_id for one in rows], principal, words)
    about = await subjects(conn, ids) if principal.may("people:contact") else {}
    why = await first_reasons(conn, [one.message.id for one in rows if one.message.reason])
    names = await template_names(conn, [one.message.template for one in rows])
    return [views.message_line(one, words, people=people, subjects=about, templates=names, reasons=why) for one in rows]
