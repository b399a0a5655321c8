"""The door of orders.

Placing: `begin`, `pay` (in `duties`, over two transactions), `place_direct`. Changing: `cancel`, `hand_over`,
`return_lines`, `capture`, `refund`, `confirm_payment`. Reading: `get`, `detail`, `page`, `orders_of`, `bought_by`.
What changes money answers with the calls to providers that were written down: make them after the commit with
`finish_all`, or leave them to the timer.
"""

from __future__ import annotations

from datetime import datetime

from unisono.commerce.orders import money, reading, rules
from unisono.commerce.orders.cancelling import cancel
from unisono.commerce.orders.checkout import begin
from unisono.commerce.orders.checkout import cancel as cancel_checkout
from unisono.commerce.orders.checkout import get as get_checkout
from unisono.commerce.orders.checkout import view_of as view_of_checkout
from unisono.commerce.orders.direct import place_direct
from unisono.commerce.orders.duties import finish_all, pay
from unisono.commerce.orders.errors import BadOrder, OrderState
from unisono.commerce.orders.model import Order, Payment
from unisono.commerce.orders.money import Changed, hand_over
from unisono.commerce.orders.payments import service as payments
from unisono.commerce.orders.placing import note
from unisono.commerce.orders.reading import OrderFilter, OrderPage, bought_by, detail, get, orders_of, page
from unisono.commerce.orders.returns import return_lines
from unisono.kit.database import Connection

__all__ = [
    "Changed",
    "OrderFilter",
    "OrderPage",
    "begin",
    "bought_by",
    "cancel",
    "cancel_checkout",
    "capture",
    "confirm_payment",
    "detail",
    "finish_all",
    "get",
    "get_checkout",
    "hand_over",
    "orders_of",
    "page",
    "pay",
    "place_direct",
    "refund",
    "return_lines",
    "view_of_checkout",
]


async def capture(conn: Connection, number: str, *, amount: int | None = None, actor: str, now: datetime) -> Changed:
    """Take what is reserved for an order, or a part of it. Raises OrderNotFound, OrderState when nothing is."""
    order = await money.lock(conn, (await reading.get(conn, number)).id)
    own = await payments.of_order(conn, order.id)
    room = sum([await payments.capturable(conn, payment) for payment in own])
    wanted = room if amount is None else rules.check_amount(amount, "The amount")
    if not 0 < wanted <= room:
        raise OrderState(f"Of this order {room} can be captured, not {wanted}.", room_minor=room)
    calls = await money.take(conn, order, wanted, key=f"captured:{order.version}:{len(own[0].entries)}", now=now)
    await note(conn, order.id, "capture asked", actor=actor, now=now, detail={"amount_minor": wanted})
    return Changed(order, calls)


async def refund(conn: Connection, number: str, *, amount: int, reason: str, actor: str, now: datetime) -> Changed:
    """Give money back without goods coming back: a gesture. Raises OrderNotFound, OrderState over what was paid."""
    reason = rules.check_text(reason, "Reason")
    if amount < 1:
        raise BadOrder("A refund is at least the smallest coin.", code="bad_amount")
    order = await money.lock(conn, (await reading.get(conn, number)).id)
    own = await payments.of_order(conn, order.id)
    room = sum([await payments.refundable(conn, payment) for payment in own])
    if amount > room:
        raise OrderState(f"Of this order {room} can be given back, not {amount}.", room_minor=room)
    _, calls = await money.give_back(conn, order, amount, key=f"refund:{order.version}", now=now)
    return Changed(await money.refunded(conn, order, amount, reason=reason, actor=actor, now=now), calls)


async def confirm_payment(
    conn: Connection, payment_id: str, *, reference: str | None, accepted: bool, actor: str, now: datetime
) -> tuple[Payment, Order | None]:
    """Somebody saw it happen: the transfer arrived, the card got its money back at the terminal; or it never will.

    Raises PaymentNotFound, PaymentState when nothing of it waits.
    """
    payment = await payments.read(conn, payment_id)
    if payment.order_id is not None:
        await money.lock(conn, payment.order_id)
    confirmed, action = await payments.confirm(conn, payment_id, reference=reference, accepted=accepted, now=now)
    if confirmed.order_id is None:
        return confirmed, None
    what = f"{action} {'confirmed' if accepted else 'called off'}"
    await note(conn, confirmed.order_id, what, actor=actor, now=now, detail={"payment": payment_id})
    return confirmed, await money.payment_moved(conn, confirmed.order_id, actor=actor, now=now)
