"""Pages of the sample shop: Jinja templates, escaped by default, with money and times as the visitor writes them."""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_time
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from unisono.demo.shop.ridges import ridge
from unisono.demo.shop.words import say
from unisono.kit.money import format_money

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"


@functools.cache
def asset(name: str) -> str:
    """The address of a static file, with its content's digest."""
    return f"/static/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]}"


def new_key() -> str:
    """Names one filling of a form: sent twice, it is done once."""
    return secrets.token_urlsafe(12)


def _moment(value: str | datetime, locale: str, zone: str, shape: str) -> str:
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    local = at.astimezone(ZoneInfo(zone))
    return str(format_datetime(local, shape, locale=locale))


@functools.cache
def environment(language: str, zone: str) -> Environment:
    """The templates in a language; times without a place of their own are told in ``zone``."""
    locale = "en_GB" if language == "en" else language
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def money(minor: int, currency: str) -> str:
        return format_money(minor, currency, language)

    def moment(value: str | datetime, place: str | None = None) -> str:
        return _moment(value, locale, place or zone, "EEE d MMM, HH:mm")

    def clock(value: str | datetime, place: str | None = None) -> str:
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
        return str(format_time(at, "short", tzinfo=ZoneInfo(place or zone), locale=locale))

    def translate(text: str, **values: Any) -> str:
        said = say(text, language)
        return said.format(**values) if values else said

    made.filters.update(money=money, moment=moment, clock=clock, qr=_picture)
    made.globals.update(t=translate, asset=asset, new_key=new_key, ridge=ridge, language=language)
    return made


def _picture(svg: str) -> Markup:
    """A picture of a code, drawn by the engine from numbers alone; anything else is text."""
    drawn = svg.lstrip().startswith("<svg") and "<script" not in svg.lower()
    return Markup(svg) if drawn else Markup.escape(svg)  # noqa: S704


def render(name: str, *, language: str, zone: str, context: dict[str, Any]) -> str:
    """A page. ``context`` is what its template names."""
    return environment(language, zone).get_template(name).render(**context)


def skus_of(*groups: Sequence[str]) -> str:
    """The skus a page shows, for its script: it reads itself again only when one of them changes."""
    return " ".join(dict.fromkeys(sku for group in groups for sku in group if " " not in sku))
