"""Part-of-word search without an extension: texts cut in three-character pieces, kept as integers.

``mario rossi`` gives ``^ma mar ari rio ^ro ros oss ssi``: a query of three or more characters is found anywhere,
one of two at the beginning of a word. A GIN index on the integers finds the candidates, LIKE confirms them.
"""

from __future__ import annotations

import re
import unicodedata
import zlib

MAX_TEXT = 120
"""Characters of a text that are searchable."""

_DIGITS = re.compile(r"[+()\d\s./-]{3,}")
_NOT_DIGIT = re.compile(r"\D")


def fold(text: str) -> str:
    """Lower case, no accents, single spaces: the form in which texts are kept and compared."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(char for char in plain if not unicodedata.combining(char)).split())[:MAX_TEXT]


def _piece(text: str) -> int:
    if text.isascii():
        return (ord(text[0]) << 14) | (ord(text[1]) << 7) | ord(text[2])
    return zlib.crc32(text.encode()) & 0x3FFFFFFF | 0x40000000


def grams(text: str) -> list[int]:
    """The pieces of a folded text, each once."""
    pieces = {_piece(text[start : start + 3]) for start in range(len(text) - 2)}
    for word in text.split(" "):
        if len(word) >= 2:
            pieces.add(_piece("^" + word[:2]))
    return sorted(pieces)


def query_grams(word: str) -> list[int]:
    """The pieces an entry must have to contain this folded word; empty when the word is too short to search."""
    if len(word) == 2:
        return [_piece("^" + word)]
    return sorted({_piece(word[start : start + 3]) for start in range(len(word) - 2)})


def words(query: str) -> list[str]:
    """What to look for: a phone number in any spelling is one word of digits, the rest are words."""
    if _DIGITS.fullmatch(query.strip()):
        digits = _NOT_DIGIT.sub("", query)
        if len(digits) >= 2:
            return [digits.removeprefix("00") if digits.startswith("00") else digits]
    return [word for word in fold(query).split(" ") if len(word) >= 2][:5]
