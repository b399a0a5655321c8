"""Labelled crash points: places where a test may kill the process as kill -9 would.

``crash_point("collect.after_commit")`` does nothing unless ``UNISONO_CRASH_POINT`` names the label; then the
process ends at once with no clean-up. The suite finds every label in the source and kills at each of them.
"""

from __future__ import annotations

import os

_LABEL = os.environ.get("UNISONO_CRASH_POINT")
_AFTER = int(os.environ.get("UNISONO_CRASH_AFTER", "0"))
_passed = 0


def crash_point(label: str) -> None:
    """End the process as a kill -9 would, if the environment names this label.

    ``UNISONO_CRASH_AFTER`` lets the first N passages through.
    """
    global _passed  # noqa: PLW0603 - one counter per process is the point
    if label != _LABEL:
        return
    if _passed < _AFTER:
        _passed += 1
        return
    os._exit(137)
