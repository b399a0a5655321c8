"""The door of notices: which events are answered, and letting those that come with the product do so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from unisono.engagement.notices.model import NoticeState
from unisono.engagement.templates import service as templates
from unisono.engagement.templates.builtin import builtins
from unisono.engagement.templates.errors import TemplateConflict
from unisono.engagement.templates.model import NewTemplate
from unisono.kit.database import Connection
from unisono.kit.settings import Settings
from unisono.kit.sql import load

_sql = load("unisono.engagement.notices")


async def state(conn: Connection) -> list[NoticeState]:
    """Every message that answers an event, or would once it was published; by event."""
    rows = await _sql.named_notices(conn)
    kept = [
        NoticeState(
            event=row["notice"],
            code=row["code"],
            name=row["name"],
            purpose=row["purpose"],
            enabled=row["version"] > 0,
            version=row["version"],
            builtin=False,
        )
        for row in rows
    ]
    known = {row["code"] for row in rows}
    ours = [
        NoticeState(
            event=new.notice,
            code=code,
            name=new.name,
            purpose=new.purpose,
            enabled=False,
            version=0,
            builtin=True,
        )
        for code, new in builtins().items()
        if new.notice is not None and code not in known
    ]
    return sorted([*kept, *ours], key=lambda one: (one.event, one.code))


async def enable(
    conn: Connection, codes: Sequence[str], *, actor: str, now: datetime, settings: Settings
) -> list[NoticeState]:
    """Publish these templates as they are: from now on they answer their events. One that is published already stays.

    To end it, archive the template or publish it without the event. Raises TemplateNotFound, TemplateConflict
    (``no_notice``) for one that answers no event, BadTemplate.
    """
    for code in codes:
        found = await templates.get(conn, code)
        if found.notice is None:
            raise TemplateConflict(f"{code} answers no event.", code="no_notice")
        if found.version > 0:
            continue
        if found.builtin:
            new = NewTemplate(
                name=found.name,
                purpose=found.purpose,
                brand=found.brand,
                notice=found.notice,
                content=found.draft,
            )
            await templates.save(conn, code, new, actor=actor, now=now)
        await templates.publish(conn, code, actor=actor, now=now, settings=settings)
    return [one for one in await state(conn) if one.code in codes]
