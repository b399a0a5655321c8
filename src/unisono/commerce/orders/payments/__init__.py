"""Payments: what was asked of a provider and what it answered, never more and never less.

Owns ``payment`` and ``payment_entry``. A call to a provider is written down as "started", in a transaction of its own,
before it is made; its outcome is written after. Whoever is killed in between leaves a started entry behind, and a timer
asks the provider by the entry's key before anything else is done (RULES R3 holds for money too).
"""
