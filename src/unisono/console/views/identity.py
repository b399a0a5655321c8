"""Rules, refused joins and shared identifiers as their screen shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from unisono.console import contexts
from unisono.console.views import Row
from unisono.console.views.labels import brief, namespace_label, rule_text
from unisono.console.words import Words
from unisono.customers.identity.rulebook import Rulebook


def rule_rows(rulebook: Rulebook, sizes: Mapping[str, int], words: Words) -> list[contexts.RuleRow]:
    """Each namespace and what it does, the heaviest first."""
    blocked = Counter(value.namespace for value in rulebook.blocked)
    everywhere = blocked.pop("*", 0)
    return [
        contexts.RuleRow(
            namespace=namespace.name,
            label=namespace_label(namespace.name, words, {namespace.name: namespace.label}),
            level=namespace.level,
            priority=namespace.priority,
            limit=namespace.max_per_person,
            joins=True,
            identifiers=sizes.get(namespace.name, 0),
            blocked_values=blocked[namespace.name] + everywhere,
            note=words.gettext("who has one is identified") if namespace.identifies else "",
        )
        for namespace in sorted(rulebook.namespaces.values(), key=lambda namespace: namespace.priority)
    ]


def violation_row(link: Row, names: Mapping[int, str | None], words: Words, *, contacts: bool) -> contexts.ViolationRow:
    """A link that does not count, and the two people it would have joined."""
    persons = dict.fromkeys((link["a_person"], link["b_person"]))
    other = brief(link["a_namespace"], link["a_value"], words, contacts=contacts)
    return contexts.ViolationRow(
        violation_id=link["id"],
        at=link["last_at"],
        rule=rule_text(link["refused_by"], words),
        identifier=brief(link["b_namespace"], link["b_value"], words, contacts=contacts),
        outcome=words.gettext("not joined with %(identifier)s") % {"identifier": f"{other.label} {other.value}"},
        persons=[person_link(person, names, words) for person in persons],
    )


def person_link(person: int, names: Mapping[int, str | None], words: Words) -> contexts.PersonLink:
    """A person by name."""
    return contexts.PersonLink(
        person_id=person, name=names.get(person) or words.gettext("Person %(number)s") % {"number": person}
    )


def shared_row(node: Row, words: Words, *, contacts: bool) -> contexts.SharedRow:
    """An identifier used by several people."""
    return contexts.SharedRow(
        node_id=node["id"],
        identifier=brief(node["namespace"], node["value"], words, contacts=contacts),
        people=node["links"],
        since=node["created_at"],
        reason=words.gettext("more partners than its namespace allows"),
    )


def tiles(
    *, joins: Sequence[Row], shared: Sequence[Row], refused: Sequence[Row], full: int, words: Words
) -> list[contexts.Tile]:
    """What stands on top; ``full`` is how many rows were read at the most."""

    def counted(rows: Sequence[Row]) -> int | str:
        return f"{full}+" if len(rows) >= full else len(rows)

    def tile(label: str, rows: Sequence[Row]) -> contexts.Tile:
        return contexts.Tile(label=label, value=counted(rows), knowledge="known" if rows else "zero")

    return [
        tile(words.gettext("Recent joins and splits"), joins),
        tile(words.gettext("Refused joins"), refused),
        tile(words.gettext("Shared identifiers"), shared),
    ]
