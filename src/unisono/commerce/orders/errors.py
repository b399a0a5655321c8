"""What can go wrong with an order, in words a caller can act on."""

from __future__ import annotations

from unisono.kit.errors import BadRequest, Conflict, NotFound


class OrderNotFound(NotFound):
    """There is no such order."""

    code = "order_not_found"


class CheckoutNotFound(NotFound):
    """There is no such checkout."""

    code = "checkout_not_found"


class PaymentNotFound(NotFound):
    """There is no such payment."""

    code = "payment_not_found"


class BadOrder(BadRequest):
    """Something in the order cannot be: a quantity, a sku, an amount, a currency."""

    code = "bad_order"


class OrderState(Conflict):
    """The order is past the point where this can be done."""

    code = "order_state"


class NothingToCancel(Conflict):
    """More units than are still to be handed over."""

    code = "nothing_to_cancel"


class NothingToReturn(Conflict):
    """More units than were handed over and not brought back yet."""

    code = "nothing_to_return"


class CheckoutOver(Conflict):
    """The checkout is placed, expired or failed: it can take no payment."""

    code = "checkout_over"


class CheckoutChanged(Conflict):
    """The same order id was begun for another cart."""

    code = "source_order_id_reused"


class GoodsGone(Conflict):
    """The holds died before the money came and the goods went to somebody else; the payment is given back.

    ``lines`` names each sku that is missing, ``alternatives`` where it can still be had.
    """

    code = "goods_gone"


class OfferGone(Conflict):
    """A coupon or a promotion that was held died before the money came and is used up; the payment is given back."""

    code = "offer_gone"


class PaymentDeclined(Conflict):
    """The provider refused the payment."""

    code = "payment_declined"


class PaymentUnknown(Conflict):
    """Nobody knows yet whether the payment went through; ask again in a moment. It is looked up by itself."""

    code = "payment_unknown"


class PaymentState(Conflict):
    """The payment's state does not allow this: captured twice, refunded over what was paid."""

    code = "payment_state"
