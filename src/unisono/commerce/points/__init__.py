"""Points: what the events of a loyalty programme add up to, the same number in every channel.

Owns ``points_balance``. Reads ``Points Earned``, ``Points Redeemed``, ``Points Expired``, ``Points Reversed`` and
``Points Given``; writes changes of kind ``points``.
"""
