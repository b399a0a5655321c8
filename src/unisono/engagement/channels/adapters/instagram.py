"""Instagram direct messages through the same Send API as Messenger; texts are shorter, receipts name the message."""

from __future__ import annotations

from typing import ClassVar

from unisono.engagement.channels.adapters.messenger import MAX_BUTTONS, Messenger
from unisono.engagement.channels.model import Capabilities


class Instagram(Messenger):
    """Messages to people who have written to a professional Instagram account."""

    kind: ClassVar[str] = "instagram"
    title: ClassVar[str] = "Instagram"
    channels: ClassVar[tuple[str, ...]] = ("instagram",)
    capabilities: ClassVar[Capabilities] = Capabilities(
        media=True, buttons=MAX_BUTTONS, max_text=1000, inbound=True, receipts=True, window_hours=24
    )
    object_name: ClassVar[str] = "instagram"
