"""Templates: the list, a new one, the editor of one channel and language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access.guards import Principal, caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.deeds import Deed, run_and_go
from unisono.console.pages import AnyRequest, form_of, page, pool_of, settings_of, words_of
from unisono.console.routes.paths import text_pattern
from unisono.console.routes.products import asked
from unisono.console.routes.template_preview import Looked, look
from unisono.console.views import template_form as forms
from unisono.console.views import templates as views
from unisono.console.views.chips import filter_chips
from unisono.console.views.codes import code_of
from unisono.console.views.voice import CHANNELS, channel_word, language_typed, languages, problem_told
from unisono.console.words import Words
from unisono.customers.identity import service as identity
from unisono.customers.identity.service import PersonNotFound
from unisono.engagement.brand import service as brands
from unisono.engagement.templates import builtin, ports, service
from unisono.engagement.templates.errors import BadTemplate, TemplateConflict, TemplateNotFound
from unisono.engagement.templates.model import ChannelContent, Content, NewTemplate, Template
from unisono.kit.database import Connection, connection
from unisono.kit.errors import BadRequest, UnisonoError
from unisono.kit.marking import N_

SECTION = "templates"
PAGE_SIZE = 60
MOST_BLOCKS = 200
"""Kept blocks offered in a list."""

FILTERS = {"message": N_("Messages"), "block": N_("Blocks"), "archived": N_("Out of use")}
"""What the list may be filtered by; English msgids."""


async def _list(request: AnyRequest, *, error: UnisonoError | None = None, **typed: str) -> Response[str]:
    principal = caller(request)
    words, shown, after = words_of(request, principal), asked(request, "show"), asked(request, "after", 63)
    shown = shown if shown in FILTERS else ""
    kind = shown if shown in ("message", "block") else None
    async with connection(pool_of(request)) as conn:
        if shown == "archived":
            found = await _out_of_use(conn, after or None)
        else:
            found = await service.page(conn, kind=kind, after=after or None, limit=PAGE_SIZE + 1)
    more, rows = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
    following = links.with_query(links.TEMPLATES, {"show": shown, "after": rows[-1].code}) if more else None
    view = contexts.Templates(
        rows=[views.template_row(one, words) for one in rows],
        paging=contexts.Paging(shown=len(rows), next_href=following),
        chips=filter_chips(links.TEMPLATES, N_("All in use"), FILTERS.items(), shown, words, name="show"),
        filter_sentence=words.gettext(FILTERS[shown]) if shown else "",
        can_write=principal.may("voice:write"),
        form=views.new_fields(typed, settings_of(request).locale, words),
        problem=problem_told(words, error) if error else None,
    )
    status = error.status if error else 200
    return await page(request, view, title=words.gettext("Templates"), section=SECTION, status=status)


async def _out_of_use(conn: Connection, after: str | None) -> list[Template]:
    """Those out of use alone; the engine lists them among the others."""
    found: list[Template] = []
    while len(found) <= PAGE_SIZE and (some := await service.page(conn, archived=True, after=after, limit=200)):
        found += [one for one in some if one.archived_at is not None]
        after = some[-1].code
    return found[: PAGE_SIZE + 1]


@get(links.TEMPLATES, guards=[requires("voice:read")], include_in_schema=False)
async def list_templates(request: AnyRequest) -> Response[str]:
    """Templates and blocks by code, with what is sent and what is only drafted."""
    return await _list(request)


def new_template(values: Mapping[str, Any]) -> NewTemplate:
    """A template as a form says it. Raises BadTemplate."""
    try:
        return msgspec.convert(values, NewTemplate)
    except msgspec.ValidationError as error:
        raise BadTemplate(f"It cannot be kept: {error}.") from error


@post(links.TEMPLATES, guards=[requires("voice:write")], include_in_schema=False, status_code=200)
async def make_template(request: AnyRequest) -> Response[Any]:
    """A new template with an empty draft on its first channel."""
    form = await form_of(request)
    actor, words = caller(request).actor, words_of(request, caller(request))
    code = form.get("code", "").strip() or code_of(form.get("name", ""))
    channel = form.get("channel", "email")

    async def act(conn: Connection) -> Deed:
        language = language_typed(form.get("language", "").strip() or settings_of(request).locale, "language")
        if await _there_is(conn, code):
            raise TemplateConflict(f"There is a template {code} already.", code="template_exists", field="code")
        new = new_template({
            "name": form.get("name", "").strip(),
            "kind": form.get("kind", "message"),
            "purpose": form.get("purpose", "marketing"),
            "content": {channel: {language: {}}},
        })  # fmt: skip
        await service.save(conn, code, new, actor=actor, now=now_of(request))
        return Deed(
            text=words.gettext("The draft is made. Nothing is sent before it is published."),
            href=links.template_part(code, channel, language),
            action="template.save",
            detail={"template": code},
        )

    try:
        return await run_and_go(request, form, act)
    except UnisonoError as error:
        return await _list(request, error=error, **form)


async def _there_is(conn: Connection, code: str) -> bool:
    try:
        await service.get(conn, code)
    except TemplateNotFound:
        return False
    return True


def place_of(content: Content, channel: str, language: str, locale: str) -> tuple[str, str]:
    """The channel and language to show: those asked for if it speaks them, else its first."""
    if channel not in content:
        channel = next((one for one in CHANNELS if one in content), "")
    said = content.get(channel, {})
    if language not in said:
        language = locale if locale in said else next(iter(said), "")
    return channel, language


async def _changes(
    conn: Connection, found: Template, chosen: str, words: Words
) -> tuple[list[contexts.DiffRow] | None, str]:
    """What a version changed, or what the draft would."""
    if chosen == "draft":
        before: Content = {}
        if found.version or found.builtin:
            before = (await service.version(conn, found.code, found.version)).content
        return views.diff_rows(service.diff(before, found.draft), words), words.gettext("What publishing would change")
    if not (chosen.isascii() and chosen.isdigit() and 0 < int(chosen[:9]) <= found.version):
        return None, ""
    number = int(chosen)
    ours = builtin.as_version(found.code)
    before = ours.content if number == 1 and ours else {}
    if number > 1:
        before = (await service.version(conn, found.code, number - 1)).content
    after = (await service.version(conn, found.code, number)).content
    title = words.gettext("What version %(number)s changed") % {"number": number}
    return views.diff_rows(service.diff(before, after), words), title


def _tabs(found: Template, channel: str, language: str, words: Words) -> dict[str, Any]:
    said = found.draft.get(channel, {})
    return {
        "tabs": [
            contexts.Chip(
                label=channel_word(one, words),
                href=links.template_part(
                    found.code, one, language if language in found.draft[one] else next(iter(found.draft[one]), "")
                ),
                selected=one == channel,
            )
            for one in CHANNELS
            if found.draft.get(one)
        ],
        "languages": [
            contexts.Chip(label=one, href=links.template_part(found.code, channel, one), selected=one == language)
            for one in sorted(said)
        ],
        "more_channels": views.missing_channels(found.draft, words),
        "more_languages": [one for one in languages(words) if one.value not in said],
    }


async def _editor(
    conn: Connection, found: Template, content: ChannelContent, channel: str, words: Words
) -> dict[str, Any]:
    pieces, kept = channel == "email" and not content.mjml, []
    if pieces and any(one.is_ == "block" for one in content.blocks):
        every = await service.page(conn, kind="block", limit=MOST_BLOCKS)
        kept = [(one.code, one.name) for one in every if one.code != found.code]
    return {
        "fields": forms.fields_of(content, channel, words),
        "blocks": forms.block_cards(content, words, kept) if pieces else None,
        "block_kinds": forms.block_kinds(words) if channel == "email" else [],
    }


async def _own_address(conn: Connection, request: AnyRequest, principal: Principal) -> str:
    """The reader's e-mail, when somebody here has it: tests go to people who are known."""
    if principal.account is None:
        return ""
    try:
        await identity.find(conn, f"email:{principal.account.email}", settings_of(request).country)
    except (PersonNotFound, BadRequest):
        return ""
    return principal.account.email


async def _view(
    conn: Connection, request: AnyRequest, principal: Principal, found: Template, looked: Looked | None = None
) -> contexts.Template:
    words, locale = words_of(request, principal), settings_of(request).locale
    channel, language = place_of(found.draft, asked(request, "channel", 40), asked(request, "language", 10), locale)
    if looked is not None:
        channel, language = looked.channel, looked.language
    diff, diff_title = await _changes(conn, found, asked(request, "diff", 10), words)
    names = [one.code for one in await brands.brands(conn)]
    here = links.template_part(found.code, channel, language)
    content = found.draft.get(channel, {}).get(language, ChannelContent())
    return contexts.Template(
        code=found.code,
        name=found.name,
        badges=[views.badge_of(found, words)],
        can_write=principal.may("voice:write") and found.archived_at is None,
        can_send=principal.may("messages:send") and ports.sender() is not None,
        test_to=await _own_address(conn, request, principal),
        seen=found.draft_at.isoformat(),
        general=views.general_fields(found, names, words),
        channel=channel,
        channel_label=channel_word(channel, words) if channel else "",
        language=language,
        variables=[(text, words.gettext(what)) for text, what in views.VARIABLES],
        changed=found.changed or found.builtin or not found.version,
        published=bool(found.version),
        publishable=bool(found.draft),
        preview=await look(conn, request, principal, found, channel, language) if channel else None,
        versions=views.version_rows(await service.versions(conn, found.code), asked(request, "diff", 10), here),
        diff=diff,
        diff_title=diff_title,
        used_by=views.named_rows(await service.used_by(conn, found.code), words),
        edited_at=None if found.builtin else found.draft_at,
        edited_by=found.draft_by,
        **_tabs(found, channel, language, words),
        **await _editor(conn, found, content, channel, words),
    )


async def show_editor(
    request: AnyRequest, code: str, *, found: Template | None = None, looked: Looked | None = None,
    error: UnisonoError | None = None,
) -> Response[str]:  # fmt: skip
    """The editor; ``found`` is a draft as it was typed and could not be kept, ``looked`` where."""
    principal = caller(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        kept = found or await service.get(conn, code)
        view = await _view(conn, request, principal, kept, looked)
    problem = problem_told(words, error) if error else None
    view = msgspec.structs.replace(view, problem=problem)
    return await page(request, view, title=view.name, section=SECTION, status=error.status if error else 200)


@get(text_pattern(links.template, "code"), guards=[requires("voice:read")], include_in_schema=False)
async def show_template(request: AnyRequest, code: FromPath[str]) -> Response[str]:
    """A template's draft on one channel in one language, beside what a person would get."""
    return await show_editor(request, code)


routes: list[ControllerRouterHandler] = [list_templates, make_template, show_template]
