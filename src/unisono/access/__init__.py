"""Access: who may do what. Keys of senders, accounts of people, sessions, and the audit of both.

Owns source, api_key, account, invitation, session, audit_entry, idempotency.
"""
