"""The brand: how it looks, how it speaks, what the law wants it to say of itself; the rules that hold it.

Owns ``brand`` and ``brand_version``. `rules.check` is pure: it is asked before every message leaves and of every answer
people give in the shop's name.
"""
