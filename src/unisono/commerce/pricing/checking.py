"""What comes in, checked before anything is written: every problem is found, then told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from unisono.commerce.pricing.errors import PriceListDisabled, PricesNotValid
from unisono.commerce.pricing.model import NewObservation, NewPrice, NewPriceList, PriceList
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest, TooLarge
from unisono.kit.money import EXPONENTS, exponent
from unisono.kit.reasons import Reason
from unisono.kit.sql import load

_sql = load("unisono.commerce.pricing")

MAX_PRICES = 10_000
"""Prices in one request."""

MAX_AMOUNT = 10**15
"""Minor units: no price is above it, so that no total of a basket is beyond a bigint."""

MAX_CODE = 100
MAX_NAME = 200
MAX_PRIORITY = 1_000_000
YEARS = (1970, 2199)
"""Instants outside these years are mistakes."""


class GoodPrice(NamedTuple):
    """A price that can be written."""

    variant_id: int
    sku: str
    amount_minor: int | None
    starts_at: datetime
    ends_at: datetime | None


def good_instant(at: datetime) -> bool:
    """Whether an instant has a zone and is in a year somebody can have meant."""
    return at.tzinfo is not None and YEARS[0] < at.year < YEARS[1]


def good_text(text: str, limit: int) -> bool:
    """Whether a code or a name is there, short enough and without control characters."""
    return bool(text.strip()) and len(text) <= limit and text.isprintable()


def checked_list(new: NewPriceList) -> NewPriceList:
    """The list with its currency in capitals. Raises BadRequest, MoneyError."""
    exponent(new.currency)
    words = {
        "code": (new.code, MAX_CODE),
        "name": (new.name, MAX_NAME),
        "channel": (new.channel, MAX_CODE),
        "store_id": (new.store_id, MAX_CODE),
        "audience": (new.audience, MAX_CODE),
    }
    wrong = [name for name, (text, limit) in words.items() if text is not None and not good_text(text, limit)]
    if not -MAX_PRIORITY <= new.priority <= MAX_PRIORITY:
        wrong.append("priority")
    if wrong:
        raise BadRequest(f"These cannot be used: {', '.join(wrong)}.", code="bad_price_list", fields=wrong)
    given = [at for at in (new.starts_at, new.ends_at) if at is not None]
    if not all(good_instant(at) for at in given) or (len(given) == 2 and given[0] >= given[1]):
        raise BadRequest("A list's end must come after its beginning, both with a time zone.", code="bad_period")
    return msgspec.structs.replace(new, currency=new.currency.strip().upper())


def amount_problem(amount_minor: int | None, currency: str) -> Reason | None:
    """What is wrong with an amount."""
    if amount_minor is None or 0 <= amount_minor <= MAX_AMOUNT:
        return None
    return Reason(
        code="bad_amount",
        text="A price is between 0 and {most} minor units of {currency}.",
        values={"most": MAX_AMOUNT, "currency": currency},
    )


def _problem(new: NewPrice, price_list: PriceList, now: datetime, history: bool) -> Reason | None:
    if new.currency is not None and new.currency.strip().upper() != price_list.currency:
        return Reason(
            code="wrong_currency",
            text="The list is in {currency}, the price in {given}.",
            values={"currency": price_list.currency, "given": new.currency[:16]},
        )
    if (wrong := amount_problem(new.amount_minor, price_list.currency)) is not None:
        return wrong
    given = [at for at in (new.starts_at, new.ends_at) if at is not None]
    if not all(good_instant(at) for at in given):
        return Reason(code="bad_period", text="An instant needs a time zone and a year between 1971 and 2198.")
    begins = new.starts_at or now
    if new.ends_at is not None and new.ends_at <= begins:
        return Reason(code="bad_period", text="The end must come after the beginning.")
    if begins < now and not history:
        return Reason(code="starts_in_past", text="A price cannot begin in the past: what was asked then stays.")
    return None


async def checked_prices(
    conn: Connection, price_list: PriceList, new: Sequence[NewPrice], *, now: datetime, history: bool
) -> list[GoodPrice]:
    """The prices with their variants, which stay locked. Raises PricesNotValid, TooLarge, PriceListDisabled."""
    if price_list.disabled_at is not None:
        raise PriceListDisabled(f"The price list {price_list.code!r} was switched off.")
    if len(new) > MAX_PRICES:
        raise TooLarge(f"At most {MAX_PRICES} prices at once.", code="too_many_prices")
    skus = [one.sku for one in new if "\x00" not in one.sku]
    variants = {row["sku"]: row["id"] for row in await _sql.lock_variants(conn, skus=skus)}
    problems: list[tuple[int, str, Reason]] = []
    good: list[GoodPrice] = []
    for place, one in enumerate(new):
        wrong = _problem(one, price_list, now, history)
        if one.sku not in variants:
            wrong = Reason(code="sku_unknown", text="There is no such sku.")
        if wrong is not None:
            problems.append((place, one.sku, wrong))
            continue
        begins = (one.starts_at or now).astimezone(UTC)
        good.append(GoodPrice(variants[one.sku], one.sku, one.amount_minor, begins, one.ends_at))
    if history and not problems:
        problems = await _not_before_first(conn, price_list, good)
    if problems:
        raise PricesNotValid(problems)
    return good


async def _not_before_first(
    conn: Connection, price_list: PriceList, good: Sequence[GoodPrice]
) -> list[tuple[int, str, Reason]]:
    rows = await _sql.first_facts(conn, price_list_id=price_list.id, variants=[one.variant_id for one in good])
    first = {row["variant_id"]: row["starts_at"] for row in rows}
    late = Reason(code="not_before_first", text="The list has a price for it from then on or before.")
    return [
        (place, one.sku, late)
        for place, one in enumerate(good)
        if one.variant_id in first and one.starts_at >= first[one.variant_id]
    ]


def check_observations(seen: Sequence[NewObservation], variants: Mapping[str, int], *, now: datetime) -> None:
    """Raises PricesNotValid with every problem, TooLarge."""
    if len(seen) > MAX_PRICES:
        raise TooLarge(f"At most {MAX_PRICES} observations at once.", code="too_many_prices")
    problems = []
    for place, one in enumerate(seen):
        wrong = _observation_problem(one, now)
        if one.sku not in variants:
            wrong = Reason(code="sku_unknown", text="There is no such sku.")
        if wrong is not None:
            problems.append((place, one.sku, wrong))
    if problems:
        raise PricesNotValid(problems)


def _observation_problem(one: NewObservation, now: datetime) -> Reason | None:
    currency = one.currency.strip().upper()
    if currency not in EXPONENTS:
        return Reason(
            code="wrong_currency", text="{given} is not an ISO 4217 currency code.", values={"given": one.currency[:16]}
        )
    if (wrong := amount_problem(one.amount_minor, currency)) is not None:
        return wrong
    if not all(text is None or good_text(text, MAX_CODE) for text in (one.channel, one.store_id)):
        return Reason(code="bad_place", text="The channel or the store cannot be used.")
    given = [at for at in (one.observed_at, one.until) if at is not None]
    if not all(good_instant(at) for at in given) or given[0] > now or (len(given) == 2 and given[1] < given[0]):
        return Reason(code="bad_period", text="It must have been seen in the past, its end after its beginning.")
    return None
