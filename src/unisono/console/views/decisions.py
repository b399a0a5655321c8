"""What identity wrote on a timeline, as sentences: who came together, who went apart, and on whose word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unisono.console.views import Row
from unisono.console.views.labels import brief, reason_text
from unisono.console.words import Words
from unisono.customers.timeline.model import Event
from unisono.kit.marking import N_

NAMED = 2
"""So many identifiers are named; of the others only how many they are."""

JOINED: dict[str, str] = {
    "rule": N_("Recognised: %(identifiers)s joined"),
    "hand": N_("Joined by hand: %(identifiers)s"),
    "undone": N_("Split taken back: %(identifiers)s joined again"),
}
SPLIT: dict[str, str] = {
    "rule": N_("Split by a rule: %(identifiers)s went apart"),
    "hand": N_("Split by hand: %(identifiers)s went apart"),
    "undone": N_("Join undone: %(identifiers)s went apart again"),
}
HOUSEHOLD: dict[tuple[bool, bool], str] = {
    (True, True): N_("Came into the household %(name)s"),
    (True, False): N_("Came into a household"),
    (False, True): N_("Left the household %(name)s"),
    (False, False): N_("Left a household"),
}
"""(came, name known) -> sentence."""


def nodes_told(events: Iterable[Event]) -> list[int]:
    """The identifiers these events speak of."""
    return sorted({node for event in events if event.type == "identity" for node in _moved(event.properties)})


def _moved(properties: Mapping[str, Any]) -> list[int]:
    moved = properties.get("moved_nodes")
    return [node for node in moved if isinstance(node, int)] if isinstance(moved, list) else []


def _identifiers(nodes: Sequence[int], briefs: Mapping[int, Row], words: Words, *, contacts: bool) -> str:
    known = [briefs[node] for node in nodes if node in briefs]
    shown = [brief(row["namespace"], row["value"], words, contacts=contacts) for row in known[:NAMED]]
    said = ", ".join(f"{one.label} {one.value}" for one in shown)
    more = len(nodes) - len(shown)
    if not said:
        return words.gettext("another profile")
    if not more:
        return said
    return f"{said} " + words.ngettext("and %(num)s more", "and %(num)s more", more)


def _by(properties: Mapping[str, Any]) -> str:
    actor, reason = properties.get("actor"), properties.get("reason")
    if reason == "undone":
        return "undone"
    return "hand" if isinstance(actor, str) and actor not in ("", "system") else "rule"


def title(event: Event, briefs: Mapping[int, Row], words: Words, *, contacts: bool) -> str:
    """The sentence of a join, a split or a household's change; empty for anything else."""
    said = event.properties
    if event.name == "Household Changed":
        name = said.get("name")
        sentence = HOUSEHOLD[said.get("change") != "removed", isinstance(name, str)]
        text = words.gettext(sentence)
        return text % {"name": str(name)[:80]} if isinstance(name, str) else text
    sentences = {"Person Joined": JOINED, "Person Split": SPLIT}.get(event.name)
    if sentences is None:
        return ""
    identifiers = _identifiers(_moved(said), briefs, words, contacts=contacts)
    return words.gettext(sentences[_by(said)]) % {"identifiers": identifiers}


def detail(event: Event, words: Words) -> str:
    """Who decided and why; empty when a rule did."""
    actor, reason = event.properties.get("actor"), event.properties.get("reason")
    parts = [actor] if isinstance(actor, str) and actor not in ("", "system") else []
    if parts and isinstance(reason, str) and reason != "undone":
        parts.append(reason_text(reason, words)[:200])
    return " · ".join(parts)


def run_title(name: str, count: int, words: Words) -> str:
    """Several of them in a row."""
    if name == "Person Joined":
        return words.ngettext("Recognised %(num)s time", "Recognised %(num)s times", count)
    if name == "Person Split":
        return words.ngettext("Split %(num)s time", "Split %(num)s times", count)
    return words.ngettext("The household changed %(num)s time", "The household changed %(num)s times", count)
