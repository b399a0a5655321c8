"""Holds: the one primitive behind every promise.

Owns ``good`` and ``hold``. A limited thing (units in a place, a slot, uses of a coupon, a budget) is a good with a
capacity; a promise is a hold on it: taken, then committed, released or dead at its instant. The database's own CHECK
keeps promises within capacity. Writes changes of kind ``stock``, ``slot``, ``coupon``, ``budget``.
"""
