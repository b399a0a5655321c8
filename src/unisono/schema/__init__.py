"""The database schema: ``schema.sql`` as it is, ``migrations/`` how it came to be."""
