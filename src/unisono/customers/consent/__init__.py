"""Consent: a ledger of what people agreed to, refused and withdrew, for which purpose, channel and address.

Owns ``consent_entry`` (append-only), ``consent_state`` (its fold), ``consent_text``, ``suppression``,
``register_check``, ``opt_in_request`` and ``legal_setting``. Entries belong to identifiers, so they follow them when
persons are joined and taken apart. Writes ``Consent Updated``.
"""
