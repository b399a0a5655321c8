"""Promotions in lists and on their page, versions told apart, tried baskets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from unisono.commerce.catalog.model import Variant
from unisono.commerce.promotions.model import (
    Definition,
    Promotion,
    PromotionState,
    PromotionVersion,
    Quote,
    Status,
)
from unisono.commerce.promotions.overlaps import Overlap
from unisono.console import contexts as c
from unisono.console import links
from unisono.console.views.labels import channel_label
from unisono.console.views.promotion_words import Teller, sentence
from unisono.console.words import Words
from unisono.kit.marking import N_

STATUSES: dict[Status, tuple[str, c.Tone]] = {
    "active": (N_("live"), "good"),
    "draft": (N_("draft"), "neutral"),
    "paused": (N_("paused"), "warning"),
    "ended": (N_("ended"), "off"),
}
"""Status -> its word and tone; English msgids."""

MOVES: dict[Status, tuple[tuple[Status, str], ...]] = {
    "draft": (("active", N_("Start")),),
    "active": (("paused", N_("Pause")), ("ended", N_("End for good"))),
    "paused": (("active", N_("Go on")), ("ended", N_("End for good"))),
    "ended": (),
}
"""What a promotion may become from what it is, and what the button says; English msgids."""

KINDS: dict[str, tuple[str, c.Tone]] = {
    "shadows": (N_("the second never applies"), "warning"),
    "excludes": (N_("only one of them applies"), "neutral"),
    "overlaps": (N_("both reduce the same goods"), "neutral"),
}
"""Kinds of conflicts; English msgids."""

FIELDS: dict[str, str] = {
    "name": N_("Name"),
    "effects": N_("Effects"),
    "conditions": N_("Conditions"),
    "texts": N_("Texts"),
    "starts_at": N_("From"),
    "ends_at": N_("Until"),
    "priority": N_("Priority"),
    "exclusive_group": N_("Group"),
    "combinable": N_("With other promotions"),
    "combines_with": N_("Only beside"),
    "needs_coupon": N_("Coupon"),
    "currency": N_("Currency"),
    "budget_minor": N_("Budget"),
    "max_uses": N_("Uses in all"),
    "per_person": N_("Uses a person"),
}
"""Fields of a definition; English msgids."""

USE_STATES: dict[str, str] = {
    "held": N_("put aside"),
    "committed": N_("used"),
    "released": N_("given back"),
}


def badge_of(
    status: Status, starts_at: datetime | None, ends_at: datetime | None, now: datetime, words: Words
) -> c.Badge:
    """Where a promotion stands: live only while its period lasts."""
    text, tone = STATUSES[status]
    if status == "active" and starts_at is not None and starts_at > now:
        return c.Badge(text=words.gettext("to come"))
    if status == "active" and ends_at is not None and ends_at <= now:
        return c.Badge(text=words.gettext("over"))
    return c.Badge(text=words.gettext(text), tone=tone)


def limits_of(state: PromotionState) -> tuple[c.Limit | None, c.Limit | None]:
    """What is used of the budget and of the uses."""
    one, budget, uses = state.promotion, None, None
    if one.budget_minor is not None and one.currency:
        used = state.budget_used_minor or 0
        budget = c.Limit(
            used=c.Amount(minor=used, currency=one.currency),
            most=c.Amount(minor=one.budget_minor, currency=one.currency),
            part=min(1.0, used / one.budget_minor) if one.budget_minor else 1.0,
        )
    if one.max_uses is not None:
        times = state.times_used or 0
        uses = c.Limit(used=times, most=one.max_uses, part=min(1.0, times / one.max_uses) if one.max_uses else 1.0)
    return budget, uses


def promotion_row(state: PromotionState, now: datetime, words: Words) -> c.PromotionRow:
    """A promotion in the list."""
    one = state.promotion
    budget, uses = limits_of(state)
    return c.PromotionRow(
        code=one.code,
        name=one.name,
        href=links.promotion(one.code),
        sentence=sentence(one, words),
        badge=badge_of(one.status, one.starts_at, one.ends_at, now, words),
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        needs_coupon=one.needs_coupon,
        budget=budget,
        uses=uses,
        updated_at=state.updated_at,
    )


def conflict_row(one: Overlap, names: Mapping[str, str], words: Words) -> c.ConflictRow:
    """Two promotions in each other's way."""
    text, tone = KINDS[one.kind]
    return c.ConflictRow(
        badge=c.Badge(text=words.gettext(text), tone=tone),
        one=names.get(one.one, one.one),
        one_href=links.promotion(one.one),
        other=names.get(one.other, one.other),
        other_href=links.promotion(one.other),
        reasons=one.reasons,
    )


def _shown(name: str, definition: Definition, words: Words) -> str:
    """A field of a definition in words."""
    teller, value = Teller(words, definition.currency), getattr(definition, name)
    if value is None or value == {}:
        return "–"
    if name == "conditions":
        return teller.condition(value)
    if name == "effects":
        return "; ".join(teller.effect(effect) for effect in value)
    if name == "budget_minor":
        return teller.money(value)
    if isinstance(value, bool):
        return words.gettext("yes") if value else words.gettext("no")
    if isinstance(value, datetime):
        return value.astimezone(words.zone).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, frozenset):
        return teller.some(value)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {text}" for key, text in sorted(value.items()))
    return str(value)


def changes_between(before: Definition, after: Definition, words: Words) -> list[c.Became]:
    """Which fields a version changed."""
    return [
        c.Became(what=words.gettext(text), before=_shown(name, before, words), after=_shown(name, after, words))
        for name, text in FIELDS.items()
        if getattr(before, name) != getattr(after, name)
    ]


def version_rows(versions: Sequence[PromotionVersion], words: Words) -> list[c.VersionRow]:
    """Versions, newest first, each with what it changed."""
    rows = []
    for number, one in enumerate(versions):
        older = versions[number + 1] if number + 1 < len(versions) else None
        rows.append(
            c.VersionRow(
                version=one.version,
                at=one.at,
                actor=one.actor,
                sentence=sentence(one.definition, words),
                changes=changes_between(older.definition, one.definition, words) if older else [],
            )
        )
    return rows


def facts_of(one: Promotion, words: Words) -> list[tuple[str, str]]:
    """What else is said of a promotion, beyond its sentence."""
    facts = []
    for name in ("code", "starts_at", "ends_at", "priority", "exclusive_group", "combines_with", "per_person"):
        value = getattr(one, name)
        if value not in (None, 0):
            label = words.gettext(FIELDS.get(name, N_("Code")))
            facts.append((label, _shown(name, one, words)))
    return facts


def use_row(row: Mapping[str, Any], words: Words) -> c.UseRow:
    """One use."""
    return c.UseRow(
        at=row["at"],
        channel=channel_label(row["channel"], words),
        amount=c.Amount(minor=row["amount_minor"], currency=row["currency"]),
        order=row["order_number"] or "",
        state=words.gettext(USE_STATES[row["state"]]),
        coupon=row["coupon"] or "",
    )


def batch_row(row: Mapping[str, Any], words: Words) -> c.BatchRow:
    """Coupons made together."""
    generic = row["kind"] == "generic"
    return c.BatchRow(
        label=row["code"] if row["count"] == 1 else row["batch"] or words.gettext("without a name"),
        kind=words.gettext("one code for everybody") if generic else words.gettext("each used once"),
        count=row["count"],
        used=row["used"],
        disabled=row["disabled"],
        batch=row["batch"] or "",
        code=row["code"] if row["count"] == 1 else "",
        expires_at=row["expires_at"],
    )


def json_of(one: Promotion) -> str:
    """The definition as the API takes it."""
    fields = {name: getattr(one, name) for name in Definition.__struct_fields__}
    return msgspec.json.format(msgspec.json.encode(Definition(**fields)), indent=2).decode()


# A tried basket -------------------------------------------------------------------------------------------


def tried(
    quote: Quote, variants: Iterable[Variant], lines: Sequence[str], *, at: datetime, where: str, words: Words
) -> c.Tried:
    """What a basket would cost; ``lines`` are its skus in order."""
    names = {one.sku: one.name for one in variants}

    def money(minor: int) -> c.Amount:
        return c.Amount(minor=minor, currency=quote.currency)

    titles = {one.code: one.name for one in quote.applied}
    applied = [
        c.TriedPromotion(
            code=one.code,
            name=one.name,
            href=links.promotion(one.code),
            reasons=one.reasons,
            amount=money(one.amount_minor),
            gifts=[f"{gift.quantity} × {gift.sku}" for gift in one.gifts],
            points=_points(one.points_factor, one.points_bonus, words),
            coupon=one.coupon or "",
        )
        for one in quote.applied
    ]
    rejected = [
        c.TriedPromotion(
            code=one.code,
            name=one.name,
            href=links.promotion(one.code),
            reasons=one.reasons,
            missing=None if one.missing_minor is None else money(one.missing_minor),
        )
        for one in quote.rejected
    ]
    return c.Tried(
        lines=[
            c.TriedLine(
                sku=lines[int(one.line_id)],
                name=names.get(lines[int(one.line_id)], ""),
                quantity=one.quantity,
                unit=money(one.unit_minor),
                gross=money(one.gross_minor),
                discount=money(one.discount_minor),
                total=money(one.total_minor),
                shares=[(titles.get(share.code, share.code), money(share.amount_minor)) for share in one.shares],
            )
            for one in quote.lines
        ],
        subtotal=money(quote.subtotal_minor),
        discount=money(quote.discount_minor),
        shipping=money(quote.shipping_minor),
        tax=money(quote.tax_minor),
        total=money(quote.total_minor),
        at=at,
        where=where,
        applied=applied,
        rejected=rejected,
        coupons=[
            c.TriedCoupon(coupon=one.coupon, accepted=one.accepted, promotion=one.promotion or "", reasons=one.reasons)
            for one in quote.coupons
        ],
    )


def _points(factor: int, bonus: int, words: Words) -> str:
    parts = []
    if factor != 10_000:
        parts.append(words.gettext("%(factor)s times the points") % {"factor": f"{factor / 10_000:g}"})
    if bonus:
        parts.append(words.gettext("%(points)s points on top") % {"points": bonus})
    return ", ".join(parts)
