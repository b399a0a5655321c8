"""Drawing units for deals on several goods: 3 for 2, buy this get that, bundles.

Each part of a deal wants some units out of some pools, and pools may serve several parts. How often a deal is
possible follows from Hall's theorem: every set of parts must find, in the pools that serve any of them, as many units
as it wants. Drawing greedily while that stays true never runs into a dead end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Want(NamedTuple):
    """One part of a deal: so many units at a time out of these pools, those named first preferred."""

    pools: Sequence[int]
    quantity: int


class _Set(NamedTuple):
    parts: int
    """Bits of the parts in it."""
    pools: frozenset[int]
    quantity: int


def _sets(wants: Sequence[Want]) -> list[_Set]:
    found = []
    for parts in range(1, 1 << len(wants)):
        inside = [want for part, want in enumerate(wants) if parts >> part & 1]
        pools = frozenset(pool for want in inside for pool in want.pools)
        found.append(_Set(parts, pools, sum(want.quantity for want in inside)))
    return found


def times(supply: Sequence[int], wants: Sequence[Want]) -> int:
    """How often a deal is possible with so many units in each pool."""
    return min(sum(supply[pool] for pool in each.pools) // each.quantity for each in _sets(wants))


def draw(supply: Sequence[int], wants: Sequence[Want], often: int) -> list[list[tuple[int, int]]]:
    """Units for a deal done ``often`` times: for each part, (pool, units). ``often`` is at most `times`.

    A part gets what it prefers as far as the parts after it can still be served.
    """
    sets = _sets(wants)
    slack = [sum(supply[pool] for pool in each.pools) - often * each.quantity for each in sets]
    free = list(supply)
    drawn: list[list[tuple[int, int]]] = []
    for part, want in enumerate(wants):
        needed = often * want.quantity
        got = []
        for pool in want.pools:
            # Taking units costs the sets that could have used this pool for other parts.
            rivals = [at for at, each in enumerate(sets) if not each.parts >> part & 1 and pool in each.pools]
            units = min([needed, free[pool], *(slack[at] for at in rivals)])
            if units > 0:
                got.append((pool, units))
                free[pool] -= units
                needed -= units
                for at in rivals:
                    slack[at] -= units
        drawn.append(got)
    return drawn
