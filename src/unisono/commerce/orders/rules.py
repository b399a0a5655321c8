"""The law of orders, pure: which state may follow which, what lines add up to, what comes back for a unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from unisono.commerce.orders.errors import BadOrder, NothingToCancel, NothingToReturn, OrderState
from unisono.commerce.orders.model import MAX_LINES, MAX_QUANTITY, OrderLine, PaymentStatus, Status
from unisono.commerce.promotions.model import Share
from unisono.kit.money import exponent

MAX_AMOUNT: Final = 10**15
"""Minor units: more than any order of a shop, and far enough from the end of a bigint to add without care."""
MAX_TEXT: Final = 200
"""Characters of a name, a sku, an order id of another system."""

NEXT: Final[Mapping[Status, frozenset[Status]]] = {
    "open": frozenset({"ready", "completed", "cancelled"}),
    "ready": frozenset({"open", "completed", "cancelled"}),
    "completed": frozenset({"returned"}),
    "cancelled": frozenset(),
    "returned": frozenset(),
}
"""Which state of an order may follow which."""


def check_notice(customer: Mapping[str, object], *, told: bool) -> None:
    """Raises BadOrder when the buyer is said to know what his e-mail address is used for and gave none."""
    address = customer.get("email")
    if told and not (isinstance(address, str) and "@" in address):
        raise BadOrder(
            "soft_opt_in is about the e-mail address in customer.email; there is none.", code="notice_without_email"
        )


def own_category(codes: Sequence[str]) -> str | None:
    """The last of the categories from the root to the product's own."""
    return codes[-1] if codes else None


def promoted(shares: Iterable[Share]) -> dict[str, Any]:
    """Which promotion took how much off a line, as it is kept with it."""
    taken = {share.code: share.amount_minor for share in shares}
    return {"promotions": taken} if taken else {}


def check_move(old: Status, new: Status) -> None:
    """Raises OrderState when ``new`` may not follow ``old``."""
    if new != old and new not in NEXT[old]:
        raise OrderState(f"An order that is {old} cannot become {new}.", state=old)


class Amounts(NamedTuple):
    """What lines add up to."""

    subtotal: int
    discount: int
    tax: int
    total: int


class Sold(Protocol):
    """A line with its amounts."""

    @property
    def quantity(self) -> int: ...
    @property
    def unit_minor(self) -> int: ...
    @property
    def discount_minor(self) -> int: ...
    @property
    def tax_minor(self) -> int: ...


def add_up(lines: Iterable[Sold], *, shipping: int, tax_included: bool) -> Amounts:
    """The sums of an order. Tax outside the prices is added on top; inside them it is only told."""
    subtotal = discount = tax = 0
    for line in lines:
        subtotal += line.quantity * line.unit_minor
        discount += line.discount_minor
        tax += line.tax_minor
    total = subtotal - discount + shipping + (0 if tax_included else tax)
    if total > MAX_AMOUNT:
        raise BadOrder("The order's total is too large.", code="amount_too_large")
    return Amounts(subtotal, discount, tax, total)


def share_of_units(total: int, quantity: int, start: int, count: int) -> int:
    """What units ``start`` to ``start + count`` of a line bring back of its ``total``, by the largest remainder.

    The line's total is split over its units, the first ones taking the cents left over, so that all units brought
    back, in whatever portions, add up to exactly the total.
    """
    base, left = divmod(total, quantity)
    end = start + count
    return base * count + min(end, left) - min(start, left)


def worth(line: OrderLine, count: int, start: int, *, tax_included: bool) -> int:
    """What units ``start`` to ``start + count`` of a line are worth, discounts and tax as they were paid.

    Units are handed over and brought back from the first on and cancelled from the last on: each is paid for once and
    given back once, and its cent with it, in whatever order that happens.
    """
    whole = line.total_minor + (0 if tax_included else line.tax_minor)
    return share_of_units(whole, line.quantity, start, count)


def cancelled_from(line: OrderLine, count: int) -> int:
    """The first of the next ``count`` units to be cancelled."""
    return line.quantity - line.cancelled - count


def check_cancel(line: OrderLine, quantity: int) -> None:
    """Raises BadOrder for no quantity, NothingToCancel over what is neither handed over nor cancelled."""
    left = line.quantity - line.handed_over - line.cancelled
    if quantity < 1:
        raise BadOrder(f"{quantity} units of {line.sku} cannot be cancelled.", code="bad_quantity")
    if quantity > left:
        raise NothingToCancel(
            f"Of {line.sku} {left} units can still be cancelled, not {quantity}.", sku=line.sku, left=left
        )


def check_return(line: OrderLine, quantity: int) -> None:
    """Raises BadOrder for no quantity, NothingToReturn over what was handed over and has not come back."""
    left = line.handed_over - line.returned
    if quantity < 1:
        raise BadOrder(f"{quantity} units of {line.sku} cannot be returned.", code="bad_quantity")
    if quantity > left:
        raise NothingToReturn(
            f"Of {line.sku} {left} units can still be returned, not {quantity}.", sku=line.sku, left=left
        )


def status_of(lines: Sequence[OrderLine], before: Status) -> Status:
    """The order's state, as its lines have it: nothing left is cancelled, all handed over is completed, all of that
    brought back is returned; else as before."""
    wanted = sum(line.quantity - line.cancelled for line in lines)
    handed = sum(line.handed_over for line in lines)
    back = sum(line.returned for line in lines)
    if lines and not wanted:
        return "cancelled"
    if handed and back == handed == wanted:
        return "returned"
    if handed and handed == wanted:
        return "completed"
    return before


class Paid(Protocol):
    """A payment, as far as the order's payment state depends on it."""

    @property
    def state(self) -> str: ...
    @property
    def captured_minor(self) -> int: ...
    @property
    def refunded_minor(self) -> int: ...


def payment_status_of(payments: Sequence[Paid], refunded_aside: int = 0) -> PaymentStatus:
    """The order's payment state, of all its payments; ``refunded_aside`` is money given back in another way
    (cash for a card payment, say)."""
    captured = sum(payment.captured_minor for payment in payments)
    refunded = sum(payment.refunded_minor for payment in payments) + refunded_aside
    if captured:
        if not refunded:
            return "paid"
        return "refunded" if refunded >= captured else "partly_refunded"
    states = {payment.state for payment in payments}
    if "authorised" in states:
        return "authorised"
    if "voided" in states:
        return "voided"
    return "unpaid"


def check_currency(currency: str) -> str:
    """The ISO 4217 code in capitals. Raises BadOrder for any other word."""
    code = currency.strip().upper()
    if len(code) != 3 or not code.isascii():
        raise BadOrder(f"{currency[:16]!r} is not a currency.", code="bad_currency")
    exponent(code)
    return code


def check_text(text: str, what: str) -> str:
    """The text without spaces around it. Raises BadOrder when it is empty, too long or cannot be stored."""
    text = text.strip()
    if not text or len(text) > MAX_TEXT or not text.isprintable():
        raise BadOrder(f"{what} has 1 to {MAX_TEXT} readable characters.", code=f"bad_{what.lower().replace(' ', '_')}")
    return text


def check_amount(amount: int, what: str) -> int:
    """The amount. Raises BadOrder when it is below nothing or beyond reason."""
    if not 0 <= amount <= MAX_AMOUNT:
        raise BadOrder(f"{what} cannot be {amount}.", code="bad_amount")
    return amount


class Wanted(Protocol):
    """A line somebody asks for."""

    @property
    def sku(self) -> str: ...
    @property
    def quantity(self) -> int: ...
    @property
    def unit_minor(self) -> int | None: ...
    @property
    def discount_minor(self) -> int: ...


def check_lines(lines: Sequence[Wanted]) -> None:
    """Raises BadOrder for no line, too many, or one whose quantity or amounts cannot be."""
    if not 1 <= len(lines) <= MAX_LINES:
        raise BadOrder(f"An order has 1 to {MAX_LINES} lines, not {len(lines)}.", code="bad_lines")
    for line in lines:
        check_text(line.sku, "Sku")
        if not 1 <= line.quantity <= MAX_QUANTITY:
            raise BadOrder(
                f"The quantity of {line.sku} is 1 to {MAX_QUANTITY}, not {line.quantity}.", code="bad_quantity"
            )
        gross = check_amount(line.unit_minor or 0, f"The price of {line.sku}") * line.quantity
        if check_amount(line.discount_minor, f"The discount of {line.sku}") > gross and line.unit_minor is not None:
            raise BadOrder(f"The discount of {line.sku} is over its price.", code="bad_amount")
