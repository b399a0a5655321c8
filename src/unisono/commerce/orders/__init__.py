"""Orders: checkout, payment, fulfilment, pick-up, reservation, slots, returns.

Owns ``sales_order`` and what hangs on it, ``payment``, ``checkout``, ``fulfilment``, ``return_case``, ``reservation``,
``capacity_slot``. Reads receipts and orders that arrive as events; writes ``Order ...``, ``Product Reserved``,
``Reservation ...`` events and changes of kind ``order``, ``reservation``.
"""
