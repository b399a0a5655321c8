"""The prior price of a reduction: pure rules, from what was asked to what may be announced.

Directive 98/6/EC art. 6a (by Directive (EU) 2019/2161), in Italy Codice del Consumo art. 17-bis (d.lgs. 26/2023):
whoever announces a reduction names the lowest price asked of everybody in the 30 days before it, in that store or
channel. The percentage is computed on that price (Court of Justice, C-330/23).

strict       the lowest of the 30 days that end the day before the reduction, in the company's time zone.
progressive  a reduction that grows within one campaign, without interruption: the prior price of its first reduction
             (art. 6a(5), 17-bis(5)).
young        on the market for less than 30 days: the lowest since then; the period is told with it (6a(4), 17-bis(4)).
exempt       goods that spoil quickly: the price asked right before (6a(3), 17-bis(3)).

Prices for an audience (members, staff) are not asked of everybody and do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from unisono.commerce.pricing.model import (
    Announced,
    Asked,
    Evidence,
    Fact,
    Observation,
    PriceList,
    Refused,
    Rule,
    Window,
)
from unisono.commerce.pricing.rules import price_at, split_tax

DAYS = 30


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """All there is to know to judge one reduction: what is to be announced, and what was asked before."""

    sku: str
    variant_id: int
    price_list: PriceList
    new_minor: int
    starts_at: datetime
    zone: ZoneInfo
    campaign: str | None = None
    exempt: bool = False
    on_sale_since: datetime | None = None
    tax_rate_bp: int = 0
    lists: Sequence[PriceList] = ()
    facts: Sequence[Fact] = ()
    """Those of the variant."""
    observations: Sequence[Observation] = ()
    announced: Sequence[Announced] = ()


class Place(NamedTuple):
    """Where a price is asked; None: where nobody names a channel or store."""

    channel: str | None
    store_id: str | None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant a day begins in a zone."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def window_before(starts_at: datetime, zone: ZoneInfo, *, since: datetime | None = None) -> Window:
    """The 30 days that end the day before a reduction: announced on 10 April it is 11 March to 9 April.

    ``since`` cuts it short for what was not on the market before.
    """
    day = starts_at.astimezone(zone).date()
    first = midnight(day - timedelta(days=DAYS), zone)
    last = day - timedelta(days=1)
    ends = midnight(day, zone)
    begins = first if since is None or since <= first else min(since, ends)
    return Window(begins.astimezone(zone).date(), last, begins, ends, zone.key)


def asking_everybody(case: Case, begins: datetime, ends: datetime) -> list[PriceList]:
    """The lists with facts of a period for the variant that ask everybody, in the currency of the reduction."""
    used = {
        fact.price_list_id
        for fact in case.facts
        if fact.starts_at < ends and (fact.ends_at is None or fact.ends_at > begins)
    }
    currency = case.price_list.currency
    return [one for one in case.lists if one.audience is None and one.id in used and one.currency == currency]


def places(case: Case, lists: Iterable[PriceList]) -> list[Place]:
    """Where the reduction will be seen, as far as lists can tell these places apart.

    Of two lists that serve a place the stronger one counts, and it counts at the place it names itself, too: so the
    places the lists name are enough to find the lowest price of all places.
    """
    own = case.price_list
    found = {Place(own.channel, own.store_id)}
    for one in lists:
        if own.channel in (None, one.channel) or one.channel is None:
            if own.store_id not in (None, one.store_id) and one.store_id is not None:
                continue
            found.add(Place(own.channel or one.channel, own.store_id or one.store_id))
    return sorted(found, key=lambda place: (place.channel or "", place.store_id or ""))


def asked_by_lists(
    case: Case, lists: Sequence[PriceList], place: Place, begins: datetime, ends: datetime
) -> Iterator[Asked]:
    """What everybody was asked at a place, interval by interval, clipped to a period."""
    marks = {begins, ends}
    for fact in case.facts:
        marks |= {fact.starts_at, fact.ends_at or ends}
    for one in lists:
        marks |= {one.starts_at or begins, one.over_at or ends}
    running: Asked | None = None
    for here, there in pairwise(sorted(mark for mark in marks if begins <= mark <= ends)):
        answer = price_at(
            case.facts,
            lists,
            channel=place.channel,
            store_id=place.store_id,
            audiences=(),
            currency=case.price_list.currency,
            at=here,
        )
        now = None
        if answer is not None:
            amount = on_basis(case, answer.amount_minor, included=answer.tax_included)
            now = Asked(amount, place.channel, place.store_id, here, there, f"list:{answer.price_list}")
        if (
            running is not None
            and now is not None
            and (running.amount_minor, running.source) == (now.amount_minor, now.source)
        ):
            running = msgspec.structs.replace(running, ends_at=there)
            continue
        if running is not None:
            yield running
        running = now
    if running is not None:
        yield running


def on_basis(case: Case, amount_minor: int, *, included: bool) -> int:
    """An amount with tax or without, as the list of the reduction has it: only like compares with like."""
    if included == case.price_list.tax_included:
        return amount_minor
    parts = split_tax(amount_minor, case.tax_rate_bp, included=included)
    return parts.net if included else parts.gross


def observed(case: Case, begins: datetime, ends: datetime) -> Iterator[Asked]:
    """What was seen to be asked there in a period. Without an end it was seen at one instant. Tax is in it."""
    own = case.price_list
    for one in case.observations:
        if one.currency != own.currency or not (_meet(one.channel, own.channel) and _meet(one.store_id, own.store_id)):
            continue
        if one.observed_at < ends and (one.observed_at >= begins or (one.until is not None and one.until > begins)):
            yield Asked(
                on_basis(case, one.amount_minor, included=True),
                one.channel,
                one.store_id,
                max(one.observed_at, begins),
                None if one.until is None else min(one.until, ends),
                f"observation:{one.origin}",
                one.id,
            )


def _meet(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def asked_in(case: Case, begins: datetime, ends: datetime) -> list[Asked]:
    """Every interval of a period, at every place of the reduction."""
    lists = asking_everybody(case, begins, ends)
    listed = [asked for place in places(case, lists) for asked in asked_by_lists(case, lists, place, begins, ends)]
    return listed + list(observed(case, begins, ends))


def lowest(intervals: Iterable[Asked]) -> Asked | None:
    """The lowest price, and the first time it was asked."""
    return min(intervals, key=lambda one: (one.amount_minor, one.starts_at), default=None)


def percent_bp(prior_minor: int, new_minor: int) -> int:
    """The reduction in hundredths of a percent of the prior price, rounded down: never more than it is."""
    return (prior_minor - new_minor) * 10_000 // prior_minor


class Prior(NamedTuple):
    """The prior price of a reduction, how it was found and where."""

    minor: int | None
    rule: Rule
    window: Window
    lowest: Asked | None
    intervals: list[Asked]
    based_on: int | None = None
    """The announcement whose prior price a growing reduction keeps."""


def prior_price(case: Case) -> Prior:
    """The prior price of a reduction, by the rule that applies; None when nothing was asked in its window."""
    window = window_before(case.starts_at, case.zone, since=case.on_sale_since)
    rule: Rule = "young" if window.starts_at > window_before(case.starts_at, case.zone).starts_at else "strict"
    if case.exempt:
        day = case.starts_at.astimezone(case.zone).date()
        rule, window = "exempt", msgspec.structs.replace(window, ends_at=case.starts_at, last_day=day)
    intervals = asked_in(case, window.starts_at, window.ends_at)
    # Of an exempt product only what was asked until the very instant of the reduction counts.
    counting = [one for one in intervals if one.ends_at == window.ends_at] if case.exempt else intervals
    found = lowest(counting)
    before = growing_from(case)
    if before is not None:
        return Prior(before.prior_minor, "progressive", window, found, intervals, before.id)
    return Prior(None if found is None else found.amount_minor, rule, window, found, intervals)


def judge(case: Case) -> Evidence:
    """Whether a reduction may be announced, with everything that says so."""
    prior = prior_price(case)
    refused: Refused | None = None
    if prior.minor is None:
        refused = "no_prior_price"
    elif case.new_minor >= prior.minor:
        refused = "not_below_prior"
    own = case.price_list
    return Evidence(
        sku=case.sku,
        price_list=own.code,
        channel=own.channel,
        store_id=own.store_id,
        currency=own.currency,
        tax_included=own.tax_included,
        new_minor=case.new_minor,
        prior_minor=prior.minor,
        percent_bp=percent_bp(prior.minor, case.new_minor) if prior.minor is not None and refused is None else None,
        rule=prior.rule,
        refused=refused,
        starts_at=case.starts_at,
        campaign=case.campaign,
        based_on=prior.based_on,
        window=prior.window,
        lowest=prior.lowest,
        intervals=prior.intervals,
    )


def growing_from(case: Case) -> Announced | None:
    """The reduction of the same campaign that this one makes larger; None when it does not, or came too late.

    Without interruption means: the one before is live until this one begins, and since it began nobody was asked
    its prior price again.
    """
    before = [
        one
        for one in case.announced
        if case.campaign is not None
        and one.campaign == case.campaign
        and one.price_list_id == case.price_list.id
        and one.starts_at < case.starts_at
        and (one.over_at is None or one.over_at >= case.starts_at)
        and one.new_minor > case.new_minor
    ]
    latest = max(before, key=lambda one: (one.starts_at, one.id), default=None)
    if latest is None:
        return None
    place = Place(case.price_list.channel, case.price_list.store_id)
    lists = asking_everybody(case, latest.starts_at, case.starts_at)
    since = asked_by_lists(case, lists, place, latest.starts_at, case.starts_at)
    return None if any(one.amount_minor >= latest.prior_minor for one in since) else latest
