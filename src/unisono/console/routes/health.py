"""Health: readers, lag, dead letters, replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import caller, now_of, requires
from unisono.console import contexts, figures, links
from unisono.console.pages import AnyRequest, form_of, go, page, pool_of, safe_path, words_of
from unisono.console.routes.paths import pattern
from unisono.console.views import health as views
from unisono.customers.collect import failed
from unisono.customers.profiles import service as profiles
from unisono.customers.timeline import parking, readers, service
from unisono.kit.database import connection, transaction

SECTION = "health"
MOST = 100
"""Dead letters and parked events shown, and dead letters replayed at once."""


@get(links.HEALTH, guards=[requires("health:read")], include_in_schema=False)
async def show_health(request: AnyRequest) -> Response[str]:
    """Whether everything works, and what waits for somebody."""
    principal = caller(request)
    words, now = words_of(request, principal), now_of(request)
    async with connection(pool_of(request)) as conn:
        status = await readers.reader_status(conn)
        letters = await parking.dead_letters(conn, limit=MOST)
        parked = await parking.parked(conn, limit=MOST)
        waiting = sum(number for _, number, _ in await failed.count_failed(conn))
        names = await profiles.names_of(conn, sorted({event.person_id for event in parked}))
    hours, known = await figures.hours(request), await figures.facts(request)
    buckets = views.history(hours.accepted, hours.failed, now=now)
    state, sentence = views.verdict(status, failed=waiting, now=now, words=words)
    replay = principal.may("events:replay")
    view = contexts.Health(
        state=state,
        sentence=sentence,
        tiles=views.tiles(buckets, status, failed=waiting, more=hours.more, words=words),
        history=buckets,
        readers=[views.reader_row(reader, words, now=now) for reader in status],
        dead_letters=[views.dead_letter_row(letter, replay=replay) for letter in letters],
        parked=views.parked_rows(parked, names, words),
        facts=views.facts(known.version, known.bytes, known.events, words),
        can_replay=replay,
    )
    return await page(request, view, title=words.gettext("Health"), section=SECTION)


async def _replay(request: AnyRequest, ids: Sequence[int]) -> Response[Any]:
    principal = caller(request)
    async with transaction(pool_of(request)) as conn:
        raised = await parking.replay_dead(conn, ids, principal.actor)
        await audit.record(conn, actor=principal.actor, action="dead_letter.replay", detail={"letters": raised})
    async with connection(pool_of(request)) as conn:
        await service.announce(conn)
    words = words_of(request, principal)
    back = safe_path((await form_of(request)).get("next"), links.HEALTH)
    text = words.ngettext(
        "%(num)s dead letter goes to its reader again.", "%(num)s dead letters go to their readers again.", len(raised)
    )
    return go(request, back, text)


@post(links.DEAD_LETTERS_REPLAY, guards=[requires("events:replay")], include_in_schema=False)
async def replay_all(request: AnyRequest) -> Response[Any]:
    """Give the newest dead letters to their readers again."""
    async with connection(pool_of(request)) as conn:
        letters = await parking.dead_letters(conn, limit=MOST)
    return await _replay(request, [letter.id for letter in letters])


@post(pattern(links.dead_letter_replay, "letter_id"), guards=[requires("events:replay")], include_in_schema=False)
async def replay_one(request: AnyRequest, letter_id: FromPath[int]) -> Response[Any]:
    """Give one dead letter to its reader again."""
    return await _replay(request, [letter_id])


routes: list[ControllerRouterHandler] = [show_health, replay_all, replay_one]
