"""Reservations: units kept in a store without payment, until a deadline.

Owns ``reservation``. The units are a hold that dies at the deadline by itself; a timer tells of it and frees the row.
Writes ``Product Reserved``, ``Reservation Ready``, ``Reservation Reminder``, ``Reservation Collected``,
``Reservation Expired``, ``Reservation Cancelled`` and changes of kind ``reservation``.
"""
