"""How time is cut and given out: pure rules of slots.

Golden G16: who asks for a time that overlaps one given to somebody is refused, and a time given back is free at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from unisono.commerce.orders.slots.opening import Span

WINDOW: Final = timedelta(hours=2)
"""An order made ahead is begun at most so long before the end of its slot: nobody wants it cold."""


class Cell(NamedTuple):
    """A slot with what is left in it."""

    span: Span
    left: int
    """Minutes of work, or places, that can still be promised."""


class Share(NamedTuple):
    """So many minutes, or places, of a slot."""

    span: Span
    units: int


def cut(spans: Sequence[Span], minutes: int) -> list[Span]:
    """Opening spans cut into slots from each opening on, by the minutes that really pass: a day of 25 hours has more
    of them, a day of 23 fewer. What is left before closing and shorter than a slot is none."""
    step = timedelta(minutes=minutes)
    cells = []
    for span in spans:
        begin = span.starts_at
        while begin + step <= span.ends_at:
            cells.append(Span(begin, begin + step))
            begin += step
    return cells


def overlap(one: Span, other: Span) -> bool:
    """Whether they share an instant."""
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at


def lay_out(grid: Sequence[Span], capacity: int, made: Mapping[Span, int], promised: Sequence[Span]) -> list[Cell]:
    """A day's slots: as the rule cuts them now, but around what was promised when it cut otherwise.

    ``made`` is what is left in the slots that exist as rows; ``promised`` are those of them somebody counts on.
    """
    cells = {span: Cell(span, made.get(span, capacity)) for span in grid}
    for span in promised:
        if span not in cells:
            cells = {other: cell for other, cell in cells.items() if not overlap(span, other)}
            cells[span] = Cell(span, made[span])
    return [cells[span] for span in sorted(cells)]


def cover(cells: Sequence[Cell], wanted: Span, places: int = 1) -> list[Share] | None:
    """The slots that make up exactly the wanted span, with the places taken in each; None: one is missing or full."""
    within = [cell for cell in cells if overlap(cell.span, wanted)]
    if not within or within[0].span.starts_at != wanted.starts_at or within[-1].span.ends_at != wanted.ends_at:
        return None
    for one, other in itertools.pairwise(within):
        if one.span.ends_at != other.span.starts_at:
            return None
    if any(cell.left < places for cell in within):
        return None
    return [Share(cell.span, places) for cell in within]


def work_into(cells: Sequence[Cell], minutes: int, last: Span) -> list[Share] | None:
    """The hands that make an order of ``minutes`` ready by the end of the slot ``last``: those of the slot itself, and
    where they do not suffice of the ones before it, at most `WINDOW` back. None when they do not suffice.
    """
    shares: list[Share] = []
    need = minutes
    for cell in sorted(cells, key=lambda cell: cell.span, reverse=True):
        if cell.span.ends_at > last.ends_at:
            continue
        if cell.span.starts_at < last.ends_at - WINDOW:
            break
        if cell.span == last and not cell.left:
            return None
        if units := min(cell.left, need):
            shares.append(Share(cell.span, units))
            need -= units
        if not need:
            return shares[::-1] if shares[0].span == last else None
    return None


def first_ready(cells: Sequence[Cell], minutes: int) -> Span | None:
    """The first slot by whose end an order of ``minutes`` can be ready; None when no slot can."""
    for cell in sorted(cells, key=lambda cell: cell.span):
        if work_into(cells, minutes, cell.span) is not None:
            return cell.span
    return None
