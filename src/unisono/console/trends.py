"""A number over days as a line, drawn by the server: small in lists, with its scale on a page of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

from markupsafe import Markup

from unisono.console.contexts.segments import DayPoint

Write = Callable[[int], str]
Day = Callable[[date], str]


class _Frame(NamedTuple):
    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int


SMALL = _Frame(96, 24, 2, 4, 4, 4)
FULL = _Frame(640, 180, 56, 16, 16, 28)


def _spots(points: Sequence[DayPoint], frame: _Frame, low: int, high: int) -> list[tuple[float, float]]:
    """Where each point lies."""
    first, last = points[0].day.toordinal(), points[-1].day.toordinal()
    days, span = max(last - first, 1), max(high - low, 1)
    inner, tall = frame.width - frame.left - frame.right, frame.height - frame.top - frame.bottom
    return [
        (
            round(frame.left + inner * (point.day.toordinal() - first) / days, 1),
            round(frame.top + tall * (1 - (point.value - low) / span), 1),
        )
        for point in points
    ]


def _path(spots: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in spots)


def render_trend(
    points: Sequence[DayPoint], *, label: str, small: bool = False, number: Write = str, day: Day = str
) -> Markup:
    """A line over the days, oldest first; nothing of fewer than two. ``label`` is read instead of the drawing.

    The small one stands between its least and its most; the full one stands on nought.
    """
    if len(points) < 2:
        return Markup("")
    frame = SMALL if small else FULL
    values = [point.value for point in points]
    low, high = (min(values), max(values)) if small else (0, max(*values, 1))
    spots = _spots(points, frame, low, high)
    if small and low == high:
        spots = [(x, frame.height / 2) for x, _ in spots]
    end = spots[-1]
    drawn = Markup('<path class="trend-line" d="{}"/><circle class="trend-end" cx="{}" cy="{}" r="{}"/>').format(
        _path(spots), end[0], end[1], 2.4 if small else 3.6
    )
    if not small:
        drawn = _scale(points, spots, frame, high, number, day) + drawn
    return Markup('<svg class="trend{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        " trend-small" if small else "", frame.width, frame.height, label, drawn
    )


def _scale(
    points: Sequence[DayPoint],
    spots: Sequence[tuple[float, float]],
    frame: _Frame,
    high: int,
    number: Write,
    day: Day,
) -> Markup:
    floor, right = frame.height - frame.bottom, frame.width - frame.right
    area = f"{_path(spots)}V{floor}H{spots[0][0]}Z"
    return Markup(
        '<path class="trend-area" d="{area}"/>'
        '<path class="trend-rule" d="M{left} {floor}H{right}"/><path class="trend-rule" d="M{left} {top}H{right}"/>'
        '<text x="{word}" y="{over}" text-anchor="end">{most}</text>'
        '<text x="{word}" y="{under}" text-anchor="end">{least}</text>'
        '<text x="{left}" y="{foot}">{first}</text>'
        '<text x="{right}" y="{foot}" text-anchor="end">{last}</text>'
    ).format(
        area=area,
        left=frame.left,
        right=right,
        floor=floor,
        top=frame.top,
        word=frame.left - 8,
        over=frame.top + 4,
        under=floor + 4,
        foot=frame.height - 8,
        most=number(high),
        least=number(0),
        first=day(points[0].day),
        last=day(points[-1].day),
    )
