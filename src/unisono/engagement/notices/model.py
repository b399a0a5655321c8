"""Notices: events that are answered with a message by themselves."""

from __future__ import annotations

import msgspec

from unisono.engagement.templates.model import Purpose


class NoticeState(msgspec.Struct, frozen=True, kw_only=True):
    """A template that answers an event, and whether it does."""

    event: str
    code: str
    name: str
    purpose: Purpose
    enabled: bool
    """Somebody published it; those that come with the product wait for that."""
    version: int
    builtin: bool
    """As it comes with the product."""
