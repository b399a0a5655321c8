"""The timeline: everything that happened, once, and the machinery that reads it in commit order.

Owns event, log_reader, parked_event, dead_letter. Reads all events, writes those it is given.
"""
