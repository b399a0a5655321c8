"""Requests of people about their data, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from unisono.console import links
from unisono.console.contexts import Badge, PersonLink, Tone
from unisono.console.contexts.consents import PrivacyRequest, RequestRow
from unisono.console.views.labels import brief
from unisono.console.views.saying import instant
from unisono.console.words import Words
from unisono.customers.privacy.model import ErasurePreview
from unisono.customers.privacy.model import PrivacyRequest as Request
from unisono.kit.marking import N_
from unisono.personal import PARTS

KINDS: dict[str, str] = {"access": N_("Copy of everything"), "erasure": N_("Erasure")}

STATES: dict[str, tuple[str, Tone]] = {
    "open": (N_("waits for the second step"), "warning"),
    "running": (N_("being done"), "neutral"),
    "done": (N_("done"), "good"),
    "refused": (N_("refused"), "off"),
    "failed": (N_("went wrong"), "warning"),
}
"""Where a request stands -> its word and tone; English msgids."""

DEEDS: dict[str, str] = {
    "delete": N_("goes"),
    "blank": N_("stays without the person"),
    "keep": N_("stays"),
}


def archive(request_id: int) -> str:
    """Where the copy is fetched."""
    return f"/api/privacy/requests/{request_id}/archive"


def badge_of(one: Request, words: Words) -> Badge:
    """Where it stands."""
    text, tone = STATES[one.state]
    return Badge(text=words.gettext(text), tone=tone)


def _ready(one: Request) -> bool:
    return one.kind == "access" and one.state == "done" and one.expires_at is not None


def request_row(one: Request, people: Mapping[int, PersonLink], words: Words) -> RequestRow:
    """A request of the list."""
    return RequestRow(
        request_id=one.id,
        kind=words.gettext(KINDS[one.kind]),
        badge=badge_of(one, words),
        href=links.privacy_request(one.id),
        asked_at=one.requested_at,
        asked_by=one.requested_by,
        person=people.get(one.person_id) if one.person_id is not None else None,
        due_at=one.due_at if one.settled_at is None else None,
        done_at=one.settled_at,
        download_href=archive(one.id) if _ready(one) else None,
    )


def _facts(one: Request, words: Words) -> list[tuple[str, str]]:
    _ = words.gettext
    found = [
        (_("Asked"), instant(one.requested_at, words)),
        (_("Asked by"), one.requested_by),
        (_("To be settled by"), instant(one.due_at, words)),
    ]
    if one.reason:
        found.append((_("Reason"), one.reason))
    if one.settled_at is not None:
        found.append((_("Settled"), instant(one.settled_at, words)))
    if one.expires_at is not None:
        found.append((_("The copy is thrown away"), instant(one.expires_at, words)))
    return found


@cache
def _sections() -> dict[str, str]:
    """Table -> its heading in the copy people get; English msgids."""
    return {table.name: table.section for part in PARTS for table in part.tables if table.section}


def place(table: str, words: Words) -> str:
    """Where rows stand, in words: of a table, or of a file of the copy (``data/08-event.jsonl``)."""
    file = _FILE.fullmatch(table)
    name = file[1] if file else table
    section = _sections().get(name)
    return words.gettext(section) if section else words.gettext("Working data of Unisono (%(table)s)") % {"table": name}


_FILE = re.compile(r"data/\d+-(\w+)\.jsonl")


def _receipt(receipt: Mapping[str, Any], words: Words) -> list[tuple[str, int, str]]:
    """What was done, where: counted, nothing that names anybody."""
    rows = receipt.get("rows") or {}
    kept = {one["table"]: one["why"] for one in receipt.get("kept") or ()}
    named = receipt.get("named") or {}
    found = [(place(table, words), count, words.gettext(kept.get(table, ""))) for table, count in rows.items() if count]
    others = words.gettext("named in rows of others")
    found += [(place(table, words), count, others) for table, count in named.items() if count]
    return sorted(found)


def request_page(one: Request, person: PersonLink | None, words: Words) -> PrivacyRequest:
    """A request."""
    _, progress = words.gettext, one.progress
    done, total = progress.get("done"), progress.get("of")
    counted = isinstance(done, int) and isinstance(total, int)
    sentences = {
        "access": _("A zip with everything that is known, to read and for other systems; it is kept for 30 days."),
        "erasure": _("All about this person goes, wherever it is; what the law keeps stays without the person."),
    }
    return PrivacyRequest(
        request_id=one.id,
        title=f"{_(KINDS[one.kind])}{': ' + person.name if person else ''}",
        badge=badge_of(one, words),
        facts=_facts(one, words),
        person=person,
        erasure=one.kind == "erasure",
        sentence=sentences[one.kind],
        done=done if counted and isinstance(done, int) else 0,
        total=total if counted and isinstance(total, int) else 0,
        moving=one.state == "running",
        download_href=archive(one.id) if _ready(one) else None,
        receipt=_receipt(one.receipt, words) if one.state in ("done", "running") else (),
        can_withdraw=one.state == "open" or (one.state == "running" and one.kind == "access"),
    )


def with_preview(found: ErasurePreview, name: str, words: Words, *, contacts: bool) -> dict[str, Any]:
    """What the second step shows: the changes of the view."""

    def told(namespace: str, value: str | None) -> str:
        shown = brief(namespace, value or "", words, contacts=contacts)
        return f"{shown.label} {shown.value}" if value else shown.label

    return {
        "must_confirm": True,
        "confirm_word": name,
        "confirmation": found.confirmation,
        "identifiers": [told(one.namespace, one.value) for one in found.identifiers],
        "shared": [(one.node_id, told(one.namespace, one.value)) for one in found.shared],
        "standing": found.standing,
        "counts": [
            (
                place(one.table, words),
                one.rows,
                words.gettext(DEEDS[one.deed]) + (f": {words.gettext(one.why)}" if one.why else ""),
            )
            for one in found.counts
        ],
    }
