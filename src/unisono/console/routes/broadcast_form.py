"""A broadcast written: to whom, what, by which channel; whom it would reach is shown before it is kept."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.contexts import sends
from unisono.console.deeds import Deed, run_and_go
from unisono.console.pages import AnyRequest, all_of, form_of, page, pool_of, settings_of, words_of
from unisono.console.routes.broadcasts import LOOKED_AT, SECTION
from unisono.console.routes.products import asked
from unisono.console.views import broadcasts as views
from unisono.console.views.commerce import problem_with_reasons, whole_typed
from unisono.console.views.saying import CHANNELS, PURPOSES, channel_names, choices
from unisono.customers.segments import service as segments
from unisono.engagement.broadcasts import audience, service
from unisono.engagement.broadcasts.errors import BadBroadcast, BroadcastConflict, BroadcastNotFound
from unisono.engagement.broadcasts.model import BroadcastInput
from unisono.engagement.channels.model import CHANNELS as ALL
from unisono.engagement.templates import service as templates
from unisono.kit.database import Connection, connection, transaction
from unisono.kit.errors import UnisonoError

MOST_CHOICES = 300
PURPOSES_SENT = ("marketing", "service")


def code_of(name: str) -> str:
    """A code from a name: small letters, digits, dashes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60]


async def _show(
    request: AnyRequest,
    values: dict[str, str],
    chosen: list[str],
    *,
    editing: bool,
    reach: sends.Reach | None = None,
    error: UnisonoError | None = None,
) -> Response[str]:
    principal = caller(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        known = await segments.list_segments(conn, statuses=["live", "draft"], limit=MOST_CHOICES)
        written = await templates.page(conn, kind="message", limit=MOST_CHOICES)
    view = sends.BroadcastForm(
        values=values,
        segments=[
            contexts.Choice(value=one.code, label=one.name, selected=one.code == values.get("segment")) for one in known
        ],
        templates=[
            contexts.Choice(
                value=one.code,
                label=f"{one.name} ({channel_names(one.draft, words)})",
                selected=one.code == values.get("template"),
            )
            for one in written
            if one.version or one.builtin
        ],
        channels=choices(CHANNELS, chosen, words, ALL),
        purposes=choices(PURPOSES, values.get("purpose", "marketing"), words, PURPOSES_SENT),
        reach=reach,
        code=values.get("code", "") if editing else "",
        problem=problem_with_reasons(words, error) if error else None,
    )
    title = words.gettext("Change a broadcast") if editing else words.gettext("New broadcast")
    return await page(request, view, title=title, section=SECTION, status=error.status if error else 200)


@get(links.BROADCAST_FORM, guards=[requires("broadcasts:send")], include_in_schema=False)
async def show_form(request: AnyRequest) -> Response[str]:
    """A new one, or a draft to change."""
    code = asked(request, "code", 63)
    if not code:
        started = {name: asked(request, name, 63) for name in ("segment", "template")}
        return await _show(request, started, [], editing=False)
    async with connection(pool_of(request)) as conn:
        found = await service.get(conn, code)
    if found.phase != "draft":
        raise BroadcastConflict("Only a draft is changed.", code="broadcast_started")
    return await _show(request, views.values_of(found), list(found.channels), editing=True)


def _input(form: dict[str, str], chosen: list[str], kept: BroadcastInput | None) -> BroadcastInput:
    """What the form says; schedule and data are kept. Raises BadBroadcast, BadRequest."""
    priority = whole_typed(form.get("priority", ""), field="priority", most=1000)
    hours = whole_typed(form.get("hours", ""), field="hours", least=1, most=720)
    plain: dict[str, Any] = {
        "name": form.get("name", "").strip(),
        "segment": form.get("segment") or None,
        "template": form.get("template", ""),
        "channels": chosen or ["any"],
        "purpose": form.get("purpose", "marketing"),
        "priority": 50 if priority is None else priority,
        "category": form.get("category", "").strip() or None,
        "profiled": {"yes": True, "no": False}.get(form.get("profiled", "")),
        "require_member": form.get("require_member") == "yes",
        "not_after_seconds": (hours or 6) * 3600,
    }
    if not plain["name"]:
        raise BadBroadcast("A name is missing.", code="name_missing", field="name")
    if not plain["template"]:
        raise BadBroadcast("It has no template.", code="template_missing", field="template")
    try:
        said = msgspec.convert(plain, BroadcastInput)
    except msgspec.ValidationError as error:
        raise BadBroadcast(str(error)) from None
    return said if kept is None else msgspec.structs.replace(said, schedule=kept.schedule, data=kept.data)


async def _kept(request: AnyRequest, code: str) -> BroadcastInput | None:
    async with connection(pool_of(request)) as conn:
        try:
            return views.input_of(await service.get(conn, code))
        except BroadcastNotFound:
            return None


@post(links.BROADCAST_FORM, guards=[requires("broadcasts:send")], include_in_schema=False, status_code=200)
async def save_form(request: AnyRequest) -> Response[Any]:
    """Look whom it would reach, or keep it as a draft and go to its review."""
    principal, form, now = caller(request), await form_of(request), now_of(request)
    words = words_of(request, principal)
    chosen = [one for one in await all_of(request, "channels") if one in ALL]
    editing = bool(form.get("editing"))
    code = form.get("editing") or form.get("code", "").strip() or code_of(form.get("name", ""))
    values = {**form, "code": code}
    try:
        said = _input(form, chosen, await _kept(request, code) if editing else None)
        if form.get("do") == "look":
            async with transaction(pool_of(request)) as conn:
                looked = await audience.preview(conn, said, now=now, settings=settings_of(request), sample=LOOKED_AT)
            return await _show(request, values, chosen, editing=editing, reach=views.reach_of(looked, words))

        async def act(conn: Connection) -> Deed:
            if not editing:
                await _free(conn, code)
            version = form.get("version", "")
            expected = int(version) if version.isdecimal() and len(version) < 10 else None
            made = await service.save(
                conn, code, said, actor=principal.actor, now=now, expected_version=expected if editing else None
            )
            return Deed(
                text=words.gettext("Kept as a draft. Nothing leaves before it is launched."),
                href=links.broadcast(made.code),
                action="broadcast.save",
                detail={"broadcast": made.code},
            )

        return await run_and_go(request, form, act)
    except UnisonoError as error:
        return await _show(request, values, chosen, editing=editing, error=error)


async def _free(conn: Connection, code: str) -> None:
    """A new one takes nobody's place. Raises BroadcastConflict."""
    try:
        await service.get(conn, code)
    except BroadcastNotFound:
        return
    raise BroadcastConflict(f"There is a broadcast {code} already.", code="broadcast_code_taken", field="code")


routes: list[ControllerRouterHandler] = [show_form, save_form]
