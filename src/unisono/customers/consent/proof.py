"""The proof of what one person agreed to for one purpose: every entry, with the exact words he saw (GDPR art. 7(1))."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_datetime

from unisono.customers.consent import service
from unisono.customers.consent.errors import BadConsent
from unisono.customers.consent.model import ANY, Entry, OptIn, Purpose, RegisterCheck, State, Suppression, Text
from unisono.customers.consent.rules import alive
from unisono.customers.consent.texts import texts_named
from unisono.kit.arrays import int_list
from unisono.kit.database import Connection
from unisono.kit.i18n import translations
from unisono.kit.marking import N_
from unisono.kit.sql import load

_sql = load("unisono.customers.consent")


class Address(msgspec.Struct, frozen=True):
    """An identifier of the person; ``value`` is None for those who may not see contacts."""

    node_id: int
    namespace: str
    value: str | None


class ProofEntry(msgspec.Struct, frozen=True):
    """An entry of the ledger and the words it was about; ``text`` is None when none, or none kept here, was named."""

    entry: Entry
    text: Text | None


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that proves what a person agreed to for a purpose, oldest entry first."""

    person_id: int
    purpose: Purpose
    made_at: datetime
    addresses: tuple[Address, ...]
    states: tuple[State, ...]
    """What holds at ``made_at``."""
    entries: tuple[ProofEntry, ...]
    waiting: tuple[OptIn, ...]
    """Asked for and not confirmed yet."""
    suppressions: tuple[Suppression, ...]
    registers: tuple[RegisterCheck, ...]


async def addresses_of(conn: Connection, person: int, *, contacts: bool = True) -> tuple[Address, ...]:
    """The identifiers of a person, strongest first."""
    rows = await _sql.nodes_of_persons(conn, persons=int_list([person]))
    return tuple(Address(row["id"], row["namespace"], row["value"] if contacts else None) for row in rows)


async def require_own(conn: Connection, person: int, node_id: int) -> None:
    """Raises BadConsent (``not_his_identifier``) for an identifier the person does not have."""
    if node_id not in {address.node_id for address in await addresses_of(conn, person)}:
        raise BadConsent("That identifier is not this person's.", code="not_his_identifier")


async def proof(conn: Connection, person: int, purpose: Purpose, *, now: datetime, contacts: bool = True) -> Proof:
    """The proof for a person and a purpose, over all identifiers the person has now."""
    addresses = await addresses_of(conn, person, contacts=contacts)
    nodes = [address.node_id for address in addresses]
    entries = await service.entries_of(conn, nodes, purpose=purpose, limit=10_000)
    texts = await texts_named(conn, {_name(entry) for entry in entries if entry.text_id})
    standing = await service.standing_of_nodes(conn, nodes)
    return Proof(
        person_id=person,
        purpose=purpose,
        made_at=now,
        addresses=addresses,
        states=tuple(alive(state, now) for state in standing.states if state.purpose == purpose),
        entries=tuple(ProofEntry(entry, texts.get(_name(entry))) for entry in reversed(entries)),
        waiting=tuple(one for one in await waiting(conn, nodes, now=now) if one.purpose == purpose),
        suppressions=standing.suppressions if purpose == "marketing" else (),
        registers=standing.registers if purpose == "marketing" else (),
    )


def _name(entry: Entry) -> tuple[str, int, str]:
    return entry.text_id or "", entry.text_version or 0, entry.text_language or ""


async def waiting(conn: Connection, nodes: list[int], *, now: datetime) -> list[OptIn]:
    """What was asked for under these identifiers and waits to be confirmed, newest first."""
    rows = await _sql.requests_of_nodes(conn, nodes=int_list(nodes), now=now)
    return [OptIn(**dict(row)) for row in rows]


PURPOSE_WORDS = {
    "contract": N_("Contract"),
    "marketing": N_("Marketing"),
    "profiling": N_("Profiling"),
    "third_party": N_("Third parties"),
    "tracking": N_("Tracking"),
    "statistics": N_("Statistics"),
}
ACTION_WORDS = {
    "requested": N_("Asked, to be confirmed"),
    "granted": N_("Given"),
    "confirmed": N_("Confirmed"),
    "refused": N_("Refused"),
    "withdrawn": N_("Withdrawn"),
    "expired": N_("Ended"),
}

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d1b16}
table{border-collapse:collapse;width:100%}th,td{border:1px solid #b9b2a3;padding:.4rem .6rem;text-align:left;
vertical-align:top}blockquote{margin:.4rem 0 0;padding-left:.8rem;border-left:3px solid #b9b2a3;white-space:pre-wrap}
code{font-size:.85em;overflow-wrap:anywhere}"""


def as_html(found: Proof, *, language: str = "en", timezone: str = "UTC") -> str:
    """The proof as a page people read and print: one file, nothing loaded from elsewhere."""
    say = translations(language).gettext
    names = {address.node_id: f"{address.namespace} {address.value or ''}".strip() for address in found.addresses}

    def when(at: datetime) -> str:
        return str(format_datetime(at, "d MMM y, HH:mm:ss z", locale=language, tzinfo=ZoneInfo(timezone)))

    title = say(N_("Proof of consent: {purpose}")).format(purpose=say(PURPOSE_WORDS[found.purpose]))
    about = say(N_("Person {person}, made on {at}")).format(person=found.person_id, at=when(found.made_at))
    states = "".join(
        f"<li>{escape(_channel(say, one.channel))}, {escape(names.get(one.node_id, str(one.node_id)))}: "
        f"<strong>{escape(say(STATUS_WORDS[one.status]))}</strong>, {escape(when(one.since))}</li>"
        for one in found.states
    )
    heads = [N_("When"), N_("Address"), N_("Channel"), N_("What was said"), N_("How"), N_("Words and proof")]
    rows = "".join(_row(one, names, say, when) for one in found.entries)
    holds, said = say(N_("What holds")), say(N_("What was said"))
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1><p>{escape(about)}</p>"
        f"<h2>{escape(holds)}</h2><ul>{states or '<li>–</li>'}</ul>"
        f"<h2>{escape(said)}</h2><table><thead><tr>"
        f"{''.join(f'<th scope=col>{escape(say(head))}</th>' for head in heads)}</tr></thead>"
        f"<tbody>{rows}</tbody></table></main></body></html>"
    )


STATUS_WORDS = {
    "requested": N_("Asked, to be confirmed"),
    "granted": N_("In force"),
    "refused": N_("Refused"),
    "withdrawn": N_("Withdrawn"),
    "expired": N_("Ended"),
}


def _row(one: ProofEntry, names: dict[int, str], say: Any, when: Any) -> str:
    entry = one.entry
    words = ""
    if one.text:
        words = f"<code>{escape(one.text.id)}/{one.text.version}/{escape(one.text.language)}</code>"
        words += f"<blockquote>{escape(one.text.body)}</blockquote>"
    elif entry.text_id:
        words = f"<code>{escape(entry.text_id)}/{entry.text_version}/{escape(entry.text_language or '')}</code>"
    if entry.order_ref:
        words += f"<p>{escape(entry.order_ref)}: {escape(entry.category or '')}</p>"
    if entry.proof:
        words += f"<p><code>{escape(msgspec.json.encode(entry.proof).decode())}</code></p>"
    cells = [
        when(entry.at),
        names.get(entry.node_id, str(entry.node_id)),
        _channel(say, entry.channel),
        say(ACTION_WORDS[entry.action]),
        f"{entry.source}, {entry.actor} ({entry.basis})",
    ]
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}<td>{words}</td></tr>"


def _channel(say: Any, channel: str) -> str:
    return str(say(N_("All channels"))) if channel == ANY else channel
