"""Which of the promotions that hold apply together.

They are taken by priority, the highest first; one that cannot stand beside those already taken is left. Where several
of one priority exclude each other, those that save the customer most are taken. Nothing depends on the order in which
promotions or lines are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from unisono.commerce.promotions import wording
from unisono.commerce.promotions.case import Case
from unisono.commerce.promotions.effects import Outcome, apply, place_of
from unisono.commerce.promotions.language import Bundle, BuyGet
from unisono.commerce.promotions.model import Promotion
from unisono.commerce.promotions.work import Work, begin
from unisono.kit.reasons import Reason

MAX_SETS = 64
"""Beyond so many ways to choose among promotions that exclude each other, the one that saves most goes first."""


class Candidate:
    """A promotion whose conditions hold, and why."""

    __slots__ = ("deals", "picky", "place", "promotion", "reasons")

    def __init__(self, promotion: Promotion, reasons: tuple[Reason, ...]) -> None:
        self.promotion = promotion
        self.reasons = reasons
        self.place = place_of(promotion)
        self.deals = any(isinstance(effect, BuyGet | Bundle) for effect in promotion.effects)
        """Whether it sets units aside, even in vain."""
        self.picky = promotion.exclusive_group is not None or promotion.combines_with is not None
        """Whether it may exclude some that go with all others."""


class Run(NamedTuple):
    """Promotions at work together: what is left of the basket, and what came of each."""

    work: Work
    counts: dict[str, Outcome]
    """By code, in the order they worked."""
    failed: dict[str, tuple[Reason, ...]]

    @property
    def score(self) -> tuple[int, int]:
        """Money first, then gifts and points."""
        outcomes = self.counts.values()
        return sum(outcome.amount for outcome in outcomes), sum(outcome.extras for outcome in outcomes)


class Left(NamedTuple):
    """A promotion that is not taken, and why."""

    promotion: Promotion
    reasons: tuple[Reason, ...]


def choose(case: Case, candidates: Sequence[Candidate]) -> tuple[Run, list[Left]]:
    """The promotions that apply, at work, and the others with their reasons."""
    taken: list[Candidate] = []
    left: list[Left] = []
    trials = Trials(case)
    at_work = trials.run(())
    ordered = sorted(candidates, key=lambda each: (-each.promotion.priority, each.promotion.code))
    for _, peers in groupby(ordered, key=lambda each: each.promotion.priority):
        free = []
        for each in peers:
            rival = _rival(each, taken)
            if rival is None:
                free.append(each)
            else:
                left.append(Left(each.promotion, (_lost_to(each.promotion, rival.promotion),)))
        winners, losers = _settle(trials, taken, free)
        left += losers
        at_work = trials.run([*taken, *winners])
        left += [
            Left(each.promotion, at_work.failed[each.promotion.code])
            for each in (*taken, *winners)
            if each.promotion.code in at_work.failed
        ]
        taken = [each for each in (*taken, *winners) if each.promotion.code in at_work.counts]
    return at_work, left


class Trials:
    """Promotions let loose on a basket in this company and that: each company once."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._runs: dict[frozenset[Candidate], Run] = {}

    def run(self, candidates: Iterable[Candidate]) -> Run:
        """What comes of these together."""
        company = frozenset(candidates)
        found = self._runs.get(company)
        if found is None:
            found = self._runs[company] = run(self.case, company)
        return found


def run(case: Case, candidates: Iterable[Candidate]) -> Run:
    """Let promotions work, each on what those before it left."""
    work = begin(case)
    counts: dict[str, Outcome] = {}
    failed: dict[str, tuple[Reason, ...]] = {}
    for each in sorted(candidates, key=lambda each: each.place):
        code = each.promotion.code
        budget = case.state.budget_left_minor.get(code)
        # Other effects that do nothing leave everything as it was.
        trial = work.copy() if each.deals or budget is not None else work
        outcome = apply(each.promotion, case, trial)
        if not outcome.counts:
            failed[code] = outcome.problems or (wording.nothing_left(),)
        elif budget is not None and outcome.amount > budget:
            failed[code] = (wording.budget_used_up(budget, case.basket.currency),)
        else:
            counts[code] = outcome
            work = trial
    return Run(work, counts, failed)


# Who excludes whom ----------------------------------------------------------------------------------------


def allows(one: Promotion, other: Promotion) -> bool:
    """Whether ``one`` may stand beside ``other``, as far as ``one`` is concerned."""
    return one.combinable and (one.combines_with is None or other.code in one.combines_with)


def same_group(one: Promotion, other: Promotion) -> bool:
    """Whether only one of the two may apply."""
    return one.exclusive_group is not None and one.exclusive_group == other.exclusive_group


def exclude(one: Promotion, other: Promotion) -> bool:
    """Whether two promotions cannot both apply."""
    return same_group(one, other) or not allows(one, other) or not allows(other, one)


def _rival(each: Candidate, others: Iterable[Candidate]) -> Candidate | None:
    return next((other for other in others if exclude(each.promotion, other.promotion)), None)


def _lost_to(loser: Promotion, winner: Promotion) -> Reason:
    return wording.group_first(winner.name) if same_group(loser, winner) else wording.not_combinable(winner.name)


# Among equals ---------------------------------------------------------------------------------------------


def _settle(
    trials: Trials, taken: Sequence[Candidate], free: Sequence[Candidate]
) -> tuple[list[Candidate], list[Left]]:
    """The best of promotions of one priority that can each stand beside those taken."""
    solitary = [each for each in free if not each.promotion.combinable]
    social = [each for each in free if each.promotion.combinable]
    picky = [each for each in social if each.picky]
    rivals = {
        each: [other for other in (social if each.picky else picky) if other is not each and _excluded(each, other)]
        for each in social
    }
    together = [each for each in social if not rivals[each]]
    if len(together) == len(free):
        return together, []
    # What each that may lose does by itself: some can do nothing, which is no loss to a rival.
    alone = {each: trials.run([*taken, each]) for each in free if not each.promotion.combinable or rivals[each]}
    left = [
        Left(each.promotion, failed)
        for each, found in alone.items()
        if (failed := found.failed.get(each.promotion.code)) is not None
    ]
    able = {each: found.score for each, found in alone.items() if each.promotion.code in found.counts}
    for cluster in _clusters([each for each in social if each in able], rivals):
        sets = _sets(cluster, rivals, able)
        together += _best(trials, taken, sets)
    options = [together] if together else []
    best = _best(trials, taken, options + [[each] for each in solitary if each in able])
    losers = [each for each in (*together, *able) if each not in best]
    return best, left + [
        Left(each.promotion, (_beaten(trials.case, each, best, alone),)) for each in dict.fromkeys(losers)
    ]


def _best(trials: Trials, taken: Sequence[Candidate], options: Sequence[list[Candidate]]) -> list[Candidate]:
    """The option that gives the customer most; the first of equals."""
    if len(options) < 2:
        return options[0] if options else []
    return max(options, key=lambda some: trials.run([*taken, *some]).score)


def _excluded(each: Candidate, other: Candidate) -> bool:
    return exclude(each.promotion, other.promotion)


def _clusters(members: Sequence[Candidate], rivals: dict[Candidate, list[Candidate]]) -> list[list[Candidate]]:
    """Members that exclude each other, directly or by way of others, in the order given."""
    found = []
    rest = list(members)
    while rest:
        cluster, edge = {rest[0]}, [rest[0]]
        while edge:
            near = [other for other in rivals[edge.pop()] if other in rest and other not in cluster]
            cluster.update(near)
            edge += near
        found.append([each for each in rest if each in cluster])
        rest = [each for each in rest if each not in cluster]
    return found


def _sets(
    cluster: Sequence[Candidate], rivals: dict[Candidate, list[Candidate]], saves: dict[Candidate, tuple[int, int]]
) -> list[list[Candidate]]:
    """Every largest set of members that exclude each other not; but one when there are too many."""
    found: list[list[Candidate]] = []

    def grow(chosen: list[Candidate], possible: list[Candidate], done: list[Candidate]) -> None:
        # Bron and Kerbosch 1973, on the graph of those that go together.
        if len(found) > MAX_SETS:
            return
        if not possible and not done:
            found.append(chosen)
        for each in list(possible):
            grow(
                [*chosen, each],
                [other for other in possible if other is not each and other not in rivals[each]],
                [other for other in done if other not in rivals[each]],
            )
            possible.remove(each)
            done.append(each)

    grow([], list(cluster), [])
    return found if len(found) <= MAX_SETS else [_greedy(cluster, rivals, saves)]


def _greedy(
    cluster: Sequence[Candidate], rivals: dict[Candidate, list[Candidate]], saves: dict[Candidate, tuple[int, int]]
) -> list[Candidate]:
    chosen: list[Candidate] = []
    for each in sorted(cluster, key=lambda each: (tuple(-part for part in saves[each]), each.promotion.code)):
        if not any(other in rivals[each] for other in chosen):
            chosen.append(each)
    return chosen


def _beaten(case: Case, loser: Candidate, best: Sequence[Candidate], alone: dict[Candidate, Run]) -> Reason:
    """Why a promotion of the same priority was left: what excludes it saves more, or is to stand alone."""
    winner = _rival(loser, best) or best[0]
    code, other = loser.promotion.code, winner.promotion
    if not same_group(loser.promotion, other):
        return wording.not_combinable(other.name)
    if loser not in alone or winner not in alone:
        return wording.group_first(other.name)
    mine, theirs = alone[loser].counts[code].amount, alone[winner].counts[other.code].amount
    if theirs <= mine:
        return wording.group_first(other.name)
    return wording.group_better(other.name, theirs, theirs - mine, case.basket.currency)
