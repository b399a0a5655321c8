"""What consent keeps about people: what they said, what is blocked for them."""

from __future__ import annotations

from unisono.kit.marking import N_
from unisono.kit.personal import BY_NODE, CHANNEL, IDENTIFIER, REASON, STATE, WHEN, PersonalData, Table

_PURPOSE = N_("Purpose")
_UNTIL = N_("Until")
_BASIS = N_("Legal basis")

PERSONAL = PersonalData(
    "consent",
    [
        Table(
            name="consent_entry",
            written="recorded_at",
            whose=BY_NODE,
            mentions=("proof",),
            kept=dict.fromkeys(
                (
                    "key",
                    "purpose",
                    "channel",
                    "action",
                    "basis",
                    "text_id",
                    "text_language",
                    "source",
                    "actor",
                    "order_ref",
                    "category",
                ),
                "a word or number of ours",
            ),
            section=N_("Consents, as they were said"),
            columns={
                "at": WHEN,
                "purpose": _PURPOSE,
                "channel": CHANNEL,
                "action": N_("What was said"),
                "basis": _BASIS,
                "source": N_("Where"),
                "actor": N_("By whom"),
                "expires_at": _UNTIL,
                "text_id": N_("Text"),
                "text_version": N_("Version"),
                """(select body from consent_text text where text.id = text_id and text.version = text_version
                    and text.language = text_language) as words""": N_("Words"),
                "order_ref": N_("Order"),
                "category": N_("Category"),
                "proof": N_("Proof"),
                "node_id": IDENTIFIER,
            },
            order="at, id",
        ),
        Table(
            name="consent_state",
            whose=BY_NODE,
            section=N_("Consents, as they stand"),
            columns={
                "purpose": _PURPOSE,
                "channel": CHANNEL,
                "status": STATE,
                "basis": _BASIS,
                "since": N_("Since"),
                "expires_at": _UNTIL,
                "categories": N_("Categories"),
                "node_id": IDENTIFIER,
            },
            order="purpose, channel, node_id",
        ),
        Table(
            name="suppression",
            written="at",
            whose=BY_NODE,
            mentions=("detail",),
            kept=dict.fromkeys(
                ("channel", "reason", "purposes", "source", "lifted_by"), "a word of ours or a colleague"
            ),
            section=N_("What is blocked"),
            columns={
                "at": WHEN,
                "channel": CHANNEL,
                "reason": REASON,
                "purposes": _PURPOSE,
                "detail": N_("Detail"),
                "lifted_at": N_("Lifted"),
                "node_id": IDENTIFIER,
            },
            order="at",
        ),
        Table(
            name="register_check",
            whose=BY_NODE,
            section=N_("Looked up in the opposition register"),
            columns={
                "checked_at": WHEN,
                "channel": CHANNEL,
                "listed": N_("Listed"),
                "source": N_("Where"),
                "node_id": IDENTIFIER,
            },
            order="checked_at",
        ),
        Table(
            name="opt_in_request",
            whose=BY_NODE,
            section=N_("Confirmations asked for"),
            columns={
                "created_at": WHEN,
                "purpose": _PURPOSE,
                "channel": CHANNEL,
                "expires_at": _UNTIL,
                "used_at": N_("Confirmed"),
                "node_id": IDENTIFIER,
            },
            order="created_at",
        ),
    ],
    others={"consent_text": "Words people are asked with.", "legal_setting": "How the law is applied here."},
)
"""The ledger, its fold, blocks, register checks."""
