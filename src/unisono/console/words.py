"""The language a reader reads: their own setting, then what the address says, then the browser, then ours."""

from __future__ import annotations

import functools
from gettext import NullTranslations
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from jinja2 import Environment
from litestar import Request

from unisono.access.accounts import Account
from unisono.console.rendering import build_environment
from unisono.kit.i18n import LANGUAGES, accepted, translations

LANGUAGE_COOKIE = "unisono_language"
"""What somebody chose before signing in."""


class Words(NamedTuple):
    """A language: its code and the function that says an English text in it."""

    language: str
    zone: ZoneInfo

    def gettext(self, text: str) -> str:
        """The text in this language."""
        # gettext keeps the catalogue's own header under the empty text.
        return _catalogue(self.language).gettext(text) if text else ""

    def ngettext(self, one: str, many: str, number: int) -> str:
        """The text for one or many, with ``%(num)s`` filled in."""
        text = _catalogue(self.language).ngettext(one, many, number)
        return text % {"num": number}


@functools.cache
def _catalogue(language: str) -> NullTranslations:
    return translations(language)


@functools.cache
def environment_of(language: str) -> Environment:
    """The templates in a language."""
    return build_environment(language, translations=_catalogue(language))


def language_of(request: Request[Any, Any, Any], account: Account | None) -> str:
    """The language to answer in: account, ``?lang=``, cookie, ``Accept-Language``, setting."""
    wishes = (
        account.locale if account else None,
        request.query_params.get("lang"),
        request.cookies.get(LANGUAGE_COOKIE),
        accepted(request.headers.get("accept-language")),
        request.app.state.settings.locale,
    )
    return next((wish for wish in wishes if wish in LANGUAGES), "en")
