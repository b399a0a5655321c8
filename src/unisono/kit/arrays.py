"""Lists for PostgreSQL as one text.

asyncpg encodes an array with a type check for each element (measured 0.35 us an element, more than all else a row
costs); a text costs one. ``int_list`` is cast with ``::text::bigint[]``, ``text_list`` split by
``string_to_array(…, chr(31))``.
"""

from __future__ import annotations

from collections.abc import Iterable

SEPARATOR = "\x1f"
"""ASCII unit separator: identifiers and message ids with control characters are refused where they come in."""


def int_list(values: Iterable[int | None]) -> str:
    """Whole numbers as an array literal; None is null."""
    return "{" + ",".join(["null" if value is None else str(value) for value in values]) + "}"


def flag_list(values: Iterable[bool]) -> str:
    """Booleans as an array literal."""
    return "{" + ",".join(["t" if value else "f" for value in values]) + "}"


def word_list(values: Iterable[str]) -> str:
    """Words of letters as an array literal: only for values of our own making."""
    return "{" + ",".join(values) + "}"


def text_list(values: Iterable[str | None]) -> str:
    """Texts for ``string_to_array(…, chr(31))``; None is an empty one (give it '' as the null text)."""
    texts = [value or "" for value in values]
    joined = SEPARATOR.join(texts)
    if joined.count(SEPARATOR) >= max(1, len(texts)):
        # A client's text holds a separator; it must not move its neighbours.
        joined = SEPARATOR.join([text.replace(SEPARATOR, " ") for text in texts])
    return joined
