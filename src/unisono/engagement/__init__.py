"""Engagement: one voice. What is said is wanted, allowed, in the brand's voice, once, and explained."""
