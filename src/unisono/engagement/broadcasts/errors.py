"""What can go wrong with a broadcast."""

from __future__ import annotations

from unisono.kit.errors import BadRequest, Conflict, NotFound


class BroadcastNotFound(NotFound):
    """There is no such broadcast."""

    code = "broadcast_not_found"


class BadBroadcast(BadRequest):
    """A broadcast that could never be sent as it is."""

    code = "bad_broadcast"


class BroadcastConflict(Conflict):
    """``version_conflict``: somebody changed it. ``broadcast_started``: only a draft is changed. ``broadcast_state``:
    as it stands that makes no sense. ``segment_missing``, ``segment_not_live``: to whom?"""

    code = "broadcast_conflict"
