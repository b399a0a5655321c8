"""A basket while promotions work on it: what is left of each line, and who took what.

A line's units are kept in pools: its open units, and those that count for a deal on single units (3 for 2, a bundle)
and so for no other such deal. Every amount taken off belongs to a pool, so the shares of a line always add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from unisono.commerce.promotions.case import Case
from unisono.kit.allocation import largest_remainder

WHOLE = 10_000
"""Hundredths of a percent in one."""


class Pool:
    """Some units of a line and what is left to pay for them."""

    __slots__ = ("at", "claimed", "left", "units")

    def __init__(self, at: int, units: int, left: int, claimed: bool = False) -> None:
        self.at = at
        self.units = units
        self.left = left
        self.claimed = claimed


class Work:
    """What is left of a basket."""

    __slots__ = ("pools", "shares", "shipping")

    def __init__(self, pools: list[Pool], shares: list[dict[str, int]], shipping: int) -> None:
        self.pools = pools
        self.shares = shares
        """For each line, promotion code to the amount it took off."""
        self.shipping = shipping

    def copy(self) -> Work:
        """The same, to try something on."""
        pools = [Pool(pool.at, pool.units, pool.left, pool.claimed) for pool in self.pools]
        return Work(pools, [dict(share) for share in self.shares], self.shipping)

    def of(self, places: Sequence[int]) -> list[Pool]:
        """The pools of these lines that hold units."""
        wanted = set(places)
        return [pool for pool in self.pools if pool.at in wanted and pool.units]

    def take(self, code: str, pools: Sequence[Pool], amounts: Iterable[int]) -> int:
        """Take these amounts off these pools, in the name of a promotion; returns their sum."""
        taken = 0
        for pool, amount in zip(pools, amounts, strict=True):
            if amount:
                pool.left -= amount
                share = self.shares[pool.at]
                share[code] = share.get(code, 0) + amount
                taken += amount
        return taken

    def spread(self, code: str, pools: Sequence[Pool], amount: int) -> int:
        """Take ``amount``, or as much as is left, off these pools in proportion to what is left of each."""
        lefts = [pool.left for pool in pools]
        amount = min(amount, sum(lefts))
        return self.take(code, pools, largest_remainder(amount, lefts)) if amount else 0

    def claim(self, pool: Pool, units: int) -> Pool:
        """Set so many open units of a pool aside for a deal; returns their pool."""
        value = pool.left if units == pool.units else half_up(pool.left * units, pool.units)
        pool.units -= units
        pool.left -= value
        claimed = Pool(pool.at, units, value, claimed=True)
        self.pools.append(claimed)
        return claimed


def begin(case: Case) -> Work:
    """A basket nothing has been taken off."""
    pools = [Pool(at, line.quantity, case.gross[at]) for at, line in enumerate(case.lines)]
    return Work(pools, [{} for _ in case.lines], case.basket.shipping_minor)


def half_up(amount: int, divisor: int) -> int:
    """``amount / divisor`` to the nearest whole, halves up; neither is negative."""
    return (2 * amount + divisor) // (2 * divisor)


def percent_of(amount: int, percent_bp: int) -> int:
    """A percentage of an amount, to the nearest minor unit, halves up: for the customer."""
    return half_up(amount * percent_bp, WHOLE)


def per_unit(pool: Pool, percent_bp: int) -> int:
    """A percentage off each unit's price, so that the basket says what the shelf says; off the whole where the units
    of a pool have no price in common."""
    if pool.left % pool.units:
        return percent_of(pool.left, percent_bp)
    return percent_of(pool.left // pool.units, percent_bp) * pool.units
