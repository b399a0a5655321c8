"""Changes: what every channel must know of, in order, by number.

Owns ``change``, ``webhook_endpoint``, ``webhook_delivery``, ``propagation``. Every room writes its changes through
`service.record_changes` in the transaction of the change itself; the feed, webhooks and product feeds read them.
"""
