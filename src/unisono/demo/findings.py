"""What a check found, told one by one."""

from __future__ import annotations


class Findings:
    """The checks made, told one by one."""

    def __init__(self) -> None:
        self.failed = 0

    def compare(self, what: str, expected: object, seen: object) -> None:
        """Tell whether they are equal."""
        if expected == seen:
            print(f"ok    {what}")
        else:
            self.failed += 1
            print(f"FAIL  {what}: expected {expected!r}, saw {seen!r}")
