"""What identity is made of: namespaces, nodes, links, decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, NamedTuple

import msgspec

Level = Literal["person", "device"]
Strength = Literal["proof", "hint"]


class Key(NamedTuple):
    """An identifier as people write it: ``Key("email", "mario@example.it")``, already normalised."""

    namespace: str
    value: str


class Namespace(msgspec.Struct, frozen=True):
    """A kind of identifier and the rules it links by."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_.]{0,59}$")]
    level: Level
    priority: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    """Smaller is stronger."""
    max_per_person: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    """Most values one person may have; 1 makes the namespace unique, None sets no limit."""
    sharing_cap: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10
    """More partners of one stronger namespace than this, and the identifier stops linking."""
    normaliser: Literal["plain", "email", "phone", "card"] = "plain"
    identifies: bool = False
    """Holding one makes a person identified: a hint never joins two of those."""
    searchable: bool = True
    label: str = ""


class BlockedValue(msgspec.Struct, frozen=True):
    """A value that is nobody: whole match, case ignored, ``*`` stands for any run of characters."""

    namespace: str
    pattern: str
    reason: str = ""


class Node(msgspec.Struct, frozen=True):
    """An identifier as stored; ``id`` never changes, ``person_id`` is computed."""

    id: int
    namespace: str
    value: str
    person_id: int
    cluster_id: int
    shared: bool = False
    contested: bool = False
    decided: bool = False
    not_before: datetime | None = None
    """When the identifier was erased, if it was: nothing older may be said of it."""


class Link(msgspec.Struct, frozen=True):
    """Evidence that two nodes are one person; ``at`` is the newest time it was seen."""

    a: int
    b: int
    at: datetime
    strength: Strength = "proof"


class Decision(msgspec.Struct, frozen=True):
    """What a person decided: ``join`` keeps both sides together, ``split`` keeps them apart."""

    id: int
    kind: Literal["join", "split"]
    side_a: frozenset[int]
    side_b: frozenset[int]
    at: datetime


class Claim(NamedTuple):
    """An identifier an event carries, and how far the sender is believed."""

    key: Key
    strength: Strength


class Observation(NamedTuple):
    """One event's evidence for a link: the stronger identifier first."""

    strong: Key
    weak: Key
    at: datetime
    strength: Strength
    source_id: int | None
    reason: str
    message_id: str | None


class Resolution(msgspec.Struct, frozen=True):
    """What replaying the links gives."""

    person_of: dict[int, int]
    """Node id -> representative node id."""
    cluster_of: dict[int, int]
    """Node id -> smallest node id that links, accepted or refused, connect it with."""
    refused: dict[tuple[int, int], str]
    """(a, b) of each link that does not count -> the rule that refused it."""
    shared: frozenset[int]
    """Nodes over their sharing cap."""


class PersonChange(msgspec.Struct, frozen=True):
    """Nodes that came to a person from another one."""

    kind: Literal["join", "split"]
    person_id: int
    other_id: int
    moved: tuple[int, ...]
    kept: tuple[int, ...]
    """Nodes that were already with ``person_id``."""
