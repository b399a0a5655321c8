"""Delivery: the send ledger, its workers, and the switch that pauses sending."""
