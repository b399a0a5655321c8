"""Profiles: what is known of a person. Traits, computed traits, search, lists.

Owns trait, search_entry, computed_trait, person_summary. Reads every event for the computed traits and the
summaries (reader ``profiles``); writes none.
"""
