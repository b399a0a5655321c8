"""What people do with a template: write it, publish it, go back, take it out of use, send it to themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from litestar import Response, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import caller, now_of, requires
from unisono.console import links
from unisono.console.deeds import Deed, press, run_and_go
from unisono.console.pages import AnyRequest, form_of, pool_of, safe_path, settings_of, words_of
from unisono.console.rendering import new_key
from unisono.console.routes.paths import text_pattern
from unisono.console.routes.template_preview import Looked
from unisono.console.routes.templates import new_template, show_editor
from unisono.console.views import template_form as forms
from unisono.console.views.voice import language_typed
from unisono.console.words import Words
from unisono.customers.identity.service import PersonNotFound
from unisono.engagement.brand import service as brands
from unisono.engagement.templates import ports, service
from unisono.engagement.templates.errors import BadTemplate, TemplateConflict, TemplateNotFound
from unisono.engagement.templates.model import ChannelContent, Content, Template
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest, UnisonoError

_PRESSES = ("add", "up", "down", "remove", "mjml", "pieces")


def _with(content: Content, place: Looked, said: ChannelContent | None) -> Content:
    """The content with something else said in one place; None takes the place away."""
    languages = {
        language: one for language, one in content.get(place.channel, {}).items() if language != place.language
    }
    if said is not None:
        languages[place.language] = said
    others = {channel: one for channel, one in content.items() if channel != place.channel}
    return {**others, place.channel: languages} if languages else others


class _Draft(msgspec.Struct, frozen=True):
    """A draft as a form has it, and where one goes on after it is kept."""

    template: Template
    place: Looked
    text: str


def _added(form: Mapping[str, str], content: Content, here: Looked) -> tuple[Content, Looked]:
    """Another channel or another language; a new language begins with what is said in the present one. Raises
    BadTemplate."""
    channel = form.get("new_channel") or here.channel
    typed = form.get("new_language", "").strip() or here.language
    if not channel or not typed:
        raise BadTemplate("Say which language.", code="language_missing", field="new_language")
    language = language_typed(typed, "new_language")
    place = Looked(channel, language)
    if language in content.get(channel, {}):
        return content, place
    known = content.get(channel, {}).get(here.language)
    return _with(content, place, known or ChannelContent()), place


async def _typed(conn: Connection, form: Mapping[str, str], found: Template, words: Words) -> _Draft:
    """What the form makes of the draft. Raises BadTemplate, BrandNotFound."""
    do, here = form.get("do", "save"), Looked(form.get("channel", ""), form.get("language", ""))
    content, place, text = found.draft, here, words.gettext("The draft is saved.")
    if here.channel in content and here.language in content[here.channel]:
        said = forms.content_of(form, content[here.channel][here.language], here.channel)
        if do.partition(":")[0] in _PRESSES:
            said = forms.pressed(said, do, form, (await brands.get(conn, found.brand)).kit)
        content = _with(content, here, said)
    if do == "place":
        content, place = _added(form, content, here)
    elif do == "drop":
        content, place = _with(content, here, None), Looked("", "")
        text = words.gettext("%(language)s is taken out of the draft.") % {"language": here.language}
    general: dict[str, Any] = {
        name: form[name].strip() or None for name in ("name", "purpose", "brand", "notice") if name in form
    }
    new = new_template({
        "name": found.name, "kind": found.kind, "purpose": found.purpose, "brand": found.brand, "notice": found.notice,
        **general, "content": msgspec.to_builtins(content),
    })  # fmt: skip
    typed = msgspec.structs.replace(
        found, name=new.name, purpose=new.purpose, brand=new.brand, notice=new.notice, draft=new.content
    )
    return _Draft(typed, place, text)


def _seen(form: Mapping[str, str], found: Template) -> datetime | None:
    """When the draft was saved that the form shows; None for one nobody has written yet. Raises BadRequest."""
    if found.builtin or not form.get("seen"):
        return None
    try:
        return datetime.fromisoformat(form["seen"])
    except ValueError:
        raise BadRequest("The form has no time.", code="bad_page_key") from None


@post(text_pattern(links.template, "code"), guards=[requires("voice:write")], include_in_schema=False, status_code=200)
async def save_template(request: AnyRequest, code: FromPath[str]) -> Response[Any]:
    """Keep the draft; a button of the pieces is pressed on the way. Nothing that is sent changes."""
    form = await form_of(request)
    actor, words = caller(request).actor, words_of(request, caller(request))
    kept: list[_Draft] = []

    async def act(conn: Connection) -> Deed:
        found = await service.get(conn, code)
        draft = await _typed(conn, form, found, words)
        kept.append(draft)
        new = new_template({
            "name": draft.template.name, "kind": found.kind, "purpose": draft.template.purpose,
            "brand": draft.template.brand, "notice": draft.template.notice,
            "content": msgspec.to_builtins(draft.template.draft),
        })  # fmt: skip
        await service.save(conn, code, new, actor=actor, now=now_of(request), seen=_seen(form, found))
        view = form.get("view", "")
        where = links.template_part(code, *draft.place, view=view, **{"as": form.get("as", "")})
        anchor = "#pieces" if form.get("do", "").partition(":")[0] in _PRESSES else ""
        return Deed(text=draft.text, href=where + anchor, action="template.save", detail={"template": code})

    try:
        return await run_and_go(request, form, act)
    except TemplateNotFound:
        raise
    except UnisonoError as error:
        typed = kept[-1].template if kept else await _rescued(request, code, form)
        return await show_editor(request, code, found=typed, looked=_place(form), error=error)


async def _rescued(request: AnyRequest, code: str, form: Mapping[str, str]) -> Template | None:
    """The draft with what could be read of a form that cannot be kept: nobody types it twice."""
    place = _place(form)
    async with connection(pool_of(request)) as conn:
        found = await service.get(conn, code)
    if place is None or place.language not in found.draft.get(place.channel, {}):
        return None
    readable = {name: value for name, value in form.items() if name != "data"}
    try:
        said = forms.content_of(readable, found.draft[place.channel][place.language], place.channel)
    except BadTemplate:
        return None
    return msgspec.structs.replace(found, draft=_with(found.draft, place, said))


def _place(form: Mapping[str, str]) -> Looked | None:
    place = Looked(form.get("channel", ""), form.get("language", ""))
    return place if place.channel else None


@post(
    text_pattern(links.template_publish, "code"),
    guards=[requires("voice:write")],
    include_in_schema=False,
    status_code=200,
)
async def publish_template(request: AnyRequest, code: FromPath[str]) -> Response[Any]:
    """What the draft says is sent from now on."""
    form = await form_of(request)
    actor, words = caller(request).actor, words_of(request, caller(request))

    async def act(conn: Connection) -> Deed:
        before = await service.get(conn, code)
        seen = _seen(form, before)
        if seen is not None and seen != before.draft_at:
            raise TemplateConflict("The draft was changed since you read it.", code="version_conflict")
        note = form.get("note", "").strip()[:500]
        made = await service.publish(
            conn, code, actor=actor, now=now_of(request), settings=settings_of(request), note=note
        )
        text = words.gettext("Version %(number)s is what is sent from now on.") % {"number": made.version}
        detail = {"template": code, "version": made.version, "note": note}
        return Deed(
            text=text, href=safe_path(form.get("next"), links.template(code)), action="template.publish", detail=detail
        )

    try:
        return await run_and_go(request, form, act)
    except TemplateNotFound:
        raise
    except UnisonoError as error:
        return await show_editor(request, code, looked=_place(form), error=error)


@post(text_pattern(links.template_revert, "code"), guards=[requires("voice:write")], include_in_schema=False)
async def revert_template(request: AnyRequest, code: FromPath[str]) -> Response[Any]:
    """The draft says again what a version said; that version, not a new one, is published meanwhile."""
    form = await form_of(request)
    actor, words = caller(request).actor, words_of(request, caller(request))
    typed = form.get("version", "")
    number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else -1

    async def act(conn: Connection) -> Deed:
        found, old = await service.get(conn, code), await service.version(conn, code, number)
        new = new_template({
            "name": found.name, "kind": found.kind, "purpose": old.purpose, "brand": old.brand, "notice": found.notice,
            "content": msgspec.to_builtins(old.content),
        })  # fmt: skip
        await service.save(conn, code, new, actor=actor, now=now_of(request))
        text = words.gettext("The draft says what version %(number)s said.") % {"number": number}
        detail = {"template": code, "version": number}
        return Deed(text=text, href=links.template(code), action="template.revert", detail=detail)

    return await press(request, form, act, back=links.template(code))


@post(text_pattern(links.template_archive, "code"), guards=[requires("voice:write")], include_in_schema=False)
async def archive_template(request: AnyRequest, code: FromPath[str]) -> Response[Any]:
    """Take it out of use; what has been sent keeps what it said."""
    form = await form_of(request)
    words = words_of(request, caller(request))

    async def act(conn: Connection) -> Deed:
        found = await service.archive(conn, code, now=now_of(request))
        text = words.gettext("%(name)s is out of use.") % {"name": found.name}
        return Deed(text=text, href=links.TEMPLATES, action="template.archive", detail={"template": code})

    return await press(request, form, act, back=links.template(code))


@post(text_pattern(links.template_test, "code"), guards=[requires("messages:send")], include_in_schema=False)
async def send_test(request: AnyRequest, code: FromPath[str]) -> Response[Any]:
    """Send the draft to one address that is known; consent and quiet hours count as for any message."""
    form = await form_of(request)
    actor, words, now = caller(request).actor, words_of(request, caller(request)), now_of(request)
    to = form.get("to", "").strip()

    async def act(conn: Connection) -> Deed:
        sender = ports.sender()
        if sender is None:
            raise TemplateConflict("This installation sends no messages.", code="test_unavailable")
        found = await service.get(conn, code)
        wanted = ports.TestSend(
            to=f"email:{to}" if "@" in to and ":" not in to else to,
            channel=form.get("channel", "email"),
            content=found.draft,
            purpose=found.purpose,
            data=forms.data_typed(form.get("data", "")),
            actor=actor,
            key=f"test:{code}:{actor}:{form.get('once') or new_key()}"[:255],
            now=now,
        )
        try:
            message = await sender(conn, wanted)
        except PersonNotFound as error:
            raise TemplateConflict(error.detail, code="test_to_nobody") from error
        text = words.gettext("The test is planned as message %(number)s.") % {"number": message}
        detail = {"template": code, "message": message}
        return Deed(text=text, href=links.message(message), action="template.test", detail=detail)

    return await press(request, form, act, back=links.template(code))


routes: list[ControllerRouterHandler] = [
    save_template,
    publish_template,
    revert_template,
    archive_template,
    send_test,
]
