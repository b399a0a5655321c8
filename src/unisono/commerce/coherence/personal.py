"""What coherence keeps about people: who was shown something wrong."""

from __future__ import annotations

from unisono.kit.marking import N_
from unisono.kit.personal import BY_NODE, PersonalData, Table

PERSONAL = PersonalData(
    "coherence",
    [
        Table(
            name="incident_person",
            whose=BY_NODE,
            soon=False,
            section=N_("What was shown wrongly"),
            columns={
                "(select kind from incident where incident.id = incident_id) as what": N_("What"),
                "(select sku from incident where incident.id = incident_id) as sku": N_("Product"),
                "(select first_at from incident where incident.id = incident_id) as since": N_("Since"),
            },
            order="incident_id",
        ),
    ],
    others={"incident": "What channels showed of goods.", "coherence_count": "Counts."},
)
"""Whom incidents concern."""
