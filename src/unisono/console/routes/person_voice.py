"""The part of a person's page that One voice knows: the segments he is in."""

from __future__ import annotations

from unisono.access.guards import caller
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest
from unisono.customers.segments import service as segments
from unisono.kit.database import Connection

MOST_OFFERED = 200


async def live_choices(conn: Connection, chosen: str = "") -> list[contexts.Choice]:
    """Live segments to choose from, by code; and the chosen one, whatever its state."""
    found = await segments.list_segments(conn, statuses=["live"], limit=MOST_OFFERED)
    return [contexts.Choice(value=one.code, label=one.name, selected=one.code == chosen) for one in found]


async def voice_of(conn: Connection, request: AnyRequest, person: int) -> contexts.PersonVoice | None:
    """What One voice knows of a person, as far as the reader may see it."""
    if not caller(request).may("segments:read"):
        return None
    inside = await segments.memberships(conn, person)
    codes = {one.code for one in inside}
    return contexts.PersonVoice(
        person_id=person,
        sees_segments=True,
        segments=[
            contexts.MembershipRow(
                name=one.name,
                href=links.segment(one.code),
                since=one.since,
                why_href=links.segment_why(one.code, person),
            )
            for one in inside
        ],
        others=[choice for choice in await live_choices(conn) if choice.value not in codes],
    )
