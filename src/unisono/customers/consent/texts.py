"""The exact words people agree to. A version is never changed: other words are another version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

import asyncpg
import msgspec

from unisono.customers.consent.errors import BadConsent, TextNotFound
from unisono.customers.consent.model import ANY, CHANNELS, Purpose, Text
from unisono.kit.database import Connection
from unisono.kit.sql import load

_sql = load("unisono.customers.consent")

MAX_BODY = 20_000
"""Characters of a text."""

Version = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]

_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_LANGUAGE = re.compile(r"[a-z]{2}(-[A-Z]{2})?")


def _text(row: asyncpg.Record) -> Text:
    fields: dict[str, Any] = dict(row)
    fields["channels"] = tuple(fields["channels"])
    return Text(**fields)


async def publish_text(
    conn: Connection,
    text_id: str,
    bodies: Mapping[str, str],
    *,
    purpose: Purpose,
    channels: tuple[str, ...] = (),
    actor: str,
    now: datetime,
) -> list[Text]:
    """The next version of a text, in all its languages at once; the one there is when the words are the same.

    Raises BadConsent.
    """
    cleaned = {language: body.strip() for language, body in bodies.items()}
    _check(text_id, cleaned, channels)
    await _sql.lock_text(conn, id=text_id)
    latest = await latest_texts(conn, text_id)
    same = {one.language: one.body for one in latest} == cleaned
    if same and all(one.purpose == purpose and one.channels == channels for one in latest):
        return latest
    rows = await _sql.insert_texts(
        conn,
        id=text_id,
        version=(latest[0].version if latest else 0) + 1,
        languages=list(cleaned),
        bodies=list(cleaned.values()),
        purpose=purpose,
        channels=list(channels),
        actor=actor,
        now=now,
    )
    return sorted((_text(row) for row in rows), key=lambda one: one.language)


def _check(text_id: str, bodies: Mapping[str, str], channels: tuple[str, ...]) -> None:
    if not _ID.fullmatch(text_id):
        raise BadConsent("A text's id is of small letters, digits, dots and dashes.", code="bad_text")
    if not bodies or not all(map(_LANGUAGE.fullmatch, bodies)):
        raise BadConsent("A text has a body in a language, such as it or en.", code="bad_text")
    if any(not body or len(body) > MAX_BODY or "\x00" in body for body in bodies.values()):
        raise BadConsent(f"A body has 1 to {MAX_BODY} characters, no NUL among them.", code="bad_text")
    if not set(channels) <= {*CHANNELS, ANY}:
        raise BadConsent("The text names a channel there is not.", code="bad_text", hint=", ".join(CHANNELS))


async def latest_texts(conn: Connection, text_id: str) -> list[Text]:
    """The newest version of a text, one a language; empty when there is none."""
    return [_text(row) for row in await _sql.latest_texts(conn, id=text_id)]


async def all_texts(conn: Connection) -> list[Text]:
    """Every text in its newest version, all languages, by id."""
    return [_text(row) for row in await _sql.latest_texts(conn, id=None)]


async def versions_of(conn: Connection, text_id: str) -> list[Text]:
    """Every version of a text in every language, newest first. Raises TextNotFound."""
    rows = await _sql.text_versions(conn, id=text_id)
    if not rows:
        raise TextNotFound(f"There is no text {text_id[:60]!r}.")
    return [_text(row) for row in rows]


def fitting(texts: Iterable[Text], purpose: Purpose, channel: str, languages: tuple[str, ...]) -> Text | None:
    """The words of today for a purpose and channel, in the first of these languages there is, else in any.

    Of several texts the one that names the channel; of those the latest.
    """
    found = [one for one in texts if one.purpose == purpose]
    best = [one for one in found if channel in one.channels] or [one for one in found if not one.channels]
    order = {language: place for place, language in enumerate(languages)}
    return min(
        best,
        key=lambda one: (order.get(one.language, order.get(one.language[:2], len(order))), -one.created_at.timestamp()),
        default=None,
    )


async def texts_named(conn: Connection, names: set[tuple[str, int, str]]) -> dict[tuple[str, int, str], Text]:
    """These texts by (id, version, language); those not kept here are not in it."""
    wanted = sorted(names)
    rows = await _sql.texts_named(
        conn,
        ids=[name for name, _, _ in wanted],
        versions=[version for _, version, _ in wanted],
        languages=[language for _, _, language in wanted],
    )
    texts = [_text(row) for row in rows]
    return {(one.id, one.version, one.language): one for one in texts}


def parse_name(name: object) -> tuple[str, int, str] | None:
    """``id/version/language`` as events carry it; None for anything else."""
    if not isinstance(name, str):
        return None
    text_id, _, rest = name.partition("/")
    version, _, language = rest.partition("/")
    if not (_ID.fullmatch(text_id) and _LANGUAGE.fullmatch(language)):
        return None
    try:
        return text_id, msgspec.convert(version, Version, strict=False), language
    except msgspec.ValidationError:
        return None
