"""The simulator: any basket, in any channel, at any instant, for anybody; the address holds the whole question."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.commerce.carts.facts import facts_of
from unisono.commerce.catalog import service as catalog
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.errors import BadBasket
from unisono.commerce.promotions.simulating import SimulatedLine, SimulatedPerson, Simulation
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, page, pool_of, settings_of, words_of
from unisono.console.routes.products import asked, shown_currency
from unisono.console.routes.reader import require_in_scope
from unisono.console.views import promotions as views
from unisono.console.views.commerce import (
    amount_typed,
    channel_choices,
    instant_typed,
    problem_with_reasons,
    whole_typed,
)
from unisono.console.views.prices import place
from unisono.console.words import Words
from unisono.customers.identity import service as identity
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest, UnisonoError
from unisono.kit.sql import load

_sql = load("unisono.console")

LINES = 5
MOST_LINES = 40
FIELDS = (
    "channel", "store", "at", "coupons", "shipping", "only", "as_active", "person", "known", "tier", "segments",
    "audiences", "orders", "birthday",
)  # fmt: skip


def _lines(request: AnyRequest) -> list[contexts.SimulatorLine]:
    """The lines of the form: those asked, and empty ones to fill in."""
    given = {name: request.query_params.getall(name, []) for name in ("sku", "qty", "unit")}

    def at(name: str, number: int) -> str:
        values = given[name]
        return values[number].replace("\x00", "").strip()[:100] if number < len(values) else ""

    asked_ = [
        contexts.SimulatorLine(sku=at("sku", number), quantity=at("qty", number), unit=at("unit", number))
        for number in range(min(len(given["sku"]), MOST_LINES))
    ]
    kept = [line for line in asked_ if line.sku]
    return [*kept, *(contexts.SimulatorLine() for _ in range(max(2, LINES - len(kept))))]


def _names(text: str) -> frozenset[str]:
    return frozenset(one.strip() for one in re.split(r"[,\n]", text) if one.strip())


async def _person(conn: Connection, request: AnyRequest, values: dict[str, str]) -> SimulatedPerson | None:
    """Whose basket it is: somebody by number with what we know, or somebody described, or nobody."""
    number = whole_typed(values["person"], field="person", least=1)
    if number is not None:
        person = await identity.resolve(conn, number)
        await require_in_scope(conn, caller(request), person)
        facts = await facts_of(conn, person)
        traits: Any = {name: one for name, one in facts.traits.items() if isinstance(one, str | int | bool)}
        return SimulatedPerson(
            person_id=person,
            known=facts.identified,
            segments=facts.segments,
            tier=facts.tier,
            audiences=facts.audiences,
            orders_before=facts.orders_before,
            birthday=facts.birthday,
            traits=traits,
        )
    if not any(values[name] for name in ("known", "tier", "segments", "audiences", "orders", "birthday")):
        return None
    try:
        birthday = date.fromisoformat(values["birthday"]) if values["birthday"] else None
    except ValueError:
        raise BadRequest("This is no day.", code="instant_unreadable", field="birthday") from None
    return SimulatedPerson(
        segments=_names(values["segments"]),
        tier=values["tier"] or None,
        audiences=_names(values["audiences"]),
        orders_before=whole_typed(values["orders"], field="orders") or 0,
        birthday=birthday,
    )


async def _line(conn: Connection, line: contexts.SimulatorLine, currency: str) -> SimulatedLine:
    return SimulatedLine(
        sku=(await catalog.variant_by_code(conn, line.sku)).sku,
        quantity=whole_typed(line.quantity, field="qty-1", least=1, most=9_999) or 1,
        unit_minor=amount_typed(line.unit, currency, field="unit-1") if line.unit else None,
    )


async def _try(
    conn: Connection, request: AnyRequest, lines: list[contexts.SimulatorLine], values: dict[str, str], words: Words
) -> contexts.Tried:
    settings, now = settings_of(request), now_of(request)
    currency = await shown_currency(conn, request)
    basket = tuple([await _line(conn, line, currency) for line in lines if line.sku])
    if not basket:
        raise BadBasket("Put something into the basket.")
    at = instant_typed(values["at"], words, field="at") or now
    channel, store = values["channel"] or "web", values["store"] or None
    asked_ = Simulation(
        lines=basket,
        channel=channel,
        store_id=store,
        currency=currency,
        at=at,
        timezone=settings.timezone,
        person=await _person(conn, request, values),
        coupons=tuple(sorted(_names(values["coupons"]))),
        shipping_minor=amount_typed(values["shipping"], currency, field="shipping") if values["shipping"] else 0,
        promotions=(values["only"],) if values["only"] else None,
        as_active=values["as_active"] == "yes",
    )
    quote = await promotions.simulate(conn, asked_, now=now)
    variants = await catalog.variants(conn, skus=[line.sku for line in basket])
    return views.tried(
        quote,
        variants.values(),
        [line.sku for line in basket],
        at=at,
        where=place(channel, store, words),
        words=words,
    )


@get(links.PROMOTION_SIMULATOR, guards=[requires("catalog:read")], include_in_schema=False)
async def simulate(request: AnyRequest) -> Response[str]:
    """Try a basket: every promotion that counts or does not, with its reasons. Nothing is written."""
    words = words_of(request, caller(request))
    values, lines = {name: asked(request, name) for name in FIELDS}, _lines(request)
    tried, error = None, None
    async with connection(pool_of(request)) as conn:
        stores = await _sql.places(conn)
        known = await promotions.list_promotions(conn, statuses=["draft", "active", "paused"], limit=500)
        if "sku" in request.query_params:
            try:
                tried = await _try(conn, request, lines, values, words)
            except UnisonoError as caught:
                error = caught
    view = contexts.PromotionSimulator(
        lines=lines,
        channels=channel_choices(values["channel"] or "web", words),
        stores=[contexts.Choice(value=row["code"], label=row["name"]) for row in stores],
        values=values,
        only=[
            contexts.Choice(
                value=one.promotion.code, label=one.promotion.name, selected=one.promotion.code == values["only"]
            )
            for one in known
        ],
        tried=tried,
        problem=problem_with_reasons(words, error) if error else None,
    )
    title = words.gettext("Try a basket")
    return await page(request, view, title=title, section="promotions", status=error.status if error else 200)


routes: list[ControllerRouterHandler] = [simulate]
