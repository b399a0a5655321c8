"""Counterparts of providers: they speak the same wire on this machine, count what they take, and fail when told to.

For the demo and the tests. ``unisono demo counterparts`` runs them; each provider is a module with one `Provider`.
"""
