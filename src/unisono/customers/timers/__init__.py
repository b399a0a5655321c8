"""Timers: what must happen at an instant happens once, or is skipped with a reason.

Owns ``timer``. Rooms set timers in the transaction of what they wait for; a worker fires them, each in a transaction
of its own with its effects. What is dead at an instant is dead without its timer (RULES R13): a timer tells of it.
"""
