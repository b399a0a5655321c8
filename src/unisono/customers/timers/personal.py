"""What timers keep about people: whom they wait for, by number."""

from __future__ import annotations

from unisono.kit.personal import PersonalData, Table

PERSONAL = PersonalData(
    "timers",
    [
        Table(
            name="timer",
            whose="(payload ->> 'node_id' = any($1::bigint[]::text[])"
            " or kind = 'segments' and key = any($1::bigint[]::text[]))",
            soon=False,
            mentions=("payload", "outcome", "error"),
            kept={"kind": "a word of ours", "key": "numbers of ours", "state": "a word of ours"},
            unshown="When the software looks again; the facts it looks at are in the other sections.",
        ),
    ],
)
"""Timers that wait for something of theirs."""
