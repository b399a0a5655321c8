"""Carts as their screens show them."""

from __future__ import annotations

from typing import Any

import asyncpg

from unisono.commerce.carts.model import CartLineView, CartView
from unisono.commerce.promotions.model import Quote
from unisono.console import contexts as c
from unisono.console import links
from unisono.console.contexts import Tone
from unisono.console.views.labels import channel_label, staff_line
from unisono.console.views.orders import applied, euro, rejected, some
from unisono.console.words import Words
from unisono.kit.marking import N_
from unisono.kit.reasons import in_words

STATUS: dict[str, tuple[str, Tone]] = {
    "active": (N_("in use"), "good"),
    "checkout": (N_("being paid"), "neutral"),
    "ordered": (N_("ordered"), "off"),
    "merged": (N_("merged"), "off"),
    "discarded": (N_("thrown away"), "off"),
}
"""States of a cart; English msgids."""

LEFT: dict[str, str] = {
    "payment_failed": N_("left: the payment failed"),
    "payment_slow": N_("left: the payment took long"),
    "left": N_("left"),
}
"""How a cart was abandoned; English msgids."""

RULES: dict[str, str] = {"sum": N_("units added up"), "max": N_("the larger number kept")}


def badge(row: Any, words: Words, now: Any) -> c.Badge | None:
    """What is special about an open cart."""
    if row["paying_until"] is not None and row["paying_until"] > now:
        return c.Badge(text=words.gettext("being paid"))
    if row["left_as"]:
        left: str = LEFT[row["left_as"]]
        return c.Badge(text=words.gettext(left), tone="warning")
    return None


def row(found: asyncpg.Record, words: Words, person: c.PersonLink | None, store: str, now: Any) -> c.CartRow:
    """An open cart in a list."""
    return c.CartRow(
        code=found["code"],
        href=links.cart(str(found["id"])),
        lines=found["lines"],
        units=found["units"],
        amount=euro(found["amount_minor"], found["currency"]),
        line=staff_line(found["channel"]),
        channel=channel_label(found["channel"], words),
        updated_at=found["updated_at"],
        badge=badge(found, words, now),
        person=person,
        store=store,
    )


def _line(line: CartLineView, currency: str, words: Words) -> c.CartLineRow:
    return c.CartLineRow(
        sku=line.sku,
        name=line.name,
        href=links.stock_of(line.sku),
        quantity=line.quantity,
        seen=euro(line.seen_minor, currency),
        seen_in=channel_label(line.seen_channel, words),
        total=euro(line.total_minor, currency),
        unit=None if line.unit_minor is None else euro(line.unit_minor, currency),
        prior=some(line.prior_minor or 0, currency),
        available=line.available,
        discount=some(line.discount_minor, currency),
        notices=[in_words(one, words.language, words.zone.key) for one in line.notices],
        note=line.note or "",
    )


def _coupons(quote: Quote | None, entered: tuple[str, ...], words: Words) -> list[tuple[str, bool, str]]:
    said = {one.coupon: one for one in quote.coupons} if quote else {}
    rows = []
    for code in entered:
        answer = said.get(code)
        why = " ".join(in_words(one, words.language, words.zone.key) for one in answer.reasons) if answer else ""
        rows.append((code, answer is None or answer.accepted, why))
    return rows


def box(view: CartView, words: Words, *, writes: bool) -> c.CartBox:
    """A cart with everything in it."""
    quote, money = view.quote, view.currency
    text, tone = STATUS[view.status]
    return c.CartBox(
        name=str(view.id),
        code=f"{view.code[:4]}-{view.code[4:]}",
        badge=c.Badge(text=words.gettext(text), tone=tone),
        lines=[_line(line, money, words) for line in view.lines],
        total=None if quote is None else euro(quote.total_minor, money),
        subtotal=None if quote is None else euro(quote.subtotal_minor, money),
        discount=None if quote is None else some(quote.discount_minor, money),
        shipping=None if quote is None else some(quote.shipping_minor, money),
        coupons=_coupons(quote, view.coupons, words),
        offers=[]
        if quote is None
        else [
            *(applied(one, money, words) for one in quote.applied),
            *(rejected(one, money, words) for one in quote.rejected),
        ],
        notices=[in_words(one, words.language, words.zone.key) for one in view.notices],
        merges=[
            c.MergeRow(
                merge_id=one.id,
                at=one.at,
                rule=words.gettext(RULES[one.rule]),
                actor=one.actor,
                notices=[in_words(why, words.language, words.zone.key) for why in one.notices],
            )
            for one in view.merges
        ],
        updated_at=view.updated_at,
        can_write=writes and view.status == "active",
    )
