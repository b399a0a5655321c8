"""The public pages as HTML: escaped, without scripts, with nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response

from unisono.engagement.public.words import say
from unisono.kit.i18n import LANGUAGES, accepted
from unisono.kit.settings import Settings

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"

AnyRequest = Request[Any, Any, Any]

HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
"""The address of a page is its key: it is kept nowhere, indexed by nobody and told to no other site."""


class Shell(msgspec.Struct, frozen=True):
    """What every page has around it."""

    language: str
    brand: str
    """The company's name; empty when nobody has entered it."""
    timezone: str
    others: tuple[tuple[str, str], ...]
    """The other languages and the address of the page in each."""


def language_of(request: AnyRequest) -> str:
    """The language asked for: ``?lang=``, else what the browser likes, else the installation's."""
    asked = request.query_params.get("lang")
    settings: Settings = request.app.state.settings
    if isinstance(asked, str) and asked in LANGUAGES:
        return asked
    return accepted(request.headers.get("accept-language")) or settings.locale


def shell_of(request: AnyRequest, brand: str) -> Shell:
    """The frame of a page for this request."""
    settings: Settings = request.app.state.settings
    language = language_of(request)
    path = request.scope["path"]
    others = tuple((other, f"{path}?lang={other}") for other in LANGUAGES if other != language)
    return Shell(language, brand, settings.timezone, others)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(template: str, shell: Shell, *, status: int = 200, **context: Any) -> Response[str]:
    """A page as an answer. Raises KeyError for words there are not."""
    found = _environment().get_template(template)
    text = found.render(page=shell, say=_sayer(shell.language), day=partial(_day, shell), **context)
    return Response(text, media_type=MediaType.HTML, status_code=status, headers=HEADERS)


def _sayer(language: str) -> Callable[..., str]:
    def sayer(key: str, **values: str) -> str:
        return say(key, language, **values)

    return sayer


def _day(shell: Shell, at: datetime) -> str:
    locale = "it_IT" if shell.language == "it" else "en_GB"
    return str(format_date(at.astimezone(ZoneInfo(shell.timezone)), "d MMMM y", locale=locale))


def masked(namespace: str, value: str) -> str:
    """An address as its owner knows it again and nobody else learns it: ``m…@example.it``, ``…4567``."""
    if namespace == "email":
        name, _, domain = value.rpartition("@")
        return f"{name[:1]}…@{domain}"
    return f"…{value[-4:]}" if len(value) > 6 else "…"
