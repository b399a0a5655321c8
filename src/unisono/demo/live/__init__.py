"""The retailer as live objects: products, stores, prices, stock, promotions, hands; orders come of its receipts.

Everything passes the rooms' own doors, set-wise. A thing that is there already stays as it is, so a load that was
killed is finished by the next one, and what people changed since is theirs. `loading.load_live` is the way in; the
rules of what is invented stand beside the code that invents it, and in ``docs/how-to/demo.md``.
"""
