"""Prices, lists, discounts and their evidence as the console shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from unisono.commerce.pricing.model import Announcement, Asked, Evidence, PriceList, Refused, Rule
from unisono.console import contexts as c
from unisono.console import links
from unisono.console.views.labels import channel_label
from unisono.console.words import Words
from unisono.kit.marking import N_

RULES: dict[Rule, str] = {
    "strict": N_("the lowest price of the 30 days before"),
    "progressive": N_("the prior price of the first discount of the campaign, which grows without interruption"),
    "young": N_("on the market for less than 30 days: the lowest price since then"),
    "exempt": N_("goods that spoil quickly: the price asked right before"),
}
"""How a prior price was found; English msgids."""

REFUSALS: dict[Refused, str] = {
    "no_prior_price": N_("Nobody was asked a price for it in the days that count, so there is nothing to reduce."),
    "not_below_prior": N_("The new price is not below the lowest price of the days that count: it is no discount."),
}

SOURCES: dict[str, str] = {
    "list": N_("price list"),
    "announcement": N_("discount"),
    "receipt": N_("seen on receipts"),
    "channel": N_("seen in the channel"),
    "import": N_("imported"),
}
"""Where a price is known from; English msgids."""

AHEAD = timedelta(days=4)
"""What is drawn after the beginning of a reduction."""


def place(channel: str | None, store_id: str | None, words: Words, *, everywhere: str = "") -> str:
    """A channel and a store in words."""
    parts = []
    if channel and not (channel == "store" and store_id):
        parts.append(channel_label(channel, words))
    if store_id:
        parts.append(words.gettext("store %(store)s") % {"store": store_id})
    return ", ".join(parts) or everywhere or words.gettext("everywhere")


def serves(one: PriceList, words: Words) -> str:
    """For whom a list is, in words."""
    parts = [place(one.channel, one.store_id, words)]
    if one.audience:
        parts.append(words.gettext("only %(audience)s") % {"audience": one.audience})
    return ", ".join(parts)


def list_row(one: PriceList, words: Words) -> c.PriceListRow:
    """A price list."""
    return c.PriceListRow(
        code=one.code,
        name=one.name,
        href=links.price_list(one.code),
        currency=one.currency,
        serves=serves(one, words),
        tax_included=one.tax_included,
        priority=one.priority,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        disabled_at=one.disabled_at,
    )


def list_choices(lists: Iterable[PriceList], chosen: str, words: Words) -> list[c.Choice]:
    """Lists that still take prices."""
    return [
        c.Choice(
            value=one.code, label=f"{one.name} ({serves(one, words)}, {one.currency})", selected=one.code == chosen
        )
        for one in lists
        if one.disabled_at is None
    ]


def discount_badge(one: Announcement, now: datetime, words: Words) -> c.Badge:
    """Where a reduction stands."""
    if one.withdrawn_at is not None:
        return c.Badge(text=words.gettext("withdrawn"), tone="off")
    if one.ends_at is not None and one.ends_at <= now:
        return c.Badge(text=words.gettext("over"))
    if one.starts_at > now:
        return c.Badge(text=words.gettext("to come"))
    return c.Badge(text=words.gettext("shown now"), tone="good")


def discount_row(one: Announcement, now: datetime, words: Words, *, can_write: bool = False) -> c.DiscountRow:
    """A reduction that was announced."""
    return c.DiscountRow(
        announcement_id=one.id,
        href=links.discount(one.id),
        sku=one.sku,
        sku_href=links.price_of(one.sku),
        list_code=one.price_list,
        new=c.Amount(minor=one.new_minor, currency=one.currency),
        prior=c.Amount(minor=one.prior_minor, currency=one.currency),
        percent=one.percent_bp / 100,
        rule=words.gettext(RULES[one.rule]),
        badge=discount_badge(one, now, words),
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        campaign=one.campaign or "",
        announced_at=one.announced_at,
        announced_by=one.announced_by,
        withdrawn_at=one.withdrawn_at,
        withdrawn_by=one.withdrawn_by or "",
        withdrawn_for=one.withdrawn_for or "",
        can_withdraw=can_write and one.withdrawn_at is None and (one.ends_at is None or one.ends_at > now),
    )


def asked_row(one: Asked, currency: str, words: Words, *, lowest: bool = False) -> c.AskedRow:
    """A price that was asked."""
    kind, _, name = one.source.partition(":")
    if kind == "list":
        said, href = f"{words.gettext(SOURCES[kind])} {name}", links.price_list(name)
    else:
        said, href = words.gettext(SOURCES.get(name, name)), None
    return c.AskedRow(
        amount=c.Amount(minor=one.amount_minor, currency=currency),
        start=one.starts_at,
        end=one.ends_at,
        where=place(one.channel, one.store_id, words),
        source=said,
        source_href=href,
        lowest=lowest,
    )


def steps_of(intervals: Iterable[Asked], lowest: Asked | None = None) -> list[c.Step]:
    """Intervals to draw."""
    return [
        c.Step(
            start=one.starts_at,
            end=one.ends_at,
            minor=one.amount_minor,
            lane=f"{one.channel}/{one.store_id}/{one.source.partition(':')[0]}",
            lowest=one == lowest,
        )
        for one in intervals
    ]


def evidence_card(found: Evidence, words: Words) -> c.EvidenceCard:
    """Why a reduction may be announced, or may not."""

    def money(minor: int) -> c.Amount:
        return c.Amount(minor=minor, currency=found.currency)

    window = found.window
    chart = c.Steps(
        start=window.starts_at,
        end=max(found.starts_at, window.ends_at) + AHEAD,
        currency=found.currency,
        steps=steps_of(found.intervals, found.lowest),
        window=(window.starts_at, window.ends_at),
        prior_minor=found.prior_minor,
        new_minor=found.new_minor,
    )
    return c.EvidenceCard(
        sku=found.sku,
        list_code=found.price_list,
        new=money(found.new_minor),
        prior=None if found.prior_minor is None else money(found.prior_minor),
        percent=None if found.percent_bp is None else found.percent_bp / 100,
        rule=words.gettext(RULES[found.rule]),
        refused=words.gettext(REFUSALS[found.refused]) if found.refused else None,
        first_day=window.first_day,
        last_day=window.last_day,
        chart=chart,
        lowest=asked_row(found.lowest, found.currency, words, lowest=True) if found.lowest else None,
        rows=[asked_row(one, found.currency, words, lowest=one == found.lowest) for one in found.intervals],
    )


def fact_row(row: Mapping[str, Any], now: datetime, words: Words, *, counts: bool) -> c.PriceFact:
    """A price somebody set; ``counts``: of its list it is the one that holds now."""
    if counts:
        badge = c.Badge(text=words.gettext("holds now"), tone="good")
    elif row["starts_at"] > now:
        badge = c.Badge(text=words.gettext("to come"))
    else:
        badge = c.Badge(text=words.gettext("past"))
    amount = row["amount_minor"]
    return c.PriceFact(
        list_code=row["code"],
        list_href=links.price_list(row["code"]),
        amount=None if amount is None else c.Amount(minor=amount, currency=row["currency"]),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        badge=badge,
        by=row["recorded_by"],
        at=row["recorded_at"],
    )


def fact_rows(rows: Sequence[Mapping[str, Any]], now: datetime, words: Words) -> list[c.PriceFact]:
    """Every price that was set, the latest begun first; the first of a list that holds is the one that counts."""
    counted: set[str] = set()
    found = []
    for row in rows:
        holds = row["starts_at"] <= now and (row["ends_at"] is None or row["ends_at"] > now)
        counts = holds and row["code"] not in counted
        if counts:
            counted.add(row["code"])
        found.append(fact_row(row, now, words, counts=counts))
    return found
