"""What delivery asks of rooms above it, given by the application when it is put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from unisono.kit.database import Connection
from unisono.kit.reasons import Reason

Admission = Callable[[Connection, Sequence[int]], Awaitable[Mapping[int, Reason]]]
"""Of messages of broadcasts that are being claimed, under the locks of their persons, those nobody gets, and why."""

_admissions: list[Admission] = []


def give(*, admission: Admission) -> None:
    """Say who knows whether a person may still get a broadcast; the last one counts."""
    _admissions[:] = [admission]


async def refused(conn: Connection, message_ids: Sequence[int]) -> Mapping[int, Reason]:
    """Of these messages those that are not to be sent, and why."""
    if not message_ids or not _admissions:
        return {}
    return await _admissions[0](conn, message_ids)
