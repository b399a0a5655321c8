"""What an answer of a provider makes of a payment, pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from unisono.commerce.orders.errors import PaymentState
from unisono.commerce.orders.payments.port import Action, Answer

ALLOWED: Final[dict[Action, frozenset[str]]] = {
    "authorise": frozenset({"pending", "unknown"}),
    "capture": frozenset({"authorised", "captured"}),
    "void": frozenset({"authorised", "pending"}),
    "refund": frozenset({"captured"}),
}
"""In which state of a payment what may be asked."""


class Standing(NamedTuple):
    """A payment as far as money goes."""

    state: str
    amount: int
    captured: int
    refunded: int


def after(before: Standing, action: Action, amount: int, answer: Answer) -> Standing:
    """The payment after an answer: what is pending or unknown moves no money, what is declined leaves it."""
    state, whole, captured, refunded = before
    if answer.outcome == "unknown":
        return Standing("unknown" if action == "authorise" else state, whole, captured, refunded)
    if answer.outcome == "pending":
        return Standing("pending" if action == "authorise" else state, whole, captured, refunded)
    if answer.outcome == "declined":
        return Standing("declined" if action == "authorise" else state, whole, captured, refunded)
    match action:
        case "authorise":
            return (
                Standing("captured", whole, amount, refunded)
                if answer.captured
                else before._replace(state="authorised")
            )
        case "capture":
            return Standing("captured", whole, captured + amount, refunded)
        case "void":
            return before._replace(state="voided")
        case "refund":
            back = refunded + amount
            return Standing("refunded" if back == captured else "captured", whole, captured, back)


def check(standing: Standing, action: Action, amount: int, *, owed: dict[str, int]) -> None:
    """Raises PaymentState when this may not be asked now; ``owed`` is what was asked already and is not answered."""
    if standing.state not in ALLOWED[action]:
        raise PaymentState(f"A payment that is {standing.state} allows no {action}.", state=standing.state)
    room = {
        "authorise": standing.amount,
        "capture": standing.amount - standing.captured - owed.get("capture", 0),
        "void": 0 if "void" in owed or standing.captured else standing.amount,
        "refund": standing.captured - standing.refunded - owed.get("refund", 0),
    }[action]
    if not 0 < amount <= room:
        raise PaymentState(f"Of this payment {room} can be asked as {action}, not {amount}.", room_minor=room)
