"""Consent: what people agreed to, for which purpose, channel and address, in which words, with which proof."""
