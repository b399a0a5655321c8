"""Documents: what a customer takes home or puts into a calendar.

Receipts, pick-up and reservation slips as pages that print well, without scripts; calendar entries (`.ics`) of
reservations, pick-ups and appointments. Owns nothing: it reads orders, parcels, reservations, appointments.
"""
