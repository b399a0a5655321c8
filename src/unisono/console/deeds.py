"""What a form does: once, in one transaction, with its entry in the audit, and a toast that says what was done."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from litestar import Response

from unisono.access import audit, idempotency
from unisono.access.guards import CSRF_FIELD, caller, now_of
from unisono.commerce.orders.service import finish_all
from unisono.console import contexts
from unisono.console.pages import AnyRequest, go, pool_of, safe_path, words_of
from unisono.console.views.commerce import problem_with_reasons
from unisono.customers.web import unit
from unisono.kit.database import Connection
from unisono.kit.errors import UnisonoError

ONCE = "once"
"""The field that names one filling of a form."""

MAX_KEY = 100


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: the toast (translated), where to go on, the entry of the audit, calls to payment providers."""

    text: str
    href: str
    action: str | None
    """None: whatever did it wrote its own entry."""
    detail: dict[str, Any] = {}
    person_id: int | None = None
    tone: contexts.Tone = "good"
    undo_href: str | None = None
    calls: tuple[int, ...] = ()


Act = Callable[[Connection], Awaitable[Deed]]


def _digest(request: AnyRequest, form: Mapping[str, str]) -> bytes:
    fields = sorted((name, value) for name, value in form.items() if name not in (ONCE, CSRF_FIELD))
    return hashlib.sha256(msgspec.json.encode([request.scope["path"], fields])).digest()


async def run(request: AnyRequest, form: Mapping[str, str], act: Act) -> Deed:
    """Do it, or say again what was done when this very form was sent before. Raises what ``act`` raises."""
    actor = caller(request).actor

    async def done(conn: Connection) -> bytes:
        deed = await act(conn)
        if deed.action is not None:
            await audit.record(conn, actor=actor, action=deed.action, person_id=deed.person_id, detail=deed.detail)
        return msgspec.json.encode(deed)

    pool, name = pool_of(request), form.get(ONCE, "")
    async with unit(pool) as conn:
        if 0 < len(name) <= MAX_KEY:
            digest = _digest(request, form)
            # Who goes back and fills in something else means something else: the content is part of the key.
            key = f"form:{name}:{digest.hex()[:16]}"
            body = await idempotency.once(conn, scope=actor, key=key, digest=digest, act=done)
        else:
            body = await done(conn)
    deed = msgspec.json.decode(body, type=Deed)
    await finish_all(pool, deed.calls, clock=lambda: now_of(request))
    return deed


async def run_and_go(request: AnyRequest, form: Mapping[str, str], act: Act) -> Response[Any]:
    """Do it and go on, with a toast. Raises what ``act`` raises."""
    deed = await run(request, form, act)
    return go(request, deed.href, deed.text, tone=deed.tone, undo_href=deed.undo_href)


async def press(request: AnyRequest, form: Mapping[str, str], act: Act, *, back: str) -> Response[Any]:
    """The same for a button without fields: what went wrong is told in the toast of the page it was pressed on."""
    try:
        return await run_and_go(request, form, act)
    except UnisonoError as error:
        problem = problem_with_reasons(words_of(request, caller(request)), error)
        text = f"{problem.what}. {problem.why}" if problem.why else f"{problem.what}."
        return go(request, safe_path(form.get("next"), back), text, tone="warning")
