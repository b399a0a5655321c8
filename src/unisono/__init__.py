"""Unisono: one customer, every channel, in unison."""

__version__ = "0.1.0"
