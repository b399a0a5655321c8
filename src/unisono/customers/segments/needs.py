"""What a rule depends on, pure: so that only affected segments are asked again, and only needed facts are loaded."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec

from unisono.customers.consent.hearing import UNSUBSCRIBED, UPDATED
from unisono.customers.profiles.declaring import Accumulator, Declared, compile_traits
from unisono.customers.segments.model import (
    CLOCKED,
    PURCHASES,
    Calendar,
    Consent,
    Happening,
    InSegment,
    Near,
    Pattern,
    Rule,
    Sequel,
    Trait,
    World,
    leaves,
    named,
)
from unisono.customers.segments.rules import reads_detail, trait_steps
from unisono.customers.timeline.model import Event
from unisono.customers.timeline.vocabulary import purchases

CONSENT_EVENTS = frozenset({UPDATED, UNSUBSCRIBED})
"""What may change a consent: told by the ledger, or heard by it. A complaint is told by the ledger once more."""
ENTERED, LEFT = "Segment Entered", "Segment Left"


class Span(msgspec.Struct, frozen=True):
    """Which events of a name are needed."""

    back: timedelta | None = None
    """How old at most; None: of all times."""
    properties: bool = False
    """Whether what they carry matters."""

    def joined(self, other: Span) -> Span:
        """What both need."""
        endless = self.back is None or other.back is None
        back = None if endless else max(self.back or timedelta(), other.back or timedelta())
        return Span(back, self.properties or other.properties)


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule, or several, look at."""

    events: dict[str, Span] = {}
    """By canonical name."""
    traits: frozenset[str] = frozenset()
    """Names of traits people or channels say."""
    computed: frozenset[str] = frozenset()
    """Names of computed traits."""
    consents: frozenset[tuple[str, str]] = frozenset()
    """(purpose, channel)."""
    segments: frozenset[str] = frozenset()
    """Codes of other segments."""
    identity: bool = False
    """``identified`` or ``namespaces``."""
    calendar: bool = False
    """The time of the year, the same for everybody."""

    def joined(self, other: Needs) -> Needs:
        """What both look at."""
        events = dict(self.events)
        for name, span in other.events.items():
            events[name] = events[name].joined(span) if name in events else span
        return Needs(
            events=events,
            traits=self.traits | other.traits,
            computed=self.computed | other.computed,
            consents=self.consents | other.consents,
            segments=self.segments | other.segments,
            identity=self.identity or other.identity,
            calendar=self.calendar or other.calendar,
        )

    def since(self, name: str, now: datetime) -> datetime | None:
        """Events of this name from then on are needed; None: of all times."""
        back = self.events[name].back
        return None if back is None else now - back

    def touched_by(self, event: Event, world: World) -> bool:
        """Whether this event may change the answer for its person. A join or a split always may."""
        if event.type == "identity" or event.name in self.events:
            return True
        if event.type == "identify" and (self.traits or self.identity):
            return True
        if event.name in CONSENT_EVENTS and self.consents:
            return True
        if event.name in (ENTERED, LEFT):
            return event.properties.get("segment") in self.segments
        return any(computed_by(name, event, world) for name in self.computed)


def needs_of(rule: Rule, world: World) -> Needs:
    """What a rule looks at."""
    needs = Needs()
    for leaf in leaves(rule):
        needs = needs.joined(_needs(leaf, world))
    return needs


def all_needs(rules: Iterable[Rule], world: World) -> Needs:
    """What several rules look at together: the facts to load once for all of them."""
    needs = Needs()
    for rule in rules:
        needs = needs.joined(needs_of(rule, world))
    return needs


def clocked(rule: Rule) -> bool:
    """Whether time alone may ever change the rule's answer for anybody."""
    return any(_clocked(leaf) for leaf in leaves(rule))


def _clocked(leaf: Rule) -> bool:
    if isinstance(leaf, Trait):
        return leaf.op in CLOCKED
    if isinstance(leaf, Happening):
        return leaf.within is not None or leaf.season is not None or _buys(leaf.names)
    return isinstance(leaf, (Sequel, Consent, Calendar))


def _buys(names: Iterable[str]) -> bool:
    return bool(set(named(list(names))) & {PURCHASES, *purchases()})


def _needs(leaf: Rule, world: World) -> Needs:
    match leaf:
        case Trait():
            name, _ = trait_steps(leaf.trait, world)
            if name in ("identified", "namespaces"):
                return Needs(identity=True)
            if name in world.computed:
                return Needs(computed=frozenset({name}))
            return Needs(traits=frozenset({name}))
        case Consent():
            return Needs(consents=frozenset({(leaf.purpose, leaf.channel)}))
        case Happening():
            return Needs(events=_spans(leaf, timedelta(seconds=leaf.within.seconds) if leaf.within else None, world))
        case Sequel():
            back = None if leaf.window is None else timedelta(seconds=leaf.window)
            first = _spans(leaf.first, back, world)
            # What followed an event is younger than it.
            then = _spans(leaf.then, back, world)
            return Needs(events=first).joined(Needs(events=then))
        case InSegment():
            return Needs(segments=frozenset({leaf.segment}))
        case Near():
            return Needs(traits=frozenset({"latitude", "longitude"}))
        case Calendar():
            return Needs(calendar=True)
    return Needs()


def _spans(pattern: Pattern | Happening, back: timedelta | None, world: World) -> dict[str, Span]:
    detail = reads_detail(pattern)
    spans = {}
    for name in named(pattern.names):
        limit = world.horizon_of(detail=detail) if name in purchases() else None
        some = [span for span in (back, limit) if span is not None]
        spans[name] = Span(min(some) if some else None, detail)
    return spans


@lru_cache(maxsize=1024)
def _accumulator(definition: str, currency: str) -> Accumulator:
    declared = msgspec.json.decode(definition, type=Declared)
    return compile_traits({"it": declared}, currency).accumulator_of["it"]


def computed_by(name: str, event: Event, world: World) -> bool:
    """Whether a computed trait may be moved by this event."""
    trait = world.computed.get(name)
    if trait is None or event.channel == "system":
        return False
    return _accumulator(trait.definition, world.currency).looks_at(event.name, event.type, event.channel)
