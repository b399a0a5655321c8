"""The door of templates: renderers for what is sent, previews, drafts and versions."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from unisono.engagement.brand import rules as brand_rules
from unisono.engagement.brand import service as brands
from unisono.engagement.brand.model import Kit, Said
from unisono.engagement.templates import blocks as kept_blocks
from unisono.engagement.templates import builtin, facts, keeping, people
from unisono.engagement.templates.errors import BadTemplate, TemplateConflict, TemplateNotFound
from unisono.engagement.templates.keeping import (
    archive,
    diff,
    get,
    noticing,
    page,
    save,
    used_by,
    version,
    versions,
)
from unisono.engagement.templates.model import Asked, Content, Purpose, Template, TemplatePreview
from unisono.engagement.templates.rendering import Renderer, Renderers
from unisono.kit.database import Connection
from unisono.kit.settings import Settings
from unisono.kit.sql import load

__all__ = [
    "archive",
    "diff",
    "get",
    "noticing",
    "page",
    "preview",
    "publish",
    "renderers",
    "save",
    "used_by",
    "version",
    "versions",
]

KEPT: Final = 200
"""Compiled versions a process keeps, those used last."""

_sql = load("unisono.engagement.templates")
_content = msgspec.json.Decoder(Content).decode
_compiled: OrderedDict[tuple[Any, ...], Renderers] = OrderedDict()


async def renderers(
    conn: Connection,
    *,
    template: str | None,
    version: int | None = None,
    content: Content | None = None,
    purpose: Purpose | None = None,
    brand: str = brands.DEFAULT,
    settings: Settings,
) -> Renderers:
    """The compiled version of a template (the published one without ``version``), or of a content of one's own.

    Compiled once a process for each version of template, brand and blocks. Raises TemplateNotFound, BrandNotFound;
    what cannot be compiled raises when it is asked for its channel.
    """
    rows = await _sql.published_now(conn, code=template)
    own = next((row for row in rows if row["code"] == template), None)
    number = own["version"] if own is not None and version is None else (version or 0)
    ours = builtin.as_version(template) if template is not None and own is None else None
    if template is not None and content is None and own is None and (ours is None or number):
        raise TemplateNotFound(f"No template {template[:63]!r} is published.")
    if template is not None and content is None:
        brand = own["brand"] if own is not None else brand
        purpose = purpose or (own["purpose"] if own is not None else None if ours is None else ours.purpose)
    kept = await brands.get(conn, brand)
    versions_of_blocks = tuple((row["code"], row["version"]) for row in rows if row["kind"] == "block")
    said = _digest(content) if content is not None else (template, number)
    key = (said, purpose, brand, kept.version, hash(versions_of_blocks), settings.locale)
    made = _compiled.get(key)
    if made is None:
        if content is None:
            assert template is not None
            content = (await keeping.version(conn, template, number)).content
        made = await compiled(conn, content, purpose=purpose or "marketing", kit=kept.kit, settings=settings)
        made.version = number
        _compiled[key] = made
        while len(_compiled) > KEPT:
            _compiled.popitem(last=False)
    else:
        _compiled.move_to_end(key)
    return made


def _digest(content: Content) -> bytes:
    return hashlib.sha256(msgspec.json.encode(content)).digest()


async def compiled(
    conn: Connection,
    content: Content,
    *,
    purpose: Purpose,
    kit: Kit,
    settings: Settings,
    instead: Mapping[str, Content] | None = None,
) -> Renderers:
    """A content with the blocks it names, ready to be asked for a channel. ``instead`` are blocks not published yet."""
    known: dict[str, Content] = dict(instead or {})
    wanted = kept_blocks.named(content)
    for _ in range(kept_blocks.MAX_NESTED + 1):
        missing = sorted(wanted - known.keys())
        if not missing:
            break
        rows = await _sql.published_blocks(conn, codes=missing)
        found = {row["code"]: _content(row["content"]) for row in rows}
        known |= found
        wanted = {code for said in found.values() for code in kept_blocks.named(said)}
    return Renderers(content, purpose=purpose, kit=kit, blocks=known, locale=settings.locale)


async def publish(
    conn: Connection, code: str, *, actor: str, now: datetime, settings: Settings, note: str = ""
) -> Template:
    """Compile the draft in all channels and languages and make it what is sent.

    Raises TemplateNotFound, BadTemplate, TemplateConflict (``block_breaks``) when a template that contains this block
    could not be compiled any more.
    """
    found = await keeping.get(conn, code)
    if not found.draft:
        raise BadTemplate("It says nothing on any channel.", code="template_empty")
    kit = (await brands.get(conn, found.brand)).kit
    instead = {code: found.draft} if found.kind == "block" else {}
    made = await compiled(conn, found.draft, purpose=found.purpose, kit=kit, settings=settings, instead=instead)
    made.check()
    if found.kind == "block":
        await _check_users(conn, code, instead, settings)
    return await keeping.publish(conn, code, actor=actor, now=now, note=note)


async def _check_users(conn: Connection, code: str, instead: Mapping[str, Content], settings: Settings) -> None:
    for user in await keeping.used_by(conn, code):
        if user.kind != "template":
            continue
        other = await keeping.get(conn, user.code)
        content = (await keeping.version(conn, user.code, other.version)).content
        kit = (await brands.get(conn, other.brand)).kit
        made = await compiled(conn, content, purpose=other.purpose, kit=kit, settings=settings, instead=instead)
        try:
            made.check()
        except BadTemplate as error:
            raise TemplateConflict(
                f"{user.code} could not be compiled any more: {error.detail}", code="block_breaks"
            ) from error


async def preview(
    conn: Connection,
    content: Content,
    *,
    purpose: Purpose,
    brand: str,
    channel: str,
    language: str | None,
    node_id: int | None,
    data: Mapping[str, Any],
    settings: Settings,
    now: datetime,
) -> TemplatePreview:
    """What a person would get, or nobody in particular: rendered, what is empty in it, what the brand says of it.
    Without ``language`` it is the person's own.

    Raises BadTemplate, ContentMissing, RenderFailed, BrandNotFound.
    """
    kit = (await brands.get(conn, brand)).kit
    made = await compiled(conn, content, purpose=purpose, kit=kit, settings=settings)
    if language is None and node_id is not None:
        language = await people.spoken_to(conn, node_id)
    renderer = made.of(channel, language)
    asked = Asked(key=0, node_id=node_id or 0, data=dict(data), language=renderer.language, channel=channel)
    found = await facts.contexts(conn, [asked], needs=renderer.needs, settings=settings, now=now)
    context = found[0] | {"links": example_links(settings)}
    rendered = renderer.render(context)
    said = Said(
        channel=channel,
        language=renderer.language,
        purpose=purpose,
        subject=rendered.subject or rendered.title,
        text=rendered.text or rendered.body,
        html=rendered.html,
    )
    return TemplatePreview(rendered=rendered, missing=missing(renderer, context), findings=brand_rules.check(kit, said))


def example_links(settings: Settings) -> dict[str, str]:
    """Links that lead nowhere, in the place of a message's own."""
    base = (settings.public_url or "https://example.com").rstrip("/")
    return {
        "unsubscribe": f"{base}/u/preview",
        "preferences": f"{base}/p/preview",
        "confirm": f"{base}/p/preview/confirm",
    }


def missing(renderer: Renderer, context: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths a content names that are empty in a context, by name."""
    return tuple(sorted(path for path in renderer.needs.paths if _empty(path, context)))


def _empty(path: str, context: Mapping[str, Any]) -> bool:
    if path.startswith("brand"):
        return False
    value: Any = context
    for part in path.split("."):
        if part in ("size", "first", "last") and isinstance(value, (list, str)):
            return not value
        if not isinstance(value, Mapping):
            # "47.11" is one part of a path with a dot in it: what cannot be followed is not said to be missing.
            return value in (None, "", [])
        if part not in value:
            return not path.startswith("product.")
        value = value[part]
    return value is None or value in ("", [], {})
