"""What the change feed keeps about people: what channels were told of their carts and orders."""

from __future__ import annotations

from unisono.kit.marking import N_
from unisono.kit.personal import BY_NODE, KIND, WHEN, PersonalData, Table

PERSONAL = PersonalData(
    "changes",
    [
        Table(
            name="webhook_delivery",
            written="planned_at",
            whose="state = 'pending' and (txid, change_id) in"
            " (select txid, id from change where node_id = any($1::bigint[]))",
            deed="blank",
            blanks={"state": "'dead'", "last_error": "'erased'"},
            soon=False,
            why=N_("The log of deliveries is numbered; it says nothing of the person any more."),
            kept={"message_id": "a number of ours", "subject": "a number of ours"},
            mentions=("last_error",),
            unshown="That a channel was told of a change.",
        ),
        Table(
            name="change",
            written="at",
            nobodys=True,
            whose=BY_NODE,
            deed="blank",
            blanks={"data": """'{"erased": true}'""", "node_id": "null"},
            soon=False,
            why=N_("Changes are numbered without gaps, so that channels notice one they missed; nothing is in it."),
            kept={"kind": "a word of ours", "subject": "a number of ours"},
            mentions=("data",),
            section=N_("What channels were told"),
            columns={"at": WHEN, "kind": KIND, "subject": N_("About"), "data": N_("Data")},
            order="at, id",
        ),
    ],
    others={
        "webhook_endpoint": "Other systems.",
        "propagation": "Counts.",
    },
)
"""Changes and what is still to be delivered of them."""
