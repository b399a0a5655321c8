"""Route patterns from the same functions that make the links, so that the two cannot part."""

from __future__ import annotations

from collections.abc import Callable


def pattern(link: Callable[[int], str], name: str) -> str:
    """The pattern of a link about one thing: ``/console/people/{person_id:int}``."""
    return link(0).replace("/0", f"/{{{name}:int}}")


def text_pattern(link: Callable[[str], str], name: str, kind: str = "str") -> str:
    """The same for a thing with a code; ``kind`` is ``path`` where a code may hold a slash."""
    return link("CODE").replace("CODE", f"{{{name}:{kind}}}")
