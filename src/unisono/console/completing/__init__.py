"""What may be typed into the builder of segments: names and values there really are, with how often."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from unisono.console.pages import AnyRequest
from unisono.customers.segments.model import named
from unisono.customers.segments.validation import Names
from unisono.customers.segments.values import steps_of
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.console.completing")

MOST = 40
"""Values on offer."""

MOST_NAMES = 5_000
"""Names of events, or of traits, that are told from mistyped ones."""

SAMPLED = 200_000
"""Rows of a table that are looked at; more are sampled by whole pages of it."""

LOOK = 5_000
"""Events looked at for their properties."""

KEPT_SECONDS = 120.0
MOST_KEPT = 500


class Known(NamedTuple):
    """Something there is: how it is typed, and how often it was found (in the sample, if one was taken)."""

    value: str
    times: int


Ask = Callable[[], Awaitable[Sequence[Any]]]


class Completer:
    """Answers from what there is, remembered by the process for two minutes."""

    def __init__(self, request: AnyRequest, conn: Connection) -> None:
        kept: dict[tuple[str, ...], tuple[float, list[Known]]] | None = request.app.state.get("known_values")
        if kept is None:
            kept = request.app.state.known_values = {}
        self._kept = kept
        self._conn = conn
        self._percents: tuple[float, float] | None = None

    async def _remembered(self, key: tuple[str, ...], ask: Ask) -> list[Known]:
        found = self._kept.get(key)
        if found is not None and found[0] > time.monotonic():
            return found[1]
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        known = [Known(str(row[0]), row[1]) for row in await ask()]
        self._kept[key] = (time.monotonic() + KEPT_SECONDS, known)
        return known

    async def _sizes(self) -> tuple[float, float]:
        """How many of a hundred pages of traits and of events to look at."""
        if self._percents is None:
            row = await _sql.sizes(self._conn)
            traits, events = (min(100.0, 100.0 * SAMPLED / max(row[name], 1)) for name in ("traits", "events"))
            self._percents = (traits, events)
        return self._percents

    async def traits(self) -> list[Known]:
        """Traits people have."""

        async def ask() -> Sequence[Any]:
            return list(await _sql.trait_names(self._conn, percent=(await self._sizes())[0], most=MOST))

        return await self._remembered(("traits",), ask)

    async def trait(self, path: str) -> list[Known]:
        """What a trait is (``address.city`` goes into its value)."""
        steps = steps_of(path)
        if not steps or not steps[0]:
            return []

        async def ask() -> Sequence[Any]:
            rows = await _sql.trait_values(
                self._conn, percent=(await self._sizes())[0], name=steps[0], path=_jsonpath(steps[1:], "[*]"), most=MOST
            )
            return list(rows)

        return await self._remembered(("trait", path), ask)

    async def events(self) -> list[Known]:
        """What happens."""

        async def ask() -> Sequence[Any]:
            return list(await _sql.event_names(self._conn, percent=(await self._sizes())[1], most=MOST))

        return await self._remembered(("events",), ask)

    async def names(self) -> Names:
        """Every event and trait of the sample, to warn of names that may be mistyped."""

        async def events() -> Sequence[Any]:
            return list(await _sql.event_names(self._conn, percent=(await self._sizes())[1], most=MOST_NAMES))

        async def traits() -> Sequence[Any]:
            return list(await _sql.trait_names(self._conn, percent=(await self._sizes())[0], most=MOST_NAMES))

        happened = await self._remembered(("every event",), events)
        known = await self._remembered(("every trait",), traits)
        return Names(events={one.value for one in happened}, traits={one.value for one in known})

    async def fields(self, names: Sequence[str]) -> list[Known]:
        """Which properties these events carry."""
        wanted = list(named(names))

        async def ask() -> Sequence[Any]:
            percent = (await self._sizes())[1]
            return list(await _sql.event_fields(self._conn, percent=percent, names=wanted, look=LOOK, most=MOST))

        return await self._remembered(("fields", *wanted), ask) if wanted else []

    async def values(self, names: Sequence[str], path: str) -> list[Known]:
        """What a property of these events is."""
        wanted, steps = list(named(names)), steps_of(path)

        async def ask() -> Sequence[Any]:
            asked: dict[str, Any] = {"percent": (await self._sizes())[1], "names": wanted, "look": LOOK, "most": MOST}
            if path == "store_id":
                return list(await _sql.event_stores(self._conn, **asked))
            if path == "channel":
                return list(await _sql.event_channels(self._conn, **asked))
            return list(await _sql.event_values(self._conn, **asked, path=_jsonpath(steps, "")))

        return await self._remembered(("values", path, *wanted), ask) if wanted and steps and steps[0] else []


def _jsonpath(steps: Sequence[str], end: str) -> str:
    """The way into a value as the database writes it; in its lax mode a list stands for its elements."""
    inside = "".join(f".{json.dumps(step.removesuffix('[]'))}{'[*]' if step.endswith('[]') else ''}" for step in steps)
    return f"${inside}{end}"


async def located_stores(conn: Connection) -> list[tuple[str, str]]:
    """Stores somebody has put on the map: code and name."""
    return [(row["code"], row["name"]) for row in await _sql.located_stores(conn)]


async def segment_days(conn: Connection, segments: Sequence[int], since: Any) -> dict[int, list[tuple[Any, int]]]:
    """The size of segments by day since a day, beginning with the last size before it."""
    found: dict[int, list[tuple[Any, int]]] = {}
    for row in await _sql.segment_days(conn, segments=list(segments), since=since):
        found.setdefault(row["segment_id"], []).append((row["day"], row["members"]))
    return found
