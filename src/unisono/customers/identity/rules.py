"""The law of identity: from nodes, links and decisions to persons. Pure, no I/O.

The replay is greedy and order-bound, so that the same facts always give the same persons:

1. joins decided by people, newest first, count whatever the limits say;
2. links between person-level identifiers, strongest namespaces first, then newest first;
3. links that involve a device, newest first, so a device belongs to the last person known on it.

In each phase proofs come before hints. A link is refused, and the rule named, when it would

- touch a shared identifier (``shared:<namespace>``),
- bring together what a person has split (``split:<decision>``),
- give a person more values of a namespace than allowed (``unique:<namespace>``, ``limit:<namespace>``),
- join two identified people, or what a person has split, on a hint (``hint``).

The scheme of unique namespaces, priorities and newest-first replay follows the field's practice (the graph
linking rules of customer data platforms); sharing caps, hints, decisions and two phases are ours.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from unisono.customers.identity.model import (
    BlockedValue,
    Decision,
    Key,
    Link,
    Namespace,
    Node,
    PersonChange,
    Resolution,
)


class _Component:
    """What the limits need to know of a set of nodes."""

    __slots__ = ("counts", "identified", "sides", "size")

    def __init__(self, namespace: Namespace) -> None:
        self.size = 1
        self.counts: dict[str, int] = {namespace.name: 1}
        self.sides: set[tuple[int, str]] = set()
        self.identified = namespace.identifies


class _Union:
    """Union-find."""

    def __init__(self, nodes: Iterable[int]) -> None:
        self.parent = {node: node for node in nodes}

    def find(self, node: int) -> int:
        parent = self.parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def union(self, a: int, b: int) -> None:
        self.parent[b] = a


class _Forest(_Union):
    """Union-find that asks the rules before it joins."""

    def __init__(self, nodes: Mapping[int, Key], namespaces: Mapping[str, Namespace]) -> None:
        super().__init__(nodes)
        self.namespaces = namespaces
        self.component = {node: _Component(namespaces[key.namespace]) for node, key in nodes.items()}

    def separate(self, decision: Decision) -> None:
        for side, members in (("a", decision.side_a), ("b", decision.side_b)):
            for node in members:
                if node in self.component:
                    self.component[node].sides.add((decision.id, side))

    def refusal(self, a: int, b: int, *, hint: bool, limits: bool = True) -> str | None:
        """The rule that forbids joining the components of two roots, or None."""
        one, other = self.component[a], self.component[b]
        if one.sides and other.sides:
            for decision, side in one.sides:
                if (decision, "b" if side == "a" else "a") in other.sides:
                    return f"split:{decision}"
        if not limits:
            return None
        if len(one.counts) > len(other.counts):
            one, other = other, one
        for name, count in one.counts.items():
            limit = self.namespaces[name].max_per_person
            if limit is not None and name in other.counts and count + other.counts[name] > limit:
                return f"unique:{name}" if limit == 1 else f"limit:{name}"
        if hint and one.identified and other.identified:
            return "hint"
        return None

    def union(self, a: int, b: int) -> None:
        one, other = self.component[a], self.component[b]
        if one.size < other.size:
            a, b, one, other = b, a, other, one
        self.parent[b] = a
        one.size += other.size
        one.sides |= other.sides
        one.identified = one.identified or other.identified
        for name, count in other.counts.items():
            one.counts[name] = one.counts.get(name, 0) + count


def shared_nodes(
    nodes: Mapping[int, Key], links: Iterable[Link], namespaces: Mapping[str, Namespace]
) -> frozenset[int]:
    """Nodes linked with more partners of one stronger namespace than their cap: tills, switchboards, info@."""
    partners: dict[tuple[int, str], set[int]] = defaultdict(set)
    for link in links:
        for node, partner in ((link.a, link.b), (link.b, link.a)):
            if node in nodes and partner in nodes:
                name = nodes[partner].namespace
                if namespaces[name].priority < namespaces[nodes[node].namespace].priority:
                    partners[node, name].add(partner)
    return frozenset(
        node for (node, _), found in partners.items() if len(found) > namespaces[nodes[node].namespace].sharing_cap
    )


def _order(nodes: Mapping[int, Key], links: Iterable[Link], namespaces: Mapping[str, Namespace]) -> list[Link]:
    """The links in the order they are replayed."""

    def place(link: Link) -> tuple[object, ...]:
        ends = sorted((namespaces[nodes[node].namespace].priority, nodes[node].value) for node in (link.a, link.b))
        ranks = (ends[0][0], ends[1][0])
        newest = -link.at.timestamp()
        hint = link.strength == "hint"
        device = any(namespaces[nodes[node].namespace].level == "device" for node in (link.a, link.b))
        if device:
            return (1, hint, newest, ranks, ends)
        return (0, hint, ranks, newest, ends)

    return sorted(links, key=place)


def replay(
    nodes: Mapping[int, Key],
    links: Collection[Link],
    decisions: Iterable[Decision],
    namespaces: Mapping[str, Namespace],
    known_shared: Collection[int] = (),
) -> Resolution:
    """Put the nodes together into persons.

    ``nodes`` must hold every node the links connect, but for shared ones; ``known_shared`` are nodes already over
    their cap (their other links need not be given).
    """
    shared = shared_nodes(nodes, links, namespaces) | (frozenset(known_shared) & nodes.keys())
    forest = _Forest(nodes, namespaces)
    raw = _Union(nodes)
    refused: dict[tuple[int, int], str] = {}
    decided = sorted(decisions, key=lambda d: -d.id)
    for decision in decided:
        if decision.kind == "split":
            forest.separate(decision)
        _connect(raw, decision.side_a | decision.side_b)
    for decision in decided:
        if decision.kind == "join":
            _join(forest, decision)
    # What a person has taken apart is not given away again on somebody's word.
    apart = {node for d in decided if d.kind == "split" for node in d.side_a | d.side_b}
    together = [
        link for decision in decided if decision.kind == "split" for link in _sides(decision, nodes, namespaces)
    ]
    for link in _order(nodes, [*links, *together], namespaces):
        touched = shared & {link.a, link.b}
        if touched:
            refused[link.a, link.b] = f"shared:{nodes[min(touched)].namespace}"
            continue
        _connect(raw, (link.a, link.b))
        a, b = forest.find(link.a), forest.find(link.b)
        if a == b:
            continue
        hint = link.strength == "hint"
        rule = "hint" if hint and apart & {link.a, link.b} else forest.refusal(a, b, hint=hint)
        if rule:
            refused.setdefault((link.a, link.b), rule)
        else:
            forest.union(a, b)
    return Resolution(
        person_of=_representatives(forest, nodes, namespaces),
        cluster_of=_smallest(raw),
        refused=refused,
        shared=shared,
    )


def _connect(raw: _Union, members: Iterable[int]) -> None:
    first: int | None = None
    for node in members:
        if node not in raw.parent:
            continue
        if first is None:
            first = node
        a, b = raw.find(first), raw.find(node)
        if a != b:
            raw.union(a, b)


def _join(forest: _Forest, decision: Decision) -> None:
    members = sorted(node for node in decision.side_a | decision.side_b if node in forest.parent)
    for node in members[1:]:
        a, b = forest.find(members[0]), forest.find(node)
        if a != b and forest.refusal(a, b, hint=False, limits=False) is None:
            forest.union(a, b)


def _sides(decision: Decision, nodes: Mapping[int, Key], namespaces: Mapping[str, Namespace]) -> Iterable[Link]:
    """A split says of each side that it is one person, even where only the other side held it together.

    It counts as evidence of its time, so a device may later follow whoever uses it.
    """
    for side in (decision.side_a, decision.side_b):
        known = sorted(
            (node for node in side if node in nodes),
            key=lambda node: (namespaces[nodes[node].namespace].priority, node),
        )
        for node in known[1:]:
            yield Link(known[0], node, decision.at)


def _representatives(forest: _Forest, nodes: Mapping[int, Key], namespaces: Mapping[str, Namespace]) -> dict[int, int]:
    best: dict[int, tuple[int, int]] = {}
    for node, key in nodes.items():
        root = forest.find(node)
        place = (namespaces[key.namespace].priority, node)
        if root not in best or place < best[root]:
            best[root] = place
    return {node: best[forest.find(node)][1] for node in nodes}


def _smallest(raw: _Union) -> dict[int, int]:
    roots = {node: raw.find(node) for node in raw.parent}
    smallest: dict[int, int] = {}
    for node, root in roots.items():
        known = smallest.get(root)
        if known is None or node < known:
            smallest[root] = node
    return {node: smallest[root] for node, root in roots.items()}


def changes(before: Mapping[int, Node], after: Mapping[int, int], new: Collection[int]) -> list[PersonChange]:
    """What became of the persons: which came together, which came apart.

    ``before`` holds the nodes as they were, ``after`` maps node id to its person now, ``new`` are nodes that did
    not exist before this transaction: a person made only of those has no past to speak of. A person lives on as
    whoever holds his former representative; nodes that end elsewhere have moved.
    """
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    arrived: dict[int, set[int]] = defaultdict(set)
    for node, person in sorted(after.items()):
        if node not in new:
            groups[before[node].person_id, person].append(node)
            arrived[person].add(node)
    # The person that goes on under a name is the one that had it, else the oldest of those who now share it.
    base: dict[int, int] = {}
    for old in sorted({old for old, _ in groups}):
        heir = after[old]
        if heir not in base or old == heir:
            base[heir] = old
    result = []
    for (old, now), moved in sorted(groups.items()):
        kept = arrived[now] - set(moved)
        if now == after[old] and base[now] == old:
            continue
        if kept:
            result.append(PersonChange("join", now, old, tuple(moved), tuple(sorted(kept))))
        else:
            stayed = tuple(groups.get((old, after[old]), ()))
            result.append(PersonChange("split", now, after[old], tuple(moved), stayed))
    return result + _recognised(after, arrived, new)


def _recognised(
    after: Mapping[int, int], arrived: Mapping[int, Collection[int]], new: Collection[int]
) -> list[PersonChange]:
    """Identifiers never heard of before that came to a person with a past: a visitor becomes known."""
    fresh: dict[int, list[int]] = defaultdict(list)
    for node in sorted(new):
        if node in after and after[node] in arrived:
            fresh[after[node]].append(node)
    return [
        PersonChange("join", person, nodes[0], tuple(nodes), tuple(sorted(arrived[person])))
        for person, nodes in sorted(fresh.items())
    ]


class Blocklist:
    """Values that are nobody, compiled."""

    def __init__(self, blocked: Iterable[BlockedValue]) -> None:
        self._exact: set[tuple[str, str]] = set()
        self._patterns: list[tuple[str, re.Pattern[str]]] = []
        for item in blocked:
            pattern = item.pattern.casefold()
            if "*" in pattern:
                regex = ".*".join(re.escape(part) for part in pattern.split("*"))
                self._patterns.append((item.namespace, re.compile(regex)))
            else:
                self._exact.add((item.namespace, pattern))
        self._zeros = re.compile(r"[0-]*")

    def blocks(self, namespace: str, value: str) -> bool:
        """Whether this value may never stand for a person; runs of zeros and dashes never do."""
        folded = value.casefold()
        if ("*", folded) in self._exact or (namespace, folded) in self._exact:
            return True
        if self._zeros.fullmatch(folded):
            return True
        return any(scope in ("*", namespace) and pattern.fullmatch(folded) for scope, pattern in self._patterns)
