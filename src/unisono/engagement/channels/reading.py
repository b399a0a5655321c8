"""Reading what providers post: bounded, and safe to store whatever they wrote."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from unisono.engagement.channels.model import HookUnreadable
from unisono.kit.nesting import is_deep

LONGEST: Final = 2000
"""Characters of a text that are kept."""

MOST: Final = 5000
"""Events of one call that are read."""


def clean(value: str) -> str:
    """A text as it can be stored: without NUL and lone surrogates."""
    return value[:LONGEST].replace("\x00", "").encode("utf-8", "replace").decode()


def safe_target(url: object) -> str | None:
    """An address of the web as a header may carry it; None for what is none."""
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
        written = quote(url, safe="/:?#[]@!$&'()*+,;=%~-._")
    except ValueError:  # half a bracket of an IPv6 address, half a character
        return None
    return written if parts.scheme.lower() in ("http", "https") and parts.netloc else None


def json_object(body: bytes) -> dict[str, Any]:
    """Raises HookUnreadable."""
    found = _json(body)
    if not isinstance(found, dict):
        raise HookUnreadable("A JSON object was expected.")
    return found


def json_array(body: bytes) -> list[dict[str, Any]]:
    """An array's objects. Raises HookUnreadable."""
    found = _json(body)
    if not isinstance(found, list) or len(found) > MOST:
        raise HookUnreadable(f"A JSON array of at most {MOST} was expected.")
    return [row for row in found if isinstance(row, dict)]


def _json(body: bytes) -> Any:
    if is_deep(body):
        raise HookUnreadable("That is nested too deeply.")
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise HookUnreadable("That is no JSON.") from error


def form(body: bytes) -> list[tuple[str, str]]:
    """Fields of a form, the empty ones too. Raises HookUnreadable."""
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=500)
    except ValueError as error:
        raise HookUnreadable("That is no form.") from error


def text(row: dict[str, Any], name: str) -> str | None:
    """A text, or a number as text; None for anything else and for nothing."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return clean(str(value)) or None


def inner(row: dict[str, Any], name: str) -> dict[str, Any]:
    """An object inside, empty when it is none."""
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def objects(row: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of a list inside."""
    value = row.get(name)
    return [one for one in value[:MOST] if isinstance(one, dict)] if isinstance(value, list) else []


def unix(value: Any, now: datetime) -> datetime:
    """Seconds since 1970 as an instant; the present for nonsense, the future and anything older than a month."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return now
    if not math.isfinite(seconds) or not (now - timedelta(days=31)).timestamp() <= seconds <= now.timestamp():
        return now
    return datetime.fromtimestamp(seconds, UTC)
