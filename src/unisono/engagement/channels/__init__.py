"""Channels: one small interface, an adapter for each way out, and what providers tell us back."""
