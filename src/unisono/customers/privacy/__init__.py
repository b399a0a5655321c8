"""Privacy: what people may ask for: a copy of all that is kept about them, and to be forgotten.

Owns the requests, their archives and (with identity) the tombstones. What each room keeps it says itself, in its
``personal.py``; `unisono.personal` collects the parts. Works by timers of kind ``privacy``.
"""
