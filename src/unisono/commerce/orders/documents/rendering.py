"""Pages and pictures of documents: escaped by default, words and amounts as the customer's language writes them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import segno
from babel.dates import format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from unisono.commerce.inventory.model import Location
from unisono.commerce.orders.documents.words import say
from unisono.kit.money import format_money

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"


class PlaceLines(NamedTuple):
    """A store as it stands on paper."""

    name: str
    lines: tuple[str, ...]


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def qr_svg(text: str) -> Markup:
    """A text as a QR picture: an SVG that scales to its box and needs no network."""
    picture = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        picture, kind="svg", xmldecl=False, svgns=True, omitsize=True, svgclass=None, lineclass=None, border=2
    )
    # Drawn by the library from numbers alone: nothing of the text is in it.
    return Markup(picture.getvalue().decode())  # noqa: S704


def place_lines(location: Location | None) -> PlaceLines | None:
    """A store's name and address, whatever parts of it are known."""
    if location is None:
        return None
    address = {key: str(value) for key, value in location.address.items() if isinstance(value, str | int)}
    town = " ".join(address[part] for part in ("postcode", "city", "province") if part in address)
    lines = [address.get("street", ""), town, address.get("phone", "")]
    return PlaceLines(location.name, tuple(line for line in lines if line))


def render(template: str, *, language: str, currency: str | None, timezone: str, context: Mapping[str, Any]) -> str:
    """A document as a page. Times are the store's, amounts in ``currency`` (minor units)."""
    locale = "it_IT" if language == "it" else "en_GB"

    def when(at: datetime) -> str:
        return format_datetime(at, "EEE d MMM y, HH:mm", tzinfo=ZoneInfo(timezone), locale=locale)

    def money(minor: int) -> str:
        return format_money(minor, currency or "EUR", language)

    return (
        _environment()
        .get_template(template)
        .render(language=language, say=partial(_say, language), when=when, money=money, **context)
    )


def _say(language: str, key: str, **values: str) -> str:
    return say(key, language, **values)
