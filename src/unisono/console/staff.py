"""The staff: a customer's time drawn as a score.

One line a channel, a note an event (larger for a purchase), hollow notes for what is to come after "now", and
the present episode as a chord across the lines. The drawing is inline SVG without colours or styles: classes
name the channel and the size, the style sheet paints them. Notes that would fall on the same spot are drawn
once, so a person with thousands of events costs no more than one with a few hundred.
"""

import calendar
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple, get_args

import msgspec
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal
from markupsafe import Markup, escape

from unisono.kit.marking import N_

StaffLine = Literal["web", "app", "store", "messages", "service"]
"""The five lines of the staff, from top to bottom."""

Dot = Literal["web", "app", "store", "messages", "service", "identity"]
"""What an item may be marked with: a line, or what Unisono itself did, which is on none."""

LINES: tuple[StaffLine, ...] = get_args(StaffLine)
NAMES: dict[StaffLine, str] = {
    "web": N_("Web"),
    "app": N_("App"),
    "store": N_("Store"),
    "messages": N_("Messages"),
    "service": N_("Service"),
}
"""English names of the lines; each is also a msgid."""

WEEKS_UNTIL = timedelta(days=75)
"""Spans shorter than this are divided into weeks, longer ones into months."""
MONTHS_UNTIL = timedelta(days=1100)
"""Spans longer than this are divided into years: month names would touch."""
SALE_STEPS = (3_000, 10_000, 30_000)
"""Purchases below 30, 100, 300 (in minor units / 100) are drawn with the first, second, third size."""
LABELLED = 40
"""At most so many notes carry a title of their own; the others are drawn in bulk."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One event on the staff.

    ``value`` is the purchase in minor units (0: no purchase); ``future`` is what is to come, drawn hollow;
    ``episode`` notes are joined by a chord. ``at`` is aware.
    """

    at: datetime
    line: StaffLine
    label: str = ""
    value: int = 0
    future: bool = False
    href: str | None = None
    episode: bool = False
    events: int = 1
    sales: int = 0
    """How many events and purchases it stands for, where one note stands for several."""


class Frame(NamedTuple):
    """Where things stand in the drawing, in its own units."""

    width: int
    height: int
    left: int
    right: int
    top: int
    step: int
    cell: float
    """Notes whose positions share a cell of this width are drawn once."""
    labels: bool

    def y(self, line: StaffLine) -> int:
        """The height of a line."""
        return self.top + LINES.index(line) * self.step

    @property
    def bottom(self) -> int:
        """The height of the lowest line."""
        return self.top + (len(LINES) - 1) * self.step


FULL = Frame(width=1140, height=146, left=98, right=1126, top=26, step=24, cell=3, labels=True)
SMALL = Frame(width=220, height=34, left=3, right=217, top=4, step=6, cell=2.5, labels=False)


class Scale(NamedTuple):
    """Time to horizontal position."""

    frame: Frame
    start: datetime
    span: float

    def x(self, at: datetime) -> float:
        """The position of an instant, kept inside the frame."""
        share = (at - self.start).total_seconds() / self.span
        return round(self.frame.left + min(max(share, 0.0), 1.0) * (self.frame.right - self.frame.left), 1)


class Stretch(NamedTuple):
    """A month, week or year of the drawing: first day, first day after it, short and long name, its notes."""

    first: date
    after: date
    short: str
    long: str
    notes: tuple[Note, ...] = ()


class Words(NamedTuple):
    """The language of the drawing."""

    locale: str
    gettext: Callable[[str], str]

    def number(self, number: int) -> str:
        """A whole number as the locale writes it."""
        return format_decimal(number, locale=self.locale)


def _identity(text: str) -> str:
    return text


def render_staff(
    notes: Sequence[Note],
    *,
    now: datetime,
    start: datetime,
    end: datetime,
    locale: str,
    size: Literal["full", "small"] = "full",
    gettext: Callable[[str], str] = _identity,
    name: str = "staff",
    keep_query: str | None = "",
) -> Markup:
    """Draw the score of one person between two aware instants.

    The full size has line names, "now", month (or week, or year) names, a link on each stretch and a table of
    the same; the small one is a picture with a label, for lists. ``name`` makes element ids unique on a page.
    ``keep_query`` holds the parameters the stretch links keep ("channel=web"); None leaves the links out.
    Notes outside ``start`` and ``end`` are not drawn. Local days are those of ``start``'s time zone.
    """
    frame = FULL if size == "full" else SMALL
    scale = Scale(frame, start, max((end - start).total_seconds(), 1.0))
    shown = sorted((note for note in notes if start <= note.at <= end), key=lambda note: note.at)
    words = Words(locale, gettext)
    summary = _summary(shown, start, end, words)
    drawing = [
        *_rules(frame),
        *_now_rule(scale, now, end),
        *_bulk(shown, scale),
        *_chord(shown, scale),
        *_hollow(shown, scale),
    ]
    if size == "small":
        return Markup(  # noqa: S704 - every text in it went through escape()
            f'<svg class="staff staff-small" viewBox="0 0 {frame.width} {frame.height}" role="img" '
            f'aria-label="{escape(summary)}">{"".join(drawing)}</svg>'
        )
    months = _filled(_stretches(start, end, locale), shown, start)
    drawing += [*_names(frame, words), *_now_word(scale, now, end, words), *_month_names(months, scale)]
    columns = [] if keep_query is None else _columns(months, scale, keep_query, words)
    title = gettext("The staff: events by channel over time")
    return Markup(  # noqa: S704 - every text in it went through escape()
        f'<figure class="staff-figure"><staff-scroll class="staff-scroll" tabindex="0" role="group" '
        f'aria-labelledby="{name}-t"><svg class="staff" viewBox="0 0 {frame.width} {frame.height}">'
        f'<g class="staff-columns">{"".join(columns)}</g>'
        f'<g role="img" aria-labelledby="{name}-t" aria-describedby="{name}-d" class="staff-drawing">'
        f'<title id="{name}-t">{escape(title)}</title>'
        f'<desc id="{name}-d">{escape(summary)}</desc>{"".join(drawing)}</g>'
        f"{''.join(_touches(shown, scale))}</svg></staff-scroll>{_table(months, words)}</figure>"
    )


def _rules(frame: Frame) -> Iterator[str]:
    for line in LINES:
        yield f'<path class="staff-rule" d="M{frame.left} {frame.y(line)}H{frame.right}"/>'


def _now_rule(scale: Scale, now: datetime, end: datetime) -> Iterator[str]:
    if scale.start <= now <= end:
        frame = scale.frame
        top = frame.top - frame.step // 2
        yield f'<path class="staff-now" d="M{scale.x(now):g} {top}V{frame.bottom + frame.step // 3}"/>'


def _now_word(scale: Scale, now: datetime, end: datetime, words: Words) -> Iterator[str]:
    if scale.start <= now <= end:
        x = scale.x(now)
        late = x > scale.frame.right - 40
        anchor, shift = (' text-anchor="end"', -5) if late else ("", 5)
        word = escape(words.gettext("now"))
        yield f'<text class="staff-now-word" x="{x + shift:g}" y="12"{anchor}>{word}</text>'


def _size(note: Note) -> str:
    """The size class of a note: a purchase by its value, anything else small."""
    if note.value <= 0:
        return "n1"
    return f"s{1 + sum(note.value >= step for step in SALE_STEPS)}"


def _bulk(notes: Iterable[Note], scale: Scale) -> Iterator[str]:
    """Past notes as one path a line and size: zero-length strokes with round caps.

    Notes of one kind that share a cell are drawn once, slightly larger when they are more than two or five.
    """
    cells: dict[tuple[StaffLine, str], Counter[int]] = defaultdict(Counter)
    for note in notes:
        if note.future:
            continue
        size = _size(note)
        cell = scale.frame.cell * (1 if size == "n1" else 2)
        cells[note.line, size][round(scale.x(note.at) / cell)] += 1
    strokes: dict[tuple[StaffLine, str], list[float]] = defaultdict(list)
    for (line, size), counts in cells.items():
        cell = scale.frame.cell * (1 if size == "n1" else 2)
        for index, count in counts.items():
            drawn = size if size != "n1" else f"n{1 + (count > 2) + (count > 5)}"
            strokes[line, drawn].append(index * cell)
    for (line, size), positions in sorted(strokes.items()):
        y = scale.frame.y(line)
        path = "".join(f"M{x:g} {y}h0" for x in sorted(positions))
        yield f'<path class="staff-notes c-{line} {size}" d="{path}"/>'


def _chord(notes: Sequence[Note], scale: Scale) -> Iterator[str]:
    """The present episode: its notes in order, joined across the lines."""
    episode = [note for note in notes if note.episode]
    if not episode:
        return
    points = [(scale.x(note.at), scale.frame.y(note.line)) for note in episode]
    yield '<path class="staff-chord" d="M' + "L".join(f"{x:g} {y}" for x, y in points) + '"/>'
    for note, (x, y) in zip(episode, points, strict=True):
        if not note.future:
            yield f'<path class="staff-notes staff-episode c-{note.line} n3" d="M{x:g} {y}h0"/>'


def _hollow(notes: Iterable[Note], scale: Scale) -> Iterator[str]:
    radius = 4 if scale.frame.labels else 2
    for note in _spread(notes, scale):
        x, y = scale.x(note.at), scale.frame.y(note.line)
        title = f"<title>{escape(note.label)}</title>" if note.label and scale.frame.labels else ""
        yield f'<circle class="staff-hollow c-{note.line}" cx="{x:g}" cy="{y}" r="{radius}">{title}</circle>'


def _spread(notes: Iterable[Note], scale: Scale) -> Iterator[Note]:
    """Future notes, one a cell, at most `LABELLED`."""
    seen: set[tuple[StaffLine, int]] = set()
    for note in notes:
        spot = (note.line, round(scale.x(note.at) / (scale.frame.cell * 3)))
        if note.future and spot not in seen and len(seen) < LABELLED:
            seen.add(spot)
            yield note


def _touches(notes: Sequence[Note], scale: Scale) -> Iterator[str]:
    """Invisible circles over the notes most worth pointing at: they carry the title and the link."""
    worth = [note for note in notes if note.label and not note.future and (note.value or note.episode)]
    for note in sorted(worth, key=lambda note: (note.episode, note.value), reverse=True)[:LABELLED]:
        label, place = escape(note.label), f'cx="{scale.x(note.at):g}" cy="{scale.frame.y(note.line)}"'
        circle = f'<circle class="staff-touch" {place} r="9"><title>{label}</title></circle>'
        yield f'<a href="{escape(note.href)}" aria-label="{label}">{circle}</a>' if note.href else circle


def _names(frame: Frame, words: Words) -> Iterator[str]:
    for line in LINES:
        yield (
            f'<text class="staff-name" x="{frame.left - 12}" y="{frame.y(line) + 4}" text-anchor="end">'
            f"{escape(words.gettext(NAMES[line]))}</text>"
        )


def _month_names(stretches: Sequence[Stretch], scale: Scale) -> Iterator[str]:
    frame = scale.frame
    zone = scale.start.tzinfo
    for stretch in stretches:
        x = scale.x(datetime.combine(stretch.first, datetime.min.time(), zone))
        after = scale.x(datetime.combine(stretch.after, datetime.min.time(), zone))
        if after - x < 7 * len(stretch.short):
            continue
        yield f'<path class="staff-tick" d="M{x:g} {frame.top - 10}V{frame.bottom + 8}"/>'
        yield f'<text class="staff-month" x="{x + 4:g}" y="{frame.height - 4}">{escape(stretch.short)}</text>'


def _stretches(start: datetime, end: datetime, locale: str) -> Iterator[Stretch]:
    """Weeks, months or years that cover the span, by its length."""
    first, last, span = start.date(), end.date(), end - start
    if span < WEEKS_UNTIL:
        day = first - timedelta(days=first.weekday())
        while day <= last:
            after = day + timedelta(days=7)
            short = format_skeleton("MMMd", day, locale=locale)
            yield Stretch(day, after, short, format_date(day, "long", locale=locale))
            day = after
        return
    yearly = span > MONTHS_UNTIL
    day = first.replace(day=1, month=1 if yearly else first.month)
    while day <= last:
        days = 366 if calendar.isleap(day.year) else 365
        length = days if yearly else calendar.monthrange(day.year, day.month)[1]
        after = day + timedelta(days=length)
        short = str(day.year) if yearly else format_date(day, "LLL", locale=locale).strip(".").capitalize()
        long = str(day.year) if yearly else format_skeleton("yMMMM", day, locale=locale)
        yield Stretch(day, after, short, long)
        day = after


def _filled(stretches: Iterable[Stretch], notes: Sequence[Note], start: datetime) -> list[Stretch]:
    """The stretches with their notes; ``notes`` come in order of time."""
    days = [note.at.astimezone(start.tzinfo).date() for note in notes]
    return [
        stretch._replace(notes=tuple(notes[bisect_left(days, stretch.first) : bisect_left(days, stretch.after)]))
        for stretch in stretches
    ]


def _columns(stretches: Sequence[Stretch], scale: Scale, keep_query: str, words: Words) -> Iterator[str]:
    """A link a stretch over a transparent rectangle: it narrows the timeline to those days."""
    frame, zone = scale.frame, scale.start.tzinfo
    rest = f"&{keep_query}" if keep_query else ""
    for stretch in stretches:
        x = scale.x(datetime.combine(stretch.first, datetime.min.time(), zone))
        width = scale.x(datetime.combine(stretch.after, datetime.min.time(), zone)) - x
        if width < 1:
            continue
        text = words.gettext("%(period)s: %(count)s events")
        label = escape(text % {"period": stretch.long, "count": words.number(len(stretch.notes))})
        href = escape(f"?from={stretch.first}&to={stretch.after - timedelta(days=1)}{rest}#timeline")
        yield (
            f'<a href="{href}" aria-label="{label}"><title>{label}</title>'
            f'<rect x="{x:g}" y="0" width="{width:g}" height="{frame.height}"/></a>'
        )


def _summary(notes: Sequence[Note], start: datetime, end: datetime, words: Words) -> str:
    """One sentence that says what the drawing shows."""
    past = [note for note in notes if not note.future]
    text = words.gettext("%(events)s events and %(sales)s purchases from %(start)s to %(end)s; %(coming)s to come.")
    return text % {
        "events": words.number(sum(note.events for note in past)),
        "sales": words.number(sum(note.sales or note.value > 0 for note in past)),
        "start": format_date(start, "long", locale=words.locale),
        "end": format_date(end, "long", locale=words.locale),
        "coming": words.number(len(notes) - len(past)),
    }


def _table(stretches: Sequence[Stretch], words: Words) -> str:
    """The same as a table: one row a stretch, one column a line."""
    gettext = words.gettext
    heads = [gettext("Period"), *(gettext(NAMES[line]) for line in LINES), gettext("Purchases")]
    rows = []
    for stretch in stretches:
        counts = Counter(note.line for note in stretch.notes)
        numbers = [counts[line] for line in LINES] + [sum(note.value > 0 for note in stretch.notes)]
        cells = "".join(f"<td>{words.number(number)}</td>" for number in numbers)
        rows.append(f'<tr><th scope="row">{escape(stretch.long)}</th>{cells}</tr>')
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    title = gettext("As table")
    return (
        f'<details class="staff-table"><summary>{escape(title)}</summary>'
        f'<div class="scroll-x" tabindex="0"><table class="table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></details>"
    )
