"""What a person prefers, as the preference centre shows it and takes it in.

The page tells what it showed: only what the person changed against that is recorded, so a page left open for a month
does not undo what was said since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from unisono.customers.consent import service as consent
from unisono.customers.consent.confirming import request_opt_in
from unisono.customers.consent.model import (
    ADDRESSES,
    ANY,
    CHANNELS,
    OBJECTIONS,
    PERSON_CHANNELS,
    Legal,
    NewEntry,
    Purpose,
    Status,
    Text,
)
from unisono.customers.consent.overview import Holding, PersonConsents, overview
from unisono.customers.consent.texts import all_texts, fitting, parse_name, texts_named
from unisono.customers.identity import service as identity
from unisono.engagement.public.rendering import masked
from unisono.kit.database import Connection
from unisono.kit.errors import BadRequest
from unisono.kit.sql import load
from unisono.kit.tokens import UnknownToken

_sql = load("unisono.engagement.public")

PURPOSES: tuple[Purpose, ...] = ("profiling", "third_party", "tracking", "statistics")
"""Beside marketing, in the order of the page."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One box of the page."""

    name: str
    """``marketing.email``, ``profiling``."""
    label: str
    """Key of its words."""
    granted: bool
    status: Status | None
    since: datetime | None
    soft: bool
    addresses: tuple[str, ...]
    text: Text | None

    @property
    def text_name(self) -> str:
        """The words shown, as ``id/version/language``; empty when there are none."""
        return f"{self.text.id}/{self.text.version}/{self.text.language}" if self.text else ""


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """The page."""

    person_id: int
    channels: tuple[Choice, ...]
    purposes: tuple[Choice, ...]


class Answer(msgspec.Struct, frozen=True):
    """A box as the page showed it and as it came back."""

    name: str
    was: bool
    wanted: bool
    text: tuple[str, int, str] | None


async def person_of(conn: Connection, node_id: int) -> int:
    """Whose link it is now. Raises UnknownToken when the identifier is no more."""
    try:
        return await identity.resolve(conn, node_id)
    except identity.PersonNotFound:
        raise UnknownToken from None


async def preferences(conn: Connection, person: int, *, language: str, now: datetime) -> Preferences:
    """What the page shows: the channels the person has and we use, and the purposes."""
    found = await overview(conn, person, now=now)
    used = {row["channel"] for row in await _sql.channels_in_use(conn)}
    shown = [one for one in found.holdings if one.purpose != "marketing" or one.channel in used or one.status]
    texts = await all_texts(conn)
    choices = [_choice(found, one, fitting(texts, one.purpose, one.channel, (language, "en"))) for one in shown]
    return Preferences(
        person_id=person,
        channels=tuple(one for one in choices if one.name.startswith("marketing.")),
        purposes=tuple(one for one in choices if not one.name.startswith("marketing.")),
    )


def _choice(found: PersonConsents, held: Holding, text: Text | None) -> Choice:
    marketing = held.purpose == "marketing"
    return Choice(
        name=f"marketing.{held.channel}" if marketing else held.purpose,
        label=f"channel.{held.channel}" if marketing else f"purpose.{held.purpose}",
        granted=held.status == "granted",
        status=held.status,
        since=held.since,
        soft=held.status == "granted" and held.basis == "soft_opt_in",
        addresses=tuple(
            masked(address.namespace, address.value or "")
            for address in found.addresses
            if marketing and held.channel in ADDRESSES.get(address.namespace, ())
        ),
        text=text,
    )


def read_answers(shown: Iterable[str], yes: Iterable[str]) -> list[Answer]:
    """The boxes as the form sends them: ``name:yes|no:text`` each, and the names of the ticked. Raises BadRequest."""
    ticked = set(yes)
    answers: dict[str, Answer] = {}
    for field in shown:
        name, _, rest = field.partition(":")
        was, _, text = rest.partition(":")
        if name not in NAMES or was not in ("yes", "no"):
            raise BadRequest("This is not the form of this page.", code="bad_form")
        # A box is on the page once: a form that repeats one thousands of times asks for it once.
        answers[name] = Answer(name, was == "yes", name in ticked, parse_name(text))
    return list(answers.values())


NAMES = frozenset({*(f"marketing.{channel}" for channel in CHANNELS), *PURPOSES})
"""Every box there can be."""


async def save(
    conn: Connection, node_id: int, answers: Sequence[Answer], *, proof: dict[str, Any], now: datetime
) -> int:
    """Record what the person changed; returns how many boxes. ``node_id`` is the address the link was sent to."""
    person = await person_of(conn, node_id)
    found = await overview(conn, person, now=now)
    legal = await consent.legal(conn)
    known = await texts_named(conn, {one.text for one in answers if one.text})
    changed = [one for one in answers if one.wanted != one.was]
    for one in changed:
        purpose, channel = _place(one.name)
        if one.wanted:
            text = one.text if one.text in known else None
            entry = _entry(node_id, purpose, channel, text, proof, now)
            await _grant(conn, found, entry, legal, now=now)
            continue
        everyone = [address.node_id for address in found.addresses]
        await consent.withdraw(
            conn,
            everyone if channel == ANY or channel in PERSON_CHANNELS else _addresses(found, channel) or everyone,
            channel=channel,
            purposes=(purpose,),
            source="preference_page",
            actor="customer",
            now=now,
            proof=proof,
            via="web",
        )
    return len(changed)


async def _grant(conn: Connection, found: PersonConsents, entry: NewEntry, legal: Legal, *, now: datetime) -> None:
    nodes = _granting(found, entry.node_id, entry.purpose, entry.channel, legal)
    entries = [msgspec.structs.replace(entry, node_id=node, key=f"preferences:{node}:{entry.key}") for node in nodes]
    await consent.record(conn, entries, now=now)
    if not entries:
        # The link came another way than this address: its owner says yes by the mail that reaches it.
        for node in _addresses(found, entry.channel):
            asked = msgspec.structs.replace(entry, node_id=node, key=f"preferences:{node}:{entry.key}")
            await request_opt_in(conn, asked, now=now)


def _place(name: str) -> tuple[Purpose, str]:
    purpose, _, channel = name.partition(".")
    return msgspec.convert(purpose, Purpose), channel or ANY


def _addresses(found: PersonConsents, channel: str) -> list[int]:
    return [one.node_id for one in found.addresses if channel in ADDRESSES.get(one.namespace, ())]


def _granting(found: PersonConsents, node_id: int, purpose: Purpose, channel: str, legal: Legal) -> list[int]:
    """Under which identifiers a yes is said: it must lift every objection, and reach an address that is proven.

    Where the owner of an address must confirm it, the link proves the one it was sent to, and no other.
    """
    objected = {
        state.node_id
        for state in found.states
        if state.purpose == purpose and state.channel == channel and state.status in OBJECTIONS
    }
    if channel == ANY or channel in PERSON_CHANNELS:
        return sorted({found.addresses[0].node_id, *objected})
    mine = _addresses(found, channel)
    if channel in legal.double_opt_in_channels and legal.marketing_double_opt_in:
        proven = {node_id} & set(mine)
        consented = {
            state.node_id
            for state in found.states
            if state.channel == channel and state.basis == "consent" and state.status in ("granted", "expired")
        } & set(mine)
        return sorted(proven | objected | consented)
    return sorted({*mine, *objected})


def _entry(
    node: int, purpose: Purpose, channel: str, text: tuple[str, int, str] | None, proof: dict[str, Any], now: datetime
) -> NewEntry:
    text_id, version, language = text or (None, None, None)
    return NewEntry(
        node_id=node,
        purpose=purpose,
        channel=channel,
        action="granted",
        key=f"{purpose}:{channel}:{now.isoformat()}",
        source="preference_page",
        actor="customer",
        at=now,
        text_id=text_id,
        text_version=version,
        text_language=language,
        proof=proof,
        via="web",
    )


async def withdraw_all(conn: Connection, node_id: int, *, proof: dict[str, Any], now: datetime) -> int:
    """No marketing at all: under every identifier, on every channel; returns how many entries."""
    found = await overview(conn, await person_of(conn, node_id), now=now)
    nodes = [address.node_id for address in found.addresses]
    entries = await consent.withdraw(
        conn, nodes, source="preference_page", actor="customer", now=now, proof=proof, via="web"
    )
    return len(entries)
