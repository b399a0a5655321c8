"""What lies beneath a price that is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from unisono.commerce.pricing.model import Fact
from unisono.commerce.pricing.rules import fact_at


class Layer(NamedTuple):
    """An amount (None: no price) and how long it counts."""

    amount_minor: int | None
    starts_at: datetime
    ends_at: datetime | None


def beneath(facts: Sequence[Fact], begins: datetime, ends: datetime | None) -> list[Layer]:
    """What the facts of one list and variant say between two instants, as layers without a gap (pure).

    Written over a price that is to go, they cover it for its whole period.
    """
    marks = {begins} | {edge for fact in facts for edge in (fact.starts_at, fact.ends_at) if edge is not None}
    within = sorted(mark for mark in marks if begins <= mark and (ends is None or mark < ends))
    layers: list[Layer] = []
    for here, there in pairwise([*within, ends]):
        assert here is not None
        fact = fact_at(facts, here)
        amount = None if fact is None else fact.amount_minor
        if layers and layers[-1].amount_minor == amount:
            layers[-1] = layers[-1]._replace(ends_at=there)
        else:
            layers.append(Layer(amount, here, there))
    return layers
