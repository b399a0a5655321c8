"""The copy as a page people read: one file that loads nothing, in Italian or English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import msgspec
from babel.dates import format_datetime

from unisono.kit.i18n import LANGUAGES, translations
from unisono.kit.marking import N_

TITLE = N_("What we keep about you")
INTRO = N_("Made on {at}. The same and more is in the folder data, for programs (JSON Lines) and spreadsheets (CSV).")
MORE = N_("{shown} of {total}; all of them are in {file}")
ALL = N_("{total} in {file}")

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;color:#1d1b16;
background:#fffdf8}h1,h2{line-height:1.2}nav ul{columns:3 14rem;padding-left:1.2rem}.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.875rem}th,td{border:1px solid #b9b2a3;padding:.3rem .5rem;
text-align:left;vertical-align:top;max-width:30rem;overflow-wrap:anywhere}th{background:#f2ede1}p{max-width:45rem}"""


class Page:
    """Words and dates of one language."""

    def __init__(self, language: str, at: datetime) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._say = translations(self.language).gettext
        self._at = at

    def word(self, text: str) -> str:
        """A text of ours in the page's language, safe to stand in it."""
        return escape(self._say(text) if text else "")

    def head(self, sections: Sequence[tuple[str, str]]) -> str:
        """Title and table of contents."""
        links = "".join(f'<li><a href="#{anchor}">{self.word(title)}</a></li>' for title, anchor in sections)
        intro = escape(self._say(INTRO).format(at=self._when(self._at)))
        title = self.word(TITLE)
        return (
            f'<!doctype html><html lang="{self.language}"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style></head>'
            f"<body><main><h1>{title}</h1><p>{intro}</p><nav><ul>{links}</ul></nav>"
        )

    def section(self, title: str, anchor: str, stem: str, total: int, most: int) -> str:
        """A section's heading, and how much of it is shown."""
        words = MORE if total > most else ALL
        said = self._say(words).format(shown=most, total=total, file=f"{stem}.csv")
        return f'<section id="{anchor}"><h2>{self.word(title)}</h2><p>{escape(said)}</p><div class="wide"><table>'

    def row(self, values: Mapping[str, Any]) -> str:
        """A row."""
        return f"<tr>{''.join(f'<td>{escape(self._cell(value))}</td>' for value in values.values())}</tr>"

    def foot(self) -> str:
        """The end."""
        return "</main></body></html>"

    def _cell(self, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, datetime):
            return self._when(value)
        if isinstance(value, bool):
            return "✓" if value else "–"
        if isinstance(value, dict):
            return "; ".join(f"{key}: {self._cell(one)}" for key, one in value.items())
        if isinstance(value, list):
            return ", ".join(self._cell(one) for one in value)
        if isinstance(value, bytes):
            return msgspec.json.encode(value).decode()
        return str(value)

    def _when(self, at: datetime) -> str:
        return str(format_datetime(at, "d MMM y, HH:mm:ss z", locale=self.language, tzinfo=UTC))


def table_head(page: Page, fields: Mapping[str, str]) -> str:
    """The row of headings."""
    cells = "".join(f'<th scope="col">{page.word(says)}</th>' for says in fields.values())
    return f"<thead><tr>{cells}</tr></thead><tbody>"
