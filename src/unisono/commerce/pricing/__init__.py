"""Pricing: price lists, what a sku costs at an instant, honest discounts.

Owns ``price_list``, ``price``, ``price_observation``, ``price_announcement``, ``exempt_category``. Writes changes of
kind ``price``.
"""
