"""The channel API: what a shop front, an app, a till or a bot calls.

Owns ``product_review`` and nothing else: it is the other rooms seen with a customer token, a till key or a secret key.
"""
