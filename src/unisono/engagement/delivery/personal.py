"""What delivery keeps about people: every message, what it said, how it went, why it was sent or not."""

from __future__ import annotations

from unisono.kit.marking import N_
from unisono.kit.personal import (
    BY_NODE,
    CHANNEL,
    CURRENCY,
    IDENTIFIER,
    MADE,
    REASON,
    SETTLED,
    STATE,
    WHEN,
    PersonalData,
    Table,
    of_their,
)

_THEIRS = of_their("message")
_MESSAGE = N_("Message no.")

PERSONAL = PersonalData(
    "delivery",
    [
        Table(
            name="message_content",
            written="at",
            whose=_THEIRS,
            mentions=("rendered",),
            section=N_("What messages said"),
            columns={"message_id": _MESSAGE, "at": WHEN, "rendered": N_("Content")},
            order="message_id",
        ),
        Table(
            name="message_attempt",
            written="at",
            whose=_THEIRS,
            mentions=("detail",),
            kept={
                "channel": "a channel",
                "outcome": "a word of ours",
                "code": "the provider's",
                "provider_id": "a number",
            },
            section=N_("How sending went"),
            columns={
                "message_id": _MESSAGE,
                "at": WHEN,
                "channel": CHANNEL,
                "outcome": N_("Outcome"),
                "code": N_("Code"),
                "detail": N_("Detail"),
            },
            order="message_id, at, id",
        ),
        Table(
            name="message",
            written="created_at",
            whose=BY_NODE,
            mentions=("content", "data", "decision"),
            kept=dict.fromkeys(
                (
                    "key",
                    "origin",
                    "purpose",
                    "category",
                    "template",
                    "channels",
                    "language",
                    "local_time",
                    "state",
                    "reason",
                    "channel",
                    "provider_id",
                    "created_by",
                    "currency",
                ),
                "words and numbers of ours, the sender's key",
            ),
            section=N_("Messages"),
            columns={
                "id": _MESSAGE,
                "created_at": MADE,
                "purpose": N_("Purpose"),
                "origin": N_("Occasion"),
                "template": N_("Template"),
                "content": N_("Content"),
                "data": N_("Data"),
                "channel": CHANNEL,
                "state": STATE,
                "reason": REASON,
                "decision": N_("Why it was sent or not"),
                "due_at": N_("Due"),
                "handed_over_at": N_("Sent"),
                "delivered_at": N_("Delivered"),
                "opened_at": N_("Opened"),
                "clicked_at": N_("Clicked"),
                "settled_at": SETTLED,
                "cost_minor": N_("Cost in cents"),
                "currency": CURRENCY,
                "node_id": IDENTIFIER,
            },
            order="id",
        ),
    ],
    others={
        "sending": "Whether messages leave.",
        "account_pace": "How far a provider's rate is used up.",
        "brand": "How the company looks and speaks.",
        "brand_version": "How the company looks and speaks.",
        "template": "Texts written by colleagues.",
        "template_version": "Texts written by colleagues.",
    },
)
"""The send ledger; it is emptied of them, so what was planned or claimed never leaves."""
