"""The law of the brand, pure: what in a text is against it."""

from __future__ import annotations

from unisono.engagement.brand.model import Finding, Kit, Said


def check(kit: Kit, said: Said) -> tuple[Finding, ...]:
    """Everything against the brand in what is said, the gravest first."""
    return ()
