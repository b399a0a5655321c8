"""Orders that arrive as events: receipts of tills, orders of shops that are run elsewhere.

Reads ``Receipt Issued``, ``Order Completed``, ``Order Updated``, ``Order Cancelled``, ``Order Refunded``,
``Return Made`` and writes the orders, lines and returns they tell of; our own events (``unisono:…``) are left alone.
An order is known by the source that names it and the name it gives: however often, in whatever sequence and under
whatever message id it is told, it is one, and what happened last counts.
"""
