"""The traits the policy asks for, and which of several said values counts: the latest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec

_decode = msgspec.json.Decoder().decode

NAMES: Final = (
    "timezone",
    "timeZone",
    "preferred_channel",
    "preferredChannel",
    "language",
    "locale",
    "address",
    "home_store",
    "homeStore",
    "store_id",
)


class Said(NamedTuple):
    """A trait and when it was said."""

    value: Any
    at: datetime


def newest(rows: Mapping[int, Iterable[asyncpg.Record]]) -> dict[int, dict[str, Said]]:
    """By person and name the latest value; of those of one instant the same one every time."""
    found: dict[int, dict[str, Said]] = {}
    for person, said in rows.items():
        mine = found.setdefault(person, {})
        for row in sorted(said, key=lambda row: (row["occurred_at"], row["value"])):
            mine[row["name"]] = Said(_decode(row["value"]), row["occurred_at"])
    return found
