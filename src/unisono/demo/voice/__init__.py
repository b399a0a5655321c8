"""The retailer's voice: consents by a rule from its campaign history, brand, templates, segments, policy, a broadcast.

Owns no table: everything goes through the doors of consent, segments and engagement. Loaded after the year and the
shop; a second load makes nothing. The rule is told in ``docs/how-to/demo.md`` and in the proof of every entry.
"""
