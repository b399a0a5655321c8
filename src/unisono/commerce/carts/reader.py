"""Follows who becomes one person and who comes apart: their carts do the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from unisono.commerce.carts import merging
from unisono.commerce.carts.model import Touch
from unisono.customers.timeline.model import Event
from unisono.customers.timeline.readers import LogReader
from unisono.kit.clock import Clock, system_clock
from unisono.kit.database import Connection


class CartsReader(LogReader):
    """Merges the carts of people who are one now, and takes merges across people who are two apart.

    It looks at how things stand, not at what the events say of it, so it may read them late, twice or all at once.
    """

    name: ClassVar[str] = "carts"
    linger: ClassVar[float] = 0.2
    wakes = True

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock

    async def handle(self, conn: Connection, events: Sequence[Event]) -> None:
        """Carts of the persons these events are about."""
        joined = {event.person_id for event in events if event.name == "Person Joined" and event.type == "identity"}
        split = [event for event in events if event.name == "Person Split" and event.type == "identity"]
        if not joined and not split:
            return
        touch = Touch(channel="system", now=self._clock(), actor=merging.SYSTEM)
        if split:
            parted = await merging.people_of(conn, {node for event in split for node in _nodes(event)})
            await merging.separate(conn, parted, touch)
            joined |= parted
        await merging.merge_people(conn, joined, touch)


def _nodes(event: Event) -> set[int]:
    """Every identifier a split speaks of: those that left, and who both sides were then."""
    said = event.properties
    named = [*said.get("moved_nodes", ()), said.get("person_id"), said.get("other_person_id")]
    return {event.node_id, *(node for node in named if isinstance(node, int))}
