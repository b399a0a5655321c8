"""The audit's entries in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unisono.access.audit import AuditEntry
from unisono.console import links
from unisono.console.contexts import AuditRow, PersonLink
from unisono.console.views.audit_words import ACTIONS, DETAILS
from unisono.console.words import Words

DETAIL_LENGTH = 200


def actor_label(actor: str, words: Words) -> str:
    """Whose deed it was: an address as it is, keys and the system in words."""
    kind, _, rest = actor.partition(":")
    if kind == "key" and rest:
        return words.gettext("Key %(number)s") % {"number": rest}
    return words.gettext("Unisono") if actor == "system" else actor


def _detail(entry: AuditEntry, words: Words) -> str:
    said: Mapping[str, Any] = entry.detail
    parts = []
    if said.get("query"):
        parts.append(f"“{said['query']}”")
    shown = said.get("people")
    if isinstance(shown, list):
        parts.append(words.ngettext("%(num)s person shown", "%(num)s people shown", len(shown)))
    parts += [
        f"{words.gettext(DETAILS.get(name, name))}: {value}"
        for name, value in said.items()
        if name not in ("query", "people", "screen") and isinstance(value, (str, int)) and value not in ("", None)
    ]
    return " · ".join(parts)[:DETAIL_LENGTH]


def audit_row(entry: AuditEntry, names: Mapping[int, str | None], words: Words) -> AuditRow:
    """One deed."""
    person = None
    if entry.person_id is not None:
        name = names.get(entry.person_id) or words.gettext("Person %(number)s") % {"number": entry.person_id}
        person = PersonLink(person_id=entry.person_id, name=name)
    return AuditRow(
        entry_id=entry.id,
        at=entry.at,
        actor=actor_label(entry.actor, words),
        actor_href=links.with_query(links.AUDIT, {"actor": entry.actor}),
        action=words.gettext(ACTIONS.get(entry.action, entry.action)),
        detail=_detail(entry, words),
        person=person,
        person_href=links.person_audit(entry.person_id) if entry.person_id is not None else "",
    )
