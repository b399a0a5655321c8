"""Saying by hand that people belong together."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from unisono.console.contexts.people import HouseholdMember
from unisono.console.contexts.shared import IdentifierBrief, Problem, Struct


class Candidate(Struct, frozen=True, kw_only=True):
    """Somebody found, to be chosen."""

    person_id: int
    name: str
    identifiers: Sequence[IdentifierBrief] = ()
    chosen: bool = False


class HouseholdCard(Struct, frozen=True, kw_only=True):
    """A household of the person and the others in it; ``reason`` of a member is their role."""

    household_id: int
    name: str
    members: Sequence[HouseholdMember]


class Together(Struct, frozen=True, kw_only=True):
    """
    ``/console/people/{person_id}/together``: find somebody, then say that both are one person or live in one
    household, and why. ``searched`` tells "nobody found" from "nothing asked yet".
    """

    TEMPLATE: ClassVar[str] = "together.html"

    person_id: int
    name: str
    query: str = ""
    searched: bool = False
    candidates: Sequence[Candidate] = ()
    households: Sequence[HouseholdCard] = ()
    deed: Literal["join", "household"] = "join"
    reason: str = ""
    household_name: str = ""
    problem: Problem | None = None
