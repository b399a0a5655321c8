"""Broadcasts: one message to a segment."""
