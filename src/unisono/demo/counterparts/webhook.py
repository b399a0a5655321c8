"""A receiver of Standard Webhooks, and of anything Apprise posts as JSON."""

from __future__ import annotations

from typing import ClassVar

from unisono.demo.counterparts.model import Answer, Asked, Provider, Taken


class WebhookReceiver(Provider):
    """Takes whatever is posted; a message is named by its ``webhook-id``."""

    name: ClassVar[str] = "webhook"

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        """The last requests, as they came: for checking signatures."""

    def answer(self, asked: Asked) -> Answer:
        """``POST`` anywhere."""
        self.asked = [*self.asked[-99:], asked]
        reference = asked.headers.get("webhook-id") or str(asked.json().get("message", ""))
        taken = Taken(provider=self.name, reference=reference, address=asked.path, content=asked.json())
        return Answer(status=204, body=b"", taken=(taken,))
