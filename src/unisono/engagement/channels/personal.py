"""What channels keep about people: devices, what waits for them on the site, with a colleague, in the printer."""

from __future__ import annotations

from unisono.engagement.channels.audiences import membership
from unisono.kit.database import Connection
from unisono.kit.marking import N_
from unisono.kit.personal import BY_NODE, CHANNEL, IDENTIFIER, KIND, MADE, STATE, STORE, Erasing, PersonalData, Table


class ChannelsData(PersonalData):
    """Channels' part: whoever is erased is also taken out of what advertisers have of him."""

    async def after(self, conn: Connection, erasing: Erasing) -> None:
        """Advertisers are told at once."""
        await membership.look_after_erasure(conn, now=erasing.now)


PERSONAL = ChannelsData(
    "channels",
    [
        Table(
            name="audience_member",
            whose=BY_NODE,
            deed="blank",
            blanks={
                "node_id": "null",
                "segment": "null",
                "leaves_at": "coalesce(leaves_at, put_at)",
                "try_at": "coalesce(try_at, put_at)",
                "last_error": "null",
            },
            why=N_("The advertiser is told to take the person out; when he has, the row goes."),
            kept=dict.fromkeys(("email", "phone"), "a hash, which the advertiser takes the person out by"),
            nobodys=True,
            section=N_("Ad audiences"),
            columns={
                "put_at": N_("Put in"),
                "segment": N_("Segment"),
                "leaves_at": N_("To be taken out since"),
                "node_id": IDENTIFIER,
            },
            order="put_at, id",
        ),
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
