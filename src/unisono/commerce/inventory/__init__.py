"""Inventory: places, stock and its movements, what can be promised to whom.

Owns ``location``, ``stock``, ``stock_movement``, ``promise_at_risk``; its counters live in the goods of `holds`.
Writes the events ``Stock Low``, and changes of kind ``stock``.
"""
