"""What promotions keep about people: their coupons, what they used."""

from __future__ import annotations

from unisono.kit.marking import N_
from unisono.kit.personal import AMOUNT, BY_NODE, CHANNEL, CURRENCY, MADE, STATE, STORE, WHEN, PersonalData, Table

PERSONAL = PersonalData(
    "promotions",
    [
        Table(
            name="promotion_use",
            whose=BY_NODE,
            deed="blank",
            blanks={"node_id": "null", "state": "case when state = 'held' then 'released' else state end"},
            why=N_("What promotions have cost must add up; whose it was is gone."),
            kept=dict.fromkeys(
                ("reference", "currency", "state", "channel", "store_id", "order_number"), "a word or number of ours"
            ),
            section=N_("Promotions used"),
            columns={
                "at": WHEN,
                "(select name from promotion where promotion.id = promotion_id) as promotion": N_("Promotion"),
                "amount_minor": AMOUNT,
                "currency": CURRENCY,
                "state": STATE,
                "channel": CHANNEL,
                "store_id": STORE,
                "order_number": N_("Order"),
            },
            order="at",
        ),
        Table(
            name="coupon",
            whose=BY_NODE,
            deed="blank",
            blanks={
                "node_id": "null",
                "disabled_at": "coalesce(disabled_at, now())",
                "disabled_by": "coalesce(disabled_by, 'erasure')",
            },
            why=N_("Coupons stay counted; whose they were is gone, and nobody can use them."),
            kept=dict.fromkeys(("code", "kind", "batch", "created_by", "disabled_by"), "a word of ours or a colleague"),
            section=N_("Coupons"),
            columns={
                "created_at": MADE,
                "code": N_("Code"),
                "expires_at": N_("Until"),
                "disabled_at": N_("Ended"),
            },
            order="created_at",
        ),
    ],
    others={
        "promotion": "Written by colleagues.",
        "promotion_version": "Written by colleagues.",
    },
)
"""Coupons and uses."""
