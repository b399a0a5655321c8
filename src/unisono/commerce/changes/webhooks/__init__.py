"""Webhooks: changes sent to other machines, by the Standard Webhooks specification.

Owns ``webhook_endpoint`` and ``webhook_delivery``. Each change an endpoint wants becomes one delivery, sent until it is
answered 2xx: at least once, under one ``webhook-id`` however often, those of one subject in order.
"""
