"""What the contact policy keeps about people: how often we came to them."""

from __future__ import annotations

from unisono.kit.marking import N_
from unisono.kit.personal import BY_NODE, CHANNEL, WHEN, PersonalData, Table

PERSONAL = PersonalData(
    "policy",
    [
        Table(
            name="contact",
            whose=BY_NODE,
            section=N_("How often we came to you"),
            columns={
                "at": WHEN,
                "channel": CHANNEL,
                "purpose": N_("Purpose"),
                "origin": N_("Who"),
                "weight": N_("Weight"),
                "released_at": N_("Not sent after all"),
            },
            order="at, id",
        ),
    ],
    others={"contact_policy": "The rules of contact."},
)
"""Contacts."""
