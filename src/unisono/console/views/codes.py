"""Codes made of names, for who does not want to think of one."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 60
"""Characters; shorter than any code may be, so that somebody may add to it."""


def code_of(name: str) -> str:
    """Small letters, digits and hyphens: ``Primavera è qui`` becomes ``primavera-e-qui``; empty when none is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST].strip("-")
