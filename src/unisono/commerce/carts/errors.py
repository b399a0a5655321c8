"""What can be wrong with a cart, or with what somebody wants of it."""

from __future__ import annotations

from unisono.kit.errors import BadRequest, Conflict, NotFound


class CartNotFound(NotFound):
    """There is no such cart, or it is not open any more."""

    code = "cart_not_found"


class CartChanged(Conflict):
    """Somebody has changed the cart meanwhile; ``version`` is the present one."""

    code = "cart_changed"


class CartClosed(Conflict):
    """The cart has been ordered, merged or discarded, as ``cart_status`` says: it cannot be changed."""

    code = "cart_closed"


class CartInCheckout(Conflict):
    """The cart is being paid; ``until`` says until when at the latest."""

    code = "cart_in_checkout"


class WrongCurrency(BadRequest):
    """The cart is kept in another currency."""

    code = "wrong_currency"


class BadQuantity(BadRequest):
    """A quantity is a whole number from 1 to 9999."""

    code = "bad_quantity"


class TooManyLines(BadRequest):
    """A cart has at most 200 lines."""

    code = "too_many_lines"


class NotSold(BadRequest):
    """The product is not for sale, or has no price here."""

    code = "not_sold"


class LineNotFound(NotFound):
    """The cart has no line with this sku."""

    code = "line_not_found"


class BadCoupon(BadRequest):
    """A coupon code cannot be one, or there are too many."""

    code = "bad_coupon"


class MergeNotFound(NotFound):
    """This cart has no such merge."""

    code = "merge_not_found"


class MergeStands(Conflict):
    """The merge cannot be undone any more."""

    code = "merge_stands"
