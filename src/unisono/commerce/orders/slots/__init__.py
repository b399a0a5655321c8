"""Slots: spans of a place's opening hours with so many hands or places in them.

Owns ``slot_rule``, ``capacity_slot`` and ``appointment``. A slot's capacity is a good of kind ``slot`` (minutes of work
for orders made ahead, places for pick-ups and appointments), so a promise of time is a hold like any other. Writes the
events ``Appointment Booked``, ``Appointment Cancelled``, ``Appointment Kept``, ``Appointment Missed``; the changes of
kind ``slot`` come from the goods.
"""
