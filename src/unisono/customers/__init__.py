"""Customers: what happens, to whom it belongs, and what is known of each.

collect takes events in, identity says whose they are, timeline keeps them, profiles sums them up.
"""
