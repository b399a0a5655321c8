"""Reductions told to customers: checked against the prior price, announced with their evidence, withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from unisono.commerce.pricing import checking, loading
from unisono.commerce.pricing.errors import AnnouncementOver, AnnouncementUnknown, DiscountNotHonest, WithoutEffect
from unisono.commerce.pricing.honest import Case, judge
from unisono.commerce.pricing.lists import list_by_id, price_list
from unisono.commerce.pricing.model import (
    Announcement,
    Evidence,
    Fact,
    NewDiscount,
    NewPrice,
    PriceList,
    Terms,
)
from unisono.commerce.pricing.restoring import beneath
from unisono.commerce.pricing.rules import fact_at, price_at
from unisono.commerce.pricing.writing import write_facts
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest, TooLarge
from unisono.kit.sql import load

_sql = load("unisono.commerce.pricing")

MAX_DISCOUNTS = 1_000
"""Reductions announced in one request: each carries the evidence of thirty days."""

MAX_REASON = 500


async def _cases(
    conn: Connection, chosen: PriceList, items: Sequence[NewDiscount], terms: Terms, *, zone: ZoneInfo, now: datetime
) -> tuple[list[checking.GoodPrice], list[Case]]:
    if not items or len(items) > MAX_DISCOUNTS:
        raise TooLarge(f"Between 1 and {MAX_DISCOUNTS} reductions at once.", code="too_many_discounts")
    if terms.campaign is not None and not checking.good_text(terms.campaign, checking.MAX_CODE):
        raise BadRequest("The campaign's name cannot be used.", code="bad_campaign")
    if len({item.sku for item in items}) < len(items):
        raise BadRequest("A sku is there twice.", code="sku_twice")
    prices = [NewPrice(one.sku, one.new_minor, terms.starts_at, terms.ends_at, one.currency) for one in items]
    good = await checking.checked_prices(conn, chosen, prices, now=now, history=False)
    wanted = [loading.Wanted(one.variant_id, item.new_minor) for one, item in zip(good, items, strict=True)]
    cases = await loading.cases(conn, chosen, wanted, starts_at=good[0].starts_at, campaign=terms.campaign, zone=zone)
    return good, cases


async def check(
    conn: Connection,
    list_code: str,
    items: Sequence[NewDiscount],
    terms: Terms,
    *,
    zone: ZoneInfo,
    now: datetime,
) -> list[Evidence]:
    """Whether reductions may be announced in a list, and why: a dry run that writes nothing.

    Raises what `announce` raises, but for DiscountNotHonest: that is in the evidence.
    """
    _, cases = await _cases(conn, await price_list(conn, list_code), items, terms, zone=zone, now=now)
    return [judge(case) for case in cases]


async def announce(
    conn: Connection,
    list_code: str,
    items: Sequence[NewDiscount],
    terms: Terms,
    *,
    actor: str,
    zone: ZoneInfo,
    now: datetime,
) -> list[Announcement]:
    """Announce reductions in a list, all or none, and set their prices for the same period.

    ``zone`` is the company's: the days of the prior price are its days. Raises DiscountNotHonest with the evidence,
    WithoutEffect when a stronger list would ask another price, and what `service.set_prices` raises.
    """
    chosen = await price_list(conn, list_code)
    good, cases = await _cases(conn, chosen, items, terms, zone=zone, now=now)
    found = [judge(case) for case in cases]
    refused = [evidence for evidence in found if evidence.refused is not None]
    if refused:
        raise DiscountNotHonest(refused)
    _would_have_effect(cases)
    rows = await _sql.insert_announcements(
        conn,
        variants=[case.variant_id for case in cases],
        price_list_id=chosen.id,
        channel=chosen.channel,
        store_id=chosen.store_id,
        currency=chosen.currency,
        amounts=[one.new_minor for one in found],
        priors=[one.prior_minor for one in found],
        percents=[one.percent_bp for one in found],
        rules=[one.rule for one in found],
        evidence=[msgspec.json.encode(one).decode() for one in found],
        starts_at=good[0].starts_at,
        ends_at=good[0].ends_at,
        campaign=terms.campaign,
        now=now,
        actor=actor,
    )
    ids = {row["variant_id"]: row["id"] for row in rows}
    more = {case.variant_id: _told(ids[case.variant_id], one, terms) for case, one in zip(cases, found, strict=True)}
    await write_facts(conn, chosen, good, actor=actor, now=now, why="announced", more=more, origin="announcement")
    return await announcements_by_id(conn, sorted(ids.values()))


def _told(announcement_id: int, evidence: Evidence, terms: Terms) -> dict[str, Any]:
    return {
        "announcement_id": announcement_id,
        "reduction": {
            "new_minor": evidence.new_minor,
            "prior_minor": evidence.prior_minor,
            "percent_bp": evidence.percent_bp,
            "rule": evidence.rule,
            "starts_at": evidence.starts_at,
            "ends_at": terms.ends_at,
        },
    }


def _would_have_effect(cases: Sequence[Case]) -> None:
    for case in cases:
        own = case.price_list
        new = Fact(2**63 - 1, own.id, case.variant_id, case.new_minor, case.starts_at)
        answer = price_at(
            [*case.facts, new],
            case.lists,
            channel=own.channel,
            store_id=own.store_id,
            audiences=() if own.audience is None else (own.audience,),
            currency=own.currency,
            at=case.starts_at,
        )
        if answer is None or answer.price_list != own.code:
            asks = "no list asks it" if answer is None else f"the list {answer.price_list!r} asks {answer.amount_minor}"
            raise WithoutEffect(f"The price of sku {case.sku!r} would not be {case.new_minor}: {asks}.", sku=case.sku)


async def withdraw(
    conn: Connection, announcement_id: int, *, actor: str, now: datetime, reason: str = "", keep_price: bool = False
) -> Announcement:
    """Take a reduction back from now on; withdrawn twice is as once.

    The price goes back to what the list would ask without it, unless ``keep_price``. What was shown until now stays.
    Raises AnnouncementUnknown, AnnouncementOver, BadRequest for a reason over 500 characters.
    """
    if len(reason) > MAX_REASON or "\x00" in reason:
        raise BadRequest(f"A reason has at most {MAX_REASON} characters.", code="reason_too_long")
    row = await _sql.lock_announcement(conn, id=announcement_id) if 0 < announcement_id < 2**63 else None
    if row is None:
        raise AnnouncementUnknown(f"There is no announcement {announcement_id}.")
    # Read again under the lock: somebody else may have withdrawn it while this one waited.
    (before,) = await announcements_by_id(conn, [announcement_id])
    if before.withdrawn_at is not None:
        return before
    if before.ends_at is not None and before.ends_at <= now:
        raise AnnouncementOver(f"It ended at {before.ends_at.isoformat()}.")
    await _sql.withdraw_announcements(conn, ids=[announcement_id], now=now, actor=actor, reason=reason or None)
    chosen = await list_by_id(conn, row["price_list_id"])
    again = [] if keep_price else await _prices_beneath(conn, before, row["variant_id"], chosen, now)
    more = {row["variant_id"]: {"announcement_id": announcement_id, "reduction": None}}
    await write_facts(conn, chosen, again, actor=actor, now=now, why="withdrawn", more=more)
    return (await announcements_by_id(conn, [announcement_id]))[0]


async def _prices_beneath(
    conn: Connection, told: Announcement, variant_id: int, chosen: PriceList, now: datetime
) -> list[checking.GoodPrice]:
    """What the list asks from now to the reduction's end when the reduction's own price is taken away."""
    begins = max(now, told.starts_at)
    rows = await _sql.facts_of_list(conn, variant_id=variant_id, price_list_id=chosen.id)
    facts = [Fact(**row) for row in rows]
    own = fact_at(facts, begins)
    if own is None or (own.amount_minor, own.starts_at) != (told.new_minor, told.starts_at):
        return []  # somebody has set another price since: that one stays
    return [
        checking.GoodPrice(variant_id, told.sku, amount, starts, ends)
        for amount, starts, ends in beneath([one for one in facts if one.id != own.id], begins, told.ends_at)
    ]


async def recheck(
    conn: Connection, chosen: PriceList, at: datetime, variants: Sequence[int], *, zone: ZoneInfo, now: datetime
) -> list[int]:
    """Judge again, now that they begin, the reductions of a list that were announced ahead; returns the variants of
    those withdrawn, because a lower price was asked since: their percentage would not be true."""
    rows = await _sql.announced_at(conn, price_list_id=chosen.id, at=at, variants=list(variants))
    untrue = []
    for campaign in sorted({row["campaign"] for row in rows}, key=str):
        own = [row for row in rows if row["campaign"] == campaign]
        wanted = [loading.Wanted(row["variant_id"], row["new_minor"]) for row in own]
        cases = await loading.cases(conn, chosen, wanted, starts_at=at, campaign=campaign, zone=zone)
        for row, case in zip(own, cases, strict=True):
            found = judge(case)
            if found.refused is not None or (found.prior_minor or 0) < row["prior_minor"]:
                untrue.append(row)
    reason = "a lower price was asked between the announcement and its beginning"
    await _sql.withdraw_announcements(
        conn, ids=[row["id"] for row in untrue], now=max(now, at), actor="system", reason=reason
    )
    return [row["variant_id"] for row in untrue]


async def announcements_by_id(conn: Connection, ids: Sequence[int]) -> list[Announcement]:
    """These announcements, in the order of their ids."""
    return [Announcement(**row) for row in await _sql.announcements_by_id(conn, ids=list(ids))]


async def announcements(
    conn: Connection,
    *,
    sku: str | None = None,
    campaign: str | None = None,
    live_at: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Announcement]:
    """Announcements, newest first; with ``live_at`` those shown at that instant."""
    rows = await _sql.announcements(conn, sku=sku, campaign=campaign, live_at=live_at, before=before, limit=limit)
    return [Announcement(**row) for row in rows]


async def evidence(conn: Connection, announcement_id: int) -> Evidence:
    """What an announcement was based on, as it was known then. Raises AnnouncementUnknown."""
    kept = await _sql.announcement_evidence(conn, id=announcement_id) if 0 < announcement_id < 2**63 else None
    if kept is None:
        raise AnnouncementUnknown(f"There is no announcement {announcement_id}.")
    return msgspec.json.decode(kept, type=Evidence)
