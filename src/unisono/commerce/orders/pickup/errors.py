"""What can go wrong at the counter."""

from __future__ import annotations

from unisono.kit.errors import Conflict, NotFound


class PickupNotFound(NotFound):
    """There is no such pick-up or shipment, or it is another store's."""

    code = "pickup_not_found"


class PickupState(Conflict):
    """It is handed over, sent, cancelled or was not collected; ``state`` is where it is."""

    code = "pickup_state"


class NotPaid(Conflict):
    """It is to be paid at the counter: ``due_minor`` in ``currency``; hand it over with a payment."""

    code = "not_paid"
