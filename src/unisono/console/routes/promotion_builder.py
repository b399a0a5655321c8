"""The builder of promotions: a form of nested boxes that works by itself and is quicker with scripts."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.commerce.promotions import service as promotions
from unisono.commerce.promotions.keeping import definition_of
from unisono.commerce.promotions.model import Definition
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, go, page, pool_of, words_of
from unisono.console.routes.products import asked, shown_currency
from unisono.console.views.boxes import Box
from unisono.console.views.commerce import problem_with_reasons
from unisono.console.views.promotion_form import GENERAL, LIMITS, TEXTS, TOGETHER, Draft, Drawer
from unisono.console.views.promotion_tree import press
from unisono.console.views.promotion_words import sentence
from unisono.console.words import Words
from unisono.customers.web import unit
from unisono.kit.database import connection
from unisono.kit.errors import UnisonoError

SECTION = "promotions"


async def fields_of(request: AnyRequest) -> dict[str, str]:
    """The fields of a form; what comes more than once (boxes ticked) joined by commas."""
    form = await request.form()
    joined: dict[str, str] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            clean = value.replace("\x00", "")
            joined[name] = f"{joined[name]}, {clean}" if name in joined else clean
    return joined


def _version(form: dict[str, str]) -> int:
    text = form.get("version", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


def _sentence(made: Definition | None, words: Words) -> str:
    return "" if made is None or not made.effects else sentence(made, words)


async def _show(
    request: AnyRequest,
    draft: Draft,
    *,
    version: int = 0,
    status: str = "draft",
    said: str = "",
    too_rich: bool = False,
    error: UnisonoError | None = None,
) -> Response[str]:
    words = words_of(request, caller(request))
    drawer, code = Drawer(draft, words), draft.typed.get("code", "")
    problem = problem_with_reasons(words, error) if error else None
    if problem is None and draft.faults and draft.typed.get("do") in ("save", "start"):
        problem = contexts.Problem(
            what=words.gettext("Something is missing"), do=words.gettext("See the marked fields.")
        )
    view = contexts.PromotionBuilder(
        code=code,
        is_new=version == 0,
        version=version,
        status=status,
        conditions=drawer.box(draft.conditions, "c", removable=False),
        effects=[drawer.box(box, f"e.{number}") for number, box in enumerate(draft.effects.inner)],
        general=drawer.fields(GENERAL),
        limits=drawer.fields(LIMITS),
        together=drawer.fields(TOGETHER),
        texts=drawer.fields(TEXTS),
        condition_kinds=drawer.kinds(effects=False),
        effect_kinds=drawer.kinds(effects=True),
        sentence=said,
        back_href=links.promotion(code) if version else links.PROMOTIONS,
        too_rich=too_rich,
        problem=problem,
    )
    title = words.gettext("Change a promotion") if version else words.gettext("New promotion")
    failed = error.status if error else 400 if problem else 200
    return await page(request, view, title=title, section=SECTION, status=failed)


@get(links.PROMOTION_BUILDER, guards=[requires("promotions:write")], include_in_schema=False)
async def open_builder(request: AnyRequest) -> Response[str]:
    """A promotion in the form, or a new one."""
    words, code = words_of(request, caller(request)), asked(request, "code", 80)
    if not code:
        return await _show(request, Draft({}, Box("all"), Box("effects", {}, [Box("percent_off")])))
    async with connection(pool_of(request)) as conn:
        known = await promotions.find_promotion(conn, code)
        currency = await shown_currency(conn, request)
    one = definition_of(known)
    draft = Draft.of_definition(one, words)
    rich = not draft.whole(one, words, currency)
    return await _show(
        request, draft, version=known.version, status=known.status, said=sentence(one, words), too_rich=rich
    )


async def _keep(request: AnyRequest, made: Definition, version: int, *, start: bool) -> Response[Any]:
    principal, now = caller(request), now_of(request)
    words = words_of(request, principal)
    async with unit(pool_of(request)) as conn:
        saved = await promotions.save_promotion(
            conn, made, actor=principal.actor, now=now, expected_version=version, status="draft"
        )
        detail = {"promotion": saved.code, "version": saved.version}
        await audit.record(conn, actor=principal.actor, action="promotion.save", detail=detail)
        if start and saved.status != "active":
            saved = await promotions.set_status(conn, saved.code, "active", actor=principal.actor, now=now)
            told = {"promotion": saved.code, "status": "active"}
            await audit.record(conn, actor=principal.actor, action="promotion.status", detail=told)
    here = links.promotion(saved.code)
    if start:
        text, undo = words.gettext("It is live in every channel."), links.promotion_status(saved.code, "paused")
        return go(request, here, text, undo_href=undo)
    if saved.status == "active":
        return go(request, here, words.gettext("Saved: every channel has the new version."))
    return go(request, here, words.gettext("Saved. It does nothing before you start it."))


@post(links.PROMOTION_BUILDER, guards=[requires("promotions:write")], include_in_schema=False, status_code=200)
async def build(request: AnyRequest) -> Response[Any]:
    """What was pressed: a box added or taken away, the sentence anew, saved, saved and started."""
    form = await fields_of(request)
    words, do, version = words_of(request, caller(request)), form.get("do", ""), _version(form)
    draft = Draft.of_form(form)
    press(draft.conditions, draft.effects, form, do)
    made, error = None, None
    async with connection(pool_of(request)) as conn:
        currency = await shown_currency(conn, request)
    try:
        made = draft.definition(words, currency)
        if made is not None and do in ("save", "start"):
            return await _keep(request, made, version, start=do == "start")
    except UnisonoError as caught:
        error = caught
    if error is not None and do not in ("save", "start"):
        error = None  # a rule in the making need not make sense yet
    elif do not in ("save", "start"):
        draft.faults = {}
    said = _sentence(made, words)
    return await _show(request, draft, version=version, status=form.get("status", "draft"), said=said, error=error)


routes: list[ControllerRouterHandler] = [open_builder, build]
