"""The port every provider of payments is plugged into."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, get_args

import msgspec

from unisono.kit.errors import BadRequest

Action = Literal["authorise", "capture", "void", "refund"]
ACTIONS: tuple[Action, ...] = get_args(Action)
Method = Literal["cash", "card", "transfer", "test"]


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. The same ``key`` is the same call, however often it is made."""

    key: str
    amount_minor: int
    currency: str
    authorised_as: str | None = None
    """The provider's own id of the payment, for all that follows the authorisation."""
    detail: dict[str, Any] = {}
    """What the payment was begun with: token, reference, cash handed over."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What it said. ``pending`` waits for people: a transfer to arrive, a clerk to use the card terminal."""

    outcome: Literal["done", "declined", "pending", "unknown"]
    provider_id: str | None = None
    detail: str | None = None
    captured: bool = False
    """An authorisation that took the money in the same breath."""


class CannotPay(BadRequest):
    """What the payment needs is missing: a reference, a token, enough cash."""

    code = "bad_payment"


class PaymentProvider(ABC):
    """Somebody who takes money. Calls may be made twice with one key and must then count once."""

    name: ClassVar[str]
    method: ClassVar[Method]

    def check(self, ask: Ask) -> None:
        """Raises CannotPay when the payment cannot even be asked for; called before anything is written."""
        return

    @abstractmethod
    async def authorise(self, ask: Ask) -> Answer:
        """Reserve the amount, or take it where there is no reserving."""

    @abstractmethod
    async def capture(self, ask: Ask) -> Answer:
        """Take what is reserved, or a part of it."""

    @abstractmethod
    async def void(self, ask: Ask) -> Answer:
        """Let go what is reserved."""

    @abstractmethod
    async def refund(self, ask: Ask) -> Answer:
        """Give back what was taken, or a part of it."""

    @abstractmethod
    async def lookup(self, action: Action, ask: Ask) -> Answer | None:
        """What became of a call whose answer never came; None when it never reached the provider."""

    async def do(self, action: Action, ask: Ask) -> Answer:
        """The call by its name."""
        match action:
            case "authorise":
                return await self.authorise(ask)
            case "capture":
                return await self.capture(ask)
            case "void":
                return await self.void(ask)
            case "refund":
                return await self.refund(ask)
