"""The toolbox under every room: database, settings, clock, errors, named SQL, money, web helpers.

Owns no business tables, reads no events, writes none.
"""
