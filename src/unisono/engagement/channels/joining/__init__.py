"""Deep links into messengers: who follows one is known by the token it carries, and becomes one person with it."""

from unisono.engagement.channels.joining.service import join, token_for

__all__ = ["join", "token_for"]
