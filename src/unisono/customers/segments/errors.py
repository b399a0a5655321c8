"""What can be wrong with a segment."""

from __future__ import annotations

from unisono.kit.errors import Conflict, NotFound


class SegmentUnknown(NotFound):
    """There is no such segment."""

    code = "segment_unknown"

    def __init__(self, code: str) -> None:
        super().__init__(f"There is no segment {code[:80]}.")


class SegmentConflict(Conflict):
    """It cannot be done with the segment as it is."""

    code = "segment_conflict"
