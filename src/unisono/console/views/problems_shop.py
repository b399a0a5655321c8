"""Errors of stock, orders, carts and the counter in the reader's language: code -> what, why, what to do, the form's
field."""

from __future__ import annotations

from unisono.kit.marking import N_

SHOP_TEXTS: dict[str, tuple[str, str, str, str | None]] = {
    "units_missing": (N_("Say how many"), "", N_("Write a whole number of units."), "units"),
    "place_missing": (N_("Say where"), "", N_("Choose a place."), "place"),
    "bad_stock": (N_("These units cannot be moved"), "", N_("Check how many there are, and where."), "units"),
    "bad_text": (N_("A text is too long, or cannot be read"), "", N_("Use fewer and plain characters."), None),
    "same_place": (N_("Units cannot travel to where they are"), "", N_("Choose another place."), "to"),
    "outcome_missing": (N_("Say what came of it"), N_("It is kept with the promise."), "", "outcome"),
    "risk_unknown": (N_("It is settled already"), "", "", None),
    "would_break_promises": (
        N_("These units are promised to others"),
        N_("Fewer would remain than customers were promised."),
        N_("Take only free units, or say why promised ones go all the same."), "units",
    ),
    "location_unknown": (N_("There is no such place"), N_("It is closed for good, or not one of yours."), "", None),
    "place_unknown": (N_("There is no such place"), N_("It is closed for good, or not one of yours."), "", None),
    "bad_location": (
        N_("The place cannot be like this"), N_("A day or an hour is not one, or its spans overlap."),
        N_("Write a day a line: mon 09:00-13:00 15:30-19:30."), "hours",
    ),
    "hours_unreadable": (
        N_("A line of the hours cannot be read"), "", N_("Write a day a line: mon 09:00-13:00 15:30-19:30."), "hours",
    ),
    "store_not_yours": (N_("This is not one of your stores"), "", N_("Ask somebody who works there."), None),
    "not_enough_stock": (
        N_("There is not enough of it"), N_("Others have been promised what lies there."), "", "units",
    ),
    "hold_dead": (N_("What was put aside has expired"), "", N_("Begin again: perhaps it is still there."), None),
    "order_not_found": (
        N_("There is no such order"), N_("The number is wrong, or it is not of your stores."),
        N_("Look for it under Orders."), None,
    ),
    "order_state": (N_("The order is past that point"), N_("What was asked cannot be done any more."), "", None),
    "order_changed": (
        N_("Somebody changed the order in the same moment"), "", N_("Look at it again, then repeat."), None,
    ),
    "bad_order": (N_("The order cannot be changed like this"), "", N_("Check what you filled in."), None),
    "bad_lines": (N_("Say how many of which line"), "", "", None),
    "bad_reason": (N_("Say why"), N_("The reason is kept in the order's history."), "", "reason"),
    "bad_quantity": (N_("This quantity cannot be"), "", N_("Use a whole number from 1 to 9999."), "units"),
    "nothing_to_cancel": (
        N_("Not so many can be cancelled"), N_("They are in the customer's hands, on their way, or cancelled."),
        "", None,
    ),
    "nothing_to_return": (
        N_("Not so many can be brought back"), N_("They were not handed over, or came back already."), "", None,
    ),
    "payment_state": (N_("The payment is past that point"), "", N_("Look at its entries."), None),
    "payment_not_found": (N_("There is no such payment"), "", "", None),
    "payment_declined": (N_("The payment was declined"), "", N_("Pay another way."), None),
    "code_unknown": (
        N_("Nothing here has this code"), N_("It was typed wrong, or belongs to another store."),
        N_("Ask to see it again; letters and digits, eight of them."), "code",
    ),
    "wrong_code": (
        N_("This is not its code"), N_("The customer may have several: the code says which one is meant."),
        N_("Type it again, or open it from the list by its code."), "code",
    ),
    "not_paid": (N_("It is to be paid first"), "", N_("Take the money, then say how it was paid."), None),
    "pickup_not_found": (N_("There is no such pick-up"), N_("It is not of your stores."), "", None),
    "pickup_state": (
        N_("The pick-up is past that point"), N_("It was handed over, taken back or cancelled meanwhile."), "", None,
    ),
    "reservation_not_found": (N_("There is no such reservation"), N_("It is not of your stores."), "", None),
    "reservation_state": (
        N_("The reservation is past that point"), N_("It was collected, called off or it expired; put off it is once."),
        "", None,
    ),
    "bad_reservation": (N_("The reservation cannot be like this"), "", "", None),
    "appointment_not_found": (N_("There is no such appointment"), "", "", None),
    "appointment_state": (N_("The appointment is past that point"), "", "", None),
    "cart_not_found": (
        N_("There is no such cart"), N_("It was ordered, thrown away, or the code is another's."),
        N_("Ask the customer to open it, and read the code again."), "code",
    ),
    "bad_cart_code": (
        N_("This is no code of a cart"), N_("It has eight letters and digits."),
        N_("It stands under the QR picture in the customer's cart."), "code",
    ),
    "cart_changed": (N_("Somebody changed the cart meanwhile"), "", N_("Look at it again, then repeat."), None),
    "cart_closed": (N_("The cart cannot be changed any more"), N_("It was ordered, merged or thrown away."), "", None),
    "cart_in_checkout": (
        N_("The cart is being paid"), N_("Nothing in it changes until that is over."), N_("Wait some minutes."), None,
    ),
    "too_many_lines": (N_("The cart is full"), N_("It holds 200 products at most."), "", None),
    "not_sold": (N_("This is not for sale here"), N_("It has no price here, or is not on sale."), "", "sku"),
    "line_not_found": (N_("This is not in the cart"), "", N_("Look at it again."), "sku"),
    "bad_coupon": (N_("This cannot be a coupon"), "", N_("Check its spelling; ten at most."), "coupons"),
    "merge_not_found": (N_("The carts are apart already"), "", "", None),
    "merge_stands": (N_("The carts cannot be taken apart any more"), N_("It was undone or ordered already."), "", None),
    "wrong_currency": (N_("The cart is in another currency"), "", "", None),
    "idempotency_key_reused": (N_("This form was sent before"), "", N_("Open the page again and repeat it."), None),
}  # fmt: skip
"""Where ``why`` is empty the error's own reasons are shown."""
