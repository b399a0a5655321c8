"""What carts keep about people: what they want to buy."""

from __future__ import annotations

from collections.abc import Collection

from unisono.kit.database import Connection
from unisono.kit.marking import N_
from unisono.kit.personal import (
    BY_NODE,
    CHANNEL,
    CURRENCY,
    MADE,
    NOTE,
    QUANTITY,
    STATE,
    STORE,
    PersonalData,
    Table,
    of_their,
)
from unisono.kit.sql import load

_sql = load("unisono.commerce.carts")


class CartData(PersonalData):
    """Carts are named by a code and a number."""

    async def names(self, conn: Connection, nodes: Collection[int]) -> set[str]:
        """The codes and numbers of the carts."""
        return {text for row in await _sql.names_of_carts(conn, nodes=list(nodes)) for text in row}


PERSONAL = CartData(
    "carts",
    [
        Table(
            name="cart_line",
            whose=of_their("cart"),
            written="added_at",
            nobodys=True,
            mentions=("note",),
            kept={"channel": "a channel", "store_id": "a store"},
            section=N_("In the cart"),
            columns={
                "added_at": N_("Added"),
                "(select sku from variant where variant.id = variant_id) as sku": N_("Product"),
                "quantity": QUANTITY,
                "seen_minor": N_("Price seen in cents"),
                "channel": CHANNEL,
                "store_id": STORE,
                "note": NOTE,
                "cart_id": N_("Cart"),
            },
            order="added_at",
        ),
        Table(
            name="cart_merge",
            whose=f"({of_their('cart')} or {of_their('cart', 'other_id')})",
            unshown="How carts came together: their lines are in their own section.",
        ),
        Table(
            name="cart",
            whose=BY_NODE,
            deed="blank",
            blanks={
                "node_id": "null",
                "status": "case when status in ('active', 'checkout') then 'discarded' else status end",
                "share_hash": "null",
                "coupons": "'{}'",
                "paying_for": "null",
                "version": "version + 1",
            },
            why=N_("Orders name the cart they came from by its number; it is empty and nobody's."),
            kept=dict.fromkeys(
                ("code", "status", "channel", "store_id", "currency", "trouble", "left_as"), "a word or number of ours"
            ),
            section=N_("Carts"),
            columns={
                "created_at": MADE,
                "id": N_("Cart"),
                "code": N_("Code"),
                "status": STATE,
                "channel": CHANNEL,
                "store_id": STORE,
                "currency": CURRENCY,
                "coupons": N_("Coupons"),
                "left_at": N_("Left"),
                "updated_at": N_("Changed"),
            },
            order="created_at",
        ),
        Table(
            name="cart_line",
            whose=BY_NODE,
            deed="blank",
            blanks={"node_id": "null", "note": "null"},
            soon=False,
            why=N_("A line put into somebody else's cart is his; who put it there is gone."),
            kept={"channel": "a channel", "store_id": "a store"},
            unshown="Lines in somebody else's cart are about him.",
        ),
    ],
    others={"cart_setting": "How carts behave."},
)
"""Carts, their lines, their merges."""
