"""What a person would get: beside the editor, and the e-mail itself in a frame that can do nothing."""

from __future__ import annotations

import re
from html import escape
from typing import Any, NamedTuple

import msgspec
from litestar import Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from unisono.access import audit
from unisono.access.guards import Principal, caller, now_of, requires
from unisono.console import contexts, links
from unisono.console.pages import AnyRequest, pool_of, settings_of, words_of
from unisono.console.routes.paths import text_pattern
from unisono.console.routes.products import asked
from unisono.console.views import templates as views
from unisono.console.views.template_form import data_typed
from unisono.console.views.voice import problem_told
from unisono.console.words import Words
from unisono.customers.identity import service as identity
from unisono.engagement.brand import service as brands
from unisono.engagement.templates import service
from unisono.engagement.templates.errors import BadTemplate
from unisono.engagement.templates.model import ChannelContent, Template, TemplatePreview
from unisono.kit import tokens
from unisono.kit.database import Connection, connection
from unisono.kit.errors import Forbidden, UnisonoError

SEAL = "template_frame"
"""Kind of the token that says: the page around this frame has noted already who looks at whom."""

SEAL_LASTS = 600
"""Seconds."""


class Looked(NamedTuple):
    """A place of a template."""

    channel: str
    language: str


def may_name(principal: Principal) -> bool:
    """A preview as a person shows his data."""
    return principal.may("people:read") and principal.may("people:contact") and principal.stores is None


async def _person(conn: Connection, request: AnyRequest, principal: Principal, who: str) -> int | None:
    """The person a preview is for. Raises Forbidden, PersonNotFound, BadRequest."""
    if not who:
        return None
    if not may_name(principal):
        raise Forbidden("A preview as a person shows his data: this needs people:read and people:contact.")
    if who.isascii() and who.isdigit():
        return await identity.resolve(conn, int(who[:18]))
    named = f"email:{who}" if "@" in who and ":" not in who else who
    return await identity.find(conn, named, settings_of(request).country)


def _seal(request: AnyRequest, principal: Principal, person: int, bucket: int) -> str:
    account = principal.account.id if principal.account else 0
    return tokens.sign(request.app.state.secret, SEAL, (account, person, bucket))


def _bucket(request: AnyRequest) -> int:
    return int(now_of(request).timestamp()) // SEAL_LASTS


async def _note(conn: Connection, principal: Principal, person: int, code: str) -> None:
    detail = {"template": code}
    await audit.record(
        conn, actor=principal.actor, action="template.preview", person_id=person, detail=detail, wait=False
    )


async def _preview(
    conn: Connection, request: AnyRequest, found: Template, place: Looked, person: int | None
) -> TemplatePreview:
    return await service.preview(
        conn,
        found.draft,
        purpose=found.purpose,
        brand=found.brand,
        channel=place.channel,
        language=place.language,
        node_id=person,
        data=data_typed(asked(request, "data", 2000)),
        settings=settings_of(request),
        now=now_of(request),
    )


async def _piece_at_fault(conn: Connection, request: AnyRequest, found: Template, place: Looked) -> int | None:
    """The first piece of an e-mail that cannot be made into one by itself."""
    said = found.draft.get(place.channel, {}).get(place.language)
    for number, block in enumerate(said.blocks if said and not said.mjml else ()):
        alone = msgspec.structs.replace(found, draft={place.channel: {place.language: ChannelContent(blocks=(block,))}})
        try:
            await _preview(conn, request, alone, place, None)
        except BadTemplate:
            return number
        except UnisonoError:
            continue
    return None


def _of_piece(problem: contexts.Problem, piece: int | None) -> contexts.Problem:
    """A problem without a line: who writes pieces never sees the lines they become."""
    if piece is None:
        return problem
    return msgspec.structs.replace(problem, why=_LINE.sub("", problem.why))


_LINE = re.compile(r" \(\w+ \d+\)")


def _views(code: str, kept: dict[str, str], chosen: str, words: Words) -> list[contexts.Chip]:
    texts = {"": words.gettext("Phone"), "desktop": words.gettext("Desktop"), "text": words.gettext("As text")}
    return [
        contexts.Chip(
            label=text,
            href=links.with_query(links.template(code), {**kept, "view": name}) + "#preview",
            selected=name == chosen,
        )
        for name, text in texts.items()
    ]


async def look(
    conn: Connection, request: AnyRequest, principal: Principal, found: Template, channel: str, language: str
) -> contexts.PreviewCard:
    """The preview beside the editor; what is wrong with the draft is told in its place."""
    words, chosen, who = words_of(request, principal), asked(request, "view", 10), asked(request, "as", 300)
    chosen = chosen if chosen in ("desktop", "text") else ""
    kept = {"channel": channel, "language": language, "as": who, "data": asked(request, "data", 2000)}
    around: dict[str, Any] = {
        "wide": chosen == "desktop",
        "as_text": chosen == "text",
        "views": _views(found.code, kept, chosen, words) if channel == "email" else [],
        "who": who,
        "may_name": may_name(principal),
        "kept": {name: value for name, value in {**kept, "view": chosen}.items() if value},
    }
    frame: dict[str, str | int | None] = {**kept}
    try:
        person = await _person(conn, request, principal, who)
        made = await _preview(conn, request, found, Looked(channel, language), person)
        if person is not None:
            await _note(conn, principal, person, found.code)
            frame["seal"] = _seal(request, principal, person, _bucket(request))
        kit = (await brands.get(conn, found.brand)).kit
    except UnisonoError as error:
        at = await _piece_at_fault(conn, request, found, Looked(channel, language))
        return contexts.PreviewCard(problem=_of_piece(problem_told(words, error), at), piece=at, **around)
    sender = kit.sender_names.get(channel) or kit.sender_names.get("*") or kit.name
    card = views.preview_card(made, sender, words)
    href = links.template_frame(found.code, **frame) if made.rendered.html is not None else None
    return msgspec.structs.replace(card, frame_href=href, **around)


def _html(body: str) -> Response[str]:
    return Response(body, media_type="text/html")


@get(f"{text_pattern(links.template, 'code')}/frame", guards=[requires("voice:read")], include_in_schema=False)
async def frame(request: AnyRequest, code: FromPath[str]) -> Response[str]:
    """The e-mail alone, for the frame of the editor: no script runs in it, and it reaches nothing around it."""
    principal = caller(request)
    place = Looked(asked(request, "channel", 40), asked(request, "language", 10))
    async with connection(pool_of(request)) as conn:
        try:
            found = await service.get(conn, code)
            person = await _person(conn, request, principal, asked(request, "as", 300))
            made = await _preview(conn, request, found, place, person)
        except UnisonoError as error:
            return _html(f"<!doctype html><title>–</title><p>{escape(error.detail)}</p>")
        if person is not None:
            seals = {_seal(request, principal, person, _bucket(request) - back) for back in (0, 1)}
            if asked(request, "seal", tokens.LONGEST) not in seals:
                await _note(conn, principal, person, code)
    return _html(made.rendered.html or "<!doctype html><title>–</title>")


routes: list[ControllerRouterHandler] = [frame]
