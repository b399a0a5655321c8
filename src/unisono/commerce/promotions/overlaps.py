"""Which promotions get in each other's way: what people should see before customers do.

Two promotions are compared as they are written, so a pair is told when the writing cannot rule it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any, Literal

import msgspec

from unisono.commerce.promotions import language as say
from unisono.commerce.promotions import wording
from unisono.commerce.promotions.choosing import exclude, same_group
from unisono.commerce.promotions.knowing import as_promotion
from unisono.commerce.promotions.model import Promotion
from unisono.kit.database import Connection
from unisono.kit.reasons import Reason
from unisono.kit.sql import load

_sql = load("unisono.commerce.promotions")

MOST = 500
"""Promotions compared with each other."""

Below = Mapping[str, frozenset[str]]
"""A category to itself and all below it."""


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """Two promotions: ``one`` shadows ``other`` (it never applies), they exclude each other, or both reduce the same
    goods, one on what the other leaves."""

    kind: Literal["shadows", "excludes", "overlaps"]
    one: str
    other: str
    reasons: tuple[Reason, ...]


async def conflicts(conn: Connection, *, now: datetime) -> list[Overlap]:
    """Pairs of promotions that get in each other's way, the gravest first; drafts are compared too."""
    rows = await _sql.list_promotions(conn, statuses=["draft", "active", "paused"], after=None, limit=MOST)
    promotions = [
        as_promotion(row["definition"], id_=row["id"], status=row["status"], version=row["version"]) for row in rows
    ]
    current = [one for one in promotions if one.ends_at is None or one.ends_at > now]
    below: dict[str, set[str]] = {}
    for row in await _sql.category_paths(conn):
        for above in row["path"]:
            below.setdefault(above, set()).add(row["code"])
    return find_conflicts(current, {code: frozenset(codes) for code, codes in below.items()})


def find_conflicts(promotions: Sequence[Promotion], below: Below) -> list[Overlap]:
    """The same for given promotions. Pure."""
    facts = {one.code: _Facts(one, below) for one in promotions}
    found = [
        conflict
        for one, other in combinations(sorted(promotions, key=lambda each: (-each.priority, each.code)), 2)
        if (conflict := _compare(facts[one.code], facts[other.code])) is not None
    ]
    gravity = ("shadows", "excludes", "overlaps")
    return sorted(found, key=lambda one: (gravity.index(one.kind), one.one, one.other))


class _Facts:
    """What must be so for a promotion to apply, as far as it is written plainly."""

    def __init__(self, promotion: Promotion, below: Below) -> None:
        self.promotion = promotion
        self.below = below
        self.needs = _needs(promotion.conditions)
        self.goods = _goods(promotion)

    def among(self, kind: type[Any], names: Callable[[Any], frozenset[str]]) -> frozenset[str] | None:
        """What all needs of a kind leave to choose from; None when there is no such need."""
        sets = [names(need) for need in self.needs if isinstance(need, kind)]
        return frozenset.intersection(*sets) if sets else None


def _needs(condition: say.Condition | None) -> tuple[say.Condition, ...]:
    if condition is None:
        return ()
    if isinstance(condition, say.AllOf):
        return tuple(need for inner in condition.of for need in _needs(inner))
    return (condition,)


def _goods(promotion: Promotion) -> tuple[say.Lines | None, ...]:
    """The lines whose price a promotion lowers; None stands for all, nothing for none."""
    found: list[say.Lines | None] = []
    for effect in promotion.effects:
        if isinstance(effect, say.PercentOff | say.AmountOff | say.FixedPrice):
            found.append(effect.lines)
        elif isinstance(effect, say.BuyGet):
            found.append(effect.buy if effect.get is None else effect.get)
        elif isinstance(effect, say.Bundle):
            found += [item.lines for item in effect.items]
    return tuple(found)


def _compare(one: _Facts, other: _Facts) -> Overlap | None:
    """``one`` has the higher priority, or the same and comes first by name."""
    first, second = one.promotion, other.promotion
    if _apart(one, other):
        return None
    if exclude(first, second):
        why = _why_excluded(first, second)
        if first.priority > second.priority and _covers(one, other):
            higher = Reason("always_first", "{other} applies wherever it does, and comes first.", {"other": first.name})
            return Overlap(kind="shadows", one=first.code, other=second.code, reasons=(why, higher))
        return Overlap(kind="excludes", one=first.code, other=second.code, reasons=(why,))
    if _share_goods(one.goods, other.goods, one.below):
        stacked = Reason("same_goods", "Both reduce the same goods: {other} on what is left.", {"other": second.name})
        return Overlap(kind="overlaps", one=first.code, other=second.code, reasons=(stacked,))
    return None


def _why_excluded(first: Promotion, second: Promotion) -> Reason:
    if same_group(first, second):
        return Reason("same_group", "Both are in the group {group}.", {"group": first.exclusive_group})
    return wording.not_combinable(second.name)


def _apart(one: _Facts, other: _Facts) -> bool:
    """Whether no basket can ever meet both."""
    first, second = one.promotion, other.promotion
    if first.ends_at and second.starts_at and first.ends_at <= second.starts_at:
        return True
    if second.ends_at and first.starts_at and second.ends_at <= first.starts_at:
        return True
    if first.currency and second.currency and first.currency != second.currency:
        return True
    for kind in (say.OnChannel, say.InStore, say.InTier, say.OnWeekdays):
        mine, its = one.among(kind, _names), other.among(kind, _names)
        if mine is not None and its is not None and not mine & its:
            return True
    return False


def _names(need: say.OnChannel | say.InStore | say.InTier | say.OnWeekdays) -> frozenset[str]:
    return frozenset(need.any_of)


def _covers(one: _Facts, other: _Facts) -> bool:
    """Whether ``one`` applies wherever ``other`` does."""
    first, second = one.promotion, other.promotion
    if first.status != "active" or first.needs_coupon or first.currency not in (None, second.currency):
        return False
    if first.budget_minor is not None or first.max_uses is not None or first.per_person is not None:
        return False
    begins = first.starts_at is None or (second.starts_at is not None and first.starts_at <= second.starts_at)
    ends = first.ends_at is None or (second.ends_at is not None and first.ends_at >= second.ends_at)
    return (
        begins
        and ends
        and all(need in other.needs for need in one.needs)
        and (None in one.goods or (bool(one.goods) and set(other.goods) <= set(one.goods)))
        and not any(isinstance(effect, say.BuyGet | say.Bundle) for effect in first.effects)
    )


def _share_goods(mine: Iterable[say.Lines | None], its: Sequence[say.Lines | None], below: Below) -> bool:
    return any(not _disjoint(a, b, below) for a in mine for b in its)


def _disjoint(a: say.Lines | None, b: say.Lines | None, below: Below) -> bool:
    """Whether no goods can fit both, by what is written."""
    if a is None or b is None:
        return False
    for name in ("skus", "products", "brands"):
        mine, its = getattr(a, name), getattr(b, name)
        if mine and its and not mine & its:
            return True
    if a.categories and b.categories and not _all_below(a.categories, below) & _all_below(b.categories, below):
        return True
    return a.reduced is not None and b.reduced is not None and a.reduced is not b.reduced


def _all_below(categories: frozenset[str], below: Below) -> frozenset[str]:
    return frozenset().union(*(below.get(code, frozenset({code})) for code in categories))
