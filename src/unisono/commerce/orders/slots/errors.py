"""What can go wrong with a slot or an appointment."""

from __future__ import annotations

from collections.abc import Sequence

from unisono.commerce.holds.model import Shortage
from unisono.kit.errors import BadRequest, Conflict, NotFound


class BadSlot(BadRequest):
    """What is asked for is no slot, rule or appointment: a time without a zone, too many places, unknown words."""

    code = "bad_slot"


class PlaceUnknown(NotFound):
    """There is no such place, or it is closed for good."""

    code = "place_unknown"


class NoSlotRule(NotFound):
    """The place takes no orders ahead, no pick-ups by the hour, no appointments of this kind."""

    code = "no_slot_rule"


class SlotTaken(Conflict):
    """The time asked for is given to somebody, overlaps such a time, or is outside what is offered.

    ``offers`` are the beginnings of the next times that are free.
    """

    code = "slot_taken"


class GoodsShort(Conflict):
    """There are hands, but not the goods; ``short`` are those that do not suffice."""

    code = "goods_short"

    def __init__(self, short: Sequence[Shortage]) -> None:
        super().__init__("There are not enough goods for this order.")
        self.short = tuple(short)


class AppointmentNotFound(NotFound):
    """There is no such appointment."""

    code = "appointment_not_found"


class AppointmentState(Conflict):
    """The appointment is past the point where this can be done; ``state`` is where it is."""

    code = "appointment_state"
