"""What a counterpart is asked, answers and remembers, and how it is told to fail."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, Literal

import msgspec

KEPT: Final = 500
"""Messages whose content is remembered; of all others the count alone."""

ACCOUNT: Final = "AC00000000000000000000000000000001"
TOKEN: Final = "counterpart-token"  # noqa: S105 - everybody may know it: it opens nothing
"""The secret of every account with a counterpart: auth token, access token, app secret, verify token, signing key."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request to a provider."""

    method: str
    path: str
    """Below the provider's name."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        """The body as JSON; an empty mapping when it is none."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return {}


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A message a provider took."""

    provider: str
    reference: str
    """What names the message: the same of a second copy."""
    address: str
    provider_id: str | None = None
    content: Mapping[str, Any] = {}
    """What was said, for whoever looks."""
    at: datetime | None = None


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """A call the provider makes to us afterwards."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    after: float = 0.05
    """Seconds."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider answers, what it took, and what it tells later."""

    status: int = 200
    body: Any = None
    """Bytes as they are, anything else as JSON."""
    headers: Mapping[str, str] = {}
    taken: tuple[Taken, ...] = ()
    then: tuple[Callback, ...] = ()


Stage = Literal["ehlo", "mail", "rcpt", "data"]


class Mode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way to fail, for the next ``times`` requests of a provider (all, when None) that name ``address``."""

    provider: str
    address: str | None = None
    """Only requests with this in them."""
    times: int | None = None
    status: int | None = None
    """Answer this instead, and take nothing unless ``takes``. Of SMTP: the code."""
    body: Any = None
    """Of an answer instead: JSON, or for SMTP the words after the code."""
    headers: Mapping[str, str] = {}
    stage: Stage = "data"
    """Of SMTP: where it fails."""
    takes: bool = False
    """It takes the message, and answers as if it had not."""
    after: float = 0.0
    """Seconds it lets the caller wait."""
    cut: Literal["no", "before", "after"] = "no"
    """Hangs up before it has taken the message, or after."""


class Provider(ABC):
    """A counterpart of one provider's HTTP interface; it is found under its name as the first part of the path."""

    name: ClassVar[str]

    @abstractmethod
    def answer(self, asked: Asked) -> Answer:
        """What it says to a request."""


class Book:
    """What all counterparts took, and how they are told to fail."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.recent: deque[Taken] = deque(maxlen=KEPT)
        self._modes: list[Mode] = []

    def take(self, taken: Taken) -> None:
        """Count a message."""
        self.counts.setdefault(taken.provider, Counter())[taken.reference] += 1
        self.recent.append(taken)

    def of(self, provider: str) -> Counter[str]:
        """How often a provider took which message."""
        return self.counts.get(provider, Counter())

    def told(self, *modes: Mode) -> None:
        """Fail this way; earlier modes come first."""
        self._modes.extend(modes)

    def forget(self) -> None:
        """Begin anew."""
        self.counts.clear()
        self.recent.clear()
        self._modes.clear()

    def mode_for(self, provider: str, text: str, stage: Stage | None = None) -> Mode | None:
        """How a request with ``text`` in it fails, which uses up one of the mode's times; None: not at all."""
        for place, mode in enumerate(self._modes):
            if mode.provider != provider or (stage is not None and mode.stage != stage):
                continue
            if mode.address is not None and mode.address not in text:
                continue
            if mode.times is not None:
                if mode.times <= 1:
                    del self._modes[place]
                else:
                    self._modes[place] = msgspec.structs.replace(mode, times=mode.times - 1)
            return mode
        return None

    def summary(self) -> dict[str, dict[str, int]]:
        """By provider: how many messages came, how many different ones, how often the most frequent."""
        return {
            provider: {
                "messages": sum(counts.values()),
                "different": len(counts),
                "most": max(counts.values(), default=0),
            }
            for provider, counts in self.counts.items()
        }
