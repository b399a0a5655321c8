"""What the channel API speaks of."""

from __future__ import annotations

from typing import NamedTuple


class Customer(NamedTuple):
    """For whom a channel asks."""

    node_id: int
    """The identifier he came with: what he does is written under it."""
    person_id: int
    known: bool
    """Whether he has an identifier beyond a device."""
