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


class Deal:
    """Parts that want units, and so many units in each pool."""

    def __init__(self, supply: Sequence[int], wants: Sequence[Want]) -> None:
        self.supply = supply
        self.wants = wants
        self._sets = _sets(wants)
        self._found = [sum([supply[pool] for pool in each.pools]) for each in self._sets]

    @property
    def times(self) -> int:
        """How often it is possible."""
        return min([found // each.quantity for found, each in zip(self._found, self._sets, strict=True)])

    def draw(self, often: int) -> list[list[tuple[int, int]]]:
        """Units for the deal done ``often`` times, at most `times`: for each part, (pool, units).

        A part gets what it prefers as far as the parts after it can still be served.
        """
        slack = [found - often * each.quantity for found, each in zip(self._found, self._sets, strict=True)]
        free = list(self.supply)
        drawn: list[list[tuple[int, int]]] = []
        for part, want in enumerate(self.wants):
            needed = often * want.quantity
            got = []
            for pool in want.pools:
                if not needed:
                    break
                # Taking units costs the sets that could have used this pool for other parts.
                rivals = [at for at, each in enumerate(self._sets) if not each.parts >> part & 1 and pool in each.pools]
                units = min([needed, free[pool], *[slack[at] for at in rivals]])
                if units > 0:
                    got.append((pool, units))
                    free[pool] -= units
                    needed -= units
                    for at in rivals:
                        slack[at] -= units
            drawn.append(got)
        return drawn
