"""The pages people reach from our messages, without signing in: preferences, confirmation, unsubscribing, links, opens.

The link is the key: opaque, signed by the installation (`unisono.kit.tokens`). Looking at a page changes nothing, since
programs that check mail open every link (RULES R15); only its buttons do, by POST.
"""
