"""What the timeline keeps about people: everything that happened to them."""

from __future__ import annotations

from unisono.kit.marking import N_
from unisono.kit.personal import BY_NODE, BY_PERSON, CHANNEL, IDENTIFIER, STORE, WHEN, PersonalData, Table

PERSONAL = PersonalData(
    "timeline",
    [
        Table(
            name="event",
            written="received_at",
            whose=BY_NODE,
            mentions=("identifiers", "properties", "context"),
            kept={
                "type": "track, identify, ...",
                "name": "what happened",
                "channel": "a channel",
                "store_id": "a store",
                "message_id": "the sender's own number of the message",
            },
            section=N_("What happened"),
            columns={
                "occurred_at": WHEN,
                "name": N_("What happened"),
                "type": N_("Kind of message"),
                "channel": CHANNEL,
                "store_id": STORE,
                "node_id": IDENTIFIER,
                "received_at": N_("Received"),
                "identifiers": N_("Identifiers it came with"),
                "properties": N_("What was told of it"),
                "context": N_("Device and page"),
                "message_id": N_("Message number"),
            },
            order="occurred_at, id",
        ),
        Table(
            name="failed_event",
            written="received_at",
            mentions=("raw", "context", "detail", "message_id", "name"),
            on_mention={
                "raw": "''::bytea",
                "context": "'{}'",
                "detail": "'It named somebody who was erased.'",
                "message_id": "null",
                "name": "null",
                "code": "'erased'",
                "replayed_at": "coalesce(replayed_at, now())",
                "outcome": "'erased'",
            },
            kept={"code": "a word of ours", "outcome": "a word of ours and a colleague"},
            unshown="Messages that could not be understood: whose they are is not known.",
        ),
        Table(
            name="parked_event",
            written="first_at",
            whose=BY_PERSON,
            mentions=("error",),
            kept={"reader": "a part of the software"},
            unshown="Work that waits: the events are in their own section.",
        ),
        Table(
            name="dead_letter",
            written="first_at",
            whose=BY_PERSON,
            soon=False,
            mentions=("error",),
            kept={"reader": "a part of the software"},
            unshown="Work that failed: the events are in their own section.",
        ),
    ],
    others={"log_reader": "How far the readers of the log are."},
)
"""The log, and what waits or failed because of it."""
