"""Coherence: what a channel showed, against the truth at that instant.

Owns ``incident``, ``incident_person``, ``coherence_count``. Reads every event that carries a price, an offer or an
availability; writes changes of kind ``incident`` when one opens and when it closes.
"""
