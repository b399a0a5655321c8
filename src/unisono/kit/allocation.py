"""Splitting an amount so that the parts add up: the method of the largest remainder (Hamilton's)."""

from __future__ import annotations

from collections.abc import Sequence


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` (minor units, of either sign) in parts proportional to ``weights``; the parts add up to it exactly.

    Every part is its exact share rounded down, and the units left over go one each to the largest remainders; among
    equal remainders to the larger weight, then to the earlier place. So a part depends on the weights and never on
    their order, and no part is above its weight when the total is not above the sum of the weights.

    Raises ValueError for a negative weight, and for a total other than 0 that no weight can take.
    """
    if any(weight < 0 for weight in weights):
        raise ValueError("a weight cannot be negative")
    whole = sum(weights)
    if whole == 0:
        if total:
            raise ValueError(f"there is nothing to split {total} over")
        return [0] * len(weights)
    if total < 0:
        return [-part for part in largest_remainder(-total, weights)]
    shares = [divmod(total * weight, whole) for weight in weights]
    parts = [share for share, _ in shares]
    left = total - sum(parts)
    neediest = sorted(range(len(weights)), key=lambda at: (-shares[at][1], -weights[at], at))
    for at in neediest[:left]:
        parts[at] += 1
    return parts
