"""Drafts and versions: writing, publishing, what differs. What is published never changes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, get_args

import asyncpg
import msgspec

from unisono.engagement.templates import builtin, ports
from unisono.engagement.templates.blocks import named
from unisono.engagement.templates.errors import BadTemplate, TemplateConflict, TemplateNotFound
from unisono.engagement.templates.model import (
    Channel,
    ChannelContent,
    Content,
    NewTemplate,
    Notice,
    Template,
    TemplateChange,
    TemplateVersion,
    UsedBy,
)
from unisono.kit.database import Connection
from unisono.kit.sql import load

MAX_CONTENT: Final = 2_000_000
"""Bytes of a template's content as JSON."""
MAX_LANGUAGES: Final = 40
MOST_VERSIONS: Final = 200
CHANNELS: Final = frozenset(get_args(Channel))

_CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")

_sql = load("unisono.engagement.templates")
_content = msgspec.json.Decoder(Content).decode


def template_of(row: asyncpg.Record) -> Template:
    """A row of the table, with what is published."""
    draft = _content(row["draft"])
    return Template(
        code=row["code"],
        name=row["name"],
        kind=row["kind"],
        purpose=row["purpose"],
        brand=row["brand"],
        notice=row["notice"],
        version=row["version"],
        draft=draft,
        draft_by=row["draft_by"],
        draft_at=row["draft_at"],
        archived_at=row["archived_at"],
        changed=row["content"] is None or _content(row["content"]) != draft,
    )


def version_of(row: asyncpg.Record) -> TemplateVersion:
    """A row of the versions."""
    return TemplateVersion(
        code=row["code"],
        version=row["version"],
        purpose=row["purpose"],
        brand=row["brand"],
        content=_content(row["content"]),
        at=row["at"],
        actor=row["actor"],
        note=row["note"],
    )


async def get(conn: Connection, code: str) -> Template:
    """A template with its draft; one of ours while nobody wrote it. Raises TemplateNotFound."""
    row = await _sql.read_template(conn, code=code.replace("\x00", ""))
    found = template_of(row) if row is not None else builtin.as_template(code)
    if found is None:
        raise TemplateNotFound(f"There is no template {code[:63]!r}.")
    return found


async def page(
    conn: Connection, *, kind: str | None = None, archived: bool = False, after: str | None = None, limit: int = 50
) -> list[Template]:
    """Templates by code, ours that nobody wrote yet among them; ``after`` is the last code seen."""
    rows = await _sql.list_templates(conn, kind=kind, archived=archived, after=after, most=limit)
    found = {row["code"]: template_of(row) for row in rows}
    ours = [code for code in builtin.builtins() if after is None or code > after]
    kept = {row["code"] for row in await _sql.known_codes(conn, codes=ours)}
    for code in ours:
        made = builtin.as_template(code) if code not in kept else None
        if made is not None and kind in (None, made.kind):
            found[code] = made
    return sorted(found.values(), key=lambda one: one.code)[:limit]


async def version(conn: Connection, code: str, number: int) -> TemplateVersion:
    """What was published as a version; 0 is one of ours. Raises TemplateNotFound."""
    row = await _sql.read_version(conn, code=code.replace("\x00", ""), version=number)
    found = version_of(row) if row is not None else (builtin.as_version(code) if number == 0 else None)
    if found is None:
        raise TemplateNotFound(f"There is no version {number} of {code[:63]!r}.")
    return found


async def versions(conn: Connection, code: str) -> list[TemplateVersion]:
    """What was published, newest first. Raises TemplateNotFound."""
    await get(conn, code)
    return [version_of(row) for row in await _sql.versions_of(conn, code=code, most=MOST_VERSIONS)]


async def save(
    conn: Connection, code: str, new: NewTemplate, *, actor: str, now: datetime, seen: datetime | None = None
) -> Template:
    """Keep a draft; nothing that is sent changes. Saying the same again changes nothing.

    ``seen`` is the ``draft_at`` one has read. Raises BadTemplate for what can be no template, TemplateConflict
    (``version_conflict``) when somebody else saved in between, or when the kind is another.
    """
    if not _CODE.fullmatch(code):
        raise BadTemplate("A code is small letters, digits, dots, dashes and underscores, 63 at most.", code="bad_code")
    written = checked(new)
    await _sql.lock_template(conn, code=code)
    row = await _sql.read_template(conn, code=code)
    ours = builtin.builtins().get(code)
    kind = row["kind"] if row is not None else ours.kind if ours is not None else new.kind
    if kind != new.kind:
        raise TemplateConflict(f"{code} is a {kind}: it stays one.", code="kind_fixed")
    if row is None:
        await _sql.insert_template(
            conn, code=code, name=new.name, kind=new.kind, purpose=new.purpose, brand=new.brand, notice=new.notice,
            draft=written, actor=actor, now=now,
        )  # fmt: skip
        return await get(conn, code)
    before = template_of(row)
    if seen is not None and seen != before.draft_at:
        raise TemplateConflict("The draft was changed by somebody else since you read it.", code="version_conflict")
    same = (before.name, before.purpose, before.brand, before.notice) == (new.name, new.purpose, new.brand, new.notice)
    if same and before.draft == new.content:
        return before
    await _sql.update_template(
        conn, code=code, name=new.name, purpose=new.purpose, brand=new.brand, notice=new.notice, draft=written,
        actor=actor, now=now,
    )  # fmt: skip
    return await get(conn, code)


def checked(new: NewTemplate) -> str:
    """The content as JSON. Raises BadTemplate for channels nobody knows, too much of anything, text that cannot be
    kept."""
    unknown = sorted(set(new.content) - CHANNELS)
    if unknown:
        raise BadTemplate(f"There is no channel {unknown[0][:40]!r}.", channel=unknown[0][:40])
    if any(len(said) > MAX_LANGUAGES for said in new.content.values()):
        raise BadTemplate(f"A channel speaks at most {MAX_LANGUAGES} languages.")
    if new.notice is not None and (new.purpose == "marketing" or new.kind == "block"):
        raise BadTemplate("Only a transactional or service message answers an event by itself.", code="bad_notice")
    try:
        written = msgspec.json.encode(new)
        content = msgspec.json.encode(new.content).decode()
    except (UnicodeEncodeError, msgspec.EncodeError, RecursionError) as error:
        raise BadTemplate("It has text that cannot be kept.") from error
    if len(written) > MAX_CONTENT or b"\\u0000" in written:
        raise BadTemplate(f"It is over {MAX_CONTENT} bytes or has text that cannot be kept.", code="template_too_large")
    return content


async def publish(conn: Connection, code: str, *, actor: str, now: datetime, note: str = "") -> Template:
    """Make the draft the version that is sent; the caller has compiled it. Publishing what is published changes
    nothing. Raises TemplateNotFound."""
    await _sql.lock_template(conn, code=code)
    found = await get(conn, code)
    if found.builtin:
        new = builtin.builtins()[code]
        await save(conn, code, new, actor=actor, now=now)
    elif not found.changed and found.archived_at is None:
        return found
    await _sql.publish_template(conn, code=code, now=now, actor=actor, note=note.replace("\x00", ""))
    return await get(conn, code)


async def archive(conn: Connection, code: str, *, now: datetime) -> Template:
    """Take a template out of use. Raises TemplateNotFound, TemplateConflict (``template_used``) while something names
    it."""
    await _sql.lock_template(conn, code=code)
    found = await get(conn, code)
    if found.builtin:
        raise TemplateConflict(f"{code} comes with the product: write another in its place.", code="template_builtin")
    used = await used_by(conn, code)
    if used:
        raise TemplateConflict(
            f"{code} is used by {used[0].kind} {used[0].name}.",
            code="template_used",
            used_by=[msgspec.to_builtins(one) for one in used[:20]],
        )
    await _sql.archive_template(conn, code=code, at=now)
    return await get(conn, code)


async def used_by(conn: Connection, code: str) -> list[UsedBy]:
    """What names a template: templates that contain it as a block, and whatever other rooms say."""
    rows = await _sql.saying(conn, text=code)
    blocks = [
        UsedBy(kind="template", code=row["code"], name=row["code"])
        for row in rows
        if code in named(_content(row["content"]))
    ]
    return [*blocks, *await ports.users_of(conn, code)]


async def noticing(conn: Connection) -> list[Notice]:
    """The published messages that answer events by themselves, by event."""
    return [
        Notice(event=row["notice"], code=row["code"], purpose=row["purpose"], version=row["version"])
        for row in await _sql.noticing(conn)
    ]


def diff(before: Content, after: Content) -> list[TemplateChange]:
    """What differs between two contents, field by field, as lines of a unified diff."""
    changes = []
    for channel in sorted({*before, *after}):
        old, new = before.get(channel, {}), after.get(channel, {})
        for language in sorted({*old, *new}):
            for field, was, becomes in _fields(old.get(language), new.get(language)):
                lines = difflib.unified_diff(was.splitlines(), becomes.splitlines(), "before", "after", lineterm="")
                changes.append(TemplateChange(channel=channel, language=language, field=field, lines=tuple(lines)[2:]))
    return changes


def _fields(old: ChannelContent | None, new: ChannelContent | None) -> Iterator[tuple[str, str, str]]:
    for field in ChannelContent.__struct_fields__:
        was, becomes = _written(old, field), _written(new, field)
        if was != becomes:
            yield field, was, becomes


def _written(content: ChannelContent | None, field: str) -> str:
    value: Any = getattr(content, field) if content is not None else ""
    if isinstance(value, str):
        return value
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode() if value else ""
