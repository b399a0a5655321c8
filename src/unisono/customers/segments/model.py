"""Rules of segments: what can be asked of a person, what is known of him, and the answer.

A rule is a tree. Every node is a mapping with ``is``, the same in JSON and in YAML; unknown fields are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from unisono.customers.timeline.vocabulary import canonical, purchases
from unisono.kit.errors import BadRequest

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = str | int | float | bool | list[str | int | float | bool] | None

MAX_DEPTH = 10
MAX_CONDITIONS = 100
MAX_RULE_BYTES = 64 * 1024

PlainOp: TypeAlias = Literal[
    "is", "is_not", "one_of", "none_of", "contains", "starts_with",
    "at_least", "at_most", "more_than", "less_than", "known", "unknown", "before", "after",
]  # fmt: skip
TraitOp: TypeAlias = Literal[
    "is", "is_not", "one_of", "none_of", "contains", "starts_with",
    "at_least", "at_most", "more_than", "less_than", "known", "unknown", "before", "after",
    "within_last", "not_within_last", "within_next", "anniversary_within",
]  # fmt: skip
CountOp: TypeAlias = Literal["at_least", "at_most", "exactly", "more_than", "less_than"]

NEGATIVE = {"is_not": "is", "none_of": "one_of", "unknown": "known"}
"""Operators that are exactly the contrary of another: true also where nothing is known."""

CLOCKED = frozenset({"within_last", "not_within_last", "within_next", "anniversary_within"})
"""Operators whose answer changes as time passes."""

PURCHASES = "purchases"
"""In ``names``: every event that counts as a purchase."""


class _Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="is", omit_defaults=True):
    """A node of a rule."""


class All(_Node, frozen=True, tag="all"):
    """Every one of these holds."""

    of: list[Rule]


class AnyOf(_Node, frozen=True, tag="any"):
    """At least one of these holds."""

    of: list[Rule]


class NoneOf(_Node, frozen=True, tag="none"):
    """Not one of these holds."""

    of: list[Rule]


class Trait(_Node, frozen=True, tag="trait"):
    """What is known of the person: a trait he or a channel said, a computed one, ``identified``, ``namespaces``."""

    trait: str
    """Name, then the way into its value: ``address.city``."""
    op: TraitOp
    value: Value = None
    """For ``within_*`` and ``not_within_last`` seconds, for ``anniversary_within`` days."""


class Consent(_Node, frozen=True, tag="consent"):
    """What the person allows: ``granted`` is a consent he gave, no soft opt-in; ``withdrawn`` also what he refused."""

    purpose: Literal["contract", "marketing", "profiling", "third_party", "tracking", "statistics"]
    channel: str = "any"
    status: Literal["granted", "not_granted", "withdrawn"] = "granted"


class Where(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an event must carry. ``products[].x``: any element; all conditions on ``products[]`` hold for one."""

    path: str
    op: PlainOp
    value: Value = None


class Within(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last so many seconds."""

    seconds: int


class Between(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}, omit_defaults=True):
    """From an instant or a day (midnight in the company's zone) on, until before another; either may be missing."""

    from_: str | None = None
    until: str | None = None


class Season(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Around a season: in its last ``years`` occurrences that have begun."""

    name: str
    years: int = 1


class Happening(_Node, frozen=True, tag="event"):
    """How often, how much, on how many days, how many different: of events the person was part of."""

    names: list[str]
    where: list[Where] = []
    measure: Literal["count", "sum", "distinct", "days"] = "count"
    path: str | None = None
    """What is summed or told apart."""
    op: CountOp = "at_least"
    amount: int | float = 1
    within: Within | None = None
    between: Between | None = None
    season: Season | None = None


class Pattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which events."""

    names: list[str]
    where: list[Where] = []


class Sequel(_Node, frozen=True, tag="sequence"):
    """``negated``: the last ``first`` was not followed by ``then``; otherwise some ``first`` was, in time."""

    first: Pattern
    then: Pattern
    within: int
    """Seconds between the two."""
    negated: bool = True
    window: int | None = None
    """Only a ``first`` of the last so many seconds."""


class InSegment(_Node, frozen=True, tag="segment"):
    """In another segment, or not."""

    segment: str
    member: bool = True


class Near(_Node, frozen=True, tag="near"):
    """Within so many kilometres of a place, by the traits latitude and longitude."""

    km: int | float
    latitude: int | float | None = None
    longitude: int | float | None = None
    label: str = ""
    store: str | None = None
    """A store's code: whoever saves the rule puts its place in."""


class Calendar(_Node, frozen=True, tag="calendar", rename={"from_": "from"}):
    """It is that season now, for everybody: a season's name, or days of each year, both included."""

    season: str | None = None
    from_: str | None = None
    until: str | None = None


Rule: TypeAlias = All | AnyOf | NoneOf | Trait | Consent | Happening | Sequel | InSegment | Near | Calendar
Group: TypeAlias = All | AnyOf | NoneOf


class Event(NamedTuple):
    """Something that happened to a person, as rules see it."""

    name: str
    at: datetime
    channel: str = ""
    store_id: str | None = None
    properties: Mapping[str, Any] = {}


class ConsentSeen(NamedTuple):
    """The state of one of the person's addresses: a row of consent_state."""

    purpose: str
    channel: str
    status: str
    expires_at: datetime | None = None
    basis: str = "consent"
    since: datetime = datetime.min.replace(tzinfo=UTC)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one person: all his identifiers together."""

    person_id: int
    identified: bool = False
    namespaces: Sequence[str] = ()
    traits: Mapping[str, Any] = {}
    """Folded traits by name, and over them the computed ones (counts, texts, datetimes, money by currency)."""
    consents: Sequence[ConsentSeen] = ()
    """Of all his addresses: rules fold them, the most restrictive wins."""
    events: Mapping[str, Sequence[Event]] = {}
    """By canonical name, in any order; decode their properties with ``decode_properties``."""
    segments: frozenset[str] = frozenset()
    """Codes of the live segments he is in."""


class Truth(NamedTuple):
    """Whether a rule holds, and the earliest instant at which time alone may change that; None: never."""

    member: bool
    until: datetime | None = None


class ComputedTrait(NamedTuple):
    """A computed trait that can be read: what it tells and where its partial results are."""

    definition: str
    """``Declared`` as JSON."""
    partial: str
    kind: str
    measure: str


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule's meaning depends on beside the person and the hour."""

    timezone: str = "UTC"
    country: str = "IT"
    currency: str = "EUR"
    purchase_days: int | None = 730
    """Purchases older than this many days are not seen (the law's clock for marketing); None: no limit."""
    detail_days: int | None = 365
    """Of purchases older than this many days is not seen what they hold (its clock for profiling); None: no limit."""
    computed: Mapping[str, ComputedTrait] = {}

    def horizon_of(self, *, detail: bool) -> timedelta | None:
        """How long a purchase is seen by a condition that looks at what it holds (``detail``) or that there was one."""
        clocks = (self.purchase_days, self.detail_days if detail else None)
        days = [clock for clock in clocks if clock is not None]
        return timedelta(days=min(days)) if days else None


EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""What is said to have happened before is not seen: a clock that stood still."""

decode_properties = msgspec.json.Decoder(float_hook=Decimal).decode
"""Properties and values as rules want them: every number exact, as the database keeps it."""


class RuleError(BadRequest):
    """The rule of a segment cannot be read or makes no sense; ``detail`` says where."""

    code = "bad_rule"
    title = "The rule is not valid"


def decode(value: Any) -> Rule:
    """A rule from parsed JSON or YAML. Raises RuleError naming the place (``$.of[1].op``)."""
    try:
        rule: Rule = msgspec.convert(value, Rule)
        _measure(rule, 1)
    except msgspec.ValidationError as error:
        message = str(error)
        raise RuleError(message if "`$" in message else f"{message} - at `$`") from None
    except RecursionError:
        raise RuleError(f"The rule is nested deeper than {MAX_DEPTH}.") from None
    return rule


def decode_json(text: str | bytes) -> Rule:
    """A rule from JSON text, as stored. Raises RuleError."""
    if len(text) > MAX_RULE_BYTES:
        raise RuleError(f"The rule is larger than {MAX_RULE_BYTES} bytes.")
    try:
        return decode(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RuleError(str(error)) from None
    except RecursionError:
        raise RuleError(f"The rule is nested deeper than {MAX_DEPTH}.") from None


def encode(rule: Rule) -> dict[str, Any]:
    """A rule as plain mappings and lists, defaults left out: what JSON and YAML carry."""
    plain: dict[str, Any] = msgspec.to_builtins(rule)
    return plain


def encode_json(rule: Rule) -> str:
    """A rule as JSON text."""
    return msgspec.json.encode(rule).decode()


def children(rule: Rule) -> Sequence[Rule]:
    """The rules right under a rule."""
    return rule.of if isinstance(rule, (All, AnyOf, NoneOf)) else ()


def leaves(rule: Rule) -> list[Rule]:
    """All conditions of a rule, without its groups, in reading order."""
    below = children(rule)
    if not isinstance(rule, (All, AnyOf, NoneOf)):
        return [rule]
    return [leaf for child in below for leaf in leaves(child)]


def _measure(rule: Rule, depth: int) -> int:
    if depth > MAX_DEPTH:
        raise RuleError(f"The rule is nested deeper than {MAX_DEPTH}.")
    count = 1 + sum(_measure(child, depth + 1) for child in children(rule))
    if count > MAX_CONDITIONS:
        raise RuleError(f"The rule has more than {MAX_CONDITIONS} parts.")
    return count


def named(names: Sequence[str]) -> tuple[str, ...]:
    """Canonical names of events, ``purchases`` spelt out, each once, sorted."""
    found: set[str] = set()
    for name in names:
        found.update(purchases() if name == PURCHASES else (canonical(name),))
    return tuple(sorted(found))
