"""Pricing over the API: lists, prices at an instant, what was asked when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, Response, get, post, put
from litestar.params import JSONBody, Parameter, PathParameter
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.commerce.catalog.errors import SkuUnknown
from unisono.commerce.pricing import checking, importing
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.discounts_api import discount_routes
from unisono.commerce.pricing.importing import PriceImportReport
from unisono.commerce.pricing.model import (
    Asked,
    NewObservation,
    NewPrice,
    NewPriceList,
    PriceAnswer,
    PriceList,
    Reduction,
    SetReport,
)
from unisono.commerce.pricing.rules import split_tax
from unisono.customers.web import write
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest
from unisono.kit.money import exponent
from unisono.kit.web import PROBLEMS

AnyRequest = Request[Any, Any, Any]

MAX_SKUS = 200
MAX_AUDIENCES = 50

Code = Annotated[str, PathParameter(min_length=1, max_length=checking.MAX_CODE)]
Word = Annotated[str | None, Parameter(min_length=1, max_length=checking.MAX_CODE)]
At = Annotated[datetime | None, Parameter(description="An instant with its time zone; the present when missing.")]


class PricesRequest(msgspec.Struct, frozen=True):
    """Prices for one list, all or none. ``history``: what was asked before the first price we know."""

    price_list: str
    prices: list[NewPrice]
    history: bool = False


class ObservationsRequest(msgspec.Struct, frozen=True):
    """Prices seen, in channels and stores."""

    observations: list[NewObservation]


class Noted(msgspec.Struct, frozen=True):
    """How many were noted."""

    noted: int


class ImportRequest(msgspec.Struct, frozen=True):
    """A table of prices as text; its columns are sku, price, currency, starts_at, ends_at."""

    csv: str
    history: bool = False
    dry_run: bool = False


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """What one costs: ``amount_minor`` as the list has it, the tax in or on it, the reduction to show."""

    sku: str
    amount_minor: int
    currency: str
    tax_included: bool
    tax_rate_bp: int
    net_minor: int
    tax_minor: int
    gross_minor: int
    price_list: str
    reduction: Reduction | None
    next_change_at: datetime | None


class Unpriced(msgspec.Struct, frozen=True):
    """A sku without an answer: ``sku_unknown`` or ``no_price``."""

    sku: str
    code: str


class PricesAnswer(msgspec.Struct, frozen=True):
    """Prices at one place and instant."""

    at: datetime
    channel: str | None
    store_id: str | None
    currency: str
    prices: list[Priced]
    missing: list[Unpriced]


class PriceHistory(msgspec.Struct, frozen=True):
    """What everybody was asked for a sku at a place, interval by interval."""

    sku: str
    currency: str
    since: datetime
    until: datetime
    intervals: list[Asked]


class ExemptRequest(msgspec.Struct, frozen=True):
    """Why its reductions need no prior price of 30 days; null ends that."""

    reason: str | None


def zone_of(request: AnyRequest) -> ZoneInfo:
    """The company's time zone."""
    return ZoneInfo(request.app.state.settings.timezone)


def instant_of(request: AnyRequest, at: datetime | None) -> datetime:
    """The instant asked for, or the present. Raises BadRequest (``bad_period``)."""
    if at is None:
        return now_of(request)
    if not checking.good_instant(at):
        raise BadRequest("An instant needs a time zone and a year between 1971 and 2198.", code="bad_period")
    return at


def currency_of(request: AnyRequest, currency: str | None) -> str:
    """The currency asked for, or the company's. Raises MoneyError."""
    chosen = (currency or request.app.state.settings.currency).strip().upper()
    exponent(chosen)
    return str(chosen)


def words(**given: str | None) -> None:
    """Raises BadRequest for texts no channel, store or sku can have."""
    wrong = [name for name, text in given.items() if text is not None and not checking.good_text(text, 100)]
    if wrong:
        raise BadRequest(f"These cannot be used: {', '.join(wrong)}.", code="bad_text")


@get("/api/price-lists", guards=[requires("catalog:read")], tags=["Prices"], responses=PROBLEMS, summary="Price lists")
async def list_price_lists(request: AnyRequest) -> list[PriceList]:
    """Every price list, the strongest first."""
    async with connection(request.app.state.pool) as conn:
        return await pricing.price_lists(conn)


@post(
    "/api/price-lists",
    guards=[requires("prices:write")],
    tags=["Prices"],
    responses=PROBLEMS,
    response_description="The list.",
    summary="Make a price list",
)
async def create_price_list(request: AnyRequest, data: JSONBody[NewPriceList]) -> Response[PriceList]:
    """Make a price list. Takes an Idempotency-Key. What it is for does not change after."""
    actor = caller(request).actor

    async def act(conn: Connection) -> PriceList:
        made = await pricing.create_list(conn, data)
        await audit.record(conn, actor=actor, action="price_list.create", detail={"code": made.code})
        return made

    return await write(request, act, status=201)


@post(
    "/api/price-lists/{code:str}/disable",
    guards=[requires("prices:write")],
    tags=["Prices"],
    responses=PROBLEMS,
    response_description="The list, switched off.",
    status_code=200,
    summary="Switch a price list off",
)
async def disable_price_list(request: AnyRequest, code: Code) -> Response[PriceList]:
    """Switch a price list off for good, from now on. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> PriceList:
        off = await pricing.disable_list(conn, code, now=now)
        await audit.record(conn, actor=actor, action="price_list.disable", detail={"code": off.code})
        return off

    return await write(request, act)


@post(
    "/api/price-lists/{code:str}/import",
    guards=[requires("prices:write")],
    tags=["Prices"],
    responses=PROBLEMS,
    response_description="What was written, or would be.",
    status_code=200,
    summary="Import prices",
)
async def import_prices(request: AnyRequest, code: Code, data: JSONBody[ImportRequest]) -> Response[PriceImportReport]:
    """Import a table of prices, all lines or none; a dry run tells every problem. Takes an Idempotency-Key."""
    actor, now, zone = caller(request).actor, now_of(request), zone_of(request)

    async def act(conn: Connection) -> PriceImportReport:
        report = await importing.import_table(
            conn, code, data.csv, actor=actor, now=now, zone=zone, history=data.history, dry_run=data.dry_run
        )
        if not report.dry_run:
            detail = {"price_list": report.price_list, "written": report.written}
            await audit.record(conn, actor=actor, action="prices.import", detail=detail)
        return report

    return await write(request, act)


@put(
    "/api/prices",
    guards=[requires("prices:write")],
    tags=["Prices"],
    responses=PROBLEMS,
    response_description="What was written.",
    summary="Set prices",
)
async def set_prices(request: AnyRequest, data: JSONBody[PricesRequest]) -> Response[SetReport]:
    """Set up to 10,000 prices of one list, all or none. Takes an Idempotency-Key."""
    actor, now = caller(request).actor, now_of(request)

    async def act(conn: Connection) -> SetReport:
        report = await pricing.set_prices(
            conn, data.price_list, data.prices, actor=actor, now=now, history=data.history
        )
        detail = {"price_list": report.price_list, "written": report.written}
        await audit.record(conn, actor=actor, action="prices.set", detail=detail)
        return report

    return await write(request, act)


@get(
    "/api/prices",
    guards=[requires("catalog:read")],
    tags=["Prices"],
    responses=PROBLEMS,
    summary="Prices at an instant",
)
async def read_prices(
    request: AnyRequest,
    sku: Annotated[list[str], Parameter(min_items=1, max_items=MAX_SKUS)],
    channel: Word = None,
    store_id: Word = None,
    audience: Annotated[list[str] | None, Parameter(max_items=MAX_AUDIENCES)] = None,
    currency: Annotated[str | None, Parameter(max_length=16)] = None,
    at: At = None,
) -> PricesAnswer:
    """What skus cost in a channel and store, for somebody of some audiences, at an instant."""
    words(channel=channel, store_id=store_id)
    instant, chosen = instant_of(request, at), currency_of(request, currency)
    asking = [one for one in audience or [] if checking.good_text(one, checking.MAX_CODE)]
    async with connection(request.app.state.pool) as conn:
        variants = await pricing.find_variants(conn, set(sku))
        found = await pricing.prices(
            conn, variants.values(), channel=channel, store_id=store_id, audiences=asking, currency=chosen, at=instant
        )
    priced = [_priced(one, found[variants[one]]) for one in dict.fromkeys(sku) if variants.get(one) in found]
    missing = [
        Unpriced(one, "no_price" if one in variants else "sku_unknown")
        for one in dict.fromkeys(sku)
        if variants.get(one) not in found
    ]
    return PricesAnswer(instant, channel, store_id, chosen, priced, missing)


def _priced(sku: str, answer: PriceAnswer) -> Priced:
    tax = split_tax(answer.amount_minor, answer.tax_rate_bp, included=answer.tax_included)
    return Priced(
        sku=sku,
        amount_minor=answer.amount_minor,
        currency=answer.currency,
        tax_included=answer.tax_included,
        tax_rate_bp=answer.tax_rate_bp,
        net_minor=tax.net,
        tax_minor=tax.tax,
        gross_minor=tax.gross,
        price_list=answer.price_list,
        reduction=answer.reduction,
        next_change_at=answer.next_change_at,
    )


@get(
    "/api/prices/history",
    guards=[requires("catalog:read")],
    tags=["Prices"],
    responses=PROBLEMS,
    summary="The prices of a sku over time",
)
async def price_history(
    request: AnyRequest,
    sku: Annotated[str, Parameter(min_length=1, max_length=100)],
    since: Annotated[datetime, Parameter(description="An instant with its time zone.")],
    until: At = None,
    channel: Word = None,
    store_id: Word = None,
    currency: Annotated[str | None, Parameter(max_length=16)] = None,
) -> PriceHistory:
    """What everybody was asked for a sku at a place in a period, from lists and observations."""
    words(sku=sku, channel=channel, store_id=store_id)
    chosen, zone = currency_of(request, currency), zone_of(request)
    begins, ends = instant_of(request, since), instant_of(request, until)
    if begins >= ends:
        raise BadRequest("The period ends before it begins.", code="bad_period")
    async with connection(request.app.state.pool) as conn:
        variant_id = (await pricing.find_variants(conn, [sku])).get(sku)
        if variant_id is None:
            raise SkuUnknown(f"There is no sku {sku!r}.")
        intervals = await pricing.history(
            conn, variant_id, channel=channel, store_id=store_id, currency=chosen, since=begins, until=ends, zone=zone
        )
    return PriceHistory(sku, chosen, begins, ends, intervals)


@post(
    "/api/prices/observations",
    guards=[requires("prices:write")],
    tags=["Prices"],
    responses=PROBLEMS,
    response_description="How many were noted.",
    summary="Note prices seen",
)
async def observe_prices(request: AnyRequest, data: JSONBody[ObservationsRequest]) -> Response[Noted]:
    """Note what was asked in channels and stores: evidence of prior prices. Takes an Idempotency-Key."""
    now = now_of(request)

    async def act(conn: Connection) -> Noted:
        return Noted(await pricing.observe(conn, data.observations, now=now))

    return await write(request, act, status=201)


@get(
    "/api/exempt-categories",
    guards=[requires("catalog:read")],
    tags=["Prices"],
    responses=PROBLEMS,
    summary="Exempt categories",
)
async def list_exempt_categories(request: AnyRequest) -> dict[str, str]:
    """Categories whose reductions need no prior price of 30 days, and why."""
    async with connection(request.app.state.pool) as conn:
        return await pricing.exempt_categories(conn)


@put(
    "/api/exempt-categories/{code:str}",
    guards=[requires("prices:write")],
    tags=["Prices"],
    responses=PROBLEMS,
    response_description="All exempt categories, and why.",
    summary="Exempt a category",
)
async def exempt_category(request: AnyRequest, code: Code, data: JSONBody[ExemptRequest]) -> Response[dict[str, str]]:
    """Exempt a category of goods that spoil quickly, or end that. Takes an Idempotency-Key."""
    actor = caller(request).actor

    async def act(conn: Connection) -> dict[str, str]:
        await pricing.set_exempt(conn, code, data.reason)
        detail = {"category": code, "reason": data.reason}
        await audit.record(conn, actor=actor, action="category.exempt", detail=detail)
        return await pricing.exempt_categories(conn)

    return await write(request, act)


routes: list[ControllerRouterHandler] = [
    list_price_lists,
    create_price_list,
    disable_price_list,
    import_prices,
    set_prices,
    read_prices,
    price_history,
    observe_prices,
    list_exempt_categories,
    exempt_category,
    *discount_routes,
]
