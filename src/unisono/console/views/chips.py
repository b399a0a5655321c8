"""Rows of chips over a list: what it may be filtered by, and what it is filtered by."""

from __future__ import annotations

from collections.abc import Iterable

from unisono.console import contexts, links
from unisono.console.words import Words


def filter_chips(
    page: str, every: str, texts: Iterable[tuple[str, str]], chosen: str, words: Words, *, name: str = "status"
) -> list[contexts.Chip]:
    """Everything, and each value of the parameter ``name`` alone; ``every`` and the texts are English msgids."""
    return [
        contexts.Chip(label=words.gettext(text), href=links.with_query(page, {name: value}), selected=value == chosen)
        for value, text in (("", every), *texts)
    ]
