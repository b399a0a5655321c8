"""Pick-ups and shipments: what was ordered on its way to the customer, from one place each.

Writes the states of ``fulfilment`` (the rows come with the order). Writes ``Order Ready for Pickup``,
``Order Collected``, ``Order Not Collected``, ``Order Shipped``, ``Order Delivered``; each step changes the order.
"""
