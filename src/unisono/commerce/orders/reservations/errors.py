"""What can go wrong with a reservation, in words a clerk can act on."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from unisono.kit.errors import BadRequest, Conflict, NotFound
from unisono.kit.reasons import Reason


class ReservationNotFound(NotFound):
    """There is no such reservation, or it is another store's."""

    code = "reservation_not_found"


class BadReservation(BadRequest):
    """What is asked for cannot be reserved: no units, a deadline that is past or too far, a text that is too long."""

    code = "bad_reservation"


class ReservationRefused(Conflict):
    """The person has as many open reservations as are granted to him; ``reasons`` says how many, and why so few."""

    code = "reservation_refused"

    def __init__(self, reasons: Sequence[Reason]) -> None:
        first = reasons[0]
        super().__init__(
            first.text.format(**first.values), reasons=[msgspec.structs.asdict(reason) for reason in reasons]
        )
        self.reasons = tuple(reasons)


class ReservationState(Conflict):
    """The reservation is collected, expired or cancelled, or was extended before; ``state`` is where it is."""

    code = "reservation_state"


class WrongCode(Conflict):
    """The code shown is not this one's."""

    code = "wrong_code"
