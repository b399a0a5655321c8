"""Notices: what happened to a person, told to him: order ready, reservation kept, confirm your address."""
