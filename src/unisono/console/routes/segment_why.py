"""Why somebody is in a segment, or is not."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, page, pool_of, settings_of, words_of
from unisono.console.routes.person_voice import live_choices
from unisono.console.routes.products import asked
from unisono.console.routes.reader import audited
from unisono.console.routes.segment_numbers import as_answer, who_is_meant
from unisono.customers.segments import asking
from unisono.customers.segments import service as segments
from unisono.kit.database import transaction

SECTION = "segments"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


@get(links.SEGMENT_WHY, guards=[requires("segments:read"), requires("people:read")], include_in_schema=False)
async def show_why(request: AnyRequest) -> Response[Any]:
    """The rule step by step for one person: what is asked, what was seen, until when it holds."""
    principal = caller(request)
    words, code = words_of(request, principal), asked(request, "code", 80)
    person, query = _number(asked(request, "person", 20)), asked(request, "q", 200)
    answer, found = None, []
    async with transaction(pool_of(request)) as conn:
        one = await segments.find(conn, code)
        if person is not None:
            told = await asking.explain_segment(
                conn, code, person, settings_of(request), now=now_of(request), language=words.language
            )
            await audited(conn, principal, "segment.explain", told.person_id, segment=one.code)
            answer = await as_answer(conn, told, words)
        elif query:
            found = await who_is_meant(conn, request, query)
            if len(found) == 1:
                return Redirect(links.segment_why(one.code, found[0].person_id), status_code=303)
        choices = await live_choices(conn, one.code)
    if one.code not in {choice.value for choice in choices}:
        choices = [contexts.Choice(value=one.code, label=one.name, selected=True), *choices]
    view = contexts.SegmentWhy(
        code=one.code,
        name=one.name,
        segments=choices,
        query=query,
        found=found,
        searched=bool(query) and person is None,
        answer=answer,
    )
    return await page(request, view, title=words.gettext("Why in “%(name)s”?") % {"name": one.name}, section=SECTION)


routes: list[ControllerRouterHandler] = [show_why]
