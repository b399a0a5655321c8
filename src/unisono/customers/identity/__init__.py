"""Identity: which identifiers are one person.

Owns node, link, identity_decision, identity_change, household, namespace, blocked_value.
Reads no events (the collector calls it inside its transaction); writes Person Joined, Person Split and their kin.
"""
