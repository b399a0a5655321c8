"""Templates to HTML: the Jinja environment of the console, its filters, and `render_screen`.

Autoescaping is on, an unknown name is an error, and every text goes through gettext. Filters read the language
and the time zone from ``page`` (the `Shell`), so templates say ``{{ event.at | when }}`` and nothing more.
"""

import functools
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from gettext import NullTranslations
from pathlib import Path
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_skeleton, format_time, format_timedelta
from babel.numbers import format_compact_decimal, format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from unisono.console import contexts, links
from unisono.console.staff import NAMES, Dot, render_staff
from unisono.console.steps import render_steps
from unisono.console.trends import render_trend
from unisono.kit.marking import N_
from unisono.kit.money import format_money
from unisono.kit.reasons import Reason, in_words

HERE = Path(__file__).parent
STATIC = HERE / "static"
TEMPLATES = HERE / "templates"

STYLESHEETS = (
    "tokens",
    "reset",
    "base",
    "components",
    "forms",
    "staff",
    "screens",
    "person",
    "commerce",
    "orders",
    "voice",
    "segments",
    "sends",
    "utilities",
)
"""In the order of their layers; tokens.css declares that order and so comes first."""

LANGUAGES = (("it", "Italiano"), ("en", "English"))
"""Languages on offer, each under its own name."""

DOT_NAMES: dict[Dot, str] = {
    "web": NAMES["web"],
    "app": NAMES["app"],
    "store": NAMES["store"],
    "messages": NAMES["messages"],
    "service": NAMES["service"],
    "identity": N_("Identity"),
}
"""English names of what a dot stands for."""

SOON = timedelta(days=7)
"""Instants nearer than this are told as distances ("3 hours ago"), others as days."""


class Priced(Protocol):
    """Money as the filters read it: integer minor units and an ISO 4217 code."""

    @property
    def minor(self) -> int: ...
    @property
    def currency(self) -> str: ...


@functools.cache
def _digest(path: Path, modified: float) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10]


def asset(name: str) -> str:
    """The address of a static file with its content's digest, so that it may be cached for ever.

    A file that is not there (``vendor/htmx.min.js`` before ``scripts/build_assets.py`` ran) keeps a bare address.
    """
    path = STATIC / name
    if not path.is_file():
        return f"{links.STATIC}/{name}"
    return f"{links.STATIC}/{name}?v={_digest(path, path.stat().st_mtime)}"


def page_of(context: Context) -> contexts.Shell:
    """The `Shell` of the page being rendered."""
    page = context["page"]
    assert isinstance(page, contexts.Shell)
    return page


def _translate(context: Context) -> Callable[[str], str]:
    """The plain gettext of the environment's language."""
    return cast("Callable[[str], str]", context.environment.globals["translate"])


def _format(page: contexts.Shell) -> str:
    """The locale that writes dates and numbers: plain English is written the European way (9 Oct, 14:32)."""
    return "en_GB" if page.locale == "en" else page.locale


def _zone(page: contexts.Shell) -> ZoneInfo:
    return ZoneInfo(page.zone)


@pass_context
def money(context: Context, amount: Priced) -> str:
    """An amount as the reader's locale writes it: 84,00 EUR with its sign."""
    # In plain English, so that a dollar is written here as in the sentences of the timeline.
    return format_money(amount.minor, amount.currency, page_of(context).locale)


@pass_context
def number(context: Context, value: float) -> str:
    """A number with the locale's separators; at most two decimals."""
    return format_decimal(round(value, 2), locale=_format(page_of(context)))


@pass_context
def compact(context: Context, value: int) -> str:
    """A large number shortened: 12K, 3.4M."""
    return format_compact_decimal(value, fraction_digits=1, locale=_format(page_of(context)))


@pass_context
def clock(context: Context, at: datetime) -> str:
    """Hour and minute, local."""
    page = page_of(context)
    return format_time(at, "short", tzinfo=_zone(page), locale=_format(page))


@pass_context
def clock_seconds(context: Context, at: datetime) -> str:
    """Hour, minute and second, local."""
    page = page_of(context)
    return format_time(at, "medium", tzinfo=_zone(page), locale=_format(page))


@pass_context
def absolute(context: Context, at: datetime) -> str:
    """Day, hour and zone in full: for titles, exports and anyone who must be sure."""
    page = page_of(context)
    day = format_datetime(at, "EEE d MMM y, HH:mm:ss", tzinfo=_zone(page), locale=_format(page))
    return f"{day} ({page.zone})"


@pass_context
def distance(context: Context, at: datetime) -> str:
    """How far from now: "3 hours ago", "in 2 days"; beyond a week the day itself."""
    page = page_of(context)
    delta = at - page.now
    if abs(delta) < timedelta(seconds=2):
        return _translate(context)(N_("just now"))
    if abs(delta) > SOON:
        return day_short(context, at)
    return format_timedelta(delta, add_direction=True, threshold=1, locale=_format(page))


@pass_context
def when(context: Context, at: datetime) -> Markup:
    """A ``<time>`` that reads as a distance and holds the absolute instant with its zone."""
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.isoformat(), absolute(context, at), distance(context, at)
    )


@pass_context
def day_short(context: Context, at: datetime | date) -> str:
    """A day without what is obvious: "9 Oct", "9 Oct 2024" in another year."""
    page = page_of(context)
    local = at.astimezone(_zone(page)).date() if isinstance(at, datetime) else at
    this_year = page.now.astimezone(_zone(page)).year
    skeleton = "MMMd" if local.year == this_year else "yMMMd"
    return format_skeleton(skeleton, local, locale=_format(page))


@pass_context
def day_long(context: Context, day: date) -> str:
    """The heading of a day: "Today", "Yesterday", "9 October", "9 October 2024"."""
    page = page_of(context)
    today = page.now.astimezone(_zone(page)).date()
    translate = _translate(context)
    if day == today:
        return translate(N_("Today"))
    if day == today - timedelta(days=1):
        return translate(N_("Yesterday"))
    skeleton = "MMMMd" if day.year == today.year else "yMMMMd"
    return format_skeleton(skeleton, day, locale=_format(page))


@pass_context
def month(context: Context, at: datetime) -> str:
    """Month and year: "March 2019"."""
    page = page_of(context)
    return format_skeleton("yMMMM", at.astimezone(_zone(page)), locale=_format(page))


@pass_context
def month_or_year(context: Context, at: datetime) -> str:
    """The month within this year ("March"), else the year: as exact as an old date need be."""
    page = page_of(context)
    local = at.astimezone(_zone(page))
    this_year = local.year == page.now.astimezone(_zone(page)).year
    return format_skeleton("MMMM", local, locale=_format(page)) if this_year else str(local.year)


@pass_context
def moment(context: Context, at: datetime) -> str:
    """The clock of a coming event: the hour today, the weekday within a week, the day beyond."""
    page = page_of(context)
    local, today = at.astimezone(_zone(page)), page.now.astimezone(_zone(page)).date()
    if local.date() == today:
        return clock(context, at)
    if local.date() < today + SOON:
        return format_date(local.date(), "EEE", locale=_format(page))
    return day_short(context, at)


@pass_context
def lasting(context: Context, seconds: float) -> str:
    """A length of time: "3 seconds", "2 hours"."""
    return format_timedelta(timedelta(seconds=seconds), threshold=1, locale=_format(page_of(context)))


@pass_context
def figure(context: Context, value: Any) -> str:
    """The value of a tile or a computed trait, whatever its type."""
    if hasattr(value, "minor") and hasattr(value, "currency"):
        return money(context, value)
    if isinstance(value, bool):
        translate = _translate(context)
        return translate(N_("Yes")) if value else translate(N_("No"))
    if isinstance(value, (datetime, date)):
        return day_short(context, value)
    if isinstance(value, (int, float)):
        return number(context, value)
    return str(value)


@pass_context
def reason(context: Context, why: Reason) -> str:
    """A reason of any room in the reader's words, its amounts and instants written their way."""
    page = page_of(context)
    return in_words(why, page.locale, page.zone)


@pass_context
def staff(context: Context, score: contexts.Score, size: Any = "full", name: str = "staff") -> Markup:
    """Draw a score in the reader's language and local days."""
    page = page_of(context)
    return render_staff(
        score.notes,
        now=page.now.astimezone(_zone(page)),
        start=score.start.astimezone(_zone(page)),
        end=score.end.astimezone(_zone(page)),
        locale=_format(page),
        size=size,
        gettext=_translate(context),
        name=name,
        keep_query=score.keep_query if score.by_stretch else None,
    )


@pass_context
def price_steps(context: Context, chart: contexts.Steps) -> Markup:
    """Draw prices over time in the reader's money and days."""
    return render_steps(
        chart,
        money=lambda minor: format_money(minor, chart.currency, page_of(context).locale),
        day=lambda at: day_short(context, at),
        say=_translate(context),
    )


@pass_context
def trend(context: Context, points: Sequence[contexts.DayPoint], label: str, small: bool = False) -> Markup:
    """Draw a number over days in the reader's numbers and days; ``label`` is read instead of the drawing."""
    return render_trend(
        points,
        label=label,
        small=small,
        number=lambda value: compact(context, value),
        day=lambda day: day_short(context, day),
    )


FILTERS: Mapping[str, Callable[..., Any]] = {
    filter_.__name__: filter_
    for filter_ in (
        money, number, compact, clock, clock_seconds, absolute, distance, when,
        day_short, day_long, month, month_or_year, moment, lasting, figure, reason,
    )
}  # fmt: skip


def bar_heights(history: list[contexts.Bucket], height: int) -> list[tuple[int, int]]:
    """The heights of each bucket's accepted and failed bars; what is not zero is at least one unit high."""
    top = max((bucket.accepted + bucket.failed for bucket in history), default=0) or 1

    def scaled(value: int) -> int:
        return max(round(value / top * height), 1) if value else 0

    return [(scaled(bucket.accepted), scaled(bucket.failed)) for bucket in history]


def new_key() -> str:
    """Names one filling of a form, so that a double click does it once."""
    return secrets.token_urlsafe(12)


def build_environment(locale: str, *, translations: NullTranslations | None = None) -> Environment:
    """An environment for one language. Keep it: templates are compiled once per environment.

    ``locale`` is a Babel code; ``translations`` a gettext catalogue, None leaves the English msgids.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    install: Any = environment
    install.install_gettext_translations(translations or NullTranslations(), newstyle=True)
    environment.filters.update(FILTERS)
    environment.globals.update(
        links=links,
        asset=asset,
        staff=staff,
        price_steps=price_steps,
        trend=trend,
        stylesheets=STYLESHEETS,
        line_names=DOT_NAMES,
        bar_heights=bar_heights,
        new_key=new_key,
        languages=LANGUAGES,
        translate=(translations or NullTranslations()).gettext,
        fragment=False,
    )
    environment.globals["locale"] = locale
    return environment


def render_screen(
    environment: Environment, page: contexts.Shell, view: contexts.Screen, *, fragment: bool = False
) -> str:
    """The whole HTML of a screen; with ``fragment`` only what belongs inside ``<main>``, for htmx and the palette."""
    return environment.get_template(view.TEMPLATE).render(page=page, view=view, fragment=fragment)


def render_fragment(environment: Environment, page: contexts.Shell, name: str, **values: Any) -> str:
    """A part of a screen for htmx or a stream: ``fragments/<name>.html`` with ``values``."""
    return environment.get_template(f"fragments/{name}.html").render(page=page, **values)
