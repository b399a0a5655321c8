"""Discounts: tried, announced with what they rest on, withdrawn, proved."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import MediaType, Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.commerce.pricing import discounts
from unisono.commerce.pricing import service as pricing
from unisono.commerce.pricing.errors import AnnouncementUnknown, DiscountNotHonest
from unisono.commerce.pricing.exporting import evidence_csv
from unisono.commerce.pricing.model import Evidence, NewDiscount, Terms
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, form_of, go, page, pool_of, safe_path, words_of
from unisono.console.routes.paths import pattern
from unisono.console.routes.prices import SECTION, Sent, show_price_of, zone_of
from unisono.console.views import prices as views
from unisono.console.views.commerce import amount_typed, instant_typed, problem_with_reasons
from unisono.customers.web import unit
from unisono.kit.database import Connection, connection
from unisono.kit.errors import UnisonoError


async def _asked(conn: Connection, request: AnyRequest, form: dict[str, str]) -> tuple[str, NewDiscount, Terms]:
    words = words_of(request, caller(request))
    chosen = await pricing.price_list(conn, form.get("list", ""))
    item = NewDiscount(form.get("sku", "").strip(), amount_typed(form.get("amount", ""), chosen.currency))
    terms = Terms(
        starts_at=instant_typed(form.get("starts", ""), words),
        ends_at=instant_typed(form.get("ends", ""), words, field="ends"),
        campaign=form.get("campaign", "").strip() or None,
    )
    return chosen.code, item, terms


@post(links.DISCOUNTS, guards=[requires("prices:write")], include_in_schema=False, status_code=200)
async def announce(request: AnyRequest) -> Response[Any]:
    """Try a discount, or announce it; one that is none is refused and the evidence drawn."""
    principal, form, now = caller(request), await form_of(request), now_of(request)
    words, sku, zone = words_of(request, principal), form.get("sku", ""), zone_of(request)
    try:
        async with unit(pool_of(request)) as conn:
            code, item, terms = await _asked(conn, request, form)
            if form.get("deed") != "announce":
                found = await pricing.check(conn, code, [item], terms, zone=zone, now=now)
                return await show_price_of(request, sku, Sent("announce", form, None, found[0]))
            told = await pricing.announce(conn, code, [item], terms, actor=principal.actor, zone=zone, now=now)
            detail = {"price_list": code, "sku": sku, "announcement": told[0].id}
            await audit.record(conn, actor=principal.actor, action="discount.announce", detail=detail)
    except DiscountNotHonest as error:
        refused = msgspec.convert(error.extra["refused"][0], Evidence)
        return await show_price_of(request, sku, Sent("announce", form, error, refused))
    except UnisonoError as error:
        return await show_price_of(request, sku, Sent("announce", form, error))
    undo = links.discount_withdraw(told[0].id)
    return go(request, links.price_of(sku), words.gettext("The discount is announced."), undo_href=undo)


async def _show(request: AnyRequest, announcement_id: int, error: UnisonoError | None = None) -> Response[str]:
    principal = caller(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        evidence = await pricing.evidence(conn, announcement_id)
        found = await discounts.announcements_by_id(conn, [announcement_id])
    if not found:
        raise AnnouncementUnknown(f"There is no announcement {announcement_id}.")
    can_write = principal.may("prices:write")
    view = contexts.DiscountPage(
        row=views.discount_row(found[0], now_of(request), words, can_write=can_write),
        evidence=views.evidence_card(evidence, words),
        problem=problem_with_reasons(words, error) if error else None,
    )
    title = words.gettext("Discount on %(sku)s") % {"sku": found[0].sku}
    return await page(request, view, title=title, section=SECTION, status=error.status if error else 200)


@get(pattern(links.discount, "announcement_id"), guards=[requires("catalog:read")], include_in_schema=False)
async def show_discount(request: AnyRequest, announcement_id: FromPath[int]) -> Response[str]:
    """A discount and what it was based on."""
    return await _show(request, announcement_id)


@get(
    pattern(links.discount_table, "announcement_id"),
    guards=[requires("catalog:read")],
    include_in_schema=False,
    media_type=MediaType.TEXT,
)
async def evidence_table(request: AnyRequest, announcement_id: FromPath[int]) -> Response[str]:
    """The evidence as CSV."""
    async with connection(pool_of(request)) as conn:
        found = await pricing.evidence(conn, announcement_id)
    name = f'attachment; filename="evidence-{announcement_id}.csv"'
    return Response(evidence_csv(found), media_type="text/csv", headers={"content-disposition": name})


@post(pattern(links.discount_withdraw, "announcement_id"), guards=[requires("prices:write")], include_in_schema=False)
async def withdraw(request: AnyRequest, announcement_id: FromPath[int]) -> Response[Any]:
    """Take a discount back from now on."""
    principal, form = caller(request), await form_of(request)
    words = words_of(request, principal)
    try:
        async with unit(pool_of(request)) as conn:
            await pricing.withdraw(
                conn,
                announcement_id,
                actor=principal.actor,
                now=now_of(request),
                reason=form.get("reason", "").strip(),
                keep_price=form.get("keep_price") == "yes",
            )
            detail = {"announcement": announcement_id, "reason": form.get("reason", "")[:200]}
            await audit.record(conn, actor=principal.actor, action="discount.withdraw", detail=detail)
    except AnnouncementUnknown:
        raise
    except UnisonoError as error:
        return await _show(request, announcement_id, error)
    back = safe_path(form.get("next"), links.discount(announcement_id))
    return go(
        request, back, words.gettext("The discount is withdrawn; what was shown until now stays in its evidence.")
    )


routes: list[ControllerRouterHandler] = [announce, show_discount, evidence_table, withdraw]
