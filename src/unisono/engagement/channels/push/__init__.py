"""Browsers and phones that take notifications. Owns ``push_address``."""
