"""What people do with stock: receive, count, move, correct, set levels, settle risks, change opening hours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import Principal, caller, now_of, requires
from unisono.commerce.catalog import service as catalog
from unisono.commerce.inventory import reading
from unisono.commerce.inventory import service as inventory
from unisono.commerce.inventory.callers import own_stores
from unisono.commerce.inventory.errors import BadStock
from unisono.commerce.inventory.model import StockLine
from unisono.commerce.inventory.service import Why
from unisono.console import contexts, links
from unisono.console.deeds import Deed, run_and_go
from unisono.console.lists import stock as lists
from unisono.console.pages import AnyRequest, form_of, page, pool_of, words_of
from unisono.console.rendering import new_key
from unisono.console.routes.paths import pattern, text_pattern
from unisono.console.routes.stock import SECTION, show_risks, show_sku
from unisono.console.views import stock as views
from unisono.console.views.commerce import problem_with_reasons, whole_typed
from unisono.console.words import Words
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest, UnisonoError
from unisono.kit.marking import N_


class Change(msgspec.Struct, frozen=True):
    """A form about one sku in one place."""

    form: Mapping[str, str]
    variant: int
    sku: str
    place: str
    why: Why
    words: Words
    principal: Principal
    now: datetime

    def units(self, *, least: int = 1) -> int:
        """The units typed. Raises BadRequest."""
        units = whole_typed(self.form.get("units", ""), field="units", least=least, most=10**6)
        if units is None:
            raise BadRequest("Say how many.", code="units_missing", field="units")
        return units

    def lines(self, units: int) -> list[StockLine]:
        """So many of them, as inventory moves them."""
        return [StockLine(self.variant, self.place, units)]

    def said(self, text: str, number: int) -> str:
        """What the toast says."""
        return self.words.gettext(text) % {"num": number, "sku": self.sku, "place": self.place}

    @property
    def overrule(self) -> str | None:
        """Why promised units go all the same."""
        return self.form.get("overrule", "").strip() or None

    def undo(self, **fields: str | int) -> str:
        """The address that takes it back."""
        return links.with_query(links.STOCK_CHANGE, {"sku": self.sku, "place": self.place, "once": new_key(), **fields})


Answer = tuple[str, str | None, dict[str, Any]]
"""The toast, how to take it back, what the audit keeps beside sku and place."""


async def _receive(conn: Connection, change: Change) -> Answer:
    units, expected = change.units(), change.form.get("expected") == "yes"
    why = change.why._replace(reason=change.why.reason or "delivery")
    await inventory.receive(conn, change.lines(units), why, now=change.now, expected=expected)
    text = change.said(N_("Received: %(num)s of %(sku)s in %(place)s."), units)
    undo = None if expected else change.undo(part="adjust", units=-units, reason="undone")
    return text, undo, {"units": units}


async def _count(conn: Connection, change: Change) -> Answer:
    units = change.units(least=0)
    by = await inventory.count(conn, change.lines(units), change.why._replace(reason="count"), now=change.now)
    difference = sum(by.values())
    if not difference:
        return (
            change.said(N_("Counted: %(num)s of %(sku)s in %(place)s, as the books say."), units),
            None,
            {"units": units},
        )
    # Whole sentences: "more" and "fewer" stand elsewhere in other languages, or are other words there.
    more, fewer = (
        N_("Counted: %(units)s of %(sku)s in %(place)s, %(by)s more than the books said."),
        N_("Counted: %(units)s of %(sku)s in %(place)s, %(by)s fewer than the books said."),
    )
    told = {"units": units, "sku": change.sku, "place": change.place, "by": abs(difference)}
    text = change.words.gettext(more if difference > 0 else fewer) % told
    undo = change.undo(part="adjust", units=-difference, reason="undone")
    return text, undo, {"units": units, "difference": difference}


async def _move(conn: Connection, change: Change) -> Answer:
    units, to = change.units(), change.form.get("to", "")
    if not to:
        raise BadRequest("Say where to.", code="place_missing", field="to")
    # As over the API: what a clerk sends to another place is on its way until somebody there receives it.
    away = change.form.get("away") == "yes" or (
        change.principal.stores is not None and to not in change.principal.stores
    )
    why = change.why._replace(reason=change.why.reason or "transfer")
    await inventory.transfer(conn, change.lines(units), to, why, now=change.now, on_the_way=away)
    arrived, sent = (
        N_("%(units)s of %(sku)s are in %(to)s now."),
        N_("%(units)s of %(sku)s are on their way to %(to)s."),
    )
    text = sent if away else arrived
    said = change.words.gettext(text) % {"units": units, "sku": change.sku, "to": to}
    undo = None
    if not away:
        undo = change.undo(part="move", units=units, reason="undone", to=change.place, place=to)
    return said, undo, {"units": units, "to": to, "on_the_way": away}


def _signed(text: str) -> int:
    plain = text.strip().replace("\N{MINUS SIGN}", "-")
    number = whole_typed(plain.lstrip("+-"), field="units", least=1, most=10**6)
    if number is None:
        raise BadRequest("Say how many.", code="units_missing", field="units")
    return -number if plain.startswith("-") else number


async def _adjust(conn: Connection, change: Change) -> Answer:
    units = _signed(change.form.get("units", ""))
    why = change.why._replace(reason=change.why.reason or "correction")
    await inventory.adjust(conn, change.lines(units), why, now=change.now, overrule=change.overrule)
    more = change.said(N_("%(num)s more of %(sku)s in %(place)s."), units)
    text = more if units > 0 else change.said(N_("%(num)s fewer of %(sku)s in %(place)s."), -units)
    undo = None if why.reason == "undone" else change.undo(part="adjust", units=-units, reason="undone")
    return text, undo, {"units": units, "reason": why.reason}


async def _damage(conn: Connection, change: Change) -> Answer:
    units = change.units()
    why = change.why._replace(reason=change.why.reason or "broken")
    await inventory.damage(conn, change.lines(units), why, now=change.now, overrule=change.overrule)
    return change.said(N_("%(num)s of %(sku)s are set aside as damaged in %(place)s."), units), None, {"units": units}


async def _levels(conn: Connection, change: Change) -> Answer:
    before = await reading.stock(conn, skus=[change.sku], locations=[change.place], limit=1, now=change.now)
    safety = whole_typed(change.form.get("safety", ""), field="safety", most=10**6) or 0
    low_at = whole_typed(change.form.get("low_at", ""), field="low_at", most=10**6)
    await inventory.set_levels(conn, [(change.variant, change.place, safety, low_at)], now=change.now)
    undo = None
    if before:
        was: dict[str, str | int] = {"part": "levels", "safety": before[0].safety}
        undo = change.undo(**was, **({} if before[0].low_at is None else {"low_at": before[0].low_at}))
    text = change.said(N_("Levels of %(sku)s in %(place)s are set."), 0)
    return text, undo, {"safety": safety, "low_at": low_at}


PARTS = {
    "receive": _receive,
    "count": _count,
    "move": _move,
    "adjust": _adjust,
    "damage": _damage,
    "levels": _levels,
}


async def _change(conn: Connection, request: AnyRequest, form: Mapping[str, str]) -> Deed:
    principal = caller(request)
    words, part = words_of(request, principal), form.get("part", "")
    if part not in PARTS:
        raise BadRequest("There is no such form.", code="bad_form")
    place = form.get("place", "")
    if not place:
        raise BadRequest("Say where.", code="place_missing", field="place")
    own_stores(principal, [place])
    variant = await catalog.variant_by_code(conn, form.get("sku", ""))
    note = form.get("note", "").strip()[:500] or None
    reference = form.get("reference", "").strip()[:100] or None
    why = Why(principal.actor, form.get("reason", "").strip()[:100], reference, note)
    change = Change(form, variant.id, variant.sku, place, why, words, principal, now_of(request))
    text, undo, detail = await PARTS[part](conn, change)
    return Deed(
        text=text,
        href=links.with_query(links.stock_of(variant.sku), {"place": place}),
        action=f"stock.{part}",
        detail={"sku": variant.sku, "place": place, **detail},
        undo_href=undo,
    )


@post(links.STOCK_CHANGE, guards=[requires("stock:write")], include_in_schema=False)
async def change_stock(request: AnyRequest) -> Response[Any]:
    """One change of a sku in a place; an undo comes with its fields in the address."""
    form = {**dict(request.query_params.items()), **await form_of(request)}
    try:
        return await run_and_go(request, form, lambda conn: _change(conn, request, form))
    except UnisonoError as error:
        if error.status >= 500 or error.code in ("sku_unknown", "store_not_yours", "bad_form"):
            raise
        return await show_sku(request, form.get("sku", ""), drafts=form, error=error)


@post(pattern(links.risk_settle, "risk_id"), guards=[requires("stock:write")], include_in_schema=False)
async def settle(request: AnyRequest, risk_id: FromPath[int]) -> Response[Any]:
    """Somebody has dealt with a promise at risk."""
    principal, form = caller(request), await form_of(request)
    words = words_of(request, principal)

    async def act(conn: Connection) -> Deed:
        own_stores(principal, [await reading.risk_location(conn, risk_id)])
        outcome = form.get("outcome", "")
        await inventory.settle_risk(conn, risk_id, outcome=outcome, actor=principal.actor, now=now_of(request))
        return Deed(
            text=words.gettext("Settled: it is off the list."),
            href=links.STOCK_RISKS,
            action="stock.settle_risk",
            detail={"risk": risk_id, "outcome": outcome},
        )

    try:
        return await run_and_go(request, form, act)
    except BadStock as error:
        return await show_risks(request, error=error)


# Places -----------------------------------------------------------------------------------------------


async def _show_places(request: AnyRequest, *, of: str = "", text: str = "", error: UnisonoError | None = None) -> Any:
    principal, now = caller(request), now_of(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        found = await inventory.locations(conn)
        risks = await lists.open_risks(conn, principal.stores)
    writes, counter = principal.may("stock:write"), principal.may("orders:read")
    own = [one for one in found if principal.stores is None or one.code in principal.stores]
    cards = [views.place_card(one, words, now, can_write=writes, counter=counter) for one in own]
    if error is not None:
        problem = problem_with_reasons(words, error)
        cards = [
            msgspec.structs.replace(card, hours=text, problem=problem) if card.code == of else card for card in cards
        ]
    view = contexts.Locations(rows=cards, tabs=views.tabs(links.LOCATIONS, words, risks=risks))
    status = error.status if error else 200
    return await page(request, view, title=words.gettext("Places"), section=SECTION, status=status)


@get(links.LOCATIONS, guards=[requires("catalog:read")], include_in_schema=False)
async def list_places(request: AnyRequest) -> Response[str]:
    """Stores, warehouses, partners, and when they are open."""
    answer: Response[str] = await _show_places(request)
    return answer


@post(text_pattern(links.location_hours, "code"), guards=[requires("stock:write")], include_in_schema=False)
async def change_hours(request: AnyRequest, code: FromPath[str]) -> Response[Any]:
    """When a place is open, from now on."""
    principal, form = caller(request), await form_of(request)
    words = words_of(request, principal)
    form = {**dict(request.query_params.items()), **form}
    text = form.get("hours", "")

    async def act(conn: Connection) -> Deed:
        own_stores(principal, [code])
        before = await inventory.location(conn, code)
        opening = views.hours_typed(text)
        await inventory.save_location(conn, msgspec.structs.replace(before, opening=opening))
        was = views.hours_text(before.opening)
        return Deed(
            text=words.gettext("Opening hours of %(place)s are changed.") % {"place": before.name},
            href=f"{links.LOCATIONS}#place-{code}",
            action="location.hours",
            detail={"location": code, "before": before.opening, "after": opening},
            undo_href=links.with_query(links.location_hours(code), {"hours": was}),
        )

    try:
        return await run_and_go(request, form, act)
    except BadRequest as error:
        refused: Response[Any] = await _show_places(request, of=code, text=text, error=error)
        return refused


routes: list[ControllerRouterHandler] = [change_stock, settle, list_places, change_hours]
