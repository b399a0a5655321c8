"""Payments over the counter and by bank: cash, the card terminal, transfers. People are their other half."""

from __future__ import annotations

from unisono.commerce.orders.payments.port import Action, Answer, Ask, CannotPay, PaymentProvider


class Cash(PaymentProvider):
    """Cash in the till: taken at once, given back at once."""

    name = "cash"
    method = "cash"

    def check(self, ask: Ask) -> None:
        tendered = ask.detail.get("tendered_minor")
        if tendered is not None and tendered < ask.amount_minor:
            raise CannotPay(
                "The cash handed over is not enough.",
                code="not_enough_cash",
                missing_minor=ask.amount_minor - tendered,
                currency=ask.currency,
            )

    async def authorise(self, ask: Ask) -> Answer:
        tendered = ask.detail.get("tendered_minor")
        change = f"change {tendered - ask.amount_minor}" if tendered is not None else None
        return Answer(outcome="done", captured=True, detail=change)

    async def capture(self, ask: Ask) -> Answer:
        return Answer(outcome="done")

    async def void(self, ask: Ask) -> Answer:
        return Answer(outcome="done", detail="out of the till")

    async def refund(self, ask: Ask) -> Answer:
        return Answer(outcome="done", detail="out of the till")

    async def lookup(self, action: Action, ask: Ask) -> Answer | None:
        # Nothing is between us and the drawer: a call cut short is made again and counts once, by its key.
        return None


class CardTerminal(PaymentProvider):
    """A card terminal beside the till: it has taken the money, the till tells us the number on its slip."""

    name = "terminal"
    method = "card"

    def check(self, ask: Ask) -> None:
        if not ask.detail.get("reference"):
            raise CannotPay("Give the number on the terminal's slip as reference.", code="reference_missing")

    async def authorise(self, ask: Ask) -> Answer:
        return Answer(outcome="done", captured=True, provider_id=str(ask.detail["reference"]))

    async def capture(self, ask: Ask) -> Answer:
        return Answer(outcome="done", provider_id=ask.authorised_as)

    async def void(self, ask: Ask) -> Answer:
        return Answer(outcome="pending", detail="a clerk gives it back on the terminal and confirms")

    async def refund(self, ask: Ask) -> Answer:
        return Answer(outcome="pending", detail="a clerk gives it back on the terminal and confirms")

    async def lookup(self, action: Action, ask: Ask) -> Answer | None:
        # What the terminal has taken only its slip knows; what it shall give back waits for the clerk.
        return await self.do(action, ask) if action in ("void", "refund") else None


class BankTransfer(PaymentProvider):
    """A transfer to the company's account: pending until somebody sees it there, both ways."""

    name = "transfer"
    method = "transfer"

    async def authorise(self, ask: Ask) -> Answer:
        return Answer(outcome="pending", detail="until the money is on the account")

    async def capture(self, ask: Ask) -> Answer:
        return Answer(outcome="done")

    async def void(self, ask: Ask) -> Answer:
        return Answer(outcome="done", detail="no longer expected")

    async def refund(self, ask: Ask) -> Answer:
        return Answer(outcome="pending", detail="until it is transferred back")

    async def lookup(self, action: Action, ask: Ask) -> Answer | None:
        return await self.do(action, ask)
