"""What segments keep about people: which they are in."""

from __future__ import annotations

from unisono.kit.marking import N_
from unisono.kit.personal import BY_PERSON, PersonalData, Table

_RULES = "Rules about people in general, written by colleagues."

PERSONAL = PersonalData(
    "segments",
    [
        Table(
            name="segment_member",
            whose=BY_PERSON,
            section=N_("Segments"),
            columns={
                "(select name from segment where segment.id = segment_id) as segment": N_("Segment"),
                "since": N_("Since"),
            },
            order="since",
        ),
    ],
    others={
        "segment": _RULES,
        "segment_version": _RULES,
        "segment_count": "Counts.",
        "segment_check": "Counts.",
    },
)
"""Membership."""
