"""What broadcasts keep about people: who is still to be written to."""

from __future__ import annotations

from unisono.kit.personal import BY_PERSON, PersonalData, Table

PERSONAL = PersonalData(
    "broadcasts",
    [
        Table(
            name="broadcast_audience",
            whose=BY_PERSON,
            soon=False,
            unshown="Whom a message to many is about to be planned for; the messages are in their own section.",
        ),
    ],
    others={"broadcast": "Messages to many, written by colleagues."},
)
"""The audience that waits."""
