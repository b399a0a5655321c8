"""Reading JSON that others wrote: what is missing or of another shape is empty, never an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def part(value: Any, name: str) -> Mapping[str, Any]:
    """An object inside an object."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def text(value: Any) -> str:
    """A text, without the characters no database holds."""
    return value.replace("\x00", "").encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def items(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """The texts of a list that say something."""
    return [item for item in map(text, value) if item] if isinstance(value, list) else []
