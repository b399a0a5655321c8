"""Promotions: conditions and effects on a basket, coupons, budgets, limits a person.

Owns ``promotion``, ``promotion_version``, ``coupon``, ``promotion_use``. Writes changes of kind ``offer`` and the
events ``Coupon Applied``, ``Coupon Denied``, ``Coupon Redeemed``.
"""
