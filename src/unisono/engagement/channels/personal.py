"""What channels keep about people: devices, what waits for them on the site, with a colleague, in the printer."""

from __future__ import annotations

from unisono.kit.personal import BY_NODE, CHANNEL, IDENTIFIER, KIND, MADE, N_, STATE, STORE, PersonalData, Table

PERSONAL = PersonalData(
    "channels",
    [
        Table(
            name="push_address",
            whose="node_id = any($1::bigint[])",
            section=N_("Devices that get notifications"),
            columns={
                "created_at": MADE,
                "channel": CHANNEL,
                "platform": N_("Platform"),
                "endpoint": N_("Address"),
                "gone_at": N_("Gone"),
                "node_id": IDENTIFIER,
            },
            order="created_at",
        ),
        Table(
            name="inbox_item",
            written="starts_at",
            whose=BY_NODE,
            mentions=("content",),
            kept={"slot": "a place on the page"},
            section=N_("What was shown on the site and in the app"),
            columns={
                "starts_at": N_("From"),
                "ends_at": N_("Until"),
                "slot": N_("Place"),
                "content": N_("Content"),
                "seen_at": N_("Seen"),
                "clicked_at": N_("Clicked"),
                "dismissed_at": N_("Dismissed"),
            },
            order="starts_at, id",
        ),
        Table(
            name="staff_task",
            written="created_at",
            nobodys=True,
            whose=BY_NODE,
            mentions=("title", "body", "outcome"),
            kept=dict.fromkeys(("kind", "store_id", "role", "state", "settled_by"), "a word of ours or a colleague"),
            section=N_("Tasks for colleagues"),
            columns={
                "created_at": MADE,
                "kind": KIND,
                "title": N_("Title"),
                "body": N_("Text"),
                "state": STATE,
                "outcome": N_("Outcome"),
                "store_id": STORE,
                "settled_at": N_("Settled"),
            },
            order="created_at, id",
        ),
        Table(
            name="print_item",
            whose=BY_NODE,
            section=N_("Letters and coupons"),
            columns={
                "created_at": MADE,
                "kind": KIND,
                "code": N_("Code"),
                "content": N_("Content"),
                "printed_at": N_("Printed"),
                "ends_at": N_("Until"),
                "store_id": STORE,
            },
            order="created_at, id",
        ),
    ],
    others={
        "channel_account": "Accounts with providers.",
        "provider_call": "Numbers of calls providers made to us.",
    },
)
"""Push addresses, the inbox, tasks, letters."""
