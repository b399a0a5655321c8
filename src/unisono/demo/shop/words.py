"""What the sample shop says, in English and Italian; the engine's reasons come translated."""

from __future__ import annotations

from typing import Final

from unisono.demo.shop.italian import ITALIAN

PROBLEMS: Final = {
    "engine_away": "The engine does not answer at the moment. Try again shortly.",
    "cart_not_found": "There is no cart yet: put something into it first.",
    "cart_empty": "The cart is empty.",
    "cart_changed": "Somebody else changed the cart at the same moment: look again.",
    "cart_in_checkout": "This cart is being paid at the moment.",
    "bad_cart_code": "This is not the code of a cart.",
    "bad_quantity": "The quantity is a whole number from 1 to 9999.",
    "sku_unknown": "We know no product with this code.",
    "product_unknown": "We know no product with this code.",
    "person_not_found": "Nobody is known by this.",
    "bad_identifier": "This does not look like an identifier we can use.",
    "not_sold": "It is not sold here.",
    "no_price": "It has no price here at present.",
    "goods_short": "There are too few units left for this. Choose another way or fewer units.",
    "not_enough_stock": "There are too few units left for this. Choose another way or fewer units.",
    "goods_gone": "Somebody was faster: the goods are gone, and nothing was charged.",
    "offer_gone": "A coupon or an offer was used up meanwhile; nothing was charged.",
    "coupon_taken": "This coupon is being used at this very moment, or was used already.",
    "promotion_used_up": "This offer is used up.",
    "payment_declined": "The payment was declined. Nothing was charged; the cart is as it was.",
    "test_payments_off": "Test payments are switched off in this engine: start it with UNISONO_TEST_PAYMENTS=true.",
    "checkout_over": "The time to pay is over, or it has been paid already. The cart is as it was.",
    "slot_taken": "This time has just been taken: choose another one.",
    "no_slot_rule": "This store takes no orders ahead.",
    "bad_slot": "Choose a time.",
    "reservation_refused": "No more can be reserved at the moment: collect or cancel what is open first.",
    "wrong_code": "This is not the right code.",
    "not_paid": "It is still to be paid: choose how.",
    "pickup_state": "This pick-up is not waiting any more.",
    "reservation_state": "This reservation is not open any more.",
    "nothing_to_return": "There is nothing left of this line to take back.",
    "order_not_found": "There is no such order.",
    "not_his_cart": "The cart belongs to somebody else.",
    "shared_cart_not_found": "This link leads to no cart any more.",
    "merge_stands": "This can no longer be undone: the cart has moved on.",
}
"""Codes of the engine's errors to what customers read; others are told in the engine's own words."""


def say(text: str, language: str) -> str:
    """The text in a language; English where it has not been translated."""
    return ITALIAN.get(text, text) if language == "it" else text


def in_words(code: str, detail: str, hint: object, language: str) -> str:
    """An error of the engine as a visitor reads it."""
    known = PROBLEMS.get(code)
    if known is not None:
        return say(known, language)
    more = f" {hint}" if isinstance(hint, str) and hint else ""
    return f"{detail or say('That did not work.', language)}{more}"
