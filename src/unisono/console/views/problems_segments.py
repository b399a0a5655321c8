"""Errors of segments, in words: what, why, what to do, the field at fault."""

from __future__ import annotations

from unisono.kit.marking import N_

SEGMENT_TEXTS: dict[str, tuple[str, ...]] = {
    "bad_rule": (N_("The rule cannot be like this"),),
    "store_unknown": (
        N_("Nobody knows where this store is"), "", N_("Name a point on the map in its place."),
    ),
    "segment_unknown": (N_("There is no such segment"), N_("It was never made, or the rule asks for an archived one.")),
    "segment_exists": (N_("There is a segment of this code already"), "", N_("Give it another code."), "code"),
    "segment_used": (
        N_("Something in force asks about it"),
        N_("What uses it stands on its page."),
        N_("Let that end first."),
    ),
    "segment_not_live": (N_("It asks about a segment that is not live"), "", N_("Publish that one first.")),
    "circle": (N_("The segments ask about each other in a circle"), "", N_("Take one of them out of the rule.")),
}  # fmt: skip
"""Code of an error -> its texts; English msgids."""
