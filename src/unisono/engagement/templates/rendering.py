"""Rendering: compiled once a version, channel and language; then only Liquid runs for each person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unisono.engagement.brand.model import Kit
from unisono.engagement.templates.model import ChannelContent, Content, Needs, Purpose, Rendered


class Renderer:
    """One content of a channel in a language, compiled. Raises BadTemplate when it cannot be."""

    language: str
    needs: Needs

    def __init__(
        self,
        content: ChannelContent,
        *,
        channel: str,
        language: str,
        purpose: Purpose,
        kit: Kit,
        blocks: Mapping[str, Content] | None = None,
    ) -> None: ...

    def render(self, context: Mapping[str, Any]) -> Rendered:
        """What one person gets. ``context`` is that of `facts.contexts`, plus ``links`` from the caller
        (unsubscribe, preferences, confirm). Raises RenderFailed when a limit is hit or a link is missing."""
        raise NotImplementedError


class Renderers:
    """A version of a template with its brand and blocks: a `Renderer` for each channel and language, made at need."""

    channels: frozenset[str]

    def of(self, channel: str, language: str | None) -> Renderer:
        """The renderer of a channel in the language nearest to the wanted one: it, its base, the company's, any.

        Raises ContentMissing when the template says nothing on the channel, BadTemplate when it cannot be compiled.
        """
        raise NotImplementedError
