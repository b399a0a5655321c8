"""Carts: one active cart a person, over all channels.

Owns ``cart``, ``cart_line``, ``cart_merge``. Reads ``Person Joined`` and ``Person Split``; writes ``Product Added``,
``Product Removed``, ``Cart Merged``, ``Cart Abandoned``, ``Cart Shared`` and changes of kind ``cart``.
"""
