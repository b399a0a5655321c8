"""What the screens of messages, consents and tasks look up beside what their rooms answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from unisono.access.guards import Principal
from unisono.console.contexts import PersonLink
from unisono.console.pages import AnyRequest
from unisono.console.views.labels import brief
from unisono.console.views.people import display_name
from unisono.console.words import Words
from unisono.customers.collect.committer import Committer
from unisono.customers.identity import service as identity
from unisono.customers.profiles import service as profiles
from unisono.engagement.templates.builtin import builtins
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest
from unisono.kit.sql import load

_sql = load("unisono.console.sent")

MAX_WHO = 320

_NUMBER = re.compile(r"\d{1,18}")
_PHONE = re.compile(r"\+?[\d\s().-]{6,24}")


def named(who: str) -> str:
    """An identifier as people type it, with its namespace: an e-mail address and a phone number need none."""
    who = who.strip()[:MAX_WHO]
    if ":" in who:
        return who
    if "@" in who:
        return f"email:{who}"
    return f"phone:{who}" if _PHONE.fullmatch(who) else who


async def one_person(conn: Connection, request: AnyRequest, who: str) -> int:
    """The person somebody typed: a number of a person, ``namespace:value``, an e-mail address or a phone number.

    Raises BadRequest, PersonNotFound.
    """
    who = who.strip()[:MAX_WHO]
    if not who:
        raise BadRequest("Say who.", code="recipient_missing", field="who")
    if _NUMBER.fullmatch(who) and len(who) < 9:
        return await identity.resolve(conn, int(who))
    rulebook = await cast("Committer", request.app.state.committer).rulebook()
    return await identity.find(conn, named(who), rulebook=rulebook)


async def people_named(
    conn: Connection, persons: Iterable[int | None], principal: Principal, words: Words
) -> dict[int, PersonLink]:
    """The names of people a list shows; nobody's for who may not read people of every store."""
    wanted = sorted({person for person in persons if person is not None})
    if not wanted or not principal.may("people:read"):
        return {}
    found = {one.id: one for one in await profiles.describe(conn, wanted)}
    contacts = principal.may("people:contact")
    return {
        person: PersonLink(person_id=person, name=display_name(one.name, one.identifiers, words, contacts=contacts))
        for person, one in found.items()
    }


async def addresses_told(
    conn: Connection, nodes: Iterable[int | None], words: Words, *, contacts: bool
) -> dict[int, tuple[str, int]]:
    """Identifiers as a reader sees them, and whose they are."""
    wanted = sorted({node for node in nodes if node is not None})
    rows = await _sql.identifiers(conn, nodes=wanted) if wanted else []
    found = {}
    for row in rows:
        shown = brief(row["namespace"], row["value"], words, contacts=contacts)
        found[row["id"]] = (f"{shown.label} {shown.value}", row["person_id"])
    return found


async def account_names(conn: Connection, ids: Iterable[int | None]) -> dict[int, str]:
    """What accounts with providers are called."""
    wanted = sorted({one for one in ids if one is not None})
    rows = await _sql.account_names(conn, ids=wanted) if wanted else []
    return {row["id"]: row["name"] for row in rows}


async def latest_entries(conn: Connection, most: int) -> Sequence[Mapping[str, Any]]:
    """What was said last, by anybody."""
    return [dict(row) for row in await _sql.latest_entries(conn, most=most)]


async def blocked(
    conn: Connection, *, reason: str | None, lifted: bool, after: tuple[int, str, str] | None, most: int
) -> Sequence[Mapping[str, Any]]:
    """Blocked addresses, the newest identifiers first."""
    node, channel, why = after or (None, "", "")
    rows = await _sql.blocked(
        conn, reason=reason, lifted=lifted, node=node, channel=channel, last_reason=why, most=most
    )
    return [dict(row) for row in rows]


async def subjects(conn: Connection, ids: Sequence[int]) -> dict[int, str]:
    """What messages that have left are about: their subject, title or the beginning of their text."""
    rows = await _sql.subjects(conn, ids=list(ids)) if ids else []
    return {row["message_id"]: row["subject"] for row in rows if row["subject"]}


async def first_reasons(conn: Connection, ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """What decided about each of these messages: the first reason of its decision, or what delivery found after it."""
    rows = await _sql.first_reasons(conn, ids=list(ids)) if ids else []
    return {row["id"]: row for row in rows}


async def segment_names(conn: Connection, codes: Iterable[str | None]) -> dict[str, str]:
    """What segments are called."""
    wanted = sorted({code for code in codes if code})
    rows = await _sql.segment_names(conn, codes=wanted) if wanted else []
    return {row["code"]: row["name"] for row in rows}


async def template_names(conn: Connection, codes: Iterable[str | None]) -> dict[str, str]:
    """What templates are called."""
    wanted = sorted({code for code in codes if code})
    rows = await _sql.template_names(conn, codes=wanted) if wanted else []
    ours = {code: builtins()[code].name for code in wanted if code in builtins()}
    return {**ours, **{row["code"]: row["name"] for row in rows}}
