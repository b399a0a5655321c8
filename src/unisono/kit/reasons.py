"""Reasons: why something is so, in words that can be translated and values that can be checked."""

from __future__ import annotations

from typing import Any

import msgspec


class Reason(msgspec.Struct, frozen=True):
    """One reason. ``code`` is stable; ``text`` is an English msgid with {named} places that ``values`` fill.

    Amounts in ``values`` are minor units beside a ``currency``.
    """

    code: str
    text: str
    values: dict[str, Any] = {}
