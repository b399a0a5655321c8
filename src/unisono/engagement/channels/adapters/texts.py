"""Text messages: how many segments a text takes, which is what it costs (3GPP TS 23.038)."""

from __future__ import annotations

from typing import Final

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("^{}\\[~]|€\f")
"""These take two places of seven bits."""

MAX_SEGMENTS: Final = 10
"""Beyond it carriers refuse."""


def segments(text: str) -> int:
    """How many messages a text is sent as: 160 characters of GSM-7 or 70 of UCS-2 in one, 153 or 67 in each of more."""
    if all(char in _BASIC or char in _EXTENDED for char in text):
        places = len(text) + sum(char in _EXTENDED for char in text)
        return 1 if places <= 160 else -(-places // 153)
    places = len(text.encode("utf-16-le", "surrogatepass")) // 2
    return 1 if places <= 70 else -(-places // 67)
