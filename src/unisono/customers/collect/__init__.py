"""Collect: events come in, by the Segment protocol, from any client.

Owns failed_event. Reads no events; writes every event that comes from outside, through ``pipeline.write``.
"""
