"""Who reads of people: what he may see of them, whom he may meet, and the note that he did."""

from __future__ import annotations

from typing import Any

from unisono.access import audit
from unisono.access.guards import Principal
from unisono.console.pages import AnyRequest, settings_of, words_of
from unisono.console.views import people as views
from unisono.console.views.timeline import Reading
from unisono.customers.identity import service as identity
from unisono.customers.identity.service import PersonNotFound
from unisono.customers.profiles import service as profiles
from unisono.kit.database import Connection


def rights_of(principal: Principal) -> views.Rights:
    """What the reader may see and do with people."""
    return views.Rights(
        contacts=principal.may("people:contact"),
        identity=principal.may("identity:read"),
        undo=principal.may("identity:undo"),
        write=principal.may("people:write"),
        audit=principal.may("privacy:read_audit"),
    )


def reading_of(request: AnyRequest, principal: Principal) -> Reading:
    """How events are told to this reader."""
    return Reading(
        words_of(request, principal),
        settings_of(request).currency,
        principal.may("raw:read"),
        why=principal.may("identity:read"),
        contacts=principal.may("people:contact"),
    )


async def audited(
    conn: Connection, principal: Principal, action: str, person: int | None = None, **detail: Any
) -> None:
    """Note who read what, in the transaction of the reading."""
    # The page need not wait for the disk because of its audit: the entry follows within a fraction of a second.
    await conn.execute("set local synchronous_commit = off")
    await audit.record(conn, actor=principal.actor, action=action, person_id=person, detail=detail)


async def person_in_scope(conn: Connection, principal: Principal, person_id: int) -> int:
    """Whose number it is now, if the reader may meet them. Raises PersonNotFound."""
    person = await identity.resolve(conn, person_id)
    await require_in_scope(conn, principal, person)
    return person


async def require_in_scope(conn: Connection, principal: Principal, person: int) -> None:
    """Whom a clerk may not meet does not exist for him. Raises PersonNotFound."""
    if principal.stores is not None and not await profiles.seen_in(conn, person, principal.stores):
        raise PersonNotFound(f"There is no person {person}.")
