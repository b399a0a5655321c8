"""Whom a caller may meet: who is bound to stores meets only people seen there; the others do not exist for him."""

from __future__ import annotations

from unisono.access.guards import Principal
from unisono.customers.identity import service as identity
from unisono.customers.identity.service import PersonNotFound
from unisono.customers.profiles import service as profiles
from unisono.kit.database import Connection


async def person_within(conn: Connection, principal: Principal, person_id: int) -> int:
    """The person an id stands for now, if the caller may meet him. Raises PersonNotFound."""
    person = await identity.resolve(conn, person_id)
    await require_within(conn, principal, person)
    return person


async def require_within(conn: Connection, principal: Principal, person: int) -> None:
    """Whom the caller may not meet does not exist for him. Raises PersonNotFound."""
    if principal.stores is not None and not await profiles.seen_in(conn, person, principal.stores):
        raise PersonNotFound(f"There is no person {person}.")
