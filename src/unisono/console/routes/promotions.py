"""Promotions: the list, one with its state and versions, coupons, conflicts."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.errors import BadCoupons, PromotionUnknown
from unisono.commerce.promotions.model import NewCoupons, PromotionState, Status
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, form_of, go, page, pool_of, words_of
from unisono.console.routes.paths import text_pattern
from unisono.console.routes.products import asked
from unisono.console.views import promotions as views
from unisono.console.views.chips import filter_chips
from unisono.console.views.commerce import instant_typed, problem_with_reasons, whole_typed
from unisono.console.views.labels import channel_label
from unisono.console.views.promotion_words import Teller, sentence
from unisono.console.words import Words
from unisono.customers.web import unit
from unisono.kit.database import Connection, connection
from unisono.kit.errors import NotFound, UnisonoError
from unisono.kit.marking import N_
from unisono.kit.sql import load

_sql = load("unisono.console")

SECTION = "promotions"
PAGE_SIZE = 50
MOST_SHOWN = 200
"""New coupons a page shows to be copied; the API answers with all."""


@get(links.PROMOTIONS, guards=[requires("catalog:read")], include_in_schema=False)
async def list_promotions(request: AnyRequest) -> Response[str]:
    """Promotions by code, each as a sentence with what is used of its limits."""
    principal, now = caller(request), now_of(request)
    words, status, after = words_of(request, principal), asked(request, "status"), asked(request, "after", 80)
    status = status if status in views.STATUSES else ""
    async with connection(pool_of(request)) as conn:
        statuses: Any = [status] if status else []
        found = await promotions.list_promotions(conn, statuses=statuses, after=after or None, limit=PAGE_SIZE + 1)
    shown = found[:PAGE_SIZE]
    kept = {"status": status}
    view = contexts.Promotions(
        rows=[views.promotion_row(one, now, words) for one in shown],
        paging=contexts.Paging(
            shown=len(shown),
            previous_href=links.with_query(links.PROMOTIONS, kept) if after else None,
            next_href=links.with_query(links.PROMOTIONS, {**kept, "after": shown[-1].promotion.code})
            if len(found) > PAGE_SIZE
            else None,
        ),
        chips=filter_chips(
            links.PROMOTIONS,
            N_("All promotions"),
            ((one, text) for one, (text, _) in views.STATUSES.items()),
            status,
            words,
        ),
        any_promotions=bool(shown) or bool(status or after),
        filter_sentence=words.gettext(views.STATUSES[cast("Status", status)][0]) if status else "",
        can_write=principal.may("promotions:write"),
    )
    return await page(request, view, title=words.gettext("Promotions"), section=SECTION)


async def _state(conn: Connection, code: str) -> PromotionState:
    found = await promotions.find_promotion(conn, code)
    used = await _sql.promotion_used(conn, code=code)
    return PromotionState(
        promotion=found,
        updated_at=used["updated_at"],
        budget_used_minor=used["budget_used"],
        times_used=used["times_used"],
    )


def _tiles(rows: list[Any], words: Words) -> list[contexts.Tile]:
    """What it gave, by channel."""
    return [
        contexts.Tile(
            label=channel_label(row["channel"], words),
            value=contexts.Amount(minor=row["amount_minor"], currency=row["currency"]),
            note=words.ngettext("%(num)s use", "%(num)s uses", row["uses"]),
        )
        for row in rows[:6]
    ]


async def _promotion(
    conn: Connection, request: AnyRequest, principal: Principal, code: str, words: Words
) -> contexts.PromotionPage:
    now, state = now_of(request), await _state(conn, code)
    one, can_write = state.promotion, principal.may("promotions:write")
    versions = await promotions.versions_of(conn, code)
    conflicts = [pair for pair in await promotions.conflicts(conn, now=now) if code in (pair.one, pair.other)]
    names = {each.promotion.code: each.promotion.name for each in await promotions.list_promotions(conn, limit=500)}
    budget, uses = views.limits_of(state)
    teller = Teller(words, one.currency)
    return contexts.PromotionPage(
        code=one.code,
        name=one.name,
        sentence=sentence(one, words),
        badge=views.badge_of(one.status, one.starts_at, one.ends_at, now, words),
        version=one.version,
        facts=views.facts_of(one, words),
        rule=teller.tree(one.conditions),
        effects=[teller.effect(effect) for effect in one.effects],
        texts=sorted(one.texts.items()),
        tiles=_tiles(await _sql.promotion_totals(conn, code=code), words),
        budget=budget,
        uses=uses,
        moves=[(status, words.gettext(text)) for status, text in views.MOVES[one.status]] if can_write else [],
        latest=[views.use_row(row, words) for row in await _sql.promotion_latest(conn, code=code, most=20)],
        batches=[views.batch_row(row, words) for row in await _sql.coupon_batches(conn, code=code)],
        conflicts=[views.conflict_row(pair, names, words) for pair in conflicts],
        versions=views.version_rows(versions, words),
        json=views.json_of(one),
        can_write=can_write,
    )


async def _show(request: AnyRequest, code: str, *, error: UnisonoError | None = None, **more: Any) -> Response[str]:
    principal = caller(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        view = await _promotion(conn, request, principal, code, words)
    problem = problem_with_reasons(words, error) if error else None
    view = msgspec.structs.replace(view, problem=problem, **more)
    return await page(request, view, title=view.name, section=SECTION, status=error.status if error else 200)


@get(text_pattern(links.promotion, "code"), guards=[requires("catalog:read")], include_in_schema=False)
async def show_promotion(request: AnyRequest, code: FromPath[str]) -> Response[str]:
    """A promotion: what it says, where it stands, what it gave, every version."""
    return await _show(request, code)


@post(
    f"{links.PROMOTIONS}/{{code:str}}/status/{{status:str}}",
    guards=[requires("promotions:write")],
    include_in_schema=False,
)
async def move_promotion(request: AnyRequest, code: FromPath[str], status: FromPath[str]) -> Response[Any]:
    """Start, pause, go on, end for good."""
    principal = caller(request)
    words = words_of(request, principal)
    if status not in ("active", "paused", "ended"):
        raise NotFound("There is no such status.", code="http_404")
    wanted = cast("Status", status)
    try:
        async with unit(pool_of(request)) as conn:
            before = await promotions.find_promotion(conn, code)
            await promotions.set_status(conn, code, wanted, actor=principal.actor, now=now_of(request))
            detail = {"promotion": code, "status": status}
            await audit.record(conn, actor=principal.actor, action="promotion.status", detail=detail)
    except PromotionUnknown:
        raise
    except UnisonoError as error:
        return await _show(request, code, error=error)
    text = {
        "active": words.gettext("It is live in every channel."),
        "paused": words.gettext("Paused: it applies nowhere from now on."),
        "ended": words.gettext("Ended for good."),
    }[status]
    back = {("active", "paused"): "active", ("paused", "active"): "paused", ("draft", "active"): "paused"}
    undo = back.get((before.status, status))
    return go(request, links.promotion(code), text, undo_href=links.promotion_status(code, undo) if undo else None)


async def _make_coupons(conn: Connection, request: AnyRequest, code: str, form: dict[str, str]) -> list[str]:
    words, actor = words_of(request, caller(request)), caller(request).actor
    generic = form.get("kind") == "generic"
    try:
        wanted = msgspec.convert(
            {
                "kind": "generic" if generic else "unique",
                "count": 1 if generic else whole_typed(form.get("count", ""), field="count", least=1) or 1,
                "code": form.get("coupon", "").strip() or None if generic else None,
                "prefix": "" if generic else form.get("prefix", "").strip(),
                "max_uses": whole_typed(form.get("max_uses", ""), field="max_uses", least=1) if generic else None,
                "batch": form.get("batch", "").strip() or None,
                "expires_at": instant_typed(form.get("expires", ""), words, field="expires"),
            },
            NewCoupons,
        )
    except msgspec.ValidationError as error:
        raise BadCoupons(str(error)) from None
    made = await promotions.make_coupons(conn, code, wanted, actor=actor, now=now_of(request))
    detail = {"promotion": code, "batch": wanted.batch, "count": len(made.coupons)}
    await audit.record(conn, actor=actor, action="coupons.make", detail=detail)
    return list(made.coupons)


async def _disable(conn: Connection, request: AnyRequest, form: dict[str, str]) -> int:
    actor, batch, coupon = caller(request).actor, form.get("batch", ""), form.get("coupon", "")
    if not (batch or coupon):
        raise BadCoupons("Name a coupon or a batch.")
    codes = [coupon] if coupon else []
    count = await promotions.disable_coupons(
        conn, codes=codes, batch=None if codes else batch, actor=actor, now=now_of(request)
    )
    detail = {"batch": batch, "codes": coupon, "count": count}
    await audit.record(conn, actor=actor, action="coupons.disable", detail=detail)
    return count


@post(
    text_pattern(links.promotion_coupons, "code"),
    guards=[requires("promotions:write")],
    include_in_schema=False,
    status_code=200,
)
async def change_coupons(request: AnyRequest, code: FromPath[str]) -> Response[Any]:
    """Make coupons, shown this once; or make a batch worthless."""
    form = await form_of(request)
    words = words_of(request, caller(request))
    try:
        async with unit(pool_of(request)) as conn:
            if form.get("deed") == "disable":
                count = await _disable(conn, request, form)
                text = words.ngettext("%(num)s coupon is worthless now.", "%(num)s coupons are worthless now.", count)
                return go(request, links.promotion(code), text)
            made = await _make_coupons(conn, request, code, form)
    except PromotionUnknown:
        raise
    except UnisonoError as error:
        return await _show(request, code, error=error, part="coupons", drafts=form)
    return await _show(request, code, made=made[:MOST_SHOWN])


@get(links.PROMOTION_CONFLICTS, guards=[requires("catalog:read")], include_in_schema=False)
async def show_conflicts(request: AnyRequest) -> Response[str]:
    """Promotions that get in each other's way."""
    words = words_of(request, caller(request))
    async with connection(pool_of(request)) as conn:
        found = await promotions.conflicts(conn, now=now_of(request))
        known = await promotions.list_promotions(conn, statuses=["draft", "active", "paused"], limit=500)
    names = {one.promotion.code: one.promotion.name for one in known}
    view = contexts.PromotionConflicts(
        rows=[views.conflict_row(one, names, words) for one in found], compared=len(known)
    )
    return await page(request, view, title=words.gettext("Conflicts"), section=SECTION)


routes: list[ControllerRouterHandler] = [
    list_promotions,
    show_conflicts,
    show_promotion,
    move_promotion,
    change_coupons,
]
