"""People in lists, the page of one, and why they are one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from babel.dates import format_skeleton

from unisono.console import contexts, links
from unisono.console.views import Row
from unisono.console.views.labels import (
    PERSONAL_TRAITS,
    brief,
    channel_label,
    reason_text,
    rule_text,
    staff_line,
)
from unisono.console.views.timeline import small_score
from unisono.console.words import Words
from unisono.customers.profiles.rules import Trait
from unisono.customers.profiles.service import Found, Identifier, Profile
from unisono.kit.marking import N_
from unisono.kit.money import EXPONENTS, format_money

SHOWN_IDENTIFIERS = 3

MAX_VALUE = 300
"""Characters of a trait's value that are shown."""


class Rights(msgspec.Struct, frozen=True):
    """What of a person the reader may see and do."""

    contacts: bool
    identity: bool
    undo: bool
    write: bool
    audit: bool = False


def display_name(name: str | None, identifiers: Sequence[tuple[str, str]], words: Words, *, contacts: bool) -> str:
    """A person's name, or the strongest identifier."""
    if name:
        return name
    if not identifiers:
        return words.gettext("Somebody")
    shown = brief(*identifiers[0], words, contacts=contacts)
    return f"{shown.label} {shown.value}"


def person_row(
    found: Found,
    notes: Sequence[Row],
    words: Words,
    *,
    rights: Rights,
    now: datetime,
    currency: str,
) -> contexts.PersonRow:
    """A person in the list. ``notes`` are the newest events of the last year."""
    known = found.last_at is not None
    touches = [row for row in notes if row["channel"] != "system"]
    newest = max(touches, key=lambda row: row["occurred_at"], default=None)
    briefs = [brief(*pair, words, contacts=rights.contacts) for pair in found.identifiers]
    name = display_name(found.name, found.identifiers, words, contacts=rights.contacts)
    return contexts.PersonRow(
        person_id=found.id,
        name=name,
        href=links.person(found.id),
        name_known=found.name is not None,
        identifiers=briefs[:SHOWN_IDENTIFIERS],
        more_identifiers=max(len(briefs) - SHOWN_IDENTIFIERS, 0),
        last_seen=found.last_at or (newest["occurred_at"] if newest else None),
        last_line=staff_line(newest["channel"]) if newest else None,
        events=found.events,
        lifetime_value=contexts.Amount(minor=found.value_minor, currency=found.currency or currency) if known else None,
        badges=() if found.identified else (contexts.Badge(text=words.gettext("anonymous"), tone="neutral"),),
        score=small_score(notes, now=now, words=words),
    )


def identifier_rows(
    identifiers: Sequence[Identifier],
    words: Words,
    *,
    contacts: bool,
    usage: Mapping[int, Row] | None = None,
    joined: Mapping[int, datetime] | None = None,
) -> list[contexts.IdentifierRow]:
    """A person's identifiers, strongest first. ``usage`` tells first, last and count of each one's events."""
    rows = []
    for known in identifiers:
        shown = brief(known.namespace, known.value, words, contacts=contacts)
        used = (usage or {}).get(known.node_id)
        rows.append(
            contexts.IdentifierRow(
                node_id=known.node_id,
                namespace=known.namespace,
                label=shown.label,
                value=shown.value,
                source=known.source or "",
                first_seen=used["first_at"] if used else known.since,
                last_seen=used["last_at"] if used else None,
                joined_at=(joined or {}).get(known.node_id),
                shared=known.shared,
                events=used["events"] if used else 0,
            )
        )
    return rows


def joined_at(changes: Sequence[Row]) -> dict[int, datetime]:
    """Identifier -> when it came to its person, for those that once were somebody else's. Newest change counts."""
    found: dict[int, datetime] = {}
    for change in changes:
        if change["kind"] == "join" and change["undone_at"] is None:
            for node in change["moved"]:
                found.setdefault(node, change["at"])
    return found


def joined_from(changes: Sequence[Row]) -> int:
    """From how many persons this one was put together."""
    return 1 + sum(1 for change in changes if change["kind"] == "join" and change["undone_at"] is None)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value[:MAX_VALUE]
    return msgspec.json.encode(value).decode()[:MAX_VALUE]


def trait_rows(traits: Mapping[str, Trait], *, contacts: bool) -> list[contexts.TraitRow]:
    """What was said of a person, with source and time."""
    return [
        contexts.TraitRow(name=name, value=_text(trait.value), source=trait.source or "", at=trait.at)
        for name, trait in traits.items()
        if contacts or name not in PERSONAL_TRAITS
    ]


COMPUTED: dict[str, str] = {
    "first_seen": N_("First seen"),
    "last_seen": N_("Last seen"),
    "last_channel": N_("Last channel"),
    "favourite_channel": N_("Favourite channel"),
    "touches_count": N_("Contacts of theirs"),
    "messages_count": N_("Messages sent to them"),
    "orders_count": N_("Orders"),
    "lifetime_value": N_("Lifetime value"),
    "favourite_store": N_("Favourite store"),
    "average_order_value": N_("Average order"),
    "first_purchase_at": N_("First purchase"),
    "last_purchase_at": N_("Last purchase"),
    "last_purchase_value": N_("Last purchase, amount"),
    "last_purchase_channel": N_("Last purchase, channel"),
    "favourite_category": N_("Favourite category"),
    "visits_count": N_("Visits to a store"),
    "last_visit_at": N_("Last visit to a store"),
    "pages_count": N_("Pages and screens"),
    "returns_count": N_("Returns"),
    "preferred_language": N_("Preferred language"),
}
"""Computed traits Unisono comes with; those a company declares keep their own name. English msgids."""


def _computed(name: str, value: Any, words: Words) -> contexts.Amount | int | float | datetime | str | None:
    if isinstance(value, dict):
        # Money comes as minor units by currency; who spent in several sees them all.
        if len(value) == 1:
            ((currency, minor),) = value.items()
            if isinstance(minor, int) and currency in EXPONENTS:
                return contexts.Amount(minor=minor, currency=currency)
        known = [item for item in value.items() if isinstance(item[1], int) and item[0] in EXPONENTS]
        if len(known) == len(value):
            return ", ".join(format_money(minor, currency, words.language) for currency, minor in known) or None
    if isinstance(value, str):
        return channel_label(value, words) if name.endswith("_channel") else value
    return value if isinstance(value, (int, float, datetime)) or value is None else _text(value)


def computed_rows(computed: Mapping[str, Any], words: Words) -> list[contexts.ComputedTraitRow]:
    """What was computed of a person; what has no value is left out."""
    rows = []
    for name, raw in computed.items():
        value = _computed(name, raw, words)
        if value is None:
            continue
        label = words.gettext(COMPUTED[name]) if name in COMPUTED else name
        rows.append(contexts.ComputedTraitRow(name=label, value=value, definition=name))
    return rows


def _reached_from(start: int, near: Mapping[int, set[int]]) -> frozenset[int]:
    reached, todo = {start}, [start]
    while todo:
        fresh = near.get(todo.pop(), set()) - reached
        reached |= fresh
        todo.extend(fresh)
    return frozenset(reached)


def leaving(link: Row, evidence: Sequence[Row], person: int) -> frozenset[int]:
    """The identifiers that leave when a link is taken back: those it alone ties to the person's representative.

    Where other links tie both ends together too, the weaker end leaves alone.
    """
    near: dict[int, set[int]] = defaultdict(set)
    for other in evidence:
        if other["id"] != link["id"] and other["refused_by"] is None:
            near[other["node_a"]].add(other["node_b"])
            near[other["node_b"]].add(other["node_a"])
    reached = _reached_from(link["node_b"], near)
    if link["node_a"] in reached:
        return frozenset({link["node_b"]})
    if person in reached:
        return _reached_from(link["node_a"], near)
    return reached


def _format(words: Words) -> str:
    return "en_GB" if words.language == "en" else words.language


def facts(found: Found, traits: Mapping[str, Trait], words: Words) -> list[str]:
    """What stands under the name."""
    said = []
    if found.first_at is not None:
        month = format_skeleton("yMMMM", found.first_at.astimezone(words.zone), locale=_format(words))
        said.append(words.gettext("Known since %(month)s") % {"month": month})
    tier = traits.get("tier") or traits.get("loyalty_tier")
    if tier is not None and isinstance(tier.value, str):
        said.append(tier.value[:40])
    if found.store_id:
        said.append(words.gettext("home store %(store)s") % {"store": found.store_id})
    return said


def lifetime_value(computed: Mapping[str, Any], currency: str) -> contexts.Amount | None:
    """What a person spent, in the company's currency, or in the one most was spent in; None when not computed."""
    sums = computed.get("lifetime_value")
    if not isinstance(sums, dict):
        return None
    amounts = {code: minor for code, minor in sums.items() if isinstance(minor, int) and code in EXPONENTS}
    if not amounts:
        return contexts.Amount(minor=0, currency=currency)
    best = currency if currency in amounts else max(amounts, key=lambda code: (amounts[code], code))
    return contexts.Amount(minor=amounts[best], currency=best)


def tiles(
    found: Found,
    profile: Profile,
    words: Words,
    *,
    last_purchase: datetime | None,
    bought: str,
    currency: str,
) -> list[contexts.Tile]:
    """The strip of key figures. What the summary's reader has not reached yet says so."""
    _ = words.gettext
    computed = found.last_at is not None
    spent = lifetime_value(profile.computed, currency) if computed else None
    # What Unisono itself wrote, a join for instance, is no contact.
    touch = next((item for item in profile.last if item.channel != "system"), None)
    next_item = profile.next[0] if profile.next else None
    return [
        contexts.Tile(
            label=_("Lifetime value"),
            value=spent,
            knowledge="never_computed" if spent is None else "known" if spent.minor else "zero",
        ),
        contexts.Tile(
            label=_("Orders"),
            value=found.orders if computed else None,
            knowledge="never_computed" if not computed else "known" if found.orders else "zero",
        ),
        contexts.Tile(
            label=_("Last purchase"),
            value=last_purchase if last_purchase else _("none"),
            note=bought,
        ),
        contexts.Tile(
            label=_("Next"),
            value=next_item.at if next_item else _("nothing"),
            note=_(next_item.name) if next_item else "",
        ),
        contexts.Tile(
            label=_("Last seen"),
            value=touch.at if touch else _("never"),
            note=channel_label(touch.channel, words) if touch else "",
        ),
        contexts.Tile(
            label=_("Events"),
            value=found.events if computed else None,
            knowledge="never_computed" if not computed else "known" if found.events else "zero",
        ),
    ]


def change_row(change: Row, briefs: Mapping[int, Row], words: Words, *, rights: Rights) -> contexts.LinkRow:
    """A join or a split of the audit as a row that can be undone."""

    def side(nodes: Sequence[int]) -> contexts.IdentifierBrief:
        known = next((briefs[node] for node in nodes if node in briefs), None)
        if known is None:
            return contexts.IdentifierBrief(namespace="", label="", value="–")
        return brief(known["namespace"], known["value"], words, contacts=rights.contacts)

    said = reason_text(change["reason"], words)
    kind = words.gettext("Joined") if change["kind"] == "join" else words.gettext("Split")
    return contexts.LinkRow(
        link_id=change["id"],
        at=change["at"],
        left=side(change["kept"]),
        right=side(change["moved"]),
        reason=f"{kind}: {said}",
        source=change["actor"] if change["actor"] != "system" else words.gettext("by rule"),
        undone_at=change["undone_at"],
        undone_by=change["undone_by"] or "",
        can_undo=rights.undo and bool(change["kept"]),
    )


def evidence_row(
    link: Row, briefs: Mapping[int, Row], words: Words, *, rights: Rights, person: int
) -> contexts.LinkRow | None:
    """A link between two identifiers; None when an end of it is gone. One that counts can be taken back."""
    ends = [briefs.get(link["node_a"]), briefs.get(link["node_b"])]
    if None in ends:
        return None
    left, right = (brief(end["namespace"], end["value"], words, contacts=rights.contacts) for end in ends if end)
    refused = link["refused_by"] is not None
    return contexts.LinkRow(
        link_id=link["id"],
        at=link["last_at"],
        left=left,
        right=right,
        reason=rule_text(link["refused_by"], words) if refused else reason_text(link["reason"], words),
        source=link["source_name"] or "",
        refused=refused,
        split_href=links.person_split(person) if rights.undo and not refused else None,
    )
