"""Prices: the lists, a sku over time, prices set."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.commerce.catalog import service as catalog
from unisono.commerce.catalog.model import Variant
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.model import Evidence, NewPrice, NewPriceList, PriceAnswer, SetReport
from unisono.commerce.pricing.rules import split_tax
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, form_of, go, page, pool_of, safe_path, settings_of, words_of
from unisono.console.routes.paths import text_pattern
from unisono.console.routes.products import asked, shown_currency
from unisono.console.views import prices as views
from unisono.console.views.commerce import (
    amount_typed,
    channel_choices,
    instant_typed,
    problem_with_reasons,
    whole_typed,
)
from unisono.console.words import Words
from unisono.customers.web import unit
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest, UnisonoError
from unisono.kit.money import exponent
from unisono.kit.sql import load

_sql = load("unisono.console")

SECTION = "prices"
PAGE_SIZE = 50
SPANS = (30, 90, 365)
MOST_FACTS = 60


def zone_of(request: AnyRequest) -> ZoneInfo:
    """The company's time zone: the days of a prior price are its days."""
    return ZoneInfo(settings_of(request).timezone)


async def _stores(conn: Connection, chosen: str = "") -> list[contexts.Choice]:
    rows = await _sql.places(conn)
    return [contexts.Choice(value=row["code"], label=row["name"], selected=row["code"] == chosen) for row in rows]


async def show_prices(
    request: AnyRequest, *, drafts: dict[str, str] | None = None, error: UnisonoError | None = None
) -> Response[str]:
    """Every list, and discounts; with a form that was refused."""
    principal, now = caller(request), now_of(request)
    words, can_write = words_of(request, principal), principal.may("prices:write")
    sku, every, key = asked(request, "sku", 100), asked(request, "show") == "all", asked(request, "before")
    before = int(key) if key.isdecimal() and len(key) < 19 else None
    async with connection(pool_of(request)) as conn:
        lists = await pricing.price_lists(conn)
        told = await pricing.announcements(
            conn, sku=sku or None, live_at=None if every or sku else now, before=before, limit=PAGE_SIZE + 1
        )
        stores = await _stores(conn)
    shown = told[:PAGE_SIZE]
    kept = {"sku": sku, "show": "all" if every else ""}
    view = contexts.Prices(
        lists=[views.list_row(one, words) for one in lists],
        discounts=[views.discount_row(one, now, words, can_write=can_write) for one in shown],
        chips=[
            contexts.Chip(label=words.gettext("Shown now"), href=links.PRICES, selected=not every and not sku),
            contexts.Chip(
                label=words.gettext("All there ever were"),
                href=links.with_query(links.PRICES, {"show": "all"}),
                selected=every,
            ),
        ],
        paging=contexts.Paging(
            shown=len(shown),
            previous_href=links.with_query(links.PRICES, kept) if before is not None else None,
            next_href=links.with_query(links.PRICES, {**kept, "before": shown[-1].id})
            if len(told) > PAGE_SIZE
            else None,
        ),
        query=sku,
        filtered=bool(sku or before or every),
        channels=channel_choices(None, words),
        stores=stores,
        currency=settings_of(request).currency,
        can_write=can_write,
        drafts=drafts or {},
        problem=problem_with_reasons(words, error) if error else None,
    )
    title = words.gettext("Prices and discounts")
    return await page(request, view, title=title, section=SECTION, status=error.status if error else 200)


@get(links.PRICES, guards=[requires("catalog:read")], include_in_schema=False)
async def list_prices(request: AnyRequest) -> Response[Any]:
    """Every list and the discounts; with a sku that exists, its prices."""
    wanted = asked(request, "find", 100)
    if wanted:
        async with connection(pool_of(request)) as conn:
            variant = await catalog.variant_by_code(conn, wanted)
        return go(request, links.price_of(variant.sku))
    return await show_prices(request)


@post(links.PRICE_LISTS, guards=[requires("prices:write")], include_in_schema=False)
async def create_list(request: AnyRequest) -> Response[Any]:
    """Make a price list."""
    principal, form = caller(request), await form_of(request)
    words = words_of(request, principal)
    try:
        new = NewPriceList(
            code=form.get("code", "").strip(),
            name=form.get("name", "").strip(),
            currency=form.get("currency", "").strip().upper(),
            tax_included=form.get("tax") != "without",
            channel=form.get("channel") or None,
            store_id=form.get("store", "").strip() or None,
            audience=form.get("audience", "").strip() or None,
            starts_at=instant_typed(form.get("starts", ""), words),
            ends_at=instant_typed(form.get("ends", ""), words, field="ends"),
            priority=whole_typed(form.get("priority", ""), field="priority", most=1_000_000) or 0,
        )
        async with unit(pool_of(request)) as conn:
            made = await pricing.create_list(conn, new)
            await audit.record(conn, actor=principal.actor, action="price_list.create", detail={"code": made.code})
    except UnisonoError as error:
        return await show_prices(request, drafts=form, error=error)
    return go(request, links.price_list(made.code), words.gettext("The price list is there; it has no prices yet."))


@get(text_pattern(links.price_list, "code"), guards=[requires("catalog:read")], include_in_schema=False)
async def show_list(request: AnyRequest, code: FromPath[str]) -> Response[str]:
    """What a list asks now, sku by sku."""
    principal, now = caller(request), now_of(request)
    words, after = words_of(request, principal), asked(request, "after", 100)
    async with connection(pool_of(request)) as conn:
        chosen = await pricing.price_list(conn, code)
        rows = await _sql.prices_of_list(conn, code=chosen.code, after=after, now=now, most=PAGE_SIZE + 1)
    shown, here = rows[:PAGE_SIZE], links.price_list(chosen.code)
    view = contexts.PriceListPage(
        head=views.list_row(chosen, words),
        rows=[
            contexts.ListedPrice(
                sku=row["sku"],
                name=row["name"],
                href=links.price_of(row["sku"]),
                amount=None
                if row["amount_minor"] is None
                else contexts.Amount(minor=row["amount_minor"], currency=chosen.currency),
                starts_at=row["starts_at"],
                ends_at=row["ends_at"],
            )
            for row in shown
        ],
        paging=contexts.Paging(
            shown=len(shown),
            previous_href=here if after else None,
            next_href=links.with_query(here, {"after": shown[-1]["sku"]}) if len(rows) > PAGE_SIZE else None,
        ),
        can_write=principal.may("prices:write"),
    )
    return await page(request, view, title=chosen.name, section=SECTION)


@post(text_pattern(links.price_list_off, "code"), guards=[requires("prices:write")], include_in_schema=False)
async def switch_off(request: AnyRequest, code: FromPath[str]) -> Response[Any]:
    """Switch a price list off for good."""
    principal = caller(request)
    words = words_of(request, principal)
    if (await form_of(request)).get("sure") != "yes":
        raise BadRequest("Say that you are sure.", code="not_sure")
    async with unit(pool_of(request)) as conn:
        off = await pricing.disable_list(conn, code, now=now_of(request))
        await audit.record(conn, actor=principal.actor, action="price_list.disable", detail={"code": off.code})
    return go(request, links.price_list(code), words.gettext("The list is off: its prices count nowhere any more."))


class Sent(msgspec.Struct, frozen=True):
    """A form about a sku's price that was refused, or a trial of a discount: what is shown above the page."""

    part: str = ""
    drafts: dict[str, str] = {}
    error: UnisonoError | None = None
    evidence: Evidence | None = None


def _answered(view: contexts.PriceOf, variant: Variant, answer: PriceAnswer | None) -> contexts.PriceOf:
    """With what it costs now, its tax apart."""
    if answer is None:
        return view

    def money(minor: int) -> contexts.Amount:
        return contexts.Amount(minor=minor, currency=answer.currency)

    tax = split_tax(answer.amount_minor, answer.tax_rate_bp, included=answer.tax_included)
    reduction = answer.reduction
    return msgspec.structs.replace(
        view,
        price=money(answer.amount_minor),
        prior=money(reduction.prior_minor) if reduction else None,
        percent=reduction.percent_bp / 100 if reduction else 0,
        list_code=answer.price_list,
        tax_included=answer.tax_included,
        net=money(tax.net),
        tax=money(tax.tax),
        tax_rate=variant.tax_rate_bp / 100,
        next_change_at=answer.next_change_at,
    )


def _span(request: AnyRequest) -> int:
    days = asked(request, "days", 4)
    return int(days) if days.isdecimal() and int(days) in SPANS else 90


async def _currency(conn: Connection, request: AnyRequest) -> str:
    """The currency asked for, else the one prices are shown in."""
    wanted = asked(request, "currency", 3).upper()
    if not wanted:
        return await shown_currency(conn, request)
    exponent(wanted)
    return wanted


async def _price_of(
    conn: Connection, request: AnyRequest, principal: Principal, code: str, now: datetime, words: Words
) -> contexts.PriceOf:
    variant = await catalog.variant_by_code(conn, code)
    channel, store = asked(request, "channel", 100) or "web", asked(request, "store", 100)
    days, lists = _span(request), await pricing.price_lists(conn)
    currency = await _currency(conn, request)
    since = now - timedelta(days=days)
    place: dict[str, Any] = {"channel": channel, "store_id": store or None, "currency": currency}
    answers = await pricing.prices(conn, [variant.id], **place, at=now)
    history = await pricing.history(conn, variant.id, **place, since=since, until=now, zone=zone_of(request))
    facts = await _sql.prices_set(conn, variant_id=variant.id, most=MOST_FACTS)
    told = await pricing.announcements(conn, sku=variant.sku, limit=10)
    can_write = principal.may("prices:write")
    steps = views.steps_of(history)
    view = contexts.PriceOf(
        sku=variant.sku,
        name=variant.name,
        product_href=links.product(variant.product_code),
        currency=currency,
        days=days,
        chart=contexts.Steps(start=since, end=now, currency=currency, steps=steps) if steps else None,
        rows=[views.asked_row(one, currency, words) for one in reversed(history)],
        facts=views.fact_rows(facts, now, words),
        discounts=[views.discount_row(one, now, words, can_write=can_write) for one in told],
        channels=channel_choices(channel, words),
        stores=await _stores(conn, store),
        store=store,
        spans=[
            contexts.Choice(
                value=str(span), label=words.ngettext("%(num)s day", "%(num)s days", span), selected=span == days
            )
            for span in SPANS
        ],
        lists=views.list_choices(lists, "", words),
        can_write=can_write,
    )
    return _answered(view, variant, answers.get(variant.id))


async def show_price_of(request: AnyRequest, code: str, sent: Sent | None = None) -> Response[str]:
    """The page of a sku's prices; with a form that was refused, or tried."""
    principal = caller(request)
    words, sent = words_of(request, principal), sent or Sent()
    async with connection(pool_of(request)) as conn:
        view = await _price_of(conn, request, principal, code, now_of(request), words)
    view = msgspec.structs.replace(
        view,
        part=sent.part,
        drafts=sent.drafts,
        problem=problem_with_reasons(words, sent.error) if sent.error else None,
        evidence=views.evidence_card(sent.evidence, words) if sent.evidence else None,
        lists=[msgspec.structs.replace(one, selected=one.value == sent.drafts.get("list")) for one in view.lists],
    )
    title = words.gettext("Prices of %(sku)s") % {"sku": view.sku}
    return await page(request, view, title=title, section=SECTION, status=sent.error.status if sent.error else 200)


@get(text_pattern(links.price_of, "sku", "path"), guards=[requires("catalog:read")], include_in_schema=False)
async def price_of(request: AnyRequest, sku: FromPath[str]) -> Response[str]:
    """What a sku costs at a place, and cost."""
    return await show_price_of(request, sku.removeprefix("/"))


def new_price(form: dict[str, str], currency: str, words: Words) -> NewPrice:
    """The price a form asks for; nothing typed takes the sku out of the list. Raises BadRequest."""
    typed = form.get("amount", "").strip()
    return NewPrice(
        form.get("sku", "").strip(),
        amount_typed(typed, currency) if typed else None,
        instant_typed(form.get("starts", ""), words),
        instant_typed(form.get("ends", ""), words, field="ends"),
    )


@post(links.PRICE_SET, guards=[requires("prices:write")], include_in_schema=False)
async def set_price(request: AnyRequest) -> Response[Any]:
    """Set a price in a list, or take it out."""
    principal, form = caller(request), await form_of(request)
    words, sku = words_of(request, principal), form.get("sku", "")
    try:
        async with unit(pool_of(request)) as conn:
            chosen = await pricing.price_list(conn, form.get("list", ""))
            new = new_price(form, chosen.currency, words)
            report: SetReport = await pricing.set_prices(
                conn, chosen.code, [new], actor=principal.actor, now=now_of(request)
            )
            detail = {"price_list": chosen.code, "sku": sku, "amount_minor": new.amount_minor}
            await audit.record(conn, actor=principal.actor, action="prices.set", detail=detail)
    except UnisonoError as error:
        return await show_price_of(request, sku, Sent("set", form, error))
    text = words.gettext("The price is set.") if report.written else words.gettext("It had this price already.")
    return go(request, safe_path(form.get("next"), links.price_of(sku)), text)


routes: list[ControllerRouterHandler] = [
    list_prices,
    create_list,
    show_list,
    switch_off,
    price_of,
    set_price,
]
