"""Delivery: the send ledger. A message leaves once, when it is allowed, or it is known why not.

Owns ``message``, ``message_content``, ``message_attempt``, ``account_pace`` and ``sending``. A message is planned,
claimed under a lease, rendered, handed over (written before the network call) and then accepted, refused or unknown
(RULES R3). What is unknown is never sent again, but for a transactional message of a provider that recognises it.
"""
