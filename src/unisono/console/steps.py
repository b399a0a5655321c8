"""Prices over time as a step line, drawn by the server: what was asked, the window of a prior price, the new price."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from markupsafe import Markup

from unisono.console.contexts import Step, Steps
from unisono.kit.marking import N_

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 92, 24, 26, 34
TICKS = 5
LEAST_GAP = 17
"""Units between two words of the scale."""

Say = Callable[[str], str]


class _Scale:
    """Where an instant and an amount lie in the drawing."""

    def __init__(self, chart: Steps) -> None:
        self.start, self.end = chart.start, chart.end
        amounts = [step.minor for step in chart.steps]
        amounts += [minor for minor in (chart.prior_minor, chart.new_minor) if minor is not None]
        low, high = min(amounts, default=0), max(amounts, default=1)
        air = max((high - low) * 0.18, high * 0.05, 1)
        self.low, self.high = max(0.0, low - air), high + air

    def x(self, at: datetime) -> float:
        inside = min(max(at, self.start), self.end)
        part = (inside - self.start) / ((self.end - self.start) or timedelta(seconds=1))
        return round(LEFT + part * (WIDTH - LEFT - RIGHT), 1)

    def y(self, minor: float) -> float:
        part = (minor - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP), 1)


def _lines(steps: Iterable[Step], scale: _Scale) -> Iterable[str]:
    """The path of each place: level while a price holds, upright where the next begins."""
    ordered = sorted((step for step in steps if step.end is not None), key=lambda step: (step.lane, step.start))
    for _, lane in groupby(ordered, key=lambda step: step.lane):
        parts: list[str] = []
        before: Step | None = None
        for step in lane:
            joined = before is not None and before.end == step.start
            parts.append(f"{'L' if joined else 'M'}{scale.x(step.start)} {scale.y(step.minor)}")
            parts.append(f"H{scale.x(step.end or step.start)}")
            before = step
        yield "".join(parts)


def _words_of_scale(chart: Steps, scale: _Scale) -> list[tuple[float, int]]:
    """The amounts written at the side, none over another; the prior and the new price before all others."""
    first = [minor for minor in (chart.prior_minor, chart.new_minor) if minor is not None]
    others = sorted({step.minor for step in chart.steps} - set(first))
    placed: list[tuple[float, int]] = []
    for minor in [*first, *others[:1], *others[-1:], *others]:
        at = scale.y(minor)
        if all(abs(at - there) >= LEAST_GAP for there, _ in placed):
            placed.append((at, minor))
    return placed


def _window(chart: Steps, scale: _Scale, say: Say) -> Markup:
    if chart.window is None:
        return Markup("")
    begins, ends = (scale.x(at) for at in chart.window)
    return Markup(
        '<rect class="steps-window" x="{x}" y="{y}" width="{width}" height="{height}"/>'
        '<text x="{word}" y="{top}">{text}</text>'
    ).format(
        x=begins,
        y=TOP,
        width=max(round(ends - begins, 1), 1),
        height=HEIGHT - TOP - BOTTOM,
        word=begins + 4,
        top=TOP - 8,
        text=say(N_("the days that count")),
    )


def _level(minor: int | None, kind: str, scale: _Scale) -> Markup:
    if minor is None:
        return Markup("")
    y = scale.y(minor)
    return Markup('<line class="steps-{}" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(kind, LEFT, WIDTH - RIGHT, y, y)


def _seen(steps: Sequence[Step], scale: _Scale) -> Markup:
    dots = [
        Markup('<circle class="{}" cx="{}" cy="{}" r="{}"/>').format(
            "steps-lowest" if step.lowest else "steps-seen",
            scale.x(step.start),
            scale.y(step.minor),
            5 if step.lowest else 3,
        )
        for step in steps
        if step.lowest or step.end is None
    ]
    return Markup("").join(dots)


def _days(chart: Steps, scale: _Scale, day: Callable[[datetime], str]) -> Markup:
    span = (chart.end - chart.start) / (TICKS - 1)
    words = []
    for number in range(TICKS):
        at = chart.start + span * number
        anchor = "start" if number == 0 else "end" if number == TICKS - 1 else "middle"
        words.append(
            Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(scale.x(at), HEIGHT - 10, anchor, day(at))
        )
    return Markup("").join(words)


def render_steps(chart: Steps, *, money: Callable[[int], str], day: Callable[[datetime], str], say: Say) -> Markup:
    """The drawing; its words are told to those who cannot see it, the table under it has everything."""
    scale = _Scale(chart)
    amounts = [step.minor for step in chart.steps]
    label = say(N_("Price over time"))
    if amounts:
        label += f": {money(min(amounts))} – {money(max(amounts))}"
    marks = {chart.prior_minor: " steps-word steps-word-prior", chart.new_minor: " steps-word"}
    words = Markup("").join(
        Markup('<text class="steps-amount{}" x="{}" y="{}" text-anchor="end">{}</text>').format(
            marks.get(minor, ""), LEFT - 10, y + 4, money(minor)
        )
        for y, minor in _words_of_scale(chart, scale)
    )
    rules = Markup("").join(
        Markup('<line class="steps-rule" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(LEFT, WIDTH - RIGHT, y, y)
        for y, _ in _words_of_scale(chart, scale)
    )
    paths = Markup("").join(
        Markup('<path class="steps-line" d="{}"/>').format(path) for path in _lines(chart.steps, scale)
    )
    return Markup('<svg class="steps" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH,
        HEIGHT,
        label,
        Markup("").join(
            [
                _window(chart, scale, say),
                rules,
                _level(chart.prior_minor, "prior", scale),
                _level(chart.new_minor, "new", scale),
                paths,
                _seen(chart.steps, scale),
                words,
                _days(chart, scale, day),
            ]
        ),
    )
