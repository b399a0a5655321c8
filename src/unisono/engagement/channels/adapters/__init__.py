"""The kinds of accounts, one module each."""
