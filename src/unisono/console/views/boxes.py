"""Boxes of a builder's form: what the rules of promotions and of segments are typed in, kept as it was typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from unisono.kit.marking import N_

GROUPS: dict[str, str] = {"all": N_("All of these"), "any": N_("Any of these"), "none": N_("None of these")}
"""Boxes with conditions inside; English msgids."""

EFFECTS_BOX = "effects"
"""The box with what a promotion gives."""

FILL_IN = N_("Fill this in.")
UNREADABLE = N_("This cannot be read.")


@dataclass
class Box:
    """A group with boxes inside, or a condition or effect with what is typed, by the names of its fields."""

    kind: str
    typed: dict[str, str] = field(default_factory=dict)
    inner: list[Box] = field(default_factory=list)

    @property
    def group(self) -> bool:
        """Whether boxes may be added to it."""
        return self.kind in GROUPS or self.kind == EFFECTS_BOX


def count_inside(form: Mapping[str, str], path: str, most: int) -> int:
    """How many boxes a form says lie in the one at a path (``r.0.n``)."""
    count = form.get(f"{path}.n", "0")
    return min(int(count), most) if count.isascii() and count.isdigit() and len(count) < 4 else 0


def find(root: Box, path: str) -> tuple[Box, Box, int] | None:
    """The box at a path below the root's own, the one it lies in, and its place there; None when there is none."""
    above, here, place = root, root, 0
    for step in path.split(".")[1:]:
        if not (step.isascii() and step.isdigit()) or len(step) > 3 or int(step) >= len(here.inner):
            return None
        above, place = here, int(step)
        here = here.inner[place]
    return here, above, place
