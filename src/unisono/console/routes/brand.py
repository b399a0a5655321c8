"""The brand: how it looks and speaks, what it forbids, and a text looked at with its eyes."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from unisono.access.guards import Principal, caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.deeds import Deed, run_and_go
from unisono.console.pages import AnyRequest, form_of, page, pool_of, settings_of, words_of
from unisono.console.routes.products import asked
from unisono.console.views import brand as views
from unisono.console.views.voice import channel_word, finding_rows, language_field, problem_told, purpose_choices
from unisono.console.words import Words
from unisono.engagement.brand import rules, service
from unisono.engagement.brand.errors import BrandNotFound
from unisono.engagement.brand.model import Brand, Said
from unisono.engagement.channels.model import CHANNELS
from unisono.kit.database import Connection, connection
from unisono.kit.errors import NotFound, UnisonoError
from unisono.kit.i18n import LANGUAGES

SECTION = "brand"
LONGEST = 6000
"""Characters of a text that is looked at in the address of a page."""


def _address(code: str) -> str:
    return links.with_query(links.BRAND, {"code": "" if code == service.DEFAULT else code})


def _check_fields(request: AnyRequest, words: Words) -> list[contexts.VoiceField]:
    channel = asked(request, "channel", 40) or "email"
    channels = [contexts.Choice(value=one, label=channel_word(one, words), selected=one == channel) for one in CHANNELS]
    purposes = purpose_choices(asked(request, "purpose", 20) or "service", words)
    language = language_field("language", asked(request, "language", 10) or settings_of(request).locale, words)
    return [
        contexts.VoiceField(name="subject", label=words.gettext("Subject"), value=asked(request, "subject", 400)),
        contexts.VoiceField(
            name="text", label=words.gettext("Text"), value=asked(request, "text", LONGEST), kind="long", rows=6
        ),
        contexts.VoiceField(name="channel", label=words.gettext("Channel"), kind="select", choices=channels),
        msgspec.structs.replace(language, hint=""),
        contexts.VoiceField(name="purpose", label=words.gettext("Purpose"), kind="select", choices=purposes),
    ]


def _checked(request: AnyRequest, brand: Brand, words: Words) -> dict[str, Any]:
    subject, text = asked(request, "subject", 400), asked(request, "text", LONGEST)
    if not (subject or text):
        return {}
    said = Said(
        channel=asked(request, "channel", 40) or "email",
        language=asked(request, "language", 10) or settings_of(request).locale,
        purpose=asked(request, "purpose", 20) or "service",
        subject=subject or None,
        text=text or None,
    )
    findings = rules.check(brand.kit, said)
    return {"checked": True, "blocked": bool(rules.blocking(findings)), "findings": finding_rows(findings, words)}


async def _view(
    conn: Connection, request: AnyRequest, principal: Principal, brand: Brand, words: Words
) -> contexts.Brand:
    kit = brand.kit
    languages = views.languages_of(kit, [*LANGUAGES, settings_of(request).locale])
    every = await service.brands(conn)
    return contexts.Brand(
        code=brand.code,
        version=brand.version,
        name=kit.name,
        brands=[
            contexts.Chip(label=one.kit.name or one.code, href=_address(one.code), selected=one.code == brand.code)
            for one in every
        ]
        if len(every) > 1
        else [],
        can_write=principal.may("voice:write"),
        company=views.company_fields(kit, words),
        footer_fields=views.wanted_fields(kit, words),
        swatches=views.swatches(kit, words),
        looks=views.look_fields(kit, words),
        words=views.word_rows(kit, words),
        claims=views.claim_rows(kit, words),
        tone=views.tone_fields(kit, languages, words),
        footers=views.footer_fields(kit, languages, words),
        rules=views.rule_fields(kit, words),
        check_fields=_check_fields(request, words),
        versions=views.version_rows(await service.versions(conn, brand.code), words),
        changed_at=brand.changed_at,
        changed_by=brand.changed_by,
        **_checked(request, brand, words),
    )


async def _show(
    request: AnyRequest, code: str, *, form: dict[str, str] | None = None, error: UnisonoError | None = None
) -> Response[str]:
    """The brand as it is kept; ``form`` is what could not be kept."""
    principal = caller(request)
    words = words_of(request, principal)
    async with connection(pool_of(request)) as conn:
        brand = await service.get(conn, code)
        view = await _view(conn, request, principal, brand, words)
    if form is not None:
        view = views.refilled(view, form)
        view = msgspec.structs.replace(view, version=_number(form.get("version", "-")))
    view = msgspec.structs.replace(view, problem=problem_told(words, error) if error else None)
    status = error.status if error else 200
    return await page(request, view, title=words.gettext("Brand"), section=SECTION, status=status)


@get(links.BRAND, guards=[requires("voice:read")], include_in_schema=False)
async def show_brand(request: AnyRequest) -> Response[str]:
    """How the brand looks, speaks, and what it was."""
    return await _show(request, asked(request, "code", 63) or service.DEFAULT)


@get(links.BRAND_CHECK, guards=[requires("voice:read")], include_in_schema=False)
async def check_text(request: AnyRequest) -> Response[str]:
    """The same with what the brand has against a text; nothing is kept."""
    return await _show(request, asked(request, "code", 63) or service.DEFAULT)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


async def _restored(conn: Connection, code: str, version: int) -> Brand:
    """The brand as it was. Raises NotFound."""
    for one in await service.versions(conn, code):
        if one.version == version:
            return Brand(code=code, version=version, kit=one.kit)
    raise NotFound(f"There is no version {version} of the brand.", code="brand_not_found")


@post(links.BRAND, guards=[requires("voice:write")], include_in_schema=False, status_code=200)
async def save_brand(request: AnyRequest) -> Response[Any]:
    """Keep the brand as the form says it, or as it was in a version; the version before can be brought back."""
    form = await form_of(request)
    actor, words = caller(request).actor, words_of(request, caller(request))
    code = form.get("code") or asked(request, "code", 63) or service.DEFAULT
    restore = form.get("restore") or asked(request, "restore", 9)

    async def act(conn: Connection) -> Deed:
        before = await service.get(conn, code)
        expected: int | None = None
        if restore:
            kit = (await _restored(conn, code, _number(restore))).kit
        else:
            kit, expected = views.kit_of(form, before.kit), _number(form.get("version", "-"))
        made = await service.save(conn, kit, actor=actor, now=now_of(request), code=code, expected_version=expected)
        undo = None
        if before.version and made.version != before.version:
            undo = links.with_query(links.BRAND, {"code": code, "restore": before.version})
        text = words.gettext("The brand is at version %(number)s: every message is checked against it.")
        return Deed(
            text=text % {"number": made.version},
            href=_address(code),
            action="brand.save",
            detail={"brand": code, "version": made.version},
            undo_href=undo,
        )

    try:
        return await run_and_go(request, form, act)
    except BrandNotFound:
        raise
    except UnisonoError as error:
        return await _show(request, code, form=None if restore else form, error=error)


routes: list[ControllerRouterHandler] = [show_brand, check_text, save_brand]
