"""Brand: the kit every message is checked against."""
