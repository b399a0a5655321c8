"""Asked when a message of a broadcast is claimed: may this person still get it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unisono.kit.database import Connection
from unisono.kit.reasons import Reason
from unisono.kit.sql import load

_sql = load("unisono.engagement.broadcasts")


def same_person(other: int) -> Reason:
    """Two of the audience turned out to be one."""
    return Reason("same_person", "He is one with somebody who has it already: message {other}.", {"other": other})


def left_segment(segment: str) -> Reason:
    """He had to be in the segment still."""
    return Reason("left_segment", "He left the segment {segment} before it was sent.", {"segment": segment})


async def refused(conn: Connection, message_ids: Sequence[int]) -> Mapping[int, Reason]:
    """Of these messages of broadcasts, under the locks of their persons, those that nobody gets, and why."""
    found: dict[int, Reason] = {}
    for row in await _sql.not_admitted(conn, ids=list(message_ids)):
        reason = same_person(row["other"]) if row["reason"] == "same_person" else left_segment(row["segment"])
        found.setdefault(row["id"], reason)
    return found
