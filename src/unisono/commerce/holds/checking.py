"""What cannot be asked for at all: refused before anything is locked."""

from __future__ import annotations

from datetime import datetime

from unisono.commerce.holds.errors import BadHold
from unisono.commerce.holds.model import CapacityMove, HoldRequest, NewGood
from unisono.commerce.holds.rules import MAX_ASKS, MAX_QUANTITY, MAX_TEXT

_MAX_ID = 2**63 - 1


def check_request(request: HoldRequest, now: datetime) -> None:
    """Raises BadHold when nobody could grant it: no asks, no units, texts that cannot be kept, dead on arrival."""
    check_text("key", request.key)
    check_text("reason", request.reason)
    if request.reference is not None:
        check_text("reference", request.reference)
    check_expiry(request.expires_at, now)
    if not 1 <= len(request.asks) <= MAX_ASKS:
        raise BadHold(f"A request asks for 1 to {MAX_ASKS} things, not {len(request.asks)}.")
    if request.node_id is not None and not 0 < request.node_id <= _MAX_ID:
        raise BadHold("There is no such identifier.")
    for ask in request.asks:
        if not 1 <= ask.quantity <= MAX_QUANTITY:
            raise BadHold(f"{ask.quantity} units cannot be held.", hint=f"From 1 to {MAX_QUANTITY}.")
        if not 0 <= ask.leave <= MAX_QUANTITY:
            raise BadHold(f"{ask.leave} units cannot be left.")
        if not 0 < ask.good_id <= _MAX_ID:
            raise BadHold("There is no such good.")


def check_expiry(expires_at: datetime | None, now: datetime) -> None:
    """Raises BadHold for an instant without a time zone or one that is not to come."""
    if expires_at is None:
        return
    if expires_at.tzinfo is None:
        raise BadHold("An expiry needs a time zone.")
    if expires_at <= now:
        raise BadHold("The hold would be dead on arrival.", hint="expires_at must be in the future.")


def check_capacity(good: NewGood) -> None:
    """Raises BadHold for a good that cannot be."""
    check_text("key", good.key)
    if not 0 <= good.capacity <= MAX_QUANTITY:
        raise BadHold(f"{good.capacity} is no capacity.", hint=f"From 0 to {MAX_QUANTITY}.")


def check_move(move: CapacityMove) -> None:
    """Raises BadHold for more units than any shop has."""
    if abs(move.by) > MAX_QUANTITY:
        raise BadHold(f"{move.by} units cannot be moved.", hint=f"At most {MAX_QUANTITY}.")


def check_text(what: str, text: str) -> None:
    """Raises BadHold for a text the database would not take back as it was given."""
    if not text or len(text) > MAX_TEXT:
        raise BadHold(f"A {what} has 1 to {MAX_TEXT} characters.")
    # NUL is no text to PostgreSQL, a lone surrogate none to UTF-8.
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise BadHold(f"The {what} holds characters that cannot be kept.")
